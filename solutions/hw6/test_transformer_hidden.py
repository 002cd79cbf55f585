"""Hidden checks of assignment 6: the same rules on other inputs, among them the difficult ones."""

import pytest

from grader.explain import Mismatch

pytestmark = pytest.mark.filterwarnings("ignore")


# 1 · Bytes to tokens


@pytest.mark.task("train_bpe")
class TestTrainBpeHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("BPETokenizer")
class TestBPETokenizerHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 2 · Layers


@pytest.mark.task("layer_norm")
class TestLayerNormHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("rms_norm")
class TestRmsNormHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("gelu")
class TestGeluHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("swiglu")
class TestSwigluHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 3 · Positions


@pytest.mark.task("sinusoidal_positions")
class TestSinusoidalPositionsHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("rope")
class TestRopeHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 4 · Masks


@pytest.mark.task("causal_mask")
class TestCausalMaskHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("padding_mask")
class TestPaddingMaskHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 5 · Attention


@pytest.mark.task("sdpa")
class TestSdpaHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("sdpa_backward")
class TestSdpaBackwardHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("MultiHeadAttention")
class TestMultiHeadAttentionHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 6 · The model


@pytest.mark.task("TransformerBlock")
class TestTransformerBlockHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("GPT")
class TestGPTHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("language_model_loss")
class TestLanguageModelLossHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 7 · Training


@pytest.mark.task("adamw")
class TestAdamwHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("cosine_schedule")
class TestCosineScheduleHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("clip_grad_norm")
class TestClipGradNormHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 8 · Writing


@pytest.mark.task("generate")
class TestGenerateHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 9 · What it costs


@pytest.mark.task("count_parameters")
class TestCountParametersHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("forward_flops")
class TestForwardFlopsHidden:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")
