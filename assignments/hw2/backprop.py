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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def relative_error(a, n, eps=1e-8):
    """How far two gradients are apart: the largest of |a - n| / max(eps, |a| + |n|) over the entries; a scalar.

    a and n are arrays of one shape. Near 1e-9 is agreement, above 1e-4 a mistake; 1 says that a sign is wrong, or that
    one of them is 0. eps keeps two entries that are nearly 0 from being compared digit by digit.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


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
        # YOUR CODE HERE
        raise NotImplementedError()

    def __radd__(self, other):
        """other + self, where other is a number or an array."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __neg__(self):
        """-self."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __sub__(self, other):
        """self - other, broadcast."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __rsub__(self, other):
        """other - self, where other is a number or an array."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __mul__(self, other):
        """self * other, entry by entry, broadcast."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __rmul__(self, other):
        """other * self, where other is a number or an array."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __truediv__(self, other):
        """self / other, entry by entry, broadcast."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __rtruediv__(self, other):
        """other / self, where other is a number or an array."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __pow__(self, exponent):
        """self ** exponent, where the exponent is a number."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __matmul__(self, other):
        """self @ other as NumPy has it: vectors, matrices, and stacks of matrices whose leading axes broadcast."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def __rmatmul__(self, other):
        """other @ self, where other is an array."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def sum(self, axis=None, keepdims=False):
        """The sum over all axes, over one (negative ones count from the end), or over a tuple of them."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def mean(self, axis=None, keepdims=False):
        """The mean over the same axes as `sum` takes."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def reshape(self, *shape):
        """The same entries in another shape, given as numbers or as one tuple; one of them may be -1."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def transpose(self, *axes):
        """The axes in another order, as in `x.transpose(1, 2, 0)`; in reverse if none are given."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def exp(self):
        """e to the power of each entry."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def log(self):
        """The natural logarithm of each entry."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def relu(self):
        """max(0, x) of each entry; the slope at 0 may be any number from 0 to 1."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def tanh(self):
        """The hyperbolic tangent of each entry."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def sigmoid(self):
        """1 / (1 + exp(-x)) of each entry, for entries of any size."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def logsumexp(self, axis):
        """log(sum(exp(x))) along one axis, which is removed; right for entries of any size."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def backward(self, grad=None):
        """Fill .grad of every Tensor that this was computed from, and its own, with the gradient of sum(self * grad).

        grad is an array of the shape of self; ones if it is not given. Whatever stood in .grad of those Tensors before
        is cleared first, so a second call gives the same again. The array `grad` is not changed, neither now nor later.
        """
        # YOUR CODE HERE
        raise NotImplementedError()


# %% [markdown]
# `backward` may visit a node only when its own gradient is complete: after **every** node that it was used in.
# Reversed, that is an order in which operands come before results.


# %%
def topo_sort(root):
    """The Tensors that root was computed from, each exactly once, operands before results, root last; a list.

    Constants, and helper nodes that your operators make, may be in the list or not. Chains are up to 900 nodes deep.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, X):
        """The probabilities P (N, K) of samples X (N, D), stable for scores of any size."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def cost(self, X, Y, lam):
        """The mean cross-entropy of X (N, D) with one-hot Y (N, K), plus lam * (sum(W1**2) + sum(W2**2)); a scalar."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def gradients(self, X, Y, lam):
        """The gradient of `cost` with respect to each entry of .params: a dict with the same keys and shapes."""
        # YOUR CODE HERE
        raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def lambda_search(X, Y, X_val, Y_val, lams, rng, *, m, n_s, eta_min, eta_max, n_batch, n_steps):
    """Train one fresh network with m hidden units for each lam of the list lams, and choose among them.

    Each network is new, `TwoLayerNet(D, m, K, rng)`, and trained by `train` with cyclical step sizes. Returns
    (best_lam, table): the lam whose network has the best accuracy on the validation set after its last update, the
    first of several that are equally good; and a list of dicts, one for each lam in the order of lams, with at least
    the keys 'lam' and 'val_accuracy'.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def properties_of_split(split):
    """Raise an AssertionError if `split` is wrong; return None if it is right.

    A right split(X, y, fraction, rng) divides N samples, X (N, D) and y (N,), N >= 1, at random into a training and a
    validation set and returns new arrays (X_train, y_train, X_val, y_val). For 0 <= fraction < 1 the validation set has
    int(fraction * N) samples. Each sample lands in exactly one of the sets, with its own label; equal samples count as
    often as they occur. The order inside the sets is free. The rng decides: a generator in the same state gives the
    same split again, others (nearly always) give others. X and y stay as they are, and dtypes are kept.
    """

    # YOUR CODE HERE
    raise NotImplementedError()
