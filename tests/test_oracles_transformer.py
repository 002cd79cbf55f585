"""Attention, blocks and language models by torch, and submitted modules, wherever they keep their weights."""

import math

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from grader.explain import Mismatch
from grader.oracles import attention, transformer
from grader.oracles.modules import Suspects, backward, detached, parameter_gradients, with_graph
from grader.strategies.attention import AXES, attentions
from grader.strategies.transformers import languages, layers

few = settings(max_examples=25, deadline=None)


@few
@given(case=attentions(empty=True, kinds=["padding", "causal", "full", "rows"]))
def test_a_query_without_any_key_gets_0_and_sends_back_0(case):
    out = attention.sdpa(case.q, case.k, case.v, case.mask)
    lone = ~case.allowed.any(-1)
    assert lone.any()
    assert not out[lone].any()
    dq, dk, dv = attention.sdpa_backward(case.do, case.q, case.k, case.v, case.mask)
    assert not dq[lone].any()
    assert all(part.isfinite().all() for part in (dq, dk, dv))


@few
@given(case=attentions())
def test_attention_is_a_mean_of_values_by_softmax_of_scaled_products(case):
    for b, h, t in torch.cartesian_prod(*map(torch.arange, case.q.shape[:3])).tolist():
        allowed = case.allowed[b, h, t]
        scores = case.k[b, h] @ case.q[b, h, t] / math.sqrt(case.q.shape[-1])
        weights = torch.exp(scores - scores[allowed].max()) * allowed
        right = weights @ case.v[b, h] / weights.sum()
        assert torch.allclose(attention.sdpa(case.q, case.k, case.v, case.mask)[b, h, t], right)


@few
@given(case=attentions(min_side=2))
def test_cases_of_attention_have_axes_of_different_lengths_and_masks_that_forbid(case):
    assert len(set(case.sizes.values())) == 6
    assert case.kind in AXES
    assert case.allowed.any(-1).all()
    assert case.do.shape == attention.sdpa(case.q, case.k, case.v).shape
    assert repr(case).startswith("Attention(B=")
    assert case.astype(torch.float32).v.dtype == torch.float32


@few
@given(case=layers(positions=["shared", "each"], kinds=["none"]))
def test_attention_with_positions_depends_on_distances_alone(case):
    def out(positions):
        return attention.heads(case.x, case.weights, case.n_heads, None, positions)

    assert torch.allclose(out(case.positions), out(case.positions + 7))
    assert case.x.shape[1] == 1 or not torch.allclose(out(case.positions), out(case.positions * 2 + 1))
    assert "positions (" in repr(case)


def test_rope_turns_pairs_by_the_angle_of_their_position():
    x = torch.tensor([1.0, 0.0, 0.0, 2.0], dtype=torch.float64).reshape(1, 1, 1, 4)
    near, far = math.cos(3), math.sin(3)
    slow, low = math.cos(0.03), math.sin(0.03)
    right = torch.tensor([near, far, -2 * low, 2 * slow], dtype=torch.float64)
    assert torch.allclose(attention.rope(x, torch.tensor([3])).flatten(), right)
    halves = torch.tensor([near, -2 * low, far, 2 * slow], dtype=torch.float64)
    assert torch.allclose(attention.rope_of_halves(x[..., [0, 2, 1, 3]], torch.tensor([3])).flatten(), halves)
    assert attention.rope(x.float(), torch.tensor([[3]])).dtype == torch.float32


@few
@given(case=layers(block=True, kinds=["causal"]))
def test_a_block_is_that_of_torch(case):
    theirs = nn.TransformerEncoderLayer(
        case.d_model, case.n_heads, case.d_ff, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    w = case.weights
    with torch.no_grad():
        for name, value in {
            "self_attn.in_proj_weight": torch.cat([w["Wq"], w["Wk"], w["Wv"]], dim=1).T,
            "self_attn.out_proj.weight": w["Wo"].T,
            "linear1.weight": w["W_in"].T,
            "linear2.weight": w["W_out"].T,
            "norm1.weight": w["g1"],
            "norm1.bias": w["b1"],
            "norm2.weight": w["g2"],
            "norm2.bias": w["b2"],
        }.items():
            theirs.get_parameter(name).copy_(value)
        for name in ("self_attn.in_proj_bias", "self_attn.out_proj.bias", "linear1.bias", "linear2.bias"):
            theirs.get_parameter(name).zero_()
        right = theirs(case.x, src_mask=~case.mask)
    found = transformer.block(case.x, w, lambda x: attention.heads(x, w, case.n_heads, case.mask))
    assert torch.allclose(found, right)


@few
@given(case=languages())
def test_a_model_reads_no_token_before_its_time_and_its_gradients_are_by_name(case):
    scores = transformer.gpt(case.ids, case.weights, case.n_heads)
    first = transformer.gpt(case.ids[:, :1], case.weights, case.n_heads)
    assert torch.allclose(scores[:, :1], first)
    found = transformer.gpt_gradients(case.ids, case.weights, case.n_heads)
    assert {name: grad.shape for name, grad in found.items()} == {name: W.shape for name, W in case.named.items()}
    step = 1e-6
    moved = dict(case.weights, E=case.weights["E"] - step * found["E"])
    losses = [
        transformer.loss(transformer.gpt(case.ids[:, :-1], weights, case.n_heads), case.ids)
        for weights in (case.weights, moved)
    ]
    assert torch.isclose((losses[0] - losses[1]) / step, found["E"].square().sum(), rtol=1e-3)
    assert repr(case).startswith("Language(B=")
    assert case.astype(torch.float32).dtype == torch.float32
    assert case.most >= case.ids.shape[1]


# Submitted modules

W = {"A": torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64), "b": torch.tensor([5.0, 6.0]).double()}


class Fused(nn.Module):
    """Both weights in one, the first transposed, and something of its own."""

    def __init__(self, twice=False):
        super().__init__()
        self.both = nn.Parameter(torch.cat([W["A"].T, W["b"][None]]))
        self.own = nn.Parameter(torch.full((3,), 0.5).double())
        self.other = nn.Parameter(torch.zeros(2))  # of another dtype
        if twice:
            self.again = nn.Parameter(W["b"].clone())


def test_gradients_are_found_by_what_was_set_wherever_it_is_kept():
    module = Fused()
    (module.both * torch.arange(6.0).reshape(3, 2)).sum().backward()
    found = parameter_gradients(module, W, what="Fused")
    assert found["A"].tolist() == [[0.0, 2.0], [1.0, 3.0]]
    assert found["b"].tolist() == [4.0, 5.0]


def test_a_weight_that_is_missing_or_there_twice_or_not_reached_is_told():
    with pytest.raises(Mismatch, match="no parameter with what was given to set_weights as A"):
        parameter_gradients(nn.Linear(2, 2).double(), W, what="Linear")
    module = Fused(twice=True)
    module.both.sum().backward()
    with pytest.raises(Mismatch, match="has b more than once"):
        parameter_gradients(module, W, what="Fused")
    with pytest.raises(Mismatch, match="The gradient of A is None"):
        parameter_gradients(Fused(), W, what="Fused")


def test_a_result_without_graph_is_told():
    with pytest.raises(Mismatch, match=r"f\(x\) has no gradient: was it detached"):
        backward(torch.ones(2), torch.ones(2), what="f(x)")
    with pytest.raises(Mismatch, match="The result has no gradient, though the inputs have"):
        with_graph(torch.ones(2), torch.ones(2))
    x = torch.ones(2, requires_grad=True)
    (made,) = with_graph(x * 2, torch.tensor([3.0, 4.0]))
    backward(made * made, torch.tensor([1.0, 10.0]), what="f(x)")
    assert made.grad.tolist() == [6.0, 80.0]
    assert detached(made).tolist() == [3.0, 4.0]
    assert not detached(made).requires_grad
    assert detached("no tensor") == "no tensor"


def test_suspects_are_computed_when_they_are_asked_for():
    asked = []
    suspects = Suspects({"one": lambda: asked.append(1) or 5, "two": lambda: 6})
    assert list(suspects) == ["one", "two"]
    assert len(suspects) == 2
    assert not asked
    assert dict(suspects) == {"one": 5, "two": 6}
