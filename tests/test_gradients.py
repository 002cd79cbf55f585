import numpy as np
import pytest
import torch
from hypothesis import given, settings

from grader.explain import NUMERICAL_RTOL, Mismatch, assert_close
from grader.gradients import STEP, assert_gradients, numerical_gradient, numerical_vjp
from grader.strategies import arrays, seeds


@settings(deadline=None)  # torch's first backward takes its time
@given(x=arrays(ndim=3, max_side=4, dtypes=[np.float64]))
def test_the_gradient_is_that_of_torch(x):
    t = torch.tensor(x, requires_grad=True)
    (torch.exp(t.sin()).sum() + t.prod()).backward()
    gradient = numerical_gradient(lambda x: np.exp(np.sin(x)).sum() + x.prod(), x)
    assert_close(gradient, t.grad.numpy(), what="gradient", rtol=1e-8, atol=1e-8)


@settings(deadline=None)
@given(x=arrays(dtypes=[np.float64], min_side=2, max_side=4), seed=seeds())
def test_the_vector_jacobian_product_is_that_of_torch(x, seed):
    dout = np.random.default_rng(seed).standard_normal((x.shape[1], 2))
    W = np.random.default_rng(seed).standard_normal((x.shape[0], 2))
    t = torch.tensor(x, requires_grad=True)
    torch.tanh(t.T @ torch.tensor(W)).backward(torch.tensor(dout))
    assert_close(numerical_vjp(lambda x: np.tanh(x.T @ W), x, dout), t.grad.numpy(), what="dx", rtol=NUMERICAL_RTOL)


def test_stays_within_the_promised_error_for_large_values_and_curvature():
    x = np.linspace(-1, 1, 7)
    for f, slope in [
        (lambda x: 1e3 + np.sin(x).sum(), np.cos(x)),  # rounding: |f| = 1e3
        (lambda x: np.sin(10 * x).sum(), 10 * np.cos(10 * x)),  # truncation: |f‴| = 1e3
    ]:
        error = np.abs(numerical_gradient(f, x) - slope).max()
        assert error < 2e-8 * max(1.0, np.abs(slope).max())


def test_the_step_is_near_the_best_one():
    def error(h):
        return np.abs(numerical_gradient(lambda x: np.exp(x).sum(), np.ones(5), h) - np.e).max()

    assert error(STEP) < min(error(STEP * 50), error(STEP / 50))


def test_a_function_may_keep_or_change_what_it_gets():
    x = np.arange(3.0)
    kept = []

    def f(x):
        kept.append(x)
        value = (x**2).sum()
        x[:] = 99
        return value

    np.testing.assert_allclose(numerical_gradient(f, x), [0, 2, 4], atol=1e-8)
    np.testing.assert_array_equal(x, np.arange(3.0))
    assert len({id(k) for k in kept}) == len(kept) == 6


@pytest.mark.parametrize("x", [2.0, np.float32(2), np.array(2)])
def test_a_number_has_a_gradient_of_no_axes(x):
    gradient = numerical_gradient(lambda x: x**2, x)
    assert gradient.shape == ()
    assert gradient == pytest.approx(4)


def test_a_function_of_no_numbers_has_an_empty_gradient():
    assert numerical_gradient(lambda x: 0.0, np.zeros((0, 3))).shape == (0, 3)


def test_a_scalar_function_has_a_product_too():
    assert numerical_vjp(lambda x: (x**2).sum(), [3.0], 2.0) == pytest.approx([12])


@pytest.mark.parametrize("result", [None, [1.0], np.ones(2), "1", True])
def test_a_function_that_returns_no_number_is_a_mismatch(result):
    with pytest.raises(Mismatch, match="expected a number"):
        numerical_gradient(lambda x: result, np.ones(2))


def test_a_function_that_returns_the_wrong_shape_is_a_mismatch():
    with pytest.raises(Mismatch, match=r"wrong shape \(2,\); expected \(3,\)"):
        numerical_vjp(lambda x: x, np.ones(2), np.ones(3))


def assert_of_double(actual, *, forward=lambda x, w: 2 * x * w, related=dict):
    """The gradients of the sum of dout · 2xw, the wrong ones if `actual` says so."""
    x, w, dout = np.arange(1.0, 4), np.array([2.0, -1.0, 0.5]), np.array([1.0, 3.0, -2.0])
    right = {"dx": 2 * w * dout, "dw": 2 * x * dout}
    found = {"right": list(right.values()), "half": [w * dout, x * dout], "zero": [0 * x, 0 * x]}[actual]
    assert_gradients(found, right, forward=forward, inputs=(x, w), dout=dout, what="backward(dout)", related=related)


def test_right_gradients_need_no_forward_pass():
    def forward(*inputs):
        raise AssertionError

    assert_of_double("right", forward=forward)


def test_gradients_of_a_wrong_forward_pass_pass():
    assert_of_double("half", forward=lambda x, w: x * w)


def test_wrong_gradients_fail_and_known_mistakes_are_named():
    def related():
        return {"dx": {"without the 2": np.array([2.0, -3.0, -1.0])}}

    with pytest.raises(Mismatch, match=r"backward\(dout\) → dx: wrong values(.|\n)*dx is without the 2"):
        assert_of_double("half", related=related)


def test_a_forward_pass_without_influence_does_not_count():
    with pytest.raises(Mismatch):
        assert_of_double("zero", forward=lambda x, w: np.zeros(3))


def test_gradients_of_another_shape_fail_as_such():
    x = np.ones(3)
    with pytest.raises(Mismatch, match=r"wrong shape \(2,\); expected \(3,\)"):
        assert_gradients([x[:2]], {"dx": x}, forward=lambda x: x, inputs=(x,), dout=x, what="backward(dout)")
