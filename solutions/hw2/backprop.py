# %% [markdown]
# # Assignment 2 · Backpropagation
#
# Nobody derives the gradient of a deep network by hand twice. In this assignment you build the machine that does it: a
# `Tensor` that remembers how it was computed, and a `backward` that walks through that memory in reverse. Then you
# train a network with one hidden layer, whose gradient you write by hand, and you learn to distrust code in two ways:
# by numerical gradients, and by property tests of your own.
#
# Every formula is derived in the handout, `README.md`. The rules that hold for all functions:
#
# - Rows are samples: `X (N, D)`, `Y (N, K)` one-hot. Losses are **means** over the samples; every cost includes the
#   regulariser `lam * sum(W**2)` of both weight matrices, never of biases.
# - The dtype that comes in goes out, for float32 and for float64. Numbers are Python floats and change no dtype.
# - No function changes its arguments, except where it says so, and randomness comes only from the `rng` passed in.
#
# Replace each `raise NotImplementedError()` by your answer. The cell below a task runs its public checks.

# %%
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

# %% [markdown]
# ## 1 · Checking gradients
#
# A derivative is a limit of quotients, and the quotient is a program of three lines. It is too slow to train with, one
# entry costs two evaluations, but it is nearly impossible to get wrong. So it is the judge of every gradient to come.


# %%
def numeric_gradient(f, x, h=1e-5):
    """The gradient of f at x by central differences, (f(x + h e_i) - f(x - h e_i)) / 2h for every entry i.

    f is called as f(x) and returns a scalar; x is a float64 array of any shape. Move the entries of **x itself**, one
    at a time, and call f with it: f may ignore its argument and read the x that it knows from elsewhere, as a network
    reads its parameters. When you return, x is as it was, bit for bit. Returns a new array of the shape of x.
    """
    ### BEGIN SOLUTION
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
    ### END SOLUTION


# %%
def relative_error(a, n, eps=1e-8):
    """How far two gradients are apart: the largest of |a - n| / max(eps, |a| + |n|) over the entries; a scalar.

    a and n are arrays of one shape. Near 1e-9 is agreement, above 1e-4 a mistake; 1 says that a sign is wrong, or that
    one of them is 0. eps keeps two entries that are nearly 0 from being compared digit by digit.
    """
    ### BEGIN SOLUTION
    return np.max(np.abs(a - n) / np.maximum(eps, np.abs(a) + np.abs(n)))
    ### END SOLUTION


# %% [markdown]
# ## 2 · A machine that differentiates
#
# Broadcasting copies: in `X @ W + b` one `b` is added to N rows. In the graph of the computation that is one node with
# N outgoing edges, and the gradients that come back along them add up.


# %%
def unbroadcast(grad, shape):
    """The gradient of an array of this shape, from the gradient of what NumPy made of it by broadcasting.

    grad has a shape to which `shape` broadcasts: axes were added in front, or axes of length 1 were stretched. Sum over
    both kinds. Returns an array of exactly `shape` (a tuple, maybe empty), in the dtype of grad.
    """
    ### BEGIN SOLUTION
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(axis for axis, n in enumerate(shape) if n == 1)
    return grad.sum(axis=stretched, keepdims=True)
    ### END SOLUTION


# %% [markdown]
# A `Tensor` is one node. It holds its value, `.data`, and, for each operand it was computed from, a **pullback**: the
# function that takes the gradient of the loss with respect to this node and returns the operand's share of it. The
# constructor below is given, and `backward` then needs no knowledge of any operation. (You may change all of it: only
# the behaviour that the docstrings describe is checked.)


# %%
class Tensor:
    """An array that remembers how it was computed, so that it can be differentiated (reverse mode).

    .data is an array of float32 or float64; .grad is None, or an array of the same shape and dtype. The operators take
    a Tensor, a number or an array on either side and broadcast like NumPy; numbers and arrays are constants. Every
    operation returns a new Tensor, and none changes its operands.
    """

    __array_ufunc__ = None  # lets `array * tensor` come to Tensor.__rmul__; NumPy would multiply entry by entry

    def __init__(self, data, parents=(), pullbacks=()):
        self.data = np.asarray(data)
        self.grad = None
        self.parents = parents  # the Tensors that this one was computed from
        self.pullbacks = pullbacks  # for each of them a function: gradient of this node -> what the parent gets of it

    def lift(self, other):
        """The other operand as a Tensor: an array as it is, a number in the dtype of this one."""
        if isinstance(other, Tensor):
            return other
        return Tensor(other if isinstance(other, np.ndarray) else np.asarray(other, self.data.dtype))

    def __add__(self, other):
        """self + other, broadcast."""
        ### BEGIN SOLUTION
        other = self.lift(other)
        a, b = self.data, other.data
        return Tensor(a + b, (self, other), (lambda g: unbroadcast(g, a.shape), lambda g: unbroadcast(g, b.shape)))
        ### END SOLUTION

    def __radd__(self, other):
        """other + self, where other is a number or an array."""
        ### BEGIN SOLUTION
        return self.lift(other) + self
        ### END SOLUTION

    def __neg__(self):
        """-self."""
        ### BEGIN SOLUTION
        return Tensor(-self.data, (self,), (lambda g: -g,))
        ### END SOLUTION

    def __sub__(self, other):
        """self - other, broadcast."""
        ### BEGIN SOLUTION
        return self + -self.lift(other)
        ### END SOLUTION

    def __rsub__(self, other):
        """other - self, where other is a number or an array."""
        ### BEGIN SOLUTION
        return self.lift(other) - self
        ### END SOLUTION

    def __mul__(self, other):
        """self * other, entry by entry, broadcast."""
        ### BEGIN SOLUTION
        other = self.lift(other)
        a, b = self.data, other.data
        to_a, to_b = lambda g: unbroadcast(g * b, a.shape), lambda g: unbroadcast(g * a, b.shape)
        return Tensor(a * b, (self, other), (to_a, to_b))
        ### END SOLUTION

    def __rmul__(self, other):
        """other * self, where other is a number or an array."""
        ### BEGIN SOLUTION
        return self.lift(other) * self
        ### END SOLUTION

    def __truediv__(self, other):
        """self / other, entry by entry, broadcast."""
        ### BEGIN SOLUTION
        other = self.lift(other)
        a, b = self.data, other.data
        to_a, to_b = lambda g: unbroadcast(g / b, a.shape), lambda g: unbroadcast(-g * a / b**2, b.shape)
        return Tensor(a / b, (self, other), (to_a, to_b))
        ### END SOLUTION

    def __rtruediv__(self, other):
        """other / self, where other is a number or an array."""
        ### BEGIN SOLUTION
        return self.lift(other) / self
        ### END SOLUTION

    def __pow__(self, exponent):
        """self ** exponent, where the exponent is a number."""
        ### BEGIN SOLUTION
        a = self.data
        return Tensor(a**exponent, (self,), (lambda g: g * exponent * a ** (exponent - 1),))
        ### END SOLUTION

    def __matmul__(self, other):
        """self @ other as NumPy has it: vectors, matrices, and stacks of matrices whose leading axes broadcast."""
        ### BEGIN SOLUTION
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
        ### END SOLUTION

    def __rmatmul__(self, other):
        """other @ self, where other is an array."""
        ### BEGIN SOLUTION
        return self.lift(other) @ self
        ### END SOLUTION

    def sum(self, axis=None, keepdims=False):
        """The sum over all axes, over one (negative ones count from the end), or over a tuple of them."""
        ### BEGIN SOLUTION
        a = self.data
        kept = a.sum(axis=axis, keepdims=True).shape
        pull = lambda g: np.broadcast_to(g.reshape(kept), a.shape)  # noqa: E731
        return Tensor(a.sum(axis=axis, keepdims=keepdims), (self,), (pull,))
        ### END SOLUTION

    def mean(self, axis=None, keepdims=False):
        """The mean over the same axes as `sum` takes."""
        ### BEGIN SOLUTION
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)
        ### END SOLUTION

    def reshape(self, *shape):
        """The same entries in another shape, given as numbers or as one tuple; one of them may be -1."""
        ### BEGIN SOLUTION
        a = self.data
        return Tensor(a.reshape(*shape), (self,), (lambda g: g.reshape(a.shape),))
        ### END SOLUTION

    def transpose(self, *axes):
        """The axes in another order, as in `x.transpose(1, 2, 0)`; in reverse if none are given."""
        ### BEGIN SOLUTION
        order = [axis % self.data.ndim for axis in axes] or list(range(self.data.ndim))[::-1]
        return Tensor(self.data.transpose(order), (self,), (lambda g: g.transpose(np.argsort(order)),))
        ### END SOLUTION

    def exp(self):
        """e to the power of each entry."""
        ### BEGIN SOLUTION
        out = np.exp(self.data)
        return Tensor(out, (self,), (lambda g: g * out,))
        ### END SOLUTION

    def log(self):
        """The natural logarithm of each entry."""
        ### BEGIN SOLUTION
        a = self.data
        return Tensor(np.log(a), (self,), (lambda g: g / a,))
        ### END SOLUTION

    def relu(self):
        """max(0, x) of each entry; the slope at 0 may be any number from 0 to 1."""
        ### BEGIN SOLUTION
        positive = self.data > 0
        return Tensor(self.data * positive, (self,), (lambda g: g * positive,))
        ### END SOLUTION

    def tanh(self):
        """The hyperbolic tangent of each entry."""
        ### BEGIN SOLUTION
        out = np.tanh(self.data)
        return Tensor(out, (self,), (lambda g: g * (1 - out**2),))
        ### END SOLUTION

    def sigmoid(self):
        """1 / (1 + exp(-x)) of each entry, for entries of any size."""
        ### BEGIN SOLUTION
        decay = np.exp(-np.abs(self.data))  # in (0, 1], whatever the sign
        out = np.where(self.data >= 0, 1, decay) / (1 + decay)
        return Tensor(out, (self,), (lambda g: g * out * (1 - out),))
        ### END SOLUTION

    def logsumexp(self, axis):
        """log(sum(exp(x))) along one axis, which is removed; right for entries of any size."""
        ### BEGIN SOLUTION
        top = self.data.max(axis=axis, keepdims=True)
        E = np.exp(self.data - top)
        total = E.sum(axis=axis, keepdims=True)
        softmax = E / total
        out = np.squeeze(np.log(total) + top, axis=axis)
        return Tensor(out, (self,), (lambda g: np.expand_dims(g, axis) * softmax,))
        ### END SOLUTION

    def backward(self, grad=None):
        """Fill .grad of every Tensor that this was computed from, and its own, with the gradient of sum(self * grad).

        grad is an array of the shape of self; ones if it is not given. Whatever stood in .grad of those Tensors before
        is cleared first, so a second call gives the same again. The array `grad` is not changed, neither now nor later.
        """
        ### BEGIN SOLUTION
        order = topo_sort(self)
        for node in order:
            node.grad = None
        self.grad = np.ones_like(self.data) if grad is None else np.array(grad)
        for node in reversed(order):
            for parent, pull in zip(node.parents, node.pullbacks, strict=True):
                share = pull(node.grad)
                parent.grad = share if parent.grad is None else parent.grad + share
        ### END SOLUTION


# %% [markdown]
# `backward` may visit a node only when its own gradient is complete: after **every** node that it was used in.
# Reversed, that is an order in which operands come before results.


# %%
def topo_sort(root):
    """The Tensors that root was computed from, each exactly once, operands before results, root last; a list.

    Constants, and helper nodes that your operators make, may be in the list or not. Chains are up to 900 nodes deep.
    """
    ### BEGIN SOLUTION
    order, seen, stack = [], set(), [(root, False)]
    while stack:  # a stack of our own: Python's holds a thousand calls
        node, operands_done = stack.pop()
        if operands_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(parent, False) for parent in node.parents]
    return order
    ### END SOLUTION


# %% [markdown]
# ## 3 · A network with one hidden layer
#
# $$H = \max(0, X W_1 + b_1), \qquad P = \mathrm{softmax}(H W_2 + b_2), \qquad
# J = -\frac1N \sum_i \ln P_{i y_i} + \lambda \Big(\sum W_1^2 + \sum W_2^2\Big).$$
#
# Write the gradient by hand, as derived in the handout (or let your `Tensor` compute it: then its mistakes count here,
# too).


# %%
class TwoLayerNet:
    """D inputs, m hidden units with ReLU, K classes with softmax.

    .params is a dict: 'W1' (D, m), 'b1' (m,), 'W2' (m, K), 'b2' (K,). Whoever assigns a new dict to it has the network
    use that one from then on, in its dtype.
    """

    def __init__(self, D, m, K, rng):
        """Biases start at 0; weights are random, float64, with mean 0 and variance 2 / (number of inputs)."""
        ### BEGIN SOLUTION
        self.params = {
            "W1": rng.standard_normal((D, m)) * np.sqrt(2 / D),
            "b1": np.zeros(m),
            "W2": rng.standard_normal((m, K)) * np.sqrt(2 / m),
            "b2": np.zeros(K),
        }
        ### END SOLUTION

    def forward(self, X):
        """The probabilities P (N, K) of samples X (N, D), stable for scores of any size."""
        ### BEGIN SOLUTION
        p = self.params
        H = np.maximum(0, X @ p["W1"] + p["b1"])
        S = H @ p["W2"] + p["b2"]
        E = np.exp(S - S.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)
        ### END SOLUTION

    def cost(self, X, Y, lam):
        """The mean cross-entropy of X (N, D) with one-hot Y (N, K), plus lam * (sum(W1**2) + sum(W2**2)); a scalar."""
        ### BEGIN SOLUTION
        right = (self.forward(X) * Y).sum(axis=1)
        return -np.log(right).mean() + lam * sum(np.sum(self.params[name] ** 2) for name in ("W1", "W2"))
        ### END SOLUTION

    def gradients(self, X, Y, lam):
        """The gradient of `cost` with respect to each entry of .params: a dict with the same keys and shapes."""
        ### BEGIN SOLUTION
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
        ### END SOLUTION


# %% [markdown]
# ## 4 · Training
#
# The step size goes up and down in a triangle (Smith, 2017): large steps explore, small ones settle, and nobody has to
# guess one size that fits the whole training.


# %%
def cyclical_lr(t, n_s, eta_min, eta_max):
    """The step size at update t (from 0): eta_min at t = 0, eta_max at t = n_s, eta_min at 2 n_s, and so on for ever.

    It rises and falls linearly in between. t is an int or a float, n_s the steps of half a cycle. Returns a float.
    """
    ### BEGIN SOLUTION
    position = t % (2 * n_s) / n_s  # in [0, 2)
    return eta_min + (eta_max - eta_min) * (1 - abs(position - 1))
    ### END SOLUTION


# %%
def train(net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val=None, Y_val=None):
    """Train a `TwoLayerNet` by mini-batch gradient descent for n_steps updates; net is changed, nothing else.

    X (N, D), Y (N, K) one-hot, lam a float; schedule(t) is the step size of update t = 0, 1, …, counted across epochs.
    Each epoch visits every sample once, in a new random order, in batches of n_batch samples (the last one may be
    shorter); training stops after n_steps updates, in the middle of an epoch if need be.

    Returns the history, a dict of lists: train_cost (with lam) and train_accuracy, with validation data also val_cost
    and val_accuracy. Each has one entry after every full epoch, and one after the last update unless that ended an
    epoch. All are measured on the whole of X, or of X_val.
    """
    ### BEGIN SOLUTION
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
        net.params = {name: net.params[name] - eta * gradients[name] for name in net.params}
        if len(order) == 0 or t == n_steps - 1:
            for part, (X_part, Y_part) in parts.items():
                hits = net.forward(X_part).argmax(axis=1) == Y_part.argmax(axis=1)
                history[f"{part}_cost"].append(net.cost(X_part, Y_part, lam))
                history[f"{part}_accuracy"].append(hits.mean())
    return history
    ### END SOLUTION


# %%
def lambda_search(X, Y, X_val, Y_val, lams, rng, *, m, n_s, eta_min, eta_max, n_batch, n_steps):
    """Train one fresh network with m hidden units for each lam of the list lams, and choose among them.

    Each network is new, `TwoLayerNet(D, m, K, rng)`, and trained by `train` with cyclical step sizes. Returns
    (best_lam, table): the lam whose network has the best accuracy on the validation set after its last update, the
    first of several that are equally good; and a list of dicts, one for each lam in the order of lams, with at least
    the keys 'lam' and 'val_accuracy'.
    """
    ### BEGIN SOLUTION
    table = []
    for lam in lams:
        net = TwoLayerNet(X.shape[1], m, Y.shape[1], rng)
        schedule = lambda t: cyclical_lr(t, n_s, eta_min, eta_max)  # noqa: E731
        history = train(net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val, Y_val)
        table.append({"lam": lam, "val_accuracy": history["val_accuracy"][-1]})
    best = max(table, key=lambda row: row["val_accuracy"])  # the first of several
    return best["lam"], table
    ### END SOLUTION


# %% [markdown]
# ## 5 · Tests of your own
#
# The checks of this course are property tests: they draw many inputs and say what must hold for **all** of them. Now
# you write such tests for two functions that you do not see. Each of your two functions below is called with one
# implementation at a time. Some are right, and you must let them pass, however they compute; the others have a mistake
# each, and you earn points for every one that you catch. To catch is to raise an AssertionError, as every Hypothesis
# test does that fails. How such a test looks:
#
# ```python
# def properties_of_sort(sort):
#     @given(x=arrays(np.float64, array_shapes(max_dims=1), elements=st.floats(-100, 100)))
#     def entries_ascend(x):
#         assert np.all(np.diff(sort(x)) >= 0)
#
#     entries_ascend()  # runs it: raises an AssertionError if some x breaks it
# ```
#
# One property is not enough: a sort that returns only zeros has ascending entries.


# %%
def properties_of_softmax(softmax):
    """Raise an AssertionError if `softmax` is wrong; return None if it is right.

    A right softmax(S) takes a matrix S (N, K) of finite floats, float32 or float64, with N, K >= 1, and returns a new
    matrix of the same shape and dtype with exp(s) / (sum of exp(s) over the row) for each entry s, for scores of any
    size and up to rounding. Rows do not influence each other, and S stays as it is.
    """
    ### BEGIN SOLUTION
    shapes = array_shapes(min_dims=2, max_dims=2, max_side=5)

    @given(S=arrays(np.float64, shapes, elements=st.floats(-20, 20)))
    def follows_the_definition(S):
        E = np.exp(S)
        np.testing.assert_allclose(softmax(S), E / E.sum(axis=1, keepdims=True), rtol=1e-9)

    @given(S=arrays(np.float32, shapes, elements=st.floats(-20, 20, width=32)))
    def keeps_float32(S):
        before, P = S.copy(), softmax(S)
        assert P.dtype == np.float32
        assert np.array_equal(S, before)
        np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)

    @given(
        S=arrays(np.float64, shapes, elements=st.floats(-20, 20)),
        offset=st.sampled_from([1e3, -1e3, 1e5]),
    )
    def a_shift_of_each_row_changes_nothing(S, offset):
        shifted = S + offset * (1 + np.arange(len(S)))[:, None]
        np.testing.assert_allclose(softmax(shifted), softmax(S), rtol=1e-6)

    @given(S=arrays(np.float64, shapes, elements=st.sampled_from([-1e4, -800.0, 0.0, 800.0, 1e4])))
    def scores_far_apart_share_or_take_all(S):
        highest = np.equal(S, S.max(axis=1, keepdims=True))
        np.testing.assert_allclose(softmax(S), highest / highest.sum(axis=1, keepdims=True), atol=1e-12)

    for test in (
        follows_the_definition,
        keeps_float32,
        a_shift_of_each_row_changes_nothing,
        scores_far_apart_share_or_take_all,
    ):
        test()
    ### END SOLUTION


# %%
def properties_of_split(split):
    """Raise an AssertionError if `split` is wrong; return None if it is right.

    A right split(X, y, fraction, rng) divides N samples, X (N, D) and y (N,), N >= 1, at random into a training and a
    validation set and returns new arrays (X_train, y_train, X_val, y_val). For 0 <= fraction < 1 the validation set has
    int(fraction * N) samples. Each sample lands in exactly one of the sets, with its own label; equal samples count as
    often as they occur. The order inside the sets is free. The rng decides: a generator in the same state gives the
    same split again, others (nearly always) give others. X and y stay as they are, and dtypes are kept.
    """

    ### BEGIN SOLUTION
    def rows(X, y):
        return sorted((tuple(x), label) for x, label in zip(X.tolist(), y.tolist(), strict=True))

    sizes, seeds = st.integers(1, 30), st.integers(0, 2**32 - 1)

    @given(N=sizes, fraction=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]), copies=st.integers(1, 3), seed=seeds)
    def each_sample_once_with_its_label(N, fraction, copies, seed):
        X = np.stack([np.arange(N) // copies, np.arange(N) // copies + 0.5], axis=1)
        y = np.arange(N) // copies
        X_before, y_before = X.copy(), y.copy()
        X_train, y_train, X_val, y_val = split(X, y, fraction, np.random.default_rng(seed))
        assert np.array_equal(X, X_before)
        assert np.array_equal(y, y_before)
        assert (X_train.dtype, y_train.dtype, X_val.dtype, y_val.dtype) == (X.dtype, y.dtype, X.dtype, y.dtype)
        assert len(X_val) == len(y_val) == int(fraction * N)
        assert len(X_train) == len(y_train) == N - int(fraction * N)
        assert sorted(rows(X_train, y_train) + rows(X_val, y_val)) == rows(X, y)

    @given(seed=seeds, fraction=st.sampled_from([0.25, 0.5]))
    def the_rng_decides(seed, fraction):
        X, y = np.arange(80.0).reshape(40, 2), np.arange(40)
        first, again, other = (
            split(X, y, fraction, np.random.default_rng(number)) for number in (seed, seed, seed + 1)
        )
        for one, same in zip(first, again, strict=True):
            assert np.array_equal(one, same)
        assert sorted(first[3].tolist()) != sorted(other[3].tolist())

    each_sample_once_with_its_label()
    the_rng_decides()
    ### END SOLUTION
