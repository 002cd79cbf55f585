"""The small parts of a transformer: rotations, waves, AdamW, counts, and the strategies that draw them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch.utils.flop_counter import FlopCounterMode

from grader import strategies as gs
from grader.explain import Mismatch, assert_scalar
from grader.oracles import arrays, optimisers, tensor
from grader.oracles.positions import sinusoids, turned, waves

few = settings(max_examples=8, deadline=None)


@few
@given(case=gs.turns(dtypes=[np.float64]))
def test_a_pair_is_turned_counterclockwise_by_a_matrix(case):
    B, h, T, d = case.x.shape
    out = turned(case).numpy()
    for b, i, t, pair in np.ndindex(B, h, T, d // 2):
        position = case.positions[b, t] if case.positions.ndim == 2 else case.positions[t]
        angle = position * 10_000 ** (-2 * pair / d)
        matrix = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        columns = [2 * pair, 2 * pair + 1]
        np.testing.assert_allclose(out[b, i, t, columns], matrix @ case.x[b, i, t, columns], atol=1e-12)


@few
@given(case=gs.turns())
def test_turns_differ_by_their_mistakes_and_keep_the_dtype(case):
    right = turned(case)
    assert right.dtype == tensor(case.x).dtype
    assert len({*case.x.shape[:3]}) == 3
    assert repr(case).startswith("Turn(B=")
    assert list(case.given) == ["x", "positions"]
    if case.x.shape[-1] >= 4 and case.positions.all():
        mistakes = [{"sign": -1}, {"halves": True}, {"first": 1}, {"power": 0.5}]
        assert not any(torch.equal(turned(case, **mistake), right) for mistake in mistakes)
    assert turned(case, single=True).shape == turned(case, own=True).shape == right.shape


def test_waves_are_sines_and_cosines_side_by_side():
    rows = sinusoids(4, 6)
    for t, i in np.ndindex(4, 3):
        angle = t / 10_000 ** (2 * i / 6)
        np.testing.assert_allclose(rows[t, 2 * i : 2 * i + 2], [math.sin(angle), math.cos(angle)], atol=1e-15)
    np.testing.assert_array_equal(sinusoids(3, 6, first=1), rows[1:])
    np.testing.assert_array_equal(sinusoids(4, 6, cos_first=True)[:, 0::2], rows[:, 1::2])
    np.testing.assert_allclose(np.abs(waves(5, 4, power=0.5)), 1)


@few
@given(case=gs.descents(dtypes=[np.float64]))
def test_our_adamw_is_the_one_of_torch_optim(case):
    w = torch.nn.Parameter(tensor(case.w))
    theirs = torch.optim.AdamW([w], lr=case.eta, weight_decay=0.3)
    for right in optimisers.right_path(case, optimisers.adamw, 5, weight_decay=0.3):
        w.grad = tensor(case.gradient(w.detach().numpy()))
        theirs.step()
        np.testing.assert_allclose(w.detach().numpy(), right)


@few
@given(case=gs.descents(dtypes=[np.float64]))
def test_mistakes_in_adamw_are_named(case):
    for text, rule in optimisers.adamw_mistakes(case.eta, 0.5).items():

        def wrong(w, dw, state, eta, weight_decay, rule=rule):
            t, memory = state or (0, {})
            return rule(w, dw, t, memory), (t + 1, memory)

        mistakes = {text: optimisers.adamw_mistakes(case.eta, 0.5)[text]}
        with pytest.raises(Mismatch, match=r"(?s)w after step") as caught:
            optimisers.check_path(wrong, "adamw", case, optimisers.adamw, mistakes, weight_decay=0.5)
        if "step 1 " in str(caught.value).split("\n")[0]:
            assert text in str(caught.value)


@few
@given(case=gs.descents())
def test_an_optimiser_of_tensors_becomes_one_of_arrays(case):
    def of_tensors(w, dw, state, eta):
        moved, state = optimisers.adamw(*arrays(w, dw), state, eta)
        return tensor(moved), state

    optimisers.check_manners(optimisers.for_arrays(of_tensors, "adamw"), "adamw", case, optimisers.adamw)
    for function, told in (
        (lambda w, dw, state, eta: (w.numpy(), None), "expected a torch tensor"),
        (lambda w, dw, state, eta: (w.half(), None), "wrong dtype"),
        (lambda w, dw, state, eta: (w.sub_(dw), None), "changed w in place"),
    ):
        with pytest.raises(Mismatch, match=told):
            optimisers.for_arrays(function, "adamw")(case.w, case.g, None, case.eta)


class Model(torch.nn.Module):
    """A GPT of torch's own pieces, by its sizes alone; nothing is computed on the meta device."""

    def __init__(self, sizes):
        super().__init__()
        d, f, options = sizes.d_model, sizes.d_ff, {"bias": False, "device": "meta"}
        self.E = torch.nn.Embedding(sizes.vocab_size, d, device="meta")
        self.blocks = torch.nn.ModuleList(
            torch.nn.ModuleDict(
                {name: torch.nn.Linear(d, d, **options) for name in "qkvo"}
                | {name: torch.nn.LayerNorm(d, device="meta") for name in ("norm1", "norm2")}
                | {"up": torch.nn.Linear(d, f, **options), "down": torch.nn.Linear(f, d, **options)}
            )
            for _ in range(sizes.n_layers)
        )
        self.norm = torch.nn.LayerNorm(d, device="meta")

    def forward(self, ids):
        x = self.E(ids)
        for block in self.blocks:
            y = block["norm1"](x)
            weights = torch.softmax(block["q"](y) @ block["k"](y).transpose(-2, -1), dim=-1)
            x = x + block["o"](weights @ block["v"](y))
            x = x + block["down"](torch.relu(block["up"](block["norm2"](x))))
        return self.norm(x) @ self.E.weight.T


@few
@given(sizes=gs.model_sizes())
def test_counts_are_those_of_a_model_of_torch(sizes):
    model = Model(sizes)
    assert sizes.n_parameters() == sum(weight.numel() for weight in model.parameters())
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(3, 7, dtype=torch.long, device="meta"))
    assert sizes.n_flops(3, 7) == counter.get_total_flops()


def test_gpt2_small_has_its_85_million_parameters_in_blocks():
    sizes = gs.ModelSizes(vocab_size=50_257, d_model=768, n_layers=12, d_ff=3072)
    biases = 12 * (3 * 768 + 768 + 3072 + 768)
    positions = 1024 * 768
    assert sizes.n_parameters() + biases + positions == 124_439_808


@few
@given(case=gs.gates(ndim=2), schedule=gs.schedules())
def test_gates_and_schedules_are_what_they_say(case, schedule):
    d, f = case.W1.shape
    assert case.x.shape[-1] == d != f
    assert case.W2.shape == (f, d)
    assert case.W3.shape == (d, f)
    assert list(case.given) == ["x", "W1", "W2", "W3"]
    assert repr(case).startswith("Gate(x (")
    assert schedule.total > schedule.warmup >= 0
    assert schedule.eta_max > schedule.eta_min >= 0
    assert schedule.call(3).startswith("cosine_schedule(3, ")


def test_a_wrong_count_is_told_by_what_it_is():
    with pytest.raises(Mismatch, match=r"(?s)expected the integer 12.*n is half of it"):
        assert_scalar(6, 12, what="count() → n", related={"a third of it": 4, "half of it": 6})
    with pytest.raises(Mismatch) as caught:
        assert_scalar("6", 12, what="count() → n", related={"half of it": 6})
    assert not caught.value.relation
