# %% [markdown]
# # Assignment 1 · Linear classifiers
#
# One layer, $S = XW + b$, is enough to meet almost everything that training a deep network is made of: a data set that
# must be standardised, scores that become probabilities, a loss, its gradient, a regulariser, and an optimiser that
# walks through the data in small batches. You write all of it in NumPy, with no automatic differentiation.
#
# Every formula is derived in the handout, `README.md`. The rules that hold for all functions:
#
# - Rows are samples: `X (N, D)`, `W (D, K)`, `b (K,)`, scores `S = X @ W + b` of shape `(N, K)`.
# - Labels come as integers `y (N,)` or as one-hot rows `Y (N, K)`.
# - Losses are **means** over the samples. The regulariser is `lam * sum(W**2)`: weights only, never biases, and its
#   gradient is `2 * lam * W`.
# - The dtype that comes in goes out, for float32 and for float64.
# - No function changes its arguments, and randomness comes only from the `rng` that is passed in.
#
# Replace each `raise NotImplementedError()` by your answer. The cell below a task runs its public checks.

# %%
import pickle

import numpy as np

# %% [markdown]
# ## 1 · Data
#
# CIFAR-10 comes as files that Python 2 pickled: a dictionary with the images as rows of 3,072 bytes (all red values,
# then all green, then all blue, each row by row) and a list of labels. Python 3 must be told how to read the old
# strings: `pickle.load(file, encoding="bytes")` gives keys such as `b"data"`, `encoding="latin1"` gives `"data"`.
# Either is right. You do not need to download anything: the checks write a small file of exactly that format, and the
# experiments use digits that come with scikit-learn.


# %%
def load_cifar_batch(path):
    """Read one of CIFAR-10's python batches (Krizhevsky, 2009).

    path: a `pathlib.Path` or string; the file is a dictionary pickled by Python 2 with the entries `data`, N x 3072
        bytes, and `labels`, a list of N integers from 0 to 9.

    Returns (X, Y, y):
        X (N, 3072) float64, the bytes divided by 255, so that all values are in [0, 1];
        Y (N, 10) float64, one-hot: ten columns always, also if a class is absent;
        y (N,) integer labels.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# Features of very different size make gradient descent slow: one step size has to fit all of them. So each feature is
# shifted to mean 0 and scaled to standard deviation 1. Mean and deviation are **fitted on the training set only**; the
# validation and test sets go through the same map. Otherwise the classifier would see other inputs than it was trained
# for, and the test set would leak into the model.


# %%
def fit_standardizer(X):
    """Measure what `standardize` needs, on the training set.

    X (N, D). Returns (mean (D,), std (D,)): each feature's mean and its population standard deviation (divide by N,
    not N - 1). A feature that is constant in X has no spread to divide by: return a std for it with which
    `standardize` makes it 0, and gives a finite number for any other value that turns up later.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def standardize(X, mean, std):
    """Shift and scale each feature of X (N, D) by the mean (D,) and std (D,) that `fit_standardizer` returned.

    Returns a new array (N, D). Nothing is measured on X itself: it may be a test set, or a single image. `mean` and
    `std` always come from your own `fit_standardizer`, so the two may agree between them how to treat a constant
    feature; they are judged together.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def init_params(D, K, rng, sigma=0.01):
    """Draw the parameters of a classifier with D features and K classes.

    rng is a `np.random.Generator`. Returns (W, b), both float64: W (D, K) with independent entries from the normal
    distribution with mean 0 and standard deviation sigma; b (K,) zero.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 2 · From scores to probabilities to a cost
#
# $$P_{ik} = \frac{e^{S_{ik}}}{\sum_j e^{S_{ij}}} = \frac{e^{S_{ik} - m_i}}{\sum_j e^{S_{ij} - m_i}}
# \qquad\text{for any number } m_i .$$
#
# The second form is why softmax can be computed at all: $e^{1000}$ is not a number that fits into a float, $e^{0}$ is.


# %%
def softmax(S):
    """Turn scores S (N, K) into probabilities P (N, K), row by row.

    Each row of P is positive and sums to 1. It must be right for **any** finite scores, however large, and for rows of
    very different size in one batch: no overflow, no 0/0. The dtype of S is kept.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def cross_entropy(P, Y):
    """The mean over the samples of -ln(probability of the right class).

    P (N, K) probabilities, Y (N, K) one-hot. Returns a scalar. Only the right class counts: a wrong class with
    probability exactly 0 does no harm (`0 * log(0)` is nan, so it must not be computed). If the right class has
    probability 0 the answer is inf or a large number, never nan.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def cost(X, Y, W, b, lam):
    """What training minimises: cross-entropy of the softmax of X W + b, plus `lam * sum(W**2)`.

    X (N, D), Y (N, K) one-hot, W (D, K), b (K,), lam a float. Returns a scalar. The biases are not regularised.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def accuracy(P, y):
    """The share of samples whose most probable class is the right one: a number from 0 to 1.

    P (N, K) probabilities (or scores: only their order counts), y (N,) integer labels. Returns a scalar.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 3 · The gradient
#
# The one line to remember, derived in the handout: for one sample, the gradient of the cross-entropy with respect to
# the scores is $p - y$. Everything else is the chain rule through $S = XW + b$, and the mean over the samples.


# %%
def gradients(X, Y, P, W, lam):
    """The gradient of `cost` with respect to W and b.

    X (N, D), Y (N, K) one-hot, P (N, K) = softmax(X W + b) as computed in the forward pass, W (D, K), lam a float.
    Returns (dW (D, K), db (K,)): of the mean over samples, and of `lam * sum(W**2)`, which has no part in db.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 4 · Training
#
# Mini-batch gradient descent walks through the training set in a new random order each epoch, `n_batch` samples at a
# time, and takes one step of size `eta` down the gradient of each batch.


# %%
def minibatch_gd(X, Y, W, b, lam, eta, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    """Train a softmax classifier by mini-batch gradient descent.

    X (N, D), Y (N, K) one-hot, W (D, K) and b (K,) the starting point, lam and eta floats, rng a
    `np.random.Generator`. Each epoch visits every sample once, in a new random order, in batches of n_batch samples
    (n_batch is the batch *size*). If n_batch does not divide N, the last, shorter batch is used too, with the mean over
    the samples it really has. Each step is W - eta * dW, b - eta * db.

    Returns (W, b, history): new arrays, the given ones stay as they are; history is a dict of lists with the keys
    `train_cost` (which includes lam) and `train_accuracy`, one entry an epoch, measured on the whole of X after the
    epoch's updates; with X_val and Y_val also `val_cost` and `val_accuracy`, without them only the first two keys.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 5 · Another loss: the hinge
#
# A support vector machine does not ask for probabilities, only that the right score beats every other by a margin
# $\Delta$ (Weston and Watkins, 1999):
#
# $$L = \frac1N \sum_i \sum_{j \ne y_i} \max(0,\; S_{ij} - S_{i y_i} + \Delta) \;+\; \lambda \sum W^2 .$$
#
# First write it with loops, exactly as the formula reads; then without. The slow version is the test of the fast one.


# %%
def svm_loss_naive(W, b, X, y, lam, delta=1.0):
    """The multi-class hinge loss and its gradient, with explicit loops over samples and classes.

    W (D, K), b (K,), X (N, D), y (N,) integer labels, lam and delta floats. Returns (loss, dW (D, K), db (K,)): loss is
    the whole cost, hinge plus `lam * sum(W**2)`. The right class itself never counts as a violation. Where a margin is
    exactly 0 either one-sided gradient is accepted.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def svm_loss(W, b, X, y, lam, delta=1.0):
    """The same loss and gradient as `svm_loss_naive`, with array operations in place of the loops.

    W (D, K), b (K,), X (N, D), y (N,) integer labels, lam and delta floats. Returns (loss, dW (D, K), db (K,)).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# With two classes one score is enough: its sign is the prediction, and labels are $-1$ and $+1$.


# %%
def binary_svm_loss(w, b, X, y, lam):
    """The mean hinge loss max(0, 1 - y (x w + b)) of two classes, plus `lam * sum(w**2)`, and its gradient.

    w (D,), b a float, X (N, D), y (N,) integers, -1 or +1. Returns (loss, dw (D,), db): loss and db are scalars, dw has
    the dtype of X (mind that float32 times an integer array is float64). Where a margin is exactly 0 either one-sided
    gradient is accepted.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 6 · Several labels at once
#
# If an image may show a cat *and* a sofa, classes do not compete: each gets its own yes-or-no question, a sigmoid and a
# binary cross-entropy. Written in the logits $s$, with label $t \in \{0, 1\}$, the loss of one entry is
# $\max(s, 0) - s\,t + \ln(1 + e^{-|s|})$, in which nothing can overflow.


# %%
def multi_bce(S, Y):
    """K binary cross-entropies on logits, and the gradient with respect to the logits.

    S (N, K) logits, Y (N, K) zeros and ones (floats), any number of ones in a row. Returns (loss, dS (N, K)): the loss
    is the mean over all N * K entries. Right for logits of any size, without overflow; the dtype of S is kept.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 7 · Two tricks of training
#
# A mirrored car is still a car: flipping some images left–right makes a larger training set for free. And large steps
# at the start with small ones at the end get close to a minimum sooner than one step size for all.


# %%
def flip_images(X, image_shape, mask):
    """Mirror some of the images left–right.

    X (N, C*H*W): one image a row, channel by channel, each row by row (as CIFAR-10 stores them); image_shape (C, H, W);
    mask (N,) bool: the images to flip. Returns a new array like X; images outside the mask are as they were.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def step_decay(eta0, factor, every, epoch):
    """The step size in an epoch (counted from 0): eta0, multiplied by factor once after each `every` epochs.

    eta0 * factor**(epoch // every). Returns a float.
    """
    # YOUR CODE HERE
    raise NotImplementedError()
