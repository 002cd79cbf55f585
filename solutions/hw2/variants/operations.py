"""One class for each operation with forward and backward, as torch.autograd.Function; Kahn's algorithm; weak links."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st


def numeric_gradient(f, x, h=1e-5):
    def at(index, value):
        old = x[index]
        x[index] = value
        try:
            return np.float64(f(x))
        finally:
            x[index] = old

    grad = np.empty(x.shape)
    with np.nditer(x, flags=["multi_index"]) as entries:
        places = [entries.multi_index for _ in entries]
    for index in places:
        grad[index] = (at(index, x[index] + h) - at(index, x[index] - h)) / (2 * h)
    return grad


def relative_error(a, n, eps=1e-8):
    total = np.abs(a) + np.abs(n)
    return (np.abs(a - n) / np.where(total > eps, total, eps)).max()


def unbroadcast(grad, shape):
    padded = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    axes = tuple(axis for axis in range(grad.ndim) if padded[axis] != grad.shape[axis])
    return grad.sum(axis=axes, keepdims=True).reshape(shape)


class Operation:
    """Keeps its operands, and what backward needs."""

    def __init__(self, *operands):
        self.operands = operands

    @classmethod
    def apply(cls, *operands, **options):
        operation = cls(*operands)
        out = operation.forward(*(operand.data for operand in operands), **options)
        return Tensor(out, operation)


class Add(Operation):
    def forward(self, a, b):
        return a + b

    def backward(self, g):
        return g, g


class Subtract(Operation):
    def forward(self, a, b):
        return a - b

    def backward(self, g):
        return g, -g


class Multiply(Operation):
    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, g):
        return g * self.b, g * self.a


class Divide(Operation):
    def forward(self, a, b):
        self.b, self.out = b, a / b
        return self.out

    def backward(self, g):
        return g / self.b, -g * self.out / self.b


class Power(Operation):
    def forward(self, a, n):
        self.a, self.n = a, n
        return np.power(a, n)

    def backward(self, g):
        return (g * self.n * self.a ** (self.n - 1),)


class MatMul(Operation):
    def forward(self, a, b):
        self.a, self.b = a, b
        return np.matmul(a, b)

    def backward(self, g):
        a, b, g = self.a, self.b, np.asarray(g)
        if b.ndim == 1:
            g = g[..., None]
        if a.ndim == 1:
            g = np.expand_dims(g, -2)
        columns = b[:, None] if b.ndim == 1 else b
        rows = a[None] if a.ndim == 1 else a
        da = unbroadcast(g @ np.swapaxes(columns, -1, -2), rows.shape)
        db = unbroadcast(np.swapaxes(rows, -1, -2) @ g, columns.shape)
        return np.reshape(da, a.shape), np.reshape(db, b.shape)


class Sum(Operation):
    def forward(self, a, axis, keepdims):
        self.shape = a.shape
        axes = range(a.ndim) if axis is None else np.atleast_1d(axis)
        self.kept = [1 if i in [k % max(a.ndim, 1) for k in axes] else n for i, n in enumerate(a.shape)]
        return np.sum(a, axis=axis, keepdims=keepdims)

    def backward(self, g):
        return (np.broadcast_to(np.reshape(g, self.kept), self.shape),)


class Reorder(Operation):
    """reshape and transpose: entry i of the result is entry source[i] of the operand."""

    def forward(self, a, move):
        self.shape = a.shape
        self.source = move(np.arange(a.size).reshape(a.shape))
        return a.ravel()[self.source]

    def backward(self, g):
        out = np.zeros(int(np.prod(self.shape)), dtype=np.asarray(g).dtype)
        np.add.at(out, self.source, g)
        return (out.reshape(self.shape),)


class Map(Operation):
    """An entry-wise function, and its slope by input and output."""

    def forward(self, a, function, slope):
        self.a, self.slope = a, slope
        self.out = np.asarray(function(a), dtype=a.dtype)
        return self.out

    def backward(self, g):
        return (g * np.asarray(self.slope(self.a, self.out), dtype=self.a.dtype),)


class LogSumExp(Operation):
    def forward(self, a, axis):
        self.axis = axis
        out = np.logaddexp.reduce(a, axis=axis, keepdims=True)
        self.softmax = np.exp(a - out)
        return out.squeeze(axis)

    def backward(self, g):
        return (np.expand_dims(np.asarray(g), self.axis) * self.softmax,)


def stable_sigmoid(a):
    out = np.empty_like(a)
    positive = a >= 0
    out[positive] = 1 / (1 + np.exp(-a[positive]))
    out[~positive] = np.exp(a[~positive]) / (1 + np.exp(a[~positive]))
    return out


class Tensor:
    __slots__ = ("__weakref__", "data", "grad", "operation")
    __array_ufunc__ = None

    def __init__(self, data, operation=None):
        self.data, self.grad, self.operation = np.asarray(data), None, operation

    def __constant(self, value):
        if type(value) is Tensor:
            return value
        return Tensor(np.array(value, dtype=self.data.dtype))

    def __add__(self, other):
        return Add.apply(self, self.__constant(other))

    def __radd__(self, other):
        return Add.apply(self.__constant(other), self)

    def __sub__(self, other):
        return Subtract.apply(self, self.__constant(other))

    def __rsub__(self, other):
        return Subtract.apply(self.__constant(other), self)

    def __mul__(self, other):
        return Multiply.apply(self, self.__constant(other))

    def __rmul__(self, other):
        return Multiply.apply(self.__constant(other), self)

    def __truediv__(self, other):
        return Divide.apply(self, self.__constant(other))

    def __rtruediv__(self, other):
        return Divide.apply(self.__constant(other), self)

    def __neg__(self):
        return 0.0 - self

    def __pow__(self, n):
        return Power.apply(self, n=n)

    def __matmul__(self, other):
        return MatMul.apply(self, self.__constant(other))

    def __rmatmul__(self, other):
        return MatMul.apply(self.__constant(other), self)

    def sum(self, axis=None, keepdims=False):
        return Sum.apply(self, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total / (self.data.size // max(total.data.size, 1))

    def reshape(self, *shape):
        return Reorder.apply(self, move=lambda array: array.reshape(*shape))

    def transpose(self, *axes):
        return Reorder.apply(self, move=lambda array: array.transpose(*axes))

    def exp(self):
        return Map.apply(self, function=np.exp, slope=lambda x, y: y)

    def log(self):
        return Map.apply(self, function=np.log, slope=lambda x, y: 1 / x)

    def relu(self):
        return Map.apply(self, function=lambda x: (x + np.abs(x)) / 2, slope=lambda x, y: (np.sign(x) + 1) / 2)

    def tanh(self):
        return Map.apply(self, function=np.tanh, slope=lambda x, y: (1 - y) * (1 + y))

    def sigmoid(self):
        return Map.apply(self, function=stable_sigmoid, slope=lambda x, y: y - y**2)

    def logsumexp(self, axis):
        return LogSumExp.apply(self, axis=axis)

    def backward(self, grad=None):
        order = topo_sort(self)
        shares = {id(node): [] for node in order}
        shares[id(self)].append(np.ones(self.data.shape, self.data.dtype) if grad is None else +np.asarray(grad))
        for node in order[::-1]:
            node.grad = np.asarray(sum(shares[id(node)][1:], shares[id(node)][0]))
            if node.operation is not None:
                parts = node.operation.backward(node.grad)
                for operand, part in zip(node.operation.operands, parts, strict=True):
                    shares[id(operand)].append(unbroadcast(np.asarray(part), operand.data.shape))


def topo_sort(root):
    """Kahn (1962), from the root backwards."""
    uses, found = {id(root): 0}, [root]
    for node in found:
        for operand in node.operation.operands if node.operation else ():
            if id(operand) not in uses:
                uses[id(operand)] = 0
                found.append(operand)
            uses[id(operand)] += 1
    ready, order = [root], []
    while ready:
        node = ready.pop()
        order.append(node)
        for operand in node.operation.operands if node.operation else ():
            uses[id(operand)] -= 1
            if not uses[id(operand)]:
                ready.append(operand)
    order.reverse()
    return order


class TwoLayerNet:
    __slots__ = ("params",)

    def __init__(self, D, m, K, rng):
        bound1, bound2 = np.sqrt(6 / D), np.sqrt(6 / m)
        self.params = {
            "W2": rng.uniform(-bound2, bound2, (m, K)),
            "W1": rng.uniform(-bound1, bound1, (D, m)),
            "b2": np.zeros(K),
            "b1": np.zeros(m),
        }

    def _log_probabilities(self, X):
        A = X @ self.params["W1"] + self.params["b1"]
        H = np.where(A > 0, A, 0)
        S = H @ self.params["W2"] + self.params["b2"]
        return A, H, S - np.logaddexp.reduce(S, axis=1, keepdims=True)

    def forward(self, X):
        return np.exp(self._log_probabilities(X)[2])

    def cost(self, X, Y, lam):
        log_P = self._log_probabilities(X)[2]
        W1, W2 = self.params["W1"], self.params["W2"]
        return -np.einsum("nk,nk->", Y, log_P) / len(X) + lam * (np.vdot(W1, W1) + np.vdot(W2, W2))

    def gradients(self, X, Y, lam):
        A, H, log_P = self._log_probabilities(X)
        G = (np.exp(log_P) - Y) / X.shape[0]
        back = np.einsum("nk,mk->nm", G, self.params["W2"])
        back[A <= 0] = 0
        ones = np.ones(len(X), X.dtype)
        return {
            "b1": ones @ back,
            "b2": ones @ G,
            "W1": np.einsum("nd,nm->dm", X, back) + lam * (self.params["W1"] + self.params["W1"]),
            "W2": np.einsum("nm,nk->mk", H, G) + 2 * lam * self.params["W2"],
        }


def cyclical_lr(t, n_s, eta_min, eta_max):
    return eta_min + (eta_max - eta_min) * np.arccos(np.cos(np.pi * t / n_s)) / np.pi


def train(net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val=None, Y_val=None):
    N = len(X)
    per_epoch = int(np.ceil(N / n_batch))
    history = {}

    def record(part, X_part, Y_part):
        P = net.forward(X_part)
        right = np.argmax(P, axis=1) == np.argmax(Y_part, axis=1)
        history.setdefault(f"{part}_cost", []).append(net.cost(X_part, Y_part, lam))
        history.setdefault(f"{part}_accuracy", []).append(np.count_nonzero(right) / len(right))

    for t in range(n_steps):
        if t % per_epoch == 0:
            batches = np.split(rng.permutation(N), range(n_batch, N, n_batch))
        rows = batches[t % per_epoch]
        slopes = net.gradients(X[rows], Y[rows], lam)
        for name, value in net.params.items():
            value -= schedule(t) * slopes[name]  # in place
        if (t + 1) % per_epoch == 0 or t + 1 == n_steps:
            record("train", X, Y)
            if X_val is not None:
                record("val", X_val, Y_val)
    return history


def lambda_search(X, Y, X_val, Y_val, lams, rng, *, m, n_s, eta_min, eta_max, n_batch, n_steps):
    def judged(lam):
        net = TwoLayerNet(X.shape[1], m, Y.shape[1], rng)
        history = train(
            net, X, Y, lam=lam, rng=rng, n_steps=n_steps, n_batch=n_batch, X_val=X_val, Y_val=Y_val,
            schedule=lambda t: cyclical_lr(t, n_s, eta_min, eta_max),
        )  # fmt: skip
        return {"lam": lam, "val_accuracy": history["val_accuracy"][-1], "train_cost": history["train_cost"][-1]}

    table = [judged(lam) for lam in lams]
    return table[int(np.argmax([row["val_accuracy"] for row in table]))]["lam"], table


def properties_of_softmax(softmax):
    """Against another softmax, in higher precision where there is one."""

    def check(S):
        S = np.asarray(S)
        kept = S.copy()
        P = softmax(S)
        wide = S.astype(np.longdouble)
        E = np.exp(wide - wide.max(axis=1)[:, None])
        expected = E / E.sum(axis=1)[:, None]
        assert P.dtype == S.dtype, "dtype"
        assert np.abs(P - expected).max() <= (1e-10 if S.dtype == np.float64 else 1e-5), "values"
        assert np.array_equal(kept, S), "changed in place"

    @given(
        seed=st.integers(0, 10**6),
        shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
        scale=st.sampled_from([1.0, 10.0, 1e3, 1e6]),
        dtype=st.sampled_from(["float32", "float64"]),
    )
    def equals_the_oracle(seed, shape, scale, dtype):
        check((scale * np.random.default_rng(seed).standard_normal(shape)).astype(dtype))

    equals_the_oracle()
    check([[1e4, 1e4, -1e4], [0.0, 0.1, 0.2], [-2e4, -2e4 + 1, -2e4]])


def properties_of_split(split):
    @given(st.integers(1, 25), st.sampled_from([0, 0.2, 1 / 3, 0.8]), st.integers(0, 10**6), st.sampled_from([1, 2]))
    def test(N, fraction, seed, copies):
        X = (np.arange(N, dtype=np.float32) // copies)[:, None]
        y = np.arange(N) // copies * 10
        X0, y0 = X.tobytes(), y.tobytes()
        parts = split(X, y, fraction, np.random.default_rng(seed))
        assert (X.tobytes(), y.tobytes()) == (X0, y0)
        twin = split(X, y, fraction, np.random.default_rng(seed))
        for part, other, original in zip(parts, twin, (X, y, X, y), strict=True):
            assert part.dtype == original.dtype
            assert np.array_equal(part, other)
        Xt, yt, Xv, yv = parts
        assert len(Xv) == len(yv) == int(fraction * N)
        assert len(Xt) == len(yt) == N - int(fraction * N)
        assert sorted(np.concatenate([yt, yv])) == sorted(y)
        assert np.array_equal(10 * Xt[:, 0], yt)
        assert np.array_equal(10 * Xv[:, 0], yv)

    test()
    X, y = np.arange(100.0).reshape(50, 2), np.arange(50)
    seen = [tuple(np.sort(split(X, y, 0.5, np.random.default_rng(seed))[3])) for seed in range(10)]
    assert len(set(seen)) == 10
