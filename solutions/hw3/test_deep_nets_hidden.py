"""Hidden checks of assignment 3: difficult inputs, dtypes, unchanged arguments, and how training behaves."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.adam import adam as torch_adam
from torch.optim.rmsprop import rmsprop as torch_rmsprop
from torch.optim.sgd import sgd as torch_sgd

from grader.data import digits, one_hot
from grader.explain import (
    NUMERICAL_RTOL,
    Mismatch,
    assert_array,
    assert_close,
    assert_dict,
    assert_finite,
    assert_list,
    assert_scalar,
    number,
    numbers,
    unchanged,
    unpack,
)
from grader.strategies import affine, descents, features, matrices, networks, rngs, seeds
from grader.strategies import arrays as normal_arrays

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count

DOUBLE, SINGLE = [np.float64], [np.float32]
EPS = 1e-5
STEP = 2.0**-17  # of numerical gradients


# The earlier pieces, for stand-ins and as oracles: those of the public checks.


def tensor(array):
    return torch.tensor(np.array(array))


def arrays(*tensors):
    return tuple(part.detach().numpy() for part in tensors)


def pulled(out, dout, *inputs):
    """The gradients of sum(dout * out), by automatic differentiation."""
    return arrays(*torch.autograd.grad(out, inputs, tensor(dout)))


def leaf(array):
    return tensor(array).requires_grad_()


def normalize_batch(x, gamma, beta, eps=EPS):
    """Batch normalisation of tensors in train mode: torch's layer norm over the samples."""
    return gamma * torch.nn.functional.layer_norm(x.T, x.shape[:1], eps=eps).T + beta


def normalize_layer(x, gamma, beta, eps=EPS):
    return torch.nn.functional.layer_norm(x, x.shape[1:], gamma, beta, eps)


def normalize_fixed(x, gamma, beta, mean, var, eps=EPS):
    """Batch normalisation of tensors in eval mode."""
    return torch.nn.functional.batch_norm(x, mean.clone(), var.clone(), gamma, beta, training=False, eps=eps)


def moments(x):
    """Mean and population variance of each feature."""
    return tensor(x).mean(dim=0), tensor(x).var(dim=0, correction=0)


def softmax(S, axis=-1):
    return torch.softmax(tensor(S), dim=axis).numpy()


def he_init(dims, rng):
    return random_layers(dims, rng, lambda fan_in, fan_out: 2 / fan_in)


def xavier_init(dims, rng):
    return random_layers(dims, rng, lambda fan_in, fan_out: 2 / (fan_in + fan_out))


def random_layers(dims, rng, variance):
    layers = []
    for fan_in, fan_out in itertools.pairwise(dims):
        half_width = (3 * variance(fan_in, fan_out)) ** 0.5
        layers.append((rng.uniform(-half_width, half_width, (fan_in, fan_out)), np.zeros(fan_out)))
    return layers


def affine_forward(x, W, b):
    out = torch.nn.functional.linear(tensor(x), tensor(W).T, tensor(b))
    return out.numpy(), (np.array(x), np.array(W), np.array(b))


def affine_backward(dout, cache):
    x, W, b = map(leaf, cache)
    return pulled(torch.nn.functional.linear(x, W.T, b), dout, x, W, b)


def relu_forward(x):
    return torch.relu(tensor(x)).numpy(), np.array(x)


def relu_backward(dout, cache):
    x = leaf(cache)
    return pulled(torch.relu(x), dout, x)[0]


def batchnorm_forward(x, gamma, beta, state, mode="train", eps=EPS, alpha=0.9):
    parts = [tensor(part) for part in (x, gamma, beta)]
    mean, var = [
        tensor(state[name]).to(parts[0].dtype) if name in state else torch.full_like(parts[1], start)
        for name, start in (("mean", 0.0), ("var", 1.0))
    ]
    if mode == "eval":
        return normalize_fixed(*parts, mean, var, eps).numpy(), (*arrays(*parts), *arrays(mean, var), eps)
    for name, old, new in zip(("mean", "var"), (mean, var), moments(x), strict=True):
        state[name] = torch.lerp(new, old, alpha).numpy()
    return normalize_batch(*parts, eps).numpy(), (*arrays(*parts), None, None, eps)


def batchnorm_backward(dout, cache):
    *inputs, mean, var, eps = cache
    parts = [leaf(part) for part in inputs]
    if mean is None:
        return pulled(normalize_batch(*parts, eps), dout, *parts)
    return pulled(normalize_fixed(*parts, tensor(mean), tensor(var), eps), dout, *parts)


def layernorm_forward(x, gamma, beta, eps=EPS):
    inputs = np.array(x), np.array(gamma), np.array(beta)
    return normalize_layer(*map(tensor, inputs), eps).numpy(), (*inputs, eps)


def layernorm_backward(dout, cache):
    *inputs, eps = cache
    parts = [leaf(part) for part in inputs]
    return pulled(normalize_layer(*parts, eps), dout, *parts)


def dropout_forward(x, p_drop, mode, rng):
    if mode == "eval":
        return np.array(x), np.ones_like(x)
    kept = torch.bernoulli(torch.full(np.shape(x), 1 - p_drop), generator=seeded(rng)).numpy()
    scale = np.asarray(kept / (1 - p_drop), dtype=x.dtype)
    return np.multiply(x, scale), scale


def dropout_backward(dout, cache):
    return np.multiply(dout, cache)


def seeded(rng):
    return torch.Generator().manual_seed(int(rng.integers(2**62)))


def sgd(w, dw, state, eta, rho, *, nesterov):
    w, kept = tensor(w), [None if state is None else tensor(state)]
    constants = {"weight_decay": 0, "dampening": 0, "maximize": False, "foreach": False}
    torch_sgd([w], [tensor(dw)], kept, lr=eta, momentum=rho, nesterov=nesterov, **constants)
    return w.numpy(), kept[0].numpy()


def sgd_momentum(w, dw, state, eta, rho=0.9):
    return sgd(w, dw, state, eta, rho, nesterov=False)


def nesterov(w, dw, state, eta, rho=0.9):
    return sgd(w, dw, state, eta, rho, nesterov=True)


def rmsprop(w, dw, state, eta, decay=0.99, eps=1e-8):
    w = tensor(w)
    mean, t = (torch.zeros_like(w), torch.tensor(0.0)) if state is None else map(tensor, state)
    constants = {"weight_decay": 0, "momentum": 0, "centered": False, "foreach": False}
    torch_rmsprop([w], [tensor(dw)], [mean], [], [], [t], lr=eta, alpha=decay, eps=eps, **constants)
    return w.numpy(), arrays(mean, t)


def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    w = tensor(w)
    zeros = torch.zeros_like(w), torch.zeros_like(w), torch.tensor(0.0)
    mean, square, t = zeros if state is None else map(tensor, state)
    constants = {"weight_decay": 0, "amsgrad": False, "maximize": False, "foreach": False}
    betas = {"beta1": beta1, "beta2": beta2}
    torch_adam([w], [tensor(dw)], [mean], [square], [], [t], lr=eta, eps=eps, **betas, **constants)
    return w.numpy(), arrays(mean, square, t)


# 1 · How large are the first weights?


def check_independent(function, name, rng):
    """No weight tells of another: neighbours, layers and calls are uncorrelated."""
    dims = [50, 80, 50]
    layers = [
        np.array(unpack(layer, ("W", "b"), what=f"{name}(…)[i]")[0])
        for _ in range(2)
        for layer in assert_list(function(dims, rng), what=f"{name}({dims}, rng)", length=2)
    ]
    for W, shape in zip(layers, [(50, 80), (80, 50)] * 2, strict=True):
        assert_array(W, shape=shape, dtype=np.float64, what=f"{name}(…) → W")
    first, second, again, _ = layers
    pairs = [(W[1:], W[:-1]) for W in layers[:2]] + [(W[:, 1:], W[:, :-1]) for W in layers[:2]]
    for left, right in [*pairs, (first, second.T), (first, again)]:
        # the correlation of n independent pairs has standard deviation 1/√n; seven of them: a false alarm once in 10¹¹
        correlation = np.mean(left * right) / (left.std() * right.std() + 1e-300)
        if not abs(correlation) < 7 / left.size**0.5:
            raise Mismatch(
                f"{name}: the weights are not drawn one by one from rng; a correlation is {correlation:.2f}."
            )


def check_repeatable(function, name, seed):
    dims = [4, 3, 5]
    first, again = (function(dims, np.random.default_rng(seed)) for _ in range(2))
    for i, (one, other) in enumerate(
        zip(*(assert_list(layers, what=f"{name}({dims}, rng)", length=2) for layers in (first, again)), strict=True)
    ):
        (W, b), (W_again, _) = (unpack(layer, ("W", "b"), what=f"{name}({dims}, rng)[{i}]") for layer in (one, other))
        assert_array(W, shape=(dims[i], dims[i + 1]), dtype=np.float64, what=f"{name}({dims}, rng)[{i}] → W")
        assert_close(b, np.zeros(dims[i + 1]), what=f"{name}({dims}, rng)[{i}] → b")
        assert_close(W_again, W, what=f"{name} with an rng of the same seed, [{i}] → W")


@pytest.mark.task("he_init")
class TestHeInit:
    @settings(max_examples=5)
    @given(rng=rngs())
    def test_weights_are_independent(self, hw, rng):
        """Weights, layers and calls are independent of each other"""
        check_independent(hw.he_init, "he_init", rng)

    @given(seed=seeds())
    def test_randomness_comes_from_rng_alone(self, hw, seed):
        """The same rng gives the same weights"""
        check_repeatable(hw.he_init, "he_init", seed)


@pytest.mark.task("xavier_init")
class TestXavierInit:
    @settings(max_examples=5)
    @given(rng=rngs())
    def test_weights_are_independent(self, hw, rng):
        """Weights, layers and calls are independent of each other"""
        check_independent(hw.xavier_init, "xavier_init", rng)

    @given(seed=seeds())
    def test_randomness_comes_from_rng_alone(self, hw, seed):
        """The same rng gives the same weights"""
        check_repeatable(hw.xavier_init, "xavier_init", seed)


# 2 · Affine layers and ReLU


def check_backward_again(function, dout, cache, names, *, what):
    """Backward gives the same for the same cache a second time, and does not change dout."""

    def call():
        result = function(dout, cache)
        return unpack(result, names, what=what) if len(names) > 1 else (result,)

    with unchanged(what, dout=dout):
        first = [np.array(part) for part in call()]
    for name, part, before in zip(names, call(), first, strict=True):
        assert_close(part, before, what=f"{what} → {name}, called again with the same cache,")


@pytest.mark.task("affine_forward")
class TestAffineForward:
    @given(case=affine(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give out in float32, and none of them is changed"""
        with unchanged("affine_forward(x, W, b)", x=case.x, W=case.W, b=case.b):
            out, _ = unpack(hw.affine_forward(case.x, case.W, case.b), ("out", "cache"), what="affine_forward(x, W, b)")
        expected = affine_forward(case.x, case.W, case.b)[0]
        assert_close(out, expected, what="affine_forward(x, W, b) → out")


@pytest.mark.task("affine_backward")
class TestAffineBackward:
    NAMES = ("dx", "dW", "db")

    @given(case=affine(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give gradients in float32"""
        _, cache = unpack(hw.affine_forward(case.x, case.W, case.b), ("out", "cache"), what="affine_forward(x, W, b)")
        actual = unpack(hw.affine_backward(case.dout, cache), self.NAMES, what="affine_backward(dout, cache)")
        expected = affine_backward(case.dout, (case.x, case.W, case.b))
        for name, part, right in zip(self.NAMES, actual, expected, strict=True):
            assert_close(part, right, what=f"affine_backward(dout, cache) → {name}")

    @given(case=affine())
    def test_may_be_called_twice(self, hw, case):
        """The same cache gives the same gradients again, and dout stays as it is"""
        _, cache = unpack(hw.affine_forward(case.x, case.W, case.b), ("out", "cache"), what="affine_forward(x, W, b)")
        check_backward_again(hw.affine_backward, case.dout, cache, self.NAMES, what="affine_backward(dout, cache)")


@pytest.mark.task("relu_forward")
class TestReluForward:
    @given(x=normal_arrays(ndim=3, dtypes=SINGLE))
    def test_any_shape_in_float32(self, hw, x):
        """An array of three axes in float32 gives one like it, and is not changed"""
        with unchanged("relu_forward(x)", x=x):
            out, _ = unpack(hw.relu_forward(x), ("out", "cache"), what="relu_forward(x)")
        assert_close(out, torch.relu(tensor(x)).numpy(), what="relu_forward(x) → out")


@pytest.mark.task("relu_backward")
class TestReluBackward:
    @given(x=normal_arrays(ndim=3, dtypes=SINGLE), seed=seeds())
    def test_any_shape_in_float32_twice(self, hw, x, seed):
        """Three axes in float32; the same cache gives the same gradient again, and dout stays as it is"""
        dout = np.random.default_rng(seed).standard_normal(x.shape).astype(np.float32)
        _, cache = unpack(hw.relu_forward(x), ("out", "cache"), what="relu_forward(x)")
        check_backward_again(hw.relu_backward, dout, cache, ("dx",), what="relu_backward(dout, cache)")
        assert_close(hw.relu_backward(dout, cache), relu_backward(dout, x), what="relu_backward(dout, cache)")


# 3 · Batch normalisation


def normalized(hw, case, mode="train", state=None, **options):
    """out and cache of your batchnorm_forward; state is an empty dict unless given."""
    state = {} if state is None else state
    result = hw.batchnorm_forward(case.x, case.gamma, case.beta, state, mode, **options)
    return unpack(result, ("out", "cache"), what=f'batchnorm_forward(x, gamma, beta, state, "{mode}")')


def numerical_batchnorm(hw, case, mode, h=STEP):
    """The gradients of sum(dout * out) by central differences of your own batchnorm_forward, in one call.

    Each feature is normalised by itself, so all perturbed copies of all features stand side by side in one wide batch.
    """
    case = case.astype(np.float64)
    N, D = case.x.shape
    n = N + 2  # perturbed are: x in sample 1 … N, gamma, beta
    signs = np.array([h, -h])
    x, gamma, beta = np.empty((N, 2, n, D)), np.empty((2, n, D)), np.empty((2, n, D))
    x[:], gamma[:], beta[:] = case.x[:, None, None], case.gamma, case.beta
    for i in range(N):
        x[i, :, i] += signs[:, None]
    gamma[:, N] += signs[:, None]
    beta[:, N + 1] += signs[:, None]
    state = {name: np.tile(value, 2 * n) for name, value in case.state().items()}
    out, _ = unpack(
        hw.batchnorm_forward(x.reshape(N, -1), gamma.ravel(), beta.ravel(), state, mode), ("out", "cache"), what="…"
    )
    what = f'batchnorm_forward(x, gamma, beta, state, "{mode}") → out'
    assert_array(out, shape=(N, 2 * n * D), dtype=np.float64, what=what)
    out = np.array(out).reshape(N, 2, n, D)
    slopes = (out[:, 0] - out[:, 1]) / (2 * h)
    gradients = (case.dout[:, None] * slopes).sum(axis=0)  # (n, D)
    return gradients[:N], gradients[N], gradients[N + 1]


@pytest.mark.task("batchnorm_forward")
class TestBatchnormForward:
    @given(case=features(dtypes=DOUBLE), eps=st.sampled_from([1e-3, 0.1]), alpha=st.sampled_from([0.5, 0.99]))
    def test_eps_and_alpha_are_those_given(self, hw, case, eps, alpha):
        """eps stands inside the root, alpha weighs the old statistics, whatever their values"""
        state = case.state()
        out, _ = normalized(hw, case, state=state, eps=eps, alpha=alpha)
        x, gamma, beta = map(tensor, (case.x, case.gamma, case.beta))
        expected = normalize_batch(x, gamma, beta, eps).numpy()
        assert_close(out, expected, what=f"batchnorm_forward(…, eps={eps}) → out", given=case.given)
        for name, old, new in zip(("mean", "var"), (case.mean, case.var), moments(case.x), strict=True):
            expected = torch.lerp(new, tensor(old), alpha).numpy()
            assert_close(state[name], expected, what=f"state[{name!r}] after batchnorm_forward(…, alpha={alpha})")
        out, _ = normalized(hw, case, mode="eval", state=case.state(), eps=eps, alpha=alpha)
        expected = normalize_fixed(x, gamma, beta, tensor(case.mean), tensor(case.var), eps).numpy()
        assert_close(out, expected, what=f'batchnorm_forward(…, "eval", eps={eps}) → out', given=case.given)

    @given(case=features(dtypes=SINGLE, min_side=4, offset=1000.0, scale=1.0))
    def test_large_means_in_float32(self, hw, case):
        """Features of 1,000 ± 1 in float32 are normalised: their variance is not lost in the digits of their squares"""
        state = {}
        out, _ = normalized(hw, case, state=state)
        x, gamma, beta = (tensor(part).double() for part in (case.x, case.gamma, case.beta))
        expected = normalize_batch(x, gamma, beta).numpy()
        # the mean itself has seven digits only, which is 1e-4 of a standard deviation
        what = "batchnorm_forward(x, gamma, beta, {}) → out, with x about 1,000,"
        assert_close(out, expected, what=what, given=case.given, dtype=np.float32, rtol=1e-3, atol=1e-3)
        assert_dict(state, ("mean", "var"), what="state")
        expected = 0.9 + 0.1 * x.var(dim=0, correction=0)
        assert_close(
            np.asarray(state["var"], np.float64), expected.numpy(), what="state['var'], with x about 1,000,", rtol=1e-3
        )

    @given(case=features(dtypes=DOUBLE))
    def test_updates_add_up(self, hw, case):
        """Three batches move the running statistics three times, each from where the last one left them"""
        state, mean, var = {}, torch.zeros(case.D).double(), torch.ones(case.D).double()
        for shift in (0.0, 2.0, -1.0):
            x = case.x + shift * case.mean
            unpack(hw.batchnorm_forward(x, case.gamma, case.beta, state), ("out", "cache"), what="batchnorm_forward(…)")
            new_mean, new_var = moments(x)
            mean, var = torch.lerp(new_mean, mean, 0.9), torch.lerp(new_var, var, 0.9)
        assert_dict(state, ("mean", "var"), what="state, after three batches,")
        for name, expected in (("mean", mean), ("var", var)):
            assert_close(state[name], expected.numpy(), what=f"state[{name!r}], after three batches,")

    @given(case=features())
    def test_evaluation_with_an_empty_state(self, hw, case):
        """With an empty state, mode "eval" normalises by mean 0 and var 1, and puts nothing else into it"""
        state = {}
        out, _ = normalized(hw, case, mode="eval", state=state)
        x, gamma, beta = map(tensor, (case.x, case.gamma, case.beta))
        expected = normalize_fixed(x, gamma, beta, torch.zeros_like(beta), torch.ones_like(beta)).numpy()
        assert_close(out, expected, what='batchnorm_forward(x, gamma, beta, {}, "eval") → out', given=case.given)
        if type(state) is not dict or any(
            key in state and not np.array_equal(np.asarray(state[key]), np.full(case.D, start))
            for key, start in (("mean", 0), ("var", 1))
        ):
            raise Mismatch('batchnorm_forward(x, gamma, beta, {}, "eval") changed the running statistics.')

    @given(case=features(N=1), mode=st.sampled_from(["train", "eval"]))
    def test_a_single_sample(self, hw, case, mode):
        """A batch of one sample is normalised to beta in training, and like any other in evaluation"""
        out, _ = normalized(hw, case, mode=mode, state=case.state())
        expected = batchnorm_forward(case.x, case.gamma, case.beta, case.state(), mode)[0]
        what = f'batchnorm_forward(x, gamma, beta, state, "{mode}") → out, with one sample,'
        assert_finite(out, what=what)
        assert_close(out, expected, what=what, given=case.given, atol=1e-5)

    @given(case=features(min_side=3), value=st.sampled_from([0.0, 0.1, -3.0, 100.0]))
    def test_constant_features(self, hw, case, value):
        """A feature that is constant over the batch becomes beta, in float32 too"""
        x = case.x.copy()
        x[:, 0] = value
        result = hw.batchnorm_forward(x, case.gamma, case.beta, case.state())
        out, _ = unpack(result, ("out", "cache"), what="batchnorm_forward(x, gamma, beta, state)")
        what = "batchnorm_forward(x, gamma, beta, state) → out"
        assert_array(out, shape=x.shape, dtype=x.dtype, what=what)
        # a rounded mean of 100 in float32 is off by 8e-6, which 1/sqrt(eps) makes 2.4e-3
        expected, atol = np.full_like(x[:, 0], case.beta[0]), 2e-2 if x.dtype == np.float32 else 1e-6
        assert_close(out[:, 0], expected, what=f"the constant feature of {what}", atol=atol)

    @given(case=features(), mode=st.sampled_from(["train", "eval"]))
    def test_arguments_stay_as_they_are(self, hw, case, mode):
        """x, gamma and beta stay as they are, and in mode "eval" so does state"""
        state = case.state()
        kept = {"state": state} if mode == "eval" else {}
        with unchanged("batchnorm_forward(…)", x=case.x, gamma=case.gamma, beta=case.beta, **kept):
            normalized(hw, case, mode=mode, state=state)


GRADIENTS = ("dx", "dgamma", "dbeta")


def check_gradients(actual, expected, *, what, dtype=None, rtol=NUMERICAL_RTOL, atol=1e-7):
    for name, part, right in zip(GRADIENTS, actual, expected, strict=True):
        assert_close(part, right, what=f"{what} → {name}", dtype=dtype, rtol=rtol, atol=atol)


@pytest.mark.task("batchnorm_backward")
class TestBatchnormBackward:
    @staticmethod
    def call(hw, case, mode="train"):
        _, cache = normalized(hw, case, mode=mode, state=case.state())
        return unpack(hw.batchnorm_backward(case.dout, cache), GRADIENTS, what="batchnorm_backward(dout, cache)")

    @given(case=features(dtypes=DOUBLE, N=60, min_side=3, max_side=5))
    def test_large_batches(self, hw, case):
        """In a large batch every missing term is small, and still missing"""
        actual, expected = self.call(hw, case), numerical_batchnorm(hw, case, "train")
        check_gradients(actual, expected, what="batchnorm_backward(dout, cache), with 60 samples,")

    @given(case=features(dtypes=DOUBLE, min_side=3, scale=0.02))
    def test_small_variances(self, hw, case):
        """Where the variance is of the size of eps, the gradient is still that of sqrt(var + eps)"""
        actual, expected = self.call(hw, case), numerical_batchnorm(hw, case, "train", h=2.0**-21)
        check_gradients(actual, expected, what="batchnorm_backward(dout, cache), with small variances,", rtol=1e-4)

    @given(case=features(N=1))
    def test_a_single_sample(self, hw, case):
        """In a batch of one sample out is beta, whatever x is: dx and dgamma are 0, dbeta is dout"""
        expected = np.zeros_like(case.x), np.zeros_like(case.gamma), case.dout[0]
        what = "batchnorm_backward(dout, cache), with one sample,"
        check_gradients(self.call(hw, case), expected, what=what, atol=1e-3 if case.dtype == np.float32 else 1e-9)

    @given(case=features(dtypes=DOUBLE, min_side=3), value=st.sampled_from([0.0, -3.0]))
    def test_constant_features(self, hw, case, value):
        """A feature that is constant over the batch has a finite gradient: gamma / sqrt(eps) * (dout - mean(dout))"""
        x = case.x.copy()
        x[:, 0] = value
        result = hw.batchnorm_forward(x, case.gamma, case.beta, case.state())
        _, cache = unpack(result, ("out", "cache"), what="batchnorm_forward(…)")
        actual = unpack(hw.batchnorm_backward(case.dout, cache), GRADIENTS, what="batchnorm_backward(dout, cache)")
        expected = batchnorm_backward(case.dout, (x, case.gamma, case.beta, None, None, EPS))
        check_gradients(actual, expected, what="batchnorm_backward(dout, cache)", rtol=1e-6)

    @given(case=features(dtypes=SINGLE, min_side=3), mode=st.sampled_from(["train", "eval"]))
    def test_float32(self, hw, case, mode):
        """In float32 the gradient is the same, to the digits that float32 has"""
        actual, expected = self.call(hw, case, mode), numerical_batchnorm(hw, case, mode)
        what = f'batchnorm_backward(dout, cache), after mode "{mode}",'
        check_gradients(actual, expected, what=what, dtype=np.float32, rtol=1e-3, atol=1e-4)

    @given(case=features(dtypes=SINGLE, min_side=4, offset=1000.0, scale=1.0))
    def test_large_means_in_float32(self, hw, case):
        """With features of 1,000 ± 1 in float32 the gradient is still right"""
        centred = (case.x.astype(float) - 1000, *(part.astype(float) for part in (case.gamma, case.beta)))
        expected = batchnorm_backward(case.dout.astype(float), (*centred, None, None, EPS))
        what = "batchnorm_backward(dout, cache), with x about 1,000,"
        check_gradients(self.call(hw, case), expected, what=what, dtype=np.float32, rtol=5e-3, atol=5e-3)

    @given(case=features(), mode=st.sampled_from(["train", "eval"]))
    def test_may_be_called_twice(self, hw, case, mode):
        """The same cache gives the same gradients again, and dout stays as it is"""
        _, cache = normalized(hw, case, mode=mode, state=case.state())
        what = "batchnorm_backward(dout, cache)"
        check_backward_again(hw.batchnorm_backward, case.dout, cache, GRADIENTS, what=what)


# 4 · Layer normalisation


def layer_normalized(hw, case, **options):
    result = hw.layernorm_forward(case.x, case.gamma, case.beta, **options)
    return unpack(result, ("out", "cache"), what="layernorm_forward(x, gamma, beta)")


def numerical_layernorm(hw, case, h=STEP):
    """The gradients of sum(dout * out) by central differences of your own layernorm_forward, in three calls.

    Each sample is normalised by itself, so all perturbed copies of all samples stand below each other in one batch.
    """
    case = case.astype(np.float64)
    D = case.D

    def out_of(x, gamma, beta):
        out, _ = unpack(hw.layernorm_forward(x, gamma, beta), ("out", "cache"), what="layernorm_forward(…)")
        assert_array(out, shape=x.shape, dtype=np.float64, what="layernorm_forward(x, gamma, beta) → out")
        return np.array(out)

    moves = h * np.concatenate([np.eye(D), -np.eye(D), np.zeros((1, D))])  # each feature up, each down, none
    copies = case.x + moves[:, None]  # (2 D + 1, N, D)
    outs = out_of(copies.reshape(-1, D), case.gamma, case.beta).reshape(copies.shape)
    dx = (case.dout * (outs[:D] - outs[D : 2 * D])).sum(axis=2).T / (2 * h)
    scaled = out_of(case.x, case.gamma + 1, case.beta) - outs[-1]  # out is linear in gamma and beta
    shifted = out_of(case.x, case.gamma, case.beta + 1) - outs[-1]
    return dx, (case.dout * scaled).sum(axis=0), (case.dout * shifted).sum(axis=0)


@pytest.mark.task("layernorm_forward")
class TestLayernormForward:
    @given(case=features(dtypes=DOUBLE), eps=st.sampled_from([1e-3, 0.1]))
    def test_eps_is_the_one_given(self, hw, case, eps):
        """eps stands inside the root, whatever its value, and no argument is changed"""
        with unchanged("layernorm_forward(x, gamma, beta, eps)", x=case.x, gamma=case.gamma, beta=case.beta):
            out, _ = layer_normalized(hw, case, eps=eps)
        expected = normalize_layer(*map(tensor, (case.x, case.gamma, case.beta)), eps).numpy()
        assert_close(out, expected, what=f"layernorm_forward(x, gamma, beta, eps={eps}) → out", given=case.given)

    @given(case=features(min_side=3), value=st.sampled_from([0.0, -3.0]))
    def test_constant_samples_and_a_single_one(self, hw, case, value):
        """A sample whose features are all alike becomes beta; a batch of one sample is as good as any"""
        x = case.x.copy()
        x[0] = value
        what = "layernorm_forward(x, gamma, beta) → out"
        for rows in (x, x[1:2]):
            out, _ = unpack(hw.layernorm_forward(rows, case.gamma, case.beta), ("out", "cache"), what=what)
            expected = normalize_layer(*map(tensor, (rows, case.gamma, case.beta))).numpy()
            assert_close(out, expected, what=what, given={"x": rows}, atol=1e-5)

    @given(case=features(dtypes=SINGLE, min_side=4, offset=1000.0, scale=1.0))
    def test_large_means_in_float32(self, hw, case):
        """Samples of 1,000 ± 1 in float32 are normalised: their variance is not lost in the digits of their squares"""
        out, _ = layer_normalized(hw, case)
        expected = normalize_layer(*(tensor(part).double() for part in (case.x, case.gamma, case.beta))).numpy()
        what = "layernorm_forward(x, gamma, beta) → out, with x about 1,000,"
        assert_close(out, expected, what=what, given=case.given, dtype=np.float32, rtol=1e-3, atol=1e-3)


@pytest.mark.task("layernorm_backward")
class TestLayernormBackward:
    @staticmethod
    def call(hw, case):
        _, cache = layer_normalized(hw, case)
        return unpack(hw.layernorm_backward(case.dout, cache), GRADIENTS, what="layernorm_backward(dout, cache)")

    @given(case=features(dtypes=DOUBLE, N=3, min_side=20, max_side=30))
    def test_many_features(self, hw, case):
        """With many features every missing term is small, and still missing"""
        check_gradients(self.call(hw, case), numerical_layernorm(hw, case), what="layernorm_backward(dout, cache)")

    @given(case=features(dtypes=SINGLE, min_side=3))
    def test_float32(self, hw, case):
        """In float32 the gradient is the same, to the digits that float32 has"""
        actual, expected, what = self.call(hw, case), numerical_layernorm(hw, case), "layernorm_backward(dout, cache)"
        check_gradients(actual, expected, what=what, dtype=np.float32, rtol=1e-3, atol=1e-4)

    @given(case=features(dtypes=DOUBLE, N=1, min_side=3))
    def test_a_single_sample(self, hw, case):
        """A batch of one sample has a gradient like any other"""
        check_gradients(self.call(hw, case), numerical_layernorm(hw, case), what="layernorm_backward(dout, cache)")

    @given(case=features())
    def test_may_be_called_twice(self, hw, case):
        """The same cache gives the same gradients again, and dout stays as it is"""
        _, cache = layer_normalized(hw, case)
        what = "layernorm_backward(dout, cache)"
        check_backward_again(hw.layernorm_backward, case.dout, cache, GRADIENTS, what=what)


# 5 · Dropout


def dropped(hw, x, p_drop, rng, mode="train"):
    what = f'dropout_forward(x, {p_drop}, "{mode}", rng)'
    out, cache = unpack(hw.dropout_forward(x, p_drop, mode, rng), ("out", "cache"), what=what)
    assert_array(out, shape=x.shape, dtype=x.dtype, what=f"{what} → out")
    return np.array(out), cache


@pytest.mark.task("dropout_forward")
class TestDropoutForward:
    @settings(max_examples=5)
    @given(rng=rngs(), p_drop=st.sampled_from([0.5, 0.2]))
    def test_entries_are_dropped_one_by_one(self, hw, rng, p_drop):
        """Neighbours, rows, columns and calls are dropped independently of each other"""
        x = np.ones((60, 50))
        first, second = (dropped(hw, x, p_drop, rng)[0] for _ in range(2))
        kept, again = ((out != 0) - (1 - p_drop) for out in (first, second))
        pairs = ((kept[1:], kept[:-1]), (kept[:, 1:], kept[:, :-1]), (kept, again))
        for left, right in pairs:  # seven standard deviations of a correlation of n pairs: a false alarm once in 10¹¹
            correlation = np.mean(left * right) / (p_drop * (1 - p_drop))
            if abs(correlation) > 7 / left.size**0.5:
                raise Mismatch(f"dropout_forward: entries are not dropped one by one (correlation {correlation:.2f}).")

    @given(seed=seeds(), x=matrices(dtypes=SINGLE, min_side=4, offset=3.0))
    def test_float32_and_randomness_from_rng(self, hw, seed, x):
        """float32 stays float32, x stays as it is, and the same rng drops the same entries"""
        with unchanged("dropout_forward(x, 0.5, mode, rng)", x=x):
            first, again = (dropped(hw, x, 0.5, np.random.default_rng(seed))[0] for _ in range(2))
            out, _ = dropped(hw, x, 0.5, np.random.default_rng(seed), "eval")
        assert_close(again, first, what="dropout_forward with an rng of the same seed → out")
        assert_close(out, x, what='dropout_forward(x, 0.5, "eval", rng) → out')

    @given(x=normal_arrays(ndim=3, offset=3.0), rng=rngs())
    def test_probability_0_changes_nothing(self, hw, x, rng):
        """With p_drop = 0 nothing is dropped, whatever the shape"""
        out, _ = dropped(hw, x, 0.0, rng)
        assert_close(out, x, what='dropout_forward(x, 0.0, "train", rng) → out')


@pytest.mark.task("dropout_backward")
class TestDropoutBackward:
    @given(x=matrices(offset=4.0), rng=rngs(), mode=st.sampled_from(["eval", "train"]))
    def test_in_both_modes_and_twice(self, hw, x, rng, mode):
        """In mode "eval" dx is dout; the same cache gives the same again, in float32 too, and dout stays as it is"""
        out, cache = dropped(hw, x, 0.5, rng, mode)
        dout = np.random.default_rng(x.size).standard_normal(x.shape).astype(x.dtype)
        expected = (dout * (out / x)).astype(x.dtype)
        what = f'dropout_backward(dout, cache), after mode "{mode}",'
        assert_close(hw.dropout_backward(dout, cache), expected, what=what)
        check_backward_again(hw.dropout_backward, dout, cache, ("dx",), what="dropout_backward(dout, cache)")


# 6 · Optimisers


class SmallNet:
    """Two layers, tanh between them, squared error; all eight gradients lie between 0.3 and 30 at first."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        while True:
            self.X = tensor(rng.choice([-1, 1], (4, 3)) * rng.uniform(0.5, 2, (4, 3)))
            self.y, self.w = tensor(3 * rng.standard_normal((4, 1))), 0.7 * rng.standard_normal(8)
            sizes = np.abs(self.gradient(self.w))
            if sizes.min() > 0.3 and sizes.max() < 30:
                return

    def gradient(self, w):
        point = leaf(w)
        hidden = torch.tanh(self.X @ point[:6].reshape(3, 2))
        return pulled(3 * (hidden @ point[6:].reshape(2, 1) - self.y).square().mean(), 1.0, point)[0]


def right_path(w, gradient, eta, optimizer, n_steps, **options):
    """w after each of n_steps steps with one of torch's optimisers."""
    state, found = None, []
    for _ in range(n_steps):
        w, state = optimizer(w, gradient(w), state, eta, **options)
        found.append(w)
    return found


def follow(function, name, w, gradient, eta, expected, *, dtype=None, rtol=None, **options):
    """Your optimiser, step by step along an expected path."""
    w, state = w.copy(), None
    for t, right in enumerate(expected):
        w, state = unpack(function(w, gradient(w), state, eta, **options), ("w", "state"), what=f"{name}(…)")
        assert_close(w, right, what=f"w after step {t + 1} of {name}(…)", dtype=dtype, rtol=rtol)
        w = np.array(w)


def check_small_net(function, name, optimizer, seed, rtol=None):
    net, eta = SmallNet(seed), 1e-3
    expected = right_path(net.w, net.gradient, eta, optimizer, 8)
    follow(function, name, net.w, net.gradient, eta, expected, rtol=rtol)


def check_constants(function, name, optimizer, case, rtol=None, **options):
    expected = right_path(case.w, case.gradient, case.eta, optimizer, 6, **options)
    follow(function, name, case.w, case.gradient, case.eta, expected, rtol=rtol, **options)


def check_manners(function, name, case, optimizer):
    """float32 stays float32; w and dw stay as they are; two parameters in turn keep their own states."""
    other, states = case.w[::-1].copy(), [None, None]
    wide = case.w.astype(float), other.astype(float)
    paths = [right_path(w, lambda w: case.gradient(w).astype(float), case.eta, optimizer, 4) for w in wide]
    points = [case.w.copy(), other]
    for t in range(4):
        for i, w in enumerate(points):
            dw = case.gradient(w)
            with unchanged(f"{name}(w, dw, state, eta)", w=w, dw=dw):
                moved, states[i] = unpack(function(w, dw, states[i], case.eta), ("w", "state"), what=f"{name}(…)")
            what = f"w after step {t + 1} of {name}(…), of two parameters in turn,"
            assert_close(moved, paths[i][t], what=what, dtype=case.w.dtype)
            points[i] = np.array(moved)


RMS_RTOL = 1e-5  # an eps of 1e-8 may stand inside the root or outside


@pytest.mark.task("sgd_momentum")
class TestSgdMomentum:
    @given(seed=seeds())
    def test_goes_down_a_small_net_as_torch_does(self, hw, seed):
        """Eight steps on the weights of a small net are those of torch.optim.SGD with momentum"""
        check_small_net(hw.sgd_momentum, "sgd_momentum", sgd_momentum, seed)

    @given(case=descents(dtypes=DOUBLE), rho=st.sampled_from([0.5, 0.99]))
    def test_rho_is_the_one_given(self, hw, case, rho):
        """rho may have another value than 0.9"""
        check_constants(hw.sgd_momentum, "sgd_momentum", sgd_momentum, case, rho=rho)

    @given(case=descents(dtypes=SINGLE))
    def test_two_parameters_in_float32(self, hw, case):
        """float32 stays float32, w and dw stay as they are, two parameters have a state each"""
        check_manners(hw.sgd_momentum, "sgd_momentum", case, sgd_momentum)


@pytest.mark.task("nesterov")
class TestNesterov:
    @given(seed=seeds())
    def test_goes_down_a_small_net_as_torch_does(self, hw, seed):
        """Eight steps on the weights of a small net are those of torch.optim.SGD with nesterov=True"""
        check_small_net(hw.nesterov, "nesterov", nesterov, seed)

    @given(case=descents(dtypes=DOUBLE), rho=st.sampled_from([0.5, 0.99]))
    def test_rho_is_the_one_given(self, hw, case, rho):
        """rho may have another value than 0.9"""
        check_constants(hw.nesterov, "nesterov", nesterov, case, rho=rho)

    @given(case=descents(dtypes=SINGLE))
    def test_two_parameters_in_float32(self, hw, case):
        """float32 stays float32, w and dw stay as they are, two parameters have a state each"""
        check_manners(hw.nesterov, "nesterov", case, nesterov)


@pytest.mark.task("rmsprop")
class TestRmsprop:
    @given(seed=seeds())
    def test_goes_down_a_small_net_as_torch_does(self, hw, seed):
        """Eight steps on the weights of a small net are those of torch.optim.RMSprop"""
        check_small_net(hw.rmsprop, "rmsprop", rmsprop, seed, rtol=RMS_RTOL)

    @given(case=descents(dtypes=DOUBLE), decay=st.sampled_from([0.9, 0.5]))
    def test_decay_is_the_one_given(self, hw, case, decay):
        """decay may have another value than 0.99"""
        check_constants(hw.rmsprop, "rmsprop", rmsprop, case, rtol=RMS_RTOL, decay=decay)

    @given(case=descents(dtypes=SINGLE))
    def test_two_parameters_in_float32(self, hw, case):
        """float32 stays float32, w and dw stay as they are, two parameters have a state each"""
        check_manners(hw.rmsprop, "rmsprop", case, rmsprop)


@pytest.mark.task("adam")
class TestAdam:
    @given(seed=seeds())
    def test_goes_down_a_small_net_as_torch_does(self, hw, seed):
        """Eight steps on the weights of a small net are those of torch.optim.Adam"""
        check_small_net(hw.adam, "adam", adam, seed, rtol=RMS_RTOL)

    @given(case=descents(dtypes=DOUBLE), betas=st.sampled_from([(0.5, 0.9), (0.8, 0.99), (0.95, 0.9)]))
    def test_betas_are_those_given(self, hw, case, betas):
        """beta1 and beta2 may have other values than 0.9 and 0.999"""
        options = dict(zip(("beta1", "beta2"), betas, strict=True))
        check_constants(hw.adam, "adam", adam, case, rtol=RMS_RTOL, **options)

    @given(case=descents(dtypes=SINGLE))
    def test_two_parameters_in_float32(self, hw, case):
        """float32 stays float32, w and dw stay as they are, two parameters have a state each"""
        check_manners(hw.adam, "adam", case, adam)


# 7 · The network


def scores(params, X, norm, stats=None):
    """Scores of tensors, what the ReLUs see, and mean and variance of each layer before batch norm.

    stats: the running (mean, var) of each layer in mode eval; None in mode train.
    """
    k = sum(name.startswith("W") for name in params)
    h, seen, measured = X, [], []
    for i in range(1, k):
        h = h @ params[f"W{i}"] + params[f"b{i}"]
        measured.append((h.mean(dim=0), h.var(dim=0, correction=0)))
        if norm is not None:
            gamma, beta = params[f"gamma{i}"], params[f"beta{i}"]
        if norm == "batch":
            h = normalize_batch(h, gamma, beta) if stats is None else normalize_fixed(h, gamma, beta, *stats[i - 1])
        elif norm == "layer":
            h = normalize_layer(h, gamma, beta)
        seen.append(h)
        h = h.relu()
    return h @ params[f"W{k}"] + params[f"b{k}"], seen, measured


def tensors(params, differentiated=False):
    return {name: tensor(array).double().requires_grad_(differentiated) for name, array in params.items()}


def running_stats(measured, times):
    """What is left in the running statistics after so many updates with the same batch."""
    kept = 0.9**times
    return [((1 - kept) * mean, kept + (1 - kept) * var) for mean, var in measured]


def away_from_kinks(case):
    """No ReLU sees a number near 0, in train mode, nor in eval mode before and after an update or two."""
    params, X = tensors(case.params), tensor(case.X).double()
    _, seen, measured = scores(params, X, case.norm)
    if case.norm == "batch":
        for times in (0, 1, 2):
            stats = running_stats(measured, times)
            seen = [*seen, *scores(params, X, case.norm, stats)[1]]
    return all(h.abs().min() > 1e-3 and (h > 0).any(dim=0).sum() >= 2 for h in seen)


def oracle_scores(case, times=None):
    """Scores of the network of a case, in mode train, or in mode eval after so many updates by its own batch."""
    params, X = tensors(case.params), tensor(case.X).double()
    S, _, measured = scores(params, X, case.norm)
    return S if times is None else scores(params, X, case.norm, running_stats(measured, times))[0]


def oracle_cost(case, S, lam):
    penalty = sum(np.square(array.astype(float)).sum() for name, array in case.params.items() if name[0] == "W")
    return torch.nn.functional.cross_entropy(S, tensor(case.Y).double()).item() + lam * penalty


def oracle_gradients(case, lam):
    """Of the cost in mode train, without dropout."""
    params = tensors(case.params, differentiated=True)
    S, _, _ = scores(params, tensor(case.X).double(), case.norm)
    loss = torch.nn.functional.cross_entropy(S, tensor(case.Y).double())
    loss = loss + lam * sum(array.square().sum() for name, array in params.items() if name[0] == "W")
    return dict(zip(params, arrays(*torch.autograd.grad(loss, list(params.values()))), strict=True))


def build(hw, case, **options):
    """Your network with the parameters of a case."""
    net = hw.KLayerNet(list(case.dims), np.random.default_rng(0), norm=case.norm, **options)
    net.params = {name: array.copy() for name, array in case.params.items()}
    return net


LAYERS = {
    "softmax": softmax,
    "he_init": he_init,
    "xavier_init": xavier_init,
    "affine_forward": affine_forward,
    "affine_backward": affine_backward,
    "relu_forward": relu_forward,
    "relu_backward": relu_backward,
    "batchnorm_forward": batchnorm_forward,
    "batchnorm_backward": batchnorm_backward,
    "layernorm_forward": layernorm_forward,
    "layernorm_backward": layernorm_backward,
    "dropout_forward": dropout_forward,
    "dropout_backward": dropout_backward,
}


@pytest.mark.task("KLayerNet")
@pytest.mark.stand_in(**LAYERS)
class TestKLayerNet:
    @settings(max_examples=5)
    @given(rng=rngs(), init=st.sampled_from([None, "he", "xavier"]))
    def test_initial_weights_follow_init(self, hw, rng, init):
        """The weights have He's variance unless init="xavier" asks for the other"""
        dims = [60, 150, 40]
        net = hw.KLayerNet(dims, rng) if init is None else hw.KLayerNet(dims, rng, init=init)
        params = assert_dict(net.params, ("W1", "b1", "W2", "b2"), what=f"KLayerNet({dims}, rng, init={init!r}).params")
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(dims), start=1):
            what = f"KLayerNet({dims}, rng, init={init!r}).params['W{i}']"
            assert_array(params[f"W{i}"], shape=(fan_in, fan_out), dtype=np.float64, what=what)
            expected = 2 / (fan_in + fan_out) if init == "xavier" else 2 / fan_in
            # 6,000 numbers: 14 % are 7.6 standard errors of the variance of normal numbers, a false alarm once in 10¹³
            if abs(np.var(params[f"W{i}"]) / expected - 1) > 0.14:
                raise Mismatch(f"{what} has variance {np.var(params[f'W{i}']):.4g}; expected {expected:.4g}.")

    @settings(max_examples=8)
    @given(case=networks(good=away_from_kinks))
    def test_gradients_match_the_numerical_gradient_of_your_cost(self, hw, case):
        """Along random directions the gradient is the slope of your own cost"""
        net, rng, h = build(hw, case), case.rng(), STEP
        what = f"net.gradients(X, Y, lam) with norm={case.norm!r}"
        grads = assert_dict(net.gradients(case.X, case.Y, case.lam), list(case.params), what=what, exactly=True)
        for name, array in case.params.items():
            assert_array(grads[name], shape=array.shape, dtype=np.float64, what=f"{what}[{name!r}]")
        for _ in range(2):
            way = {name: rng.standard_normal(array.shape) / array.size**0.5 for name, array in case.params.items()}
            costs = []
            for side in (h, -h):
                net.params = {name: array + side * way[name] for name, array in case.params.items()}
                costs.append(number(net.cost(case.X, case.Y, case.lam)))
            if None in costs:
                raise Mismatch("net.cost(X, Y, lam) gave no number.")
            slope = sum(float(np.vdot(np.asarray(grads[name]), way[name])) for name in way)
            numeric = (costs[0] - costs[1]) / (2 * h)
            assert_scalar(slope, numeric, what=f"{what}, along a random direction,", rtol=1e-5, atol=1e-7)

    @settings(max_examples=8)
    @given(case=networks(good=away_from_kinks, dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Parameters and X in float32 give probabilities and gradients in float32, in both modes"""
        net = build(hw, case)
        for mode, times in (("eval", 0), ("train", None), ("eval", 1)):
            expected = torch.softmax(oracle_scores(case, times), dim=1).numpy()
            what = f'net.forward(X, "{mode}") with norm={case.norm!r}'
            assert_close(net.forward(case.X, mode), expected, what=what, dtype=np.float32, rtol=1e-3, atol=1e-4)
        what = f"net.gradients(X, Y, lam) with norm={case.norm!r}"
        grads = assert_dict(net.gradients(case.X, case.Y, case.lam), list(case.params), what=what)
        for name, expected in oracle_gradients(case, case.lam).items():
            full = f"{what}[{name!r}]"
            assert_close(grads[name], expected, what=full, dtype=np.float32, rtol=5e-3, atol=1e-3)
        expected = oracle_cost(case, oracle_scores(case), case.lam)
        what = "net.cost(X, Y, lam)"
        assert_scalar(net.cost(case.X, case.Y, case.lam), expected, what=what, dtype=np.float32, rtol=1e-3)

    @settings(max_examples=8)
    @given(case=networks(good=away_from_kinks, norms=[None, "layer"]), size=st.sampled_from([1e3, 1e5]))
    def test_large_scores_stay_finite(self, hw, case, size):
        """Scores near 1,000 or far apart give probabilities and gradients, and a cost that is never nan"""
        last = f"W{case.k}"
        params = {name: array.copy() for name, array in case.params.items()}
        params[f"b{case.k}"] = params[f"b{case.k}"] + size
        net = build(hw, case)
        net.params = params
        expected = torch.softmax(oracle_scores(case), dim=1).numpy()  # a shift of all scores changes nothing
        assert_close(net.forward(case.X), expected, what="net.forward(X), with all scores shifted,", rtol=1e-7)
        expected = oracle_cost(case, oracle_scores(case), case.lam)
        assert_scalar(net.cost(case.X, case.Y, case.lam), expected, what="net.cost(X, Y, lam)", rtol=1e-6)
        net.params = {**case.params, last: size * case.params[last]}
        P = net.forward(case.X)
        assert_array(P, shape=(case.N, case.K), dtype=np.float64, what="net.forward(X), with scores far apart,")
        assert_close(np.asarray(P).sum(axis=1), np.ones(case.N), what="the sums of the rows of net.forward(X)")
        cost = number(net.cost(case.X, case.Y, 0.0))
        if cost is None or not cost >= 0:
            raise Mismatch(f"net.cost(X, Y, 0.0) is {cost}, with scores far apart; expected a number, or inf.")
        grads = assert_dict(net.gradients(case.X, case.Y, 0.0), [last], what="net.gradients(X, Y, 0.0)")
        assert_finite(grads[last], what=f"net.gradients(X, Y, 0.0)[{last!r}], with scores far apart,")

    @settings(max_examples=6)
    @given(case=networks(good=away_from_kinks, norms=["batch"]), times=st.sampled_from([1, 2]))
    def test_evaluation_after_training_steps(self, hw, case, times):
        """Cost and probabilities in mode "eval" use the running statistics as training has left them"""
        net = build(hw, case)
        for _ in range(times):
            net.forward(case.X, mode="train")
        S = oracle_scores(case, times)
        expected = oracle_cost(case, S, case.lam)
        actual = net.cost(case.X, case.Y, case.lam, mode="eval")
        assert_scalar(actual, expected, what='net.cost(X, Y, lam, "eval")', given=case.given, rtol=1e-6)
        one = torch.softmax(S, dim=1)[:1].numpy()
        assert_close(net.forward(case.X[:1]), one, what="net.forward(X[:1])", given=case.given)

    @settings(max_examples=8)
    @given(case=networks(good=away_from_kinks))
    def test_arguments_and_parameters_stay_as_they_are(self, hw, case):
        """forward, cost and gradients change neither X and Y nor the parameters"""
        net, X, Y = build(hw, case, p_drop=0.3), case.X, case.Y
        with unchanged("KLayerNet's forward, cost and gradients", X=X, Y=Y):
            net.forward(X, "train")
            net.cost(X, Y, case.lam)
            net.gradients(X, Y, case.lam)
            net.forward(X)
        params = assert_dict(net.params, list(case.params), what="net.params")
        for name, array in case.params.items():
            assert_close(params[name], array, what=f"net.params[{name!r}], after forward, cost and gradients,")

    @settings(max_examples=8)
    @given(case=networks(good=away_from_kinks, layers=[5], max_side=7))
    def test_five_layers(self, hw, case):
        """A network of five layers, forward and backward"""
        net, what = build(hw, case), f"net.gradients(X, Y, lam) with norm={case.norm!r}"
        expected = torch.softmax(oracle_scores(case, times=0), dim=1).numpy()
        assert_close(net.forward(case.X), expected, what=f"net.forward(X) with norm={case.norm!r}")
        grads = assert_dict(net.gradients(case.X, case.Y, case.lam), list(case.params), what=what, exactly=True)
        for name, expected in oracle_gradients(case, case.lam).items():
            assert_close(grads[name], expected, what=f"{what}[{name!r}]", rtol=1e-7, atol=1e-10)

    @settings(max_examples=8)
    @given(case=networks(good=away_from_kinks, norms=["batch", "layer"]))
    def test_a_batch_of_one_sample(self, hw, case):
        """One sample alone gives finite probabilities, cost and gradients, with either norm"""
        net, x, Y = build(hw, case), case.X[:1], case.Y[:1]
        for mode in ("train", "eval"):
            assert_finite(net.forward(x, mode), what=f'net.forward(x, "{mode}"), with one sample,')
        assert_finite(net.cost(x, Y, case.lam), what="net.cost(x, Y, lam), with one sample,")
        grads = assert_dict(net.gradients(x, Y, case.lam), list(case.params), what="net.gradients(x, Y, lam)")
        for name in case.params:
            assert_finite(grads[name], what=f"net.gradients(x, Y, lam)[{name!r}], with one sample,")

    @settings(max_examples=5)
    @given(seed=seeds(), norm=st.sampled_from([None, "layer"]))
    def test_dropout_acts_after_the_relu_of_every_hidden_layer(self, hw, seed, norm):
        """With dropout each hidden layer loses units of its own, and the scores and the input lose nothing

        Every hidden unit of layer 1 feeds one unit of layer 2, which adds 1 to one score: a unit that is dropped in
        either layer is missing there.
        """
        m, N, p_drop = 40, 100, 0.5
        net = hw.KLayerNet([2, m, m, 2], np.random.default_rng(seed), norm=norm, p_drop=p_drop)
        W3, unit = np.zeros((m, 2)), 2.0 / m
        W3[:, 0] = unit
        params = {"W1": np.zeros((2, m)), "b1": np.ones(m), "W2": np.eye(m), "b2": np.zeros(m), "W3": W3}
        params["b3"] = np.zeros(2)
        if norm is not None:  # gamma 0 leaves beta: all units are 1 whatever came in
            params |= {
                f"{name}{i}": np.full(m, value) for i in (1, 2) for name, value in (("gamma", 0.0), ("beta", 1.0))
            }
        net.params = params
        P = net.forward(np.zeros((N, 2)), "train")
        assert_array(P, shape=(N, 2), dtype=np.float64, what='net.forward(X, "train")')
        P = np.asarray(P)
        # each unit left counts 1/(1 - p_drop), once or, without norm, once for each of the two layers
        left, chance = np.log(P[:, 0] / P[:, 1]) / unit, 1 - p_drop
        share = chance if norm is not None else chance**2
        kept = left * share
        assert_close(kept, np.rint(kept), what="the number of hidden units left in each sample", atol=1e-6)
        # binomial counts of 4,000 units: seven standard deviations, a false alarm once in 10¹¹
        if abs(kept.mean() - m * share) > 7 * (m * share * (1 - share) / N) ** 0.5:
            raise Mismatch(f"Of {m} hidden units {kept.mean():.1f} are left on average; expected {m * share:.1f}.")


# 8 · Training


def constant(eta):
    return lambda t: eta


def trained(hw, net, X, Y, lam, schedule, n_batch, n_epochs, rng, params, **options):
    """(parameters afterwards, history), types and shapes checked."""
    history = hw.train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, **options)
    parts = ("train", "val") if "X_val" in options else ("train",)
    keys = [f"{part}_{name}" for part in parts for name in ("cost", "accuracy")]
    assert_dict(history, keys, what="train(…) → history")
    for key in keys:
        numbers(history[key], what=f"history[{key!r}]", length=n_epochs)
    found = assert_dict(net.params, list(params), what="net.params, after train(…)")
    for name, array in params.items():
        assert_array(found[name], shape=array.shape, dtype=array.dtype, what=f"net.params[{name!r}], after train(…)")
    return {name: np.array(found[name]) for name in params}, history


def one_layer(hw, N, K):
    """A network of one layer whose sample i is the i-th unit vector, with all parameters 0."""
    net, params = hw.KLayerNet([N, K], np.random.default_rng(0)), {"W1": np.zeros((N, K)), "b1": np.zeros(K)}
    net.params = {name: array.copy() for name, array in params.items()}
    return net, params, np.eye(N), one_hot(np.arange(N) % K, K)


@pytest.mark.task("train")
@pytest.mark.stand_in(**LAYERS, sgd_momentum=sgd_momentum, nesterov=nesterov, rmsprop=rmsprop, adam=adam)
class TestTrain:
    @settings(max_examples=5)
    @given(case=networks(good=away_from_kinks, norms=[None, "layer"], layers=[2]))
    def test_samples_keep_their_labels(self, hw, case):
        """An epoch of tiny steps adds up to the sum of its batches' gradients"""
        net, twin, eta = build(hw, case), build(hw, case), 1e-7
        X, Y = np.concatenate([case.X, case.X]), np.concatenate([case.Y, case.Y])  # an even number, in batches of two
        found, _ = trained(hw, net, X, Y, case.lam, constant(eta), 2, 1, case.rng(), case.params)
        grads = twin.gradients(X, Y, case.lam)
        for name, array in case.params.items():
            moved = (array - found[name]) / eta
            expected = np.asarray(grads[name]) * case.N
            assert_close(moved, expected, what=f"how far net.params[{name!r}] went, over eta,", rtol=1e-4, atol=1e-5)

    def test_each_epoch_has_a_new_order(self, hw):
        """Samples are shuffled anew in each epoch: over 40 epochs each is alone in the last batch now and then

        N = 3 and n_batch = 2 leave one sample for the last batch, where it counts 1, not 1/2. Never to be last in 40
        fair shuffles has probability 3 · (2/3)⁴⁰ = 3e-7.
        """
        N, K, n_epochs, eta = 3, 3, 40, 1e-7
        net, params, X, Y = one_layer(hw, N, K)
        rng = np.random.default_rng(5)
        found, _ = trained(hw, net, X, Y, 0.0, constant(eta), 2, n_epochs, rng, params)
        step = eta * (Y - 1 / K)
        counted = (found["W1"] * step).sum(axis=1) / (step * step).sum(axis=1)
        alone = np.rint(2 * counted - n_epochs)
        assert_scalar(float(alone.sum()), float(n_epochs), what="the number of epochs whose last batch is one sample")
        if alone.min() < 1:
            times = ", ".join(f"{n:g}" for n in alone)
            raise Mismatch(f"Over {n_epochs} epochs the {N} samples are alone in the last batch {times} times.")

    def test_the_rng_decides_the_order(self, hw):
        """The same rng gives the same result, another one another order"""
        found = []
        for seed in (3, 3, 4):
            net, params, X, Y = one_layer(hw, 8, 3)
            rng = np.random.default_rng(seed)
            found.append(trained(hw, net, X, Y, 0.1, constant(0.5), 3, 3, rng, params)[0]["W1"])
        assert_close(found[1], found[0], what="train with an rng of the same seed → net.params['W1']")
        # two runs of three epochs agree by chance with probability (8!/(3!·3!·2!))⁻³ = 6e-9
        if np.abs(found[2] - found[0]).max() < 1e-9:
            raise Mismatch("train gives the same W1 with another rng: is the order drawn from rng?")

    @settings(max_examples=5)
    @given(case=networks(good=away_from_kinks, layers=[2]))
    def test_updates_are_counted_across_epochs(self, hw, case):
        """schedule is asked for t = 0, 1, 2, …, once an update, also when epochs have several batches"""
        asked, net, n_epochs = [], build(hw, case), 2

        def schedule(t):
            asked.append(t)
            return 0.01

        X, Y = case.X[[0, 1, 2, 0, 1]], case.Y[[0, 1, 2, 0, 1]]
        trained(hw, net, X, Y, case.lam, schedule, 2, n_epochs, case.rng(), case.params)
        steps = sorted({int(t) for t in asked if number(t) is not None})
        if steps != list(range(3 * n_epochs)):
            raise Mismatch(f"schedule was asked for t in {steps}; expected 0 to 5 in two epochs of three updates each.")

    @settings(max_examples=5)
    @given(case=networks(good=away_from_kinks, layers=[2]))
    def test_no_step_size_changes_nothing(self, hw, case):
        """With eta = 0 the parameters stay, and validation data have entries of their own, lam included"""
        net, twin, X_val = build(hw, case), build(hw, case), case.X[:2] * 0.5
        options = {"X_val": X_val, "Y_val": case.Y[:2]}
        found, history = trained(
            hw, net, case.X, case.Y, case.lam, constant(0.0), 64, 1, case.rng(), case.params, **options
        )
        for name, array in case.params.items():
            assert_close(found[name], array, what=f"net.params[{name!r}], after train with eta = 0,")
        twin.gradients(case.X, case.Y, case.lam)  # the one batch moves the running statistics
        for part, X, Y in (("train", case.X, case.Y), ("val", X_val, case.Y[:2])):
            expected = number(twin.cost(X, Y, case.lam, "eval"))
            assert_scalar(history[f"{part}_cost"][0], expected, what=f"history['{part}_cost'][0]", rtol=1e-6)
            hits = np.asarray(twin.forward(X)).argmax(axis=1) == Y.argmax(axis=1)
            assert_scalar(history[f"{part}_accuracy"][0], hits.mean(), what=f"history['{part}_accuracy'][0]", rtol=1e-6)

    @settings(max_examples=5)
    @given(case=networks(good=away_from_kinks, dtypes=SINGLE, layers=[2]))
    def test_float32_and_arguments_that_stay(self, hw, case):
        """Arrays in float32 stay float32; X and Y stay as they are"""
        net, X, Y = build(hw, case), case.X, case.Y
        with unchanged("train(…)", X=X, Y=Y):
            trained(hw, net, X, Y, case.lam, constant(0.1), 3, 1, case.rng(), case.params, optimizer="adam")

    def test_learns_the_digits(self, hw):
        """Two layers with batch norm, dropout and momentum learn the digits: over 70 % of the validation set are right

        Runs of a correct network with other seeds end at 90 % with a standard deviation of 1.8 %; a false alarm is far
        rarer than once in 10⁶.
        """
        data, n_epochs, rng = digits(), 6, np.random.default_rng(3)
        net = hw.KLayerNet([64, 24, 10], np.random.default_rng(2), norm="batch", p_drop=0.1)
        X, Y = data.X_train[:250], data.Y_train[:250]
        options = {"optimizer": "momentum", "X_val": data.X_val[:150], "Y_val": data.Y_val[:150]}
        history = hw.train(net, X, Y, 1e-4, constant(0.05), 50, n_epochs, rng, **options)
        history = assert_dict(history, ("val_accuracy",), what="train(…) → history")
        share = numbers(history["val_accuracy"], what="history['val_accuracy']", length=n_epochs)[-1]
        if not share > 0.7:
            raise Mismatch(f"After {n_epochs} epochs {share:.0%} of the validation set are right; expected over 70 %.")
