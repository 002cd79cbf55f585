"""In the style of micrograd: each result keeps a closure that adds to its operands' gradients; recursion; in place."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def numeric_gradient(f, x, h=1e-5):
    flat, out = x.reshape(-1), []
    for i in range(flat.size):
        old = float(flat[i])
        values = []
        for step in (h, -h):
            flat[i] = old + step
            values.append(float(f(x)))
        flat[i] = old
        out.append((values[0] - values[1]) / h / 2)
    return np.array(out).reshape(x.shape)


def relative_error(a, n, eps=1e-8):
    worst = 0.0
    for x, y in zip(np.ravel(a), np.ravel(n), strict=True):
        worst = max(worst, abs(x - y) / max(eps, abs(x) + abs(y)))
    return float(worst)


def unbroadcast(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1 and grad.shape[axis] != 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return np.asarray(grad)


def topo_sort(root):
    order, seen = [], set()

    def visit(node):
        if node in seen:
            return
        seen.add(node)
        for child in node._prev:
            visit(child)
        order.append(node)

    visit(root)
    return order


class Tensor:
    __array_priority__ = 1000
    __array_ufunc__ = None

    def __init__(self, data, _prev=()):
        self.data = data if isinstance(data, np.ndarray) else np.array(data)
        self.grad = None
        self._prev = _prev
        self._backward = lambda: None

    def _other(self, other):
        if isinstance(other, Tensor):
            return other
        if isinstance(other, (int, float)):
            other = np.full((), other, dtype=self.data.dtype)
        return Tensor(other)

    def _add_grad(self, g):
        self.grad = self.grad + unbroadcast(g, self.data.shape)

    def __add__(self, other):
        other = self._other(other)
        out = Tensor(self.data + other.data, (self, other))

        def backward():
            self._add_grad(out.grad)
            other._add_grad(out.grad)

        out._backward = backward
        return out

    def __mul__(self, other):
        other = self._other(other)
        out = Tensor(self.data * other.data, (self, other))

        def backward():
            self._add_grad(out.grad * other.data)
            other._add_grad(out.grad * self.data)

        out._backward = backward
        return out

    def _map(self, value, slope):
        out = Tensor(value, (self,))

        def backward():
            self._add_grad(out.grad * slope)

        out._backward = backward
        return out

    def __pow__(self, n):
        return self._map(self.data**n, n * self.data ** (n - 1))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + (-self._other(other))

    def __rsub__(self, other):
        return (-self) + other

    def __truediv__(self, other):
        return self * self._other(other) ** -1

    def __rtruediv__(self, other):
        return self**-1 * other

    __radd__ = __add__
    __rmul__ = __mul__

    def __matmul__(self, other):
        other = self._other(other)
        a, b = self.data, other.data
        if a.ndim == 1 and b.ndim == 1:
            return (self * other).sum()
        if a.ndim == 1:
            out = self.reshape(1, -1) @ other
            return out.reshape(out.data.shape[:-2] + out.data.shape[-1:])
        if b.ndim == 1:
            return (self @ other.reshape(-1, 1)).reshape(a.shape[:-1])
        out = Tensor(a @ b, (self, other))

        def backward():
            self._add_grad(np.einsum("...ij,...nj->...in", out.grad, b))
            other._add_grad(np.einsum("...in,...ij->...nj", a, out.grad))

        out._backward = backward
        return out

    def __rmatmul__(self, other):
        return Tensor(other) @ self

    def sum(self, axis=None, keepdims=False):
        out = Tensor(np.asarray(self.data.sum(axis=axis, keepdims=keepdims)), (self,))

        def backward():
            g = out.grad
            if axis is not None and not keepdims:
                g = np.expand_dims(g, axis)
            self._add_grad(g * np.ones_like(self.data))

        out._backward = backward
        return out

    def mean(self, axis=None, keepdims=False):
        axes = range(self.data.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        return self.sum(axis, keepdims) / float(np.prod([self.data.shape[a] for a in axes]))

    def reshape(self, *shape):
        out = Tensor(self.data.reshape(*shape), (self,))

        def backward():
            self._add_grad(out.grad.reshape(self.data.shape))

        out._backward = backward
        return out

    def transpose(self, *axes):
        axes = tuple(a % self.data.ndim for a in axes) if axes else tuple(reversed(range(self.data.ndim)))
        out = Tensor(np.transpose(self.data, axes), (self,))

        def backward():
            inverse = [axes.index(i) for i in range(len(axes))]
            self._add_grad(np.transpose(out.grad, inverse))

        out._backward = backward
        return out

    def exp(self):
        value = np.exp(self.data)
        return self._map(value, value)

    def log(self):
        return self._map(np.log(self.data), 1 / self.data)

    def relu(self):
        return self._map(np.maximum(self.data, 0), (self.data >= 0).astype(self.data.dtype))

    def tanh(self):
        value = np.tanh(self.data)
        return self._map(value, 1 - value * value)

    def sigmoid(self):
        value = (0.5 * (1 + np.tanh(0.5 * self.data))).astype(self.data.dtype)
        return self._map(value, value * (1 - value))

    def logsumexp(self, axis):
        m = self.data.max(axis=axis, keepdims=True)
        shape = np.squeeze(m, axis).shape
        return ((self - m).exp().sum(axis=axis, keepdims=True).log() + m).reshape(shape)

    def backward(self, grad=None):
        order = topo_sort(self)
        for node in order:
            node.grad = np.zeros_like(node.data)
        self.grad = np.ones_like(self.data) if grad is None else grad.copy()
        for node in reversed(order):
            node._backward()


class TwoLayerNet:
    def __init__(self, D, m, K, rng):
        W1 = rng.normal(0, math.sqrt(2 / D), size=(D, m))
        W2 = rng.normal(0, math.sqrt(2 / m), size=(m, K))
        self.params = {"W1": W1, "b1": np.zeros(m), "W2": W2, "b2": np.zeros((K,))}

    def _cost(self, X, Y, lam):
        p = {name: Tensor(value) for name, value in self.params.items()}
        scores = (X @ p["W1"] + p["b1"]).relu() @ p["W2"] + p["b2"]
        data = (scores.logsumexp(1) - (scores * Y).sum(axis=1)).mean()
        return p, data + lam * ((p["W1"] ** 2).sum() + (p["W2"] ** 2).sum())

    def forward(self, X):
        H = np.maximum(X @ self.params["W1"] + self.params["b1"], 0)
        scores = Tensor(H @ self.params["W2"] + self.params["b2"])
        return np.exp(scores.data - scores.logsumexp(1).data[:, None])

    def cost(self, X, Y, lam):
        return self._cost(X, Y, lam)[1].data

    def gradients(self, X, Y, lam):
        p, cost = self._cost(X, Y, lam)
        cost.backward()
        return {name: tensor.grad for name, tensor in p.items()}


def cyclical_lr(t, n_s, eta_min, eta_max):
    cycle = math.floor(t / (2 * n_s))
    if t - 2 * cycle * n_s <= n_s:
        return eta_min + (t - 2 * cycle * n_s) / n_s * (eta_max - eta_min)
    return eta_max - (t - (2 * cycle + 1) * n_s) / n_s * (eta_max - eta_min)


def train(net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val=None, Y_val=None):
    history = {"train_cost": [], "train_accuracy": []}
    if X_val is not None:
        history.update(val_cost=[], val_accuracy=[])

    def measure():
        for name, x, y in (("train", X, Y), ("val", X_val, Y_val)):
            if x is not None:
                history[name + "_cost"].append(float(net.cost(x, y, lam)))
                predictions = np.argmax(net.forward(x), axis=1)
                history[name + "_accuracy"].append(float((predictions == y.argmax(1)).mean()))

    t = 0
    while t < n_steps:
        order = np.arange(len(X))
        rng.shuffle(order)
        for start in range(0, len(X), n_batch):
            rows = order[start : start + n_batch]
            grads = net.gradients(X[rows], Y[rows], lam)
            for name in net.params:
                net.params[name] = net.params[name] - schedule(t) * grads[name]
            net.params = net.params
            t += 1
            if t == n_steps and start + n_batch < len(X):
                measure()
                return history
            if t == n_steps:
                break
        measure()
    return history


def lambda_search(X, Y, X_val, Y_val, lams, rng, *, m, n_s, eta_min, eta_max, n_batch, n_steps):
    best, best_accuracy, table = None, -1.0, []
    for lam in lams:
        net = TwoLayerNet(X.shape[1], m, Y.shape[1], rng)
        train(net, X, Y, lam, lambda t: cyclical_lr(t, n_s, eta_min, eta_max), n_batch, n_steps, rng)
        accuracy = float(np.mean(net.forward(X_val).argmax(1) == Y_val.argmax(1)))
        table.append({"val_accuracy": accuracy, "lam": lam, "net": None})
        if accuracy > best_accuracy:
            best, best_accuracy = lam, accuracy
    return best, table


def score_matrices(dtype, low, high):
    width = np.dtype(dtype).itemsize * 8
    shape = st.tuples(st.integers(1, 4), st.integers(1, 6))
    return hnp.arrays(dtype, shape, elements=st.floats(low, high, width=width))


def properties_of_softmax(softmax):
    @settings(max_examples=40)
    @given(score_matrices(np.float64, -30, 30))
    def ratios(S):
        S0 = S.copy()
        P = softmax(S)
        assert P.shape == S.shape and (P > 0).all()  # noqa: PT018
        assert (S == S0).all()
        assert np.allclose(P.sum(1), 1)
        # ln p_i − ln p_j = s_i − s_j
        assert np.allclose(np.log(P) - np.log(P[:, :1]), S - S[:, :1], atol=1e-6)

    @given(score_matrices(np.float32, -1000, 1000))
    def large(S):
        P = softmax(S)
        assert P.dtype == S.dtype
        assert np.isfinite(P).all()
        assert np.allclose(P.sum(1), 1, atol=1e-5)
        for row, scores in zip(P, S, strict=True):
            assert np.allclose(row, softmax(scores[None, :])[0], atol=1e-6)
            assert row[scores.argmax()] == row.max()

    @given(score_matrices(np.float64, -5, 5), st.sampled_from([-900.0, 900.0]))
    def shifted(S, c):
        shifted = S.copy()
        shifted[0] += c
        assert np.allclose(softmax(shifted), softmax(S))

    @given(st.integers(2, 5))
    def extremes(K):
        S = np.zeros((2, K))
        S[0, 0], S[1, -1] = 5000.0, -5000.0
        S[0, -1] = -5000.0
        P = softmax(S)
        assert np.isfinite(P).all()
        assert np.isclose(P[0, 0], 1)
        assert np.allclose(P[1, :-1], 1 / (K - 1))

    ratios()
    large()
    shifted()
    extremes()


def properties_of_split(split):
    @given(data=st.data())
    def works(data):
        N = data.draw(st.integers(1, 20))
        X = data.draw(hnp.arrays(np.float64, (N, 2), elements=st.integers(0, 3).map(float)))
        y = data.draw(hnp.arrays(np.int64, (N,), elements=st.integers(0, 4)))
        fraction = data.draw(st.floats(0, 0.99))
        seed = data.draw(st.integers(0, 1000))
        copies = X.copy(), y.copy()
        result = split(X, y, fraction, np.random.default_rng(seed))
        assert all((a == b).all() for a, b in zip((X, y), copies, strict=True))
        a, b, c, d = result
        assert [a.dtype, b.dtype, c.dtype, d.dtype] == [X.dtype, y.dtype] * 2
        assert c.shape == (int(fraction * N), 2) and d.shape == (int(fraction * N),)  # noqa: PT018
        together = np.column_stack([np.vstack([a, c]), np.concatenate([b, d])])
        given = np.column_stack([X, y])
        assert together.shape == given.shape
        assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, given.tolist()))
        again = split(X, y, fraction, np.random.default_rng(seed))
        assert all(np.array_equal(p, q) for p, q in zip(result, again, strict=True))

    works()
    for fraction in (0.0, 0.5):  # and two that need no drawing
        X, y = np.arange(60.0).reshape(30, 2), np.arange(30)
        splits = [split(X, y, fraction, np.random.default_rng(seed)) for seed in range(4)]
        for a, b, c, d in splits:
            assert len(a) == len(b) == 30 - len(c) == 30 - len(d)
            assert (a[:, 0] == 2 * b).all() and (c[:, 0] == 2 * d).all()  # noqa: PT018
        if fraction:
            assert len({tuple(sorted(s[3].tolist())) for s in splits}) > 1
