"""Public checks of assignment 6. Read them: each says in its first line what must hold, and how it is found out.

`hw` is your module. Expected values come from torch's own operations (see `grader.oracles`), which your module does
without, or from a property that must hold whatever the numbers are. Hypothesis draws the inputs, small ones first, and
shows the smallest that fails.
"""

import pytest

from grader.explain import Mismatch

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count


# 1 · Bytes to tokens


@pytest.mark.task("train_bpe", points=5)
class TestTrainBpe:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("BPETokenizer", points=4)
class TestBPETokenizer:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 2 · Layers


@pytest.mark.task("layer_norm", points=2)
class TestLayerNorm:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("rms_norm", points=1)
class TestRmsNorm:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("gelu", points=1)
class TestGelu:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("swiglu", points=1)
class TestSwiglu:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 3 · Positions


@pytest.mark.task("sinusoidal_positions", points=2)
class TestSinusoidalPositions:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("rope", points=3)
class TestRope:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 4 · Masks


@pytest.mark.task("causal_mask", points=1)
class TestCausalMask:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("padding_mask", points=1)
class TestPaddingMask:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 5 · Attention


@pytest.mark.task("sdpa", points=5)
class TestSdpa:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("sdpa_backward", points=6)
class TestSdpaBackward:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("MultiHeadAttention", points=6)
class TestMultiHeadAttention:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 6 · The model


@pytest.mark.task("TransformerBlock", points=4)
class TestTransformerBlock:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("GPT", points=6)
class TestGPT:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("language_model_loss", points=2)
class TestLanguageModelLoss:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 7 · Training


@pytest.mark.task("adamw", points=3)
class TestAdamw:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("cosine_schedule", points=2)
class TestCosineSchedule:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("clip_grad_norm", points=2)
class TestClipGradNorm:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 8 · Writing


@pytest.mark.task("generate", points=5)
class TestGenerate:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


# 9 · What it costs


@pytest.mark.task("count_parameters", points=1)
class TestCountParameters:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")


@pytest.mark.task("forward_flops", points=2)
class TestForwardFlops:
    def test_to_be_written(self, hw):
        raise Mismatch("to be written")
