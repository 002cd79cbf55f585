"""The oracles agree with each other, and with what they are said to be."""

import types

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import strategies as gs
from grader.explain import Mismatch
from grader.oracles import arrays, leaf, optimisers, pulled, reading, recurrent, tensor
from grader.oracles.cells import GRU, LSTM, RNN

few, once = settings(max_examples=8, deadline=None), settings(max_examples=3, deadline=None)
CELLS = pytest.mark.parametrize("cell", [RNN, LSTM, GRU], ids=lambda cell: cell.name)


def submission(**functions):
    return types.SimpleNamespace(**functions)


def of_torch(cell, **changes):
    """A submission whose cell is torch's; `changes` multiply gradients by name."""

    def forward(x, *rest):
        *states, params = rest
        inputs = [x, *states, *(params[name] for name in recurrent.WEIGHTS)]
        return (*cell.outs([tensor(part) for part in inputs]), inputs)

    def backward(*douts_and_cache):
        *douts, inputs = douts_and_cache
        leaves = [leaf(part) for part in inputs]
        out = cell.right(*leaves)
        whole = torch.cat(out) if isinstance(out, tuple) else out
        found = zip(cell.gradients, pulled(whole, np.concatenate(douts), *leaves), strict=True)
        return tuple(part * changes.get(name, 1) for name, part in found)

    return submission(**{f"{cell.name}_step_forward": forward, f"{cell.name}_step_backward": backward})


def test_tensors_have_the_values_and_the_dtype_of_arrays_and_are_copies():
    array = np.arange(3, dtype=np.float32)
    (back,) = arrays(tensor(array) * 2)
    array[:] = 7
    assert back.dtype == np.float32
    assert back.tolist() == [0, 2, 4]
    x = leaf(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(pulled(x * x, np.array([1.0, 10.0]), x)[0], [2, 40])


@few
@given(case=gs.steps(gates=4, dtypes=[np.float64]))
def test_the_lstm_has_its_gates_in_the_order_i_f_o_g(case):
    U, W, b = case.params.values()
    a = case.x @ U + case.h_prev @ W + b
    m = case.h_prev.shape[1]
    i, f, o = (1 / (1 + np.exp(-a[:, n * m : (n + 1) * m])) for n in range(3))
    c = f * case.c_prev + i * np.tanh(a[:, 3 * m :])
    h, found = LSTM.expected(case)
    np.testing.assert_allclose(found, c)
    np.testing.assert_allclose(h, o * np.tanh(c))


@few
@given(case=gs.steps(gates=3, dtypes=[np.float64]))
def test_the_update_gate_of_the_gru_keeps_the_old_state(case):
    m = case.h_prev.shape[1]
    params = case.params | {"b": case.params["b"] + np.repeat([0.0, 60.0, 0.0], m)}
    (h,) = GRU.outs([tensor(part) for part in (GRU.inputs(case) | params).values()])
    np.testing.assert_allclose(h, case.h_prev, atol=1e-12)


@CELLS
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cells_of_torch_pass_all_checks_of_cells(cell, dtype):
    @few
    @given(case=gs.steps(gates=cell.gates, dtypes=[dtype], max_side=4))
    def passes(case):
        hw, loose = of_torch(cell), {"rtol": 1e-3, "atol": 1e-4}
        cell.check_forward(hw, case, **loose)
        cell.check_backward(hw, case, **loose)
        cell.check_manners(hw, case)
        if dtype == np.float64:
            cell.check_through_time(hw, case, 3)

    passes()


@CELLS
def test_a_wrong_gradient_of_any_input_fails(cell):
    @once
    @given(case=gs.steps(gates=cell.gates, dtypes=[np.float64], min_side=2, max_side=4))
    def fails(case):
        for name in cell.gradients:
            with pytest.raises(Mismatch, match=name):
                cell.check_backward(of_torch(cell, **{name: 1.5}), case)
            with pytest.raises(Mismatch, match="over 3 steps"):
                cell.check_through_time(of_torch(cell, **{name: 1.5}), case, 3)

    fails()


@few
@given(case=gs.readings(max_side=6))
def test_a_sequence_is_its_steps_one_by_one(case):
    h, losses = case.h0, []
    for t in range(case.T):
        step, _ = recurrent.rnn_step_forward(case.X[t : t + 1], h[None], case.params)
        p, h = recurrent.next_probabilities(case.params, h, int(case.indices[t]))
        losses.append(-np.log(p[case.targets[t]]))
        np.testing.assert_allclose(step[0], h)
    loss, h_T, cache = recurrent.rnn_forward(case.X, case.Y, case.h0, case.params)
    np.testing.assert_allclose(loss, np.mean(losses))
    np.testing.assert_allclose(h_T, h)
    assert {name: grad.shape for name, grad in recurrent.rnn_backward(cache).items()} == {
        name: array.shape for name, array in case.params.items()
    }


@few
@given(case=gs.readings())
def test_a_step_takes_one_sequence_as_well_as_several(case):
    h, cache = recurrent.rnn_step_forward(case.X[0], case.h0, case.params)
    hs, caches = recurrent.rnn_step_forward(case.X[:1], case.h0[None], case.params)
    np.testing.assert_allclose(h, hs[0])
    single, several = recurrent.rnn_step_backward(h, cache), recurrent.rnn_step_backward(hs, caches)
    for one, other in zip(single, several, strict=True):
        np.testing.assert_allclose(one, other.reshape(one.shape))


@given(
    p=st.lists(st.integers(1, 9), min_size=2, max_size=7).map(lambda parts: np.array(parts) / sum(parts)),
    top_p=st.sampled_from([1e-9, 0.3, 0.55, 0.801, 1.0]),
)
def test_the_nucleus_is_the_smallest_set_of_most_probable_ones(p, top_p):
    q = recurrent.nucleus(p, top_p)
    kept = q > 0
    np.testing.assert_allclose(q.sum(), 1)
    np.testing.assert_allclose(q[kept], p[kept] / p[kept].sum())
    assert p[kept].sum() >= top_p - 1e-9
    assert p[kept].sum() - p[kept].min() < top_p + 1e-9
    assert kept.all() or p[kept].min() >= p[~kept].max()


def test_writing_is_drawn_by_probability_and_reads_what_it_wrote():
    K, eye = 3, np.eye(3)
    params = {"U": 20 * eye, "W": np.zeros((K, K)), "V": 60 * np.roll(eye, 1, axis=1), "b": np.zeros(K)}
    written = recurrent.synthesize(params | {"c": np.zeros(K)}, np.zeros(K), 0, 6, np.random.default_rng(0), 0.5, 0.9)
    assert written.tolist() == [1, 2, 0, 1, 2, 0]
    even = {name: np.zeros_like(array) for name, array in params.items()} | {"c": np.log([0.2, 0.3, 0.5])}
    drawn = recurrent.synthesize(even, np.zeros(K), 0, 2000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(drawn) / 2000, [0.2, 0.3, 0.5], atol=0.05)


@once
@given(case=gs.descents(dtypes=[np.float64, np.float32]))
def test_our_optimisers_pass_the_checks_of_optimisers_and_others_do_not(case):
    wide = case.astype(np.float64)
    for name in ("adagrad", "adam"):
        right = getattr(optimisers, name)
        optimisers.check_path(right, name, wide, right)
        optimisers.check_manners(right, name, case.astype(np.float32), right)
    mistakes = optimisers.adam_mistakes(wide.eta)
    with pytest.raises(Mismatch, match=r"w after step 1 of adam"):
        optimisers.check_path(optimisers.adagrad, "adam", wide, lambda w, dw, s, eta: (w, s), mistakes)
    text, rule = next(iter(mistakes.items()))

    def uncorrected(w, dw, state, eta):
        t, memory = state or (0, {})
        return rule(w, dw, t, memory), (t + 1, memory)

    with pytest.raises(Mismatch, match=text):
        optimisers.check_path(uncorrected, "adam", wide, optimisers.adam, mistakes, rtol=optimisers.EPS_RTOL)


def teacher(order, **options):
    """A submission that trains as our own code does, with a vocabulary in this order."""

    def train(text, params, seq_length, n_updates, eta, rng, log_every):
        new, losses = recurrent.trained(text, params, seq_length, n_updates, eta, order, **options)
        return new, {"loss": losses, "smooth_loss": losses, "samples": []}

    return submission(train=train)


@once
@given(lesson=gs.lessons())
def test_any_order_of_the_characters_is_found_and_mistakes_are_named(lesson):
    n = 2 * lesson.n_windows + 1
    for order in (tuple("cab"), tuple("bca")):
        _, history = reading.taught(teacher(order), lesson, n, 0.0)
        assert reading.check_losses(history["loss"], lesson, 0.0, {}, rtol=1e-9) == order
    mistakes = {"the wrong state": {"carried": False}, "the wrong target": {"shift": 0}}
    for text, options in mistakes.items():
        _, history = reading.taught(teacher(tuple("bca"), **options), lesson, n, 0.0)
        with pytest.raises(Mismatch, match=text):
            reading.check_losses(history["loss"], lesson, 0.0, mistakes, rtol=1e-6)


def test_training_learns():
    lesson_text = 8 * "abcd"
    params = {"U": (4, 6), "W": (6, 6), "V": (6, 4), "b": (6,), "c": (4,)}
    rng = np.random.default_rng(0)
    start = {name: 0.1 * rng.standard_normal(shape) for name, shape in params.items()}
    for options in ({}, {"by_norm": True}, {"clip": None}, {"forgetful": True, "reset": False, "stride": 2}):
        _, losses = recurrent.trained(lesson_text, start, 5, 40, 0.1, **options)
        assert losses[0] == pytest.approx(np.log(4), abs=0.2)
        assert losses[-1] < 0.7
