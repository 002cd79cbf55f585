"""Nodes sorted by the number they were made with, helper nodes everywhere, tests without Hypothesis, 0-d scalars."""

import numpy as np


def numeric_gradient(f, x, h=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + h
        above = f(x)
        x[index] = kept - h
        below = f(x)
        x[index] = kept  # not += h: (kept - h) + h may round to another number
        gradient[index] = (above - below) / (2 * h)
    return gradient


def relative_error(a, n, eps=1e-8):
    return np.array(max((np.abs(a - n) / np.clip(np.abs(a) + np.abs(n), eps, None)).flat))


def unbroadcast(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(axis for axis, n in enumerate(shape) if n == 1)
    return grad.sum(axis=stretched, keepdims=True)


class Tensor:
    count = 0
    """An array that remembers how it was computed, so that it can be differentiated (reverse mode).

    .data is an array of float32 or float64; .grad is None, or an array of the same shape and dtype. The operators take
    a Tensor, a number or an array on either side and broadcast like NumPy; numbers and arrays are constants. Every
    operation returns a new Tensor, and none changes its operands.
    """

    __array_ufunc__ = None  # lets `array * tensor` come to Tensor.__rmul__; NumPy would multiply entry by entry

    def __init__(self, data, parents=(), pullbacks=()):
        self.data = np.asarray(data)
        self.grad = None
        Tensor.count += 1
        self.number = Tensor.count
        self.parents = parents
        self.pullbacks = pullbacks  # for each of them a function: gradient of this node -> what the parent gets of it

    def lift(self, other):
        if isinstance(other, Tensor):
            return other
        return Tensor(other if isinstance(other, np.ndarray) else np.asarray(other, self.data.dtype))

    def __add__(self, other):
        other = self.lift(other)
        a, b = self.data, other.data
        return Tensor(a + b, (self, other), (lambda g: unbroadcast(g, a.shape), lambda g: unbroadcast(g, b.shape)))

    def __radd__(self, other):
        return self.lift(other) + self

    def __neg__(self):
        return 0 - self

    def __sub__(self, other):
        return self + self.lift(other) * -1

    def __rsub__(self, other):
        return (self - other) * -1

    def __mul__(self, other):
        other = self.lift(other)
        a, b = self.data, other.data
        to_a, to_b = lambda g: unbroadcast(g * b, a.shape), lambda g: unbroadcast(g * a, b.shape)
        return Tensor(a * b, (self, other), (to_a, to_b))

    def __rmul__(self, other):
        return self.lift(other) * self

    def __truediv__(self, other):
        other = self.lift(other)
        a, b = self.data, other.data
        to_a, to_b = lambda g: unbroadcast(g / b, a.shape), lambda g: unbroadcast(-g * a / b**2, b.shape)
        return Tensor(np.divide(a, b), (self, other), (to_a, to_b))

    def __rtruediv__(self, other):
        return self.lift(other) / self

    def __pow__(self, exponent):
        a = self.data
        return Tensor(a**exponent, (self,), (lambda g: g * exponent * a ** (exponent - 1),))

    def __matmul__(self, other):
        other = self.lift(other)
        a, b = self.data, other.data
        A = a[None, :] if a.ndim == 1 else a  # a vector is a row on the left, a column on the right
        B = b[:, None] if b.ndim == 1 else b
        full = (A @ B).shape

        def to_a(g):
            return unbroadcast(g.reshape(full) @ B.swapaxes(-1, -2), A.shape).reshape(a.shape)

        def to_b(g):
            return unbroadcast(A.swapaxes(-1, -2) @ g.reshape(full), B.shape).reshape(b.shape)

        return Tensor(a @ b, (self, other), (to_a, to_b))

    def __rmatmul__(self, other):
        return self.lift(other) @ self

    def sum(self, axis=None, keepdims=False):
        a = self.data
        kept = a.sum(axis=axis, keepdims=True).shape
        pull = lambda g: np.broadcast_to(g.reshape(kept), a.shape)  # noqa: E731
        return Tensor(a.sum(axis=axis, keepdims=keepdims), (self,), (pull,))

    def mean(self, axis=None, keepdims=False):
        count = np.mean(np.zeros_like(self.data), axis=axis).size
        return self.sum(axis=axis, keepdims=keepdims) / (self.data.size // count)

    def reshape(self, *shape):
        a = self.data
        return Tensor(a.reshape(*shape), (self,), (lambda g: g.reshape(a.shape),))

    def transpose(self, *axes):
        order = [axis % self.data.ndim for axis in axes] or list(range(self.data.ndim))[::-1]
        return Tensor(self.data.transpose(order), (self,), (lambda g: g.transpose(np.argsort(order)),))

    def exp(self):
        out = np.exp(self.data)
        return Tensor(out, (self,), (lambda g: g * out,))

    def log(self):
        a = self.data
        return Tensor(np.log(a), (self,), (lambda g: g / a,))

    def relu(self):
        positive = np.heaviside(self.data, 0.25)
        return Tensor(np.where(self.data < 0, 0, self.data), (self,), (lambda g: g * positive,))

    def tanh(self):
        out = np.tanh(self.data)
        return Tensor(out, (self,), (lambda g: g * (1 - out**2),))

    def sigmoid(self):
        decay = np.exp(-np.abs(self.data))  # in (0, 1], whatever the sign
        out = np.where(self.data >= 0, 1, decay) / (1 + decay)
        return Tensor(out, (self,), (lambda g: g * out * (1 - out),))

    def logsumexp(self, axis):
        top = self.data.max(axis=axis, keepdims=True)
        E = np.exp(self.data - top)
        total = E.sum(axis=axis, keepdims=True)
        softmax = E / total
        out = np.squeeze(np.log(total) + top, axis=axis)
        return Tensor(out, (self,), (lambda g: np.expand_dims(g, axis) * softmax,))

    def backward(self, grad=None):
        order = topo_sort(self)
        for node in order:
            node.grad = None
        self.grad = np.ones_like(self.data) * (1 if grad is None else grad)
        for node in reversed(order):
            for parent, pull in zip(node.parents, node.pullbacks, strict=True):
                share = pull(node.grad)
                parent.grad = share if parent.grad is None else parent.grad + share


def topo_sort(root):
    found, todo = {root.number: root}, [root]
    while todo:
        for parent in todo.pop().parents:
            if parent.number not in found:
                found[parent.number] = parent
                todo.append(parent)
    return [found[number] for number in sorted(found)]


class TwoLayerNet:
    """D inputs, m hidden units with ReLU, K classes with softmax.

    .params is a dict: 'W1' (D, m), 'b1' (m,), 'W2' (m, K), 'b2' (K,). Whoever assigns a new dict to it has the network
    use that one from then on, in its dtype.
    """

    def __init__(self, D, m, K, rng):
        self.params = {
            "W1": rng.standard_normal((m, D)).T * D**-0.5,
            "b1": np.zeros(m),
            "W2": rng.standard_normal((m, K)) * np.sqrt(2 / m),
            "b2": np.zeros(K),
        }

    def forward(self, X):
        p = self.params
        H = np.maximum(0, X @ p["W1"] + p["b1"])
        S = H @ p["W2"] + p["b2"]
        E = np.exp(S - S.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)

    def cost(self, X, Y, lam):
        right = (self.forward(X) * Y).sum(axis=1)
        return -np.log(right).mean() + lam * sum(np.sum(self.params[name] ** 2) for name in ("W1", "W2"))

    def gradients(self, X, Y, lam):
        p = self.params
        H = np.maximum(0, X @ p["W1"] + p["b1"])  # (N, m)
        dS = (self.forward(X) - Y) / len(X)  # (N, K)
        dA = (dS @ p["W2"].T) * (H > 0)  # (N, m): before the ReLU
        return {
            "W1": X.T @ dA + 2 * lam * p["W1"],
            "b1": dA.sum(axis=0),
            "W2": H.T @ dS + 2 * lam * p["W2"],
            "b2": dS.sum(axis=0),
        }


def cyclical_lr(t, n_s, eta_min, eta_max):
    cycle = np.floor(1 + t / (2 * n_s))
    x = np.abs(t / n_s - 2 * cycle + 1)
    return float(eta_min + (eta_max - eta_min) * max(0.0, 1 - x))  # as Smith writes it


def train(net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val=None, Y_val=None):
    parts = {"train": (X, Y)} if X_val is None else {"train": (X, Y), "val": (X_val, Y_val)}
    history = {f"{part}_{measure}": [] for part in parts for measure in ("cost", "accuracy")}
    N = X.shape[0]
    order = []
    for t in range(n_steps):
        if len(order) == 0:
            order = rng.permutation(N)
        batch, order = order[:n_batch], order[n_batch:]
        gradients = net.gradients(X[batch], Y[batch], lam)
        eta = schedule(t)
        for name in list(net.params):
            net.params[name] -= eta * gradients[name]
        if len(order) == 0 or t == n_steps - 1:
            for part, (X_part, Y_part) in parts.items():
                hits = net.forward(X_part).argmax(axis=1) == Y_part.argmax(axis=1)
                history[f"{part}_cost"].append(net.cost(X_part, Y_part, lam))
                history[f"{part}_accuracy"].append(hits.mean())
    return history


def lambda_search(X, Y, X_val, Y_val, lams, rng, *, m, n_s, eta_min, eta_max, n_batch, n_steps):
    table = []
    for lam in lams:
        net = TwoLayerNet(X.shape[1], m, Y.shape[1], rng)
        schedule = lambda t: cyclical_lr(t, n_s, eta_min, eta_max)  # noqa: E731
        history = train(net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val, Y_val)
        table.append({"lam": lam, "val_accuracy": history["val_accuracy"][-1]})
    ranked = sorted(table, key=lambda row: -row["val_accuracy"])
    return float(ranked[0]["lam"]), tuple(table)


def properties_of_softmax(softmax):
    """Without Hypothesis: a loop over seeds, and cases written down."""
    rng = np.random.default_rng(1)
    for dtype, tolerance in ((np.float64, 1e-7), (np.float32, 1e-4)):
        for _ in range(10):
            S = rng.normal(0, 4, rng.integers(1, 6, 2)).astype(dtype)
            before = S.copy()
            P = softmax(S)
            np.testing.assert_array_equal(S, before)
            assert P.dtype == dtype
            exact = [np.exp(row) / np.exp(row).sum() for row in S.astype(float)]
            np.testing.assert_allclose(P, exact, rtol=tolerance, atol=1e-8)
    high = np.array([[1000.0, 1001.0, 990.0], [-1000.0, -999.0, -1010.0], [40.0, 0.0, 3000.0]])
    np.testing.assert_allclose(softmax(high)[:2], softmax(high[:2] - [[1000.0], [-1000.0]]), rtol=1e-6)
    np.testing.assert_allclose(softmax(high)[2], [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(softmax(np.array([[0.0, 50.0, 49.0]]))[0, 1:], [1 / (1 + np.exp(-1)), 1 / (1 + np.e)])


def properties_of_split(split):
    """Without Hypothesis."""
    chosen = set()
    for N in (1, 2, 3, 10, 31):
        for fraction in (0, 0.1, 0.5, 0.75):
            for seed in range(3):
                X = np.repeat(np.arange(N, dtype=float)[:, None] // 2, 2, axis=1)
                y = (np.arange(N) // 2).astype(np.int32)
                x_copy, y_copy = X.copy(), y.copy()
                X1, y1, X2, y2 = split(X, y, fraction, np.random.default_rng(seed))
                if not (np.array_equal(X, x_copy) and np.array_equal(y, y_copy)):
                    raise AssertionError("inputs")
                assert y1.dtype == y2.dtype == np.int32, "dtype"
                assert len(X2) == len(y2) == int(fraction * N), "size"
                assert sorted([*y1, *y2]) == sorted(y), "each once"
                assert (X1[:, 0] == y1).all(), "pairs"
                assert (X2[:, 0] == y2).all(), "pairs"
                again = split(X, y, fraction, np.random.default_rng(seed))
                assert np.array_equal(again[3], y2), "rng"
                if N == 31 and fraction == 0.5:
                    chosen.add(tuple(sorted(y2)))
    assert len(chosen) == 3, "always the same"
