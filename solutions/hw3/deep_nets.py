# %% [markdown]
# # Assignment 3 · K-layer networks with batch normalisation
#
# Two layers learn what one cannot; nine layers often learn nothing at all. You build networks of any depth, find out
# why the signal and its gradient fade or explode on the way, and add what keeps them alive: an initialisation that fits
# the width of each layer, batch normalisation with its whole backward pass, layer normalisation, dropout, and
# optimisers that remember where they came from. All of it in NumPy, with no automatic differentiation.
#
# Every formula is derived in the handout, `README.md`. The rules that hold for all functions:
#
# - Rows are samples: `x (N, D)`, `W (D, K)`, `b (K,)`, `Y (N, K)` one-hot.
# - `X_forward` returns `(out, cache)`; `X_backward(dout, cache)` returns the gradients of `sum(dout * out)`. What is in
#   a cache is your affair. Backward may be called twice with one cache and gives the same result.
# - The dtype that comes in goes out, for float32 and for float64.
# - No function changes its arguments, except where its text says "in place", and randomness comes only from the `rng`
#   that is passed in.
#
# Replace each `raise NotImplementedError()` by your answer. The cell below a task runs its public checks.

# %%
import itertools

import numpy as np

# %% [markdown]
# ## 1 · How large are the first weights?
#
# A layer adds up `fan_in` products. If each weight has variance $v$, the sum has `fan_in` $\cdot\, v$ times the
# variance of one input: choose $v$ badly, and nine layers multiply a factor nine times. Glorot and Bengio (2010)
# balance the way forward and the way back, He et al. (2015) account for the half that ReLU sets to 0.


# %%
def he_init(dims, rng):
    """Draw weights for ReLU layers: mean 0 and variance 2/fan_in (He et al., 2015, eq. 10).

    dims: sizes from the input to the scores, e.g. [64, 50, 10] for two layers; rng: a `np.random.Generator`.
    Returns a list of (W, b), one for each layer: W (fan_in, fan_out) independent entries from any distribution with
    that mean and variance, b (fan_out,) zero; float64.
    """
    ### BEGIN SOLUTION
    return [(rng.normal(0.0, np.sqrt(2 / D), (D, m)), np.zeros(m)) for D, m in itertools.pairwise(dims)]
    ### END SOLUTION


# %%
def xavier_init(dims, rng):
    """Draw weights with mean 0 and variance 2/(fan_in + fan_out) (Glorot and Bengio, 2010, eq. 12).

    Arguments and result as in `he_init`.
    """
    ### BEGIN SOLUTION
    return [(rng.normal(0.0, np.sqrt(2 / (D + m)), (D, m)), np.zeros(m)) for D, m in itertools.pairwise(dims)]
    ### END SOLUTION


# %% [markdown]
# ## 2 · Affine layers and ReLU
#
# Each layer is a pair of functions: forward computes the output and keeps what backward will need; backward turns the
# gradient with respect to the output into the gradients with respect to everything that went in.


# %%
def affine_forward(x, W, b):
    """x W + b for x (N, D), W (D, K), b (K,). Returns (out (N, K), cache)."""
    ### BEGIN SOLUTION
    return x @ W + b, (x, W)
    ### END SOLUTION


# %%
def affine_backward(dout, cache):
    """The gradient through `affine_forward`. dout (N, K). Returns (dx (N, D), dW (D, K), db (K,))."""
    ### BEGIN SOLUTION
    x, W = cache
    return dout @ W.T, x.T @ dout, dout.sum(axis=0)
    ### END SOLUTION


# %%
def relu_forward(x):
    """max(0, x), entry by entry, for x of any shape. Returns (out, cache)."""
    ### BEGIN SOLUTION
    return np.maximum(x, 0), x > 0
    ### END SOLUTION


# %%
def relu_backward(dout, cache):
    """The gradient through `relu_forward`, dx. dout has the shape of x. At x = 0 any slope in [0, 1] is right."""
    ### BEGIN SOLUTION
    return dout * cache
    ### END SOLUTION


# %% [markdown]
# ## 3 · Batch normalisation
#
# Ioffe and Szegedy (2015) give every feature mean 0 and variance 1 over the batch, in the middle of the network, and
# then let it learn the scale γ and the shift β that it wants. The batch's mean and variance depend on **every** sample
# of the batch, so the gradient of one sample's output reaches all of them: that is what makes backward interesting.


# %%
def batchnorm_forward(x, gamma, beta, state, mode="train", eps=1e-5, alpha=0.9):
    """Normalise each feature, over the batch in training and by running statistics in evaluation.

    x (N, D), gamma (D,), beta (D,). With mode "train":
        out = gamma * (x - mean) / sqrt(var + eps) + beta, with mean and var those of the batch, feature by feature
        (population variance: divide by N), and `state`, a dict, is updated in place:
        state["mean"] = alpha * state["mean"] + (1 - alpha) * mean, and state["var"] likewise with the population var.
        An empty dict stands for mean 0 and var 1.
    With mode "eval" state's mean and var take the place of the batch's, and state stays as it is.

    Any N from 1 on, and features that are constant, give finite numbers. Returns (out (N, D), cache).
    """
    ### BEGIN SOLUTION
    mean, var = state.get("mean", np.zeros_like(beta)), state.get("var", np.ones_like(beta))
    if mode == "train":
        batch_mean, batch_var = x.mean(axis=0), x.var(axis=0)
        state["mean"] = alpha * mean + (1 - alpha) * batch_mean
        state["var"] = alpha * var + (1 - alpha) * batch_var
        mean, var = batch_mean, batch_var
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma, inv_std, mode)
    ### END SOLUTION


# %%
def batchnorm_backward(dout, cache):
    """The gradient through `batchnorm_forward`, in the mode in which that was called.

    dout (N, D). Returns (dx (N, D), dgamma (D,), dbeta (D,)). After mode "train" the batch's mean and variance are
    functions of x and have their part in dx; after mode "eval" they are constants: dx = dout * gamma / sqrt(var + eps).
    """
    ### BEGIN SOLUTION
    x_hat, gamma, inv_std, mode = cache
    dgamma, dbeta = np.sum(dout * x_hat, axis=0), dout.sum(axis=0)
    dx_hat = dout * gamma
    if mode == "train":
        through_mean = dx_hat.mean(axis=0)
        through_var = x_hat * np.mean(dx_hat * x_hat, axis=0)
        dx_hat = dx_hat - through_mean - through_var
    return dx_hat * inv_std, dgamma, dbeta
    ### END SOLUTION


# %% [markdown]
# ## 4 · Layer normalisation
#
# Ba, Kiros and Hinton (2016) normalise each **sample** over its features instead. Nothing then depends on the batch:
# training and evaluation are the same, and a batch of one sample is as good as any.


# %%
def layernorm_forward(x, gamma, beta, eps=1e-5):
    """gamma * (x - mean) / sqrt(var + eps) + beta with each row's own mean and population variance over its features.

    x (N, D), gamma (D,), beta (D,). Returns (out (N, D), cache).
    """
    ### BEGIN SOLUTION
    centred = x - x.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + eps)  # (N, 1)
    return gamma * (centred * scale) + beta, (centred * scale, gamma, scale)
    ### END SOLUTION


# %%
def layernorm_backward(dout, cache):
    """The gradient through `layernorm_forward`. dout (N, D). Returns (dx (N, D), dgamma (D,), dbeta (D,))."""
    ### BEGIN SOLUTION
    z, gamma, scale = cache
    dz = dout * gamma
    projected = dz - dz.mean(axis=1, keepdims=True) - z * np.mean(dz * z, axis=1, keepdims=True)
    return projected * scale, np.sum(dout * z, axis=0), dout.sum(axis=0)
    ### END SOLUTION


# %% [markdown]
# ## 5 · Dropout
#
# Srivastava et al. (2014) switch units off at random while training, so that no unit can rely on another one. The
# *inverted* form makes up for the missing ones at once: those that stay are divided by the probability of staying, and
# evaluation needs no change.


# %%
def dropout_forward(x, p_drop, mode, rng):
    """Set entries of x to 0 at random, each for itself, and scale up the others.

    x of any shape; p_drop in [0, 1): the probability of zero; mode "train" or "eval"; rng a `np.random.Generator`.
    Entries that stay are x / (1 - p_drop). In mode "eval", out = x. Returns (out, cache).
    """
    ### BEGIN SOLUTION
    if mode != "train":
        return x.copy(), np.ones_like(x)
    factor = ((rng.random(x.shape) >= p_drop) / (1 - p_drop)).astype(x.dtype)
    return x * factor, factor
    ### END SOLUTION


# %%
def dropout_backward(dout, cache):
    """The gradient through that very call of `dropout_forward`: with the same entries set to 0. Returns dx."""
    ### BEGIN SOLUTION
    return dout * cache
    ### END SOLUTION


# %% [markdown]
# ## 6 · Optimisers
#
# An optimiser is a function `(w, dw, state, eta, …) -> (w, state)` for one array of parameters. `state` is `None` at
# the first call; afterwards it gets what it returned last time, whatever that is. `w` and `dw` stay as they are.


# %%
def sgd_momentum(w, dw, state, eta, rho=0.9):
    """v = rho * v + dw; w = w - eta * v. v starts at 0. Returns (w, state)."""
    ### BEGIN SOLUTION
    v = np.zeros_like(w) if state is None else state
    v = rho * v + dw
    return w - eta * v, v
    ### END SOLUTION


# %%
def nesterov(w, dw, state, eta, rho=0.9):
    """v = rho * v + dw; w = w - eta * (dw + rho * v). v starts at 0. Returns (w, state)."""
    ### BEGIN SOLUTION
    velocity = np.zeros_like(w) if state is None else state
    velocity = rho * velocity + dw
    return w - eta * (dw + rho * velocity), velocity
    ### END SOLUTION


# %%
def rmsprop(w, dw, state, eta, decay=0.99, eps=1e-8):
    """s = decay * s + (1 - decay) * dw**2; w = w - eta * dw / (sqrt(s) + eps). s starts at 0. Returns (w, state)."""
    ### BEGIN SOLUTION
    s = np.zeros_like(w) if state is None else state
    s = decay * s + (1 - decay) * dw**2
    return w - eta * dw / (np.sqrt(s) + eps), s
    ### END SOLUTION


# %%
def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam (Kingma and Ba, 2015, algorithm 1): running means of dw and dw**2, corrected for their start at 0.

    w = w - eta * m_hat / (sqrt(v_hat) + eps). The first call has t = 1. Returns (w, state).
    """
    ### BEGIN SOLUTION
    m, u, t = (np.zeros_like(w), np.zeros_like(w), 0) if state is None else state
    t = t + 1
    m = beta1 * m + (1 - beta1) * dw
    u = beta2 * u + (1 - beta2) * dw**2
    m_hat, u_hat = m / (1 - beta1**t), u / (1 - beta2**t)
    return w - eta * m_hat / (np.sqrt(u_hat) + eps), (m, u, t)
    ### END SOLUTION


# %% [markdown]
# ## 7 · The network
#
# Layers 1 … k − 1 are affine → normalisation → ReLU → dropout; layer k is affine only, its output are the scores of a
# softmax. First bring your softmax from assignment 1: it must be right for any finite scores. It earns no points here.


# %%
def softmax(S):
    """Turn scores S (N, K) into probabilities P (N, K), row by row; the one from assignment 1."""
    ### BEGIN SOLUTION
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)
    ### END SOLUTION


# %%
class KLayerNet:
    """A network of k affine layers for classification.

    Attributes:
        params: a dict of arrays: 'W1', 'b1', …, 'Wk', 'bk', and with normalisation 'gamma1', 'beta1', …,
            'gamma{k-1}', 'beta{k-1}'. Whoever assigns a whole new dict, `net.params = p`, has changed the network.
    """

    def __init__(self, dims, rng, norm=None, p_drop=0.0, init="he"):
        """Make the parameters: weights by `he_init` or `xavier_init`, biases and betas 0, gammas 1; float64.

        dims: [D, m1, …, K], k + 1 sizes; rng: a `np.random.Generator` for weights and dropout, keep it;
        norm: None, "batch" or "layer"; p_drop: in [0, 1); init: "he" or "xavier".
        """
        ### BEGIN SOLUTION
        self.k, self.norm, self.p_drop, self.rng = len(dims) - 1, norm, p_drop, rng
        self.params = {}
        for i, (W, b) in enumerate({"he": he_init, "xavier": xavier_init}[init](dims, rng), start=1):
            self.params |= {f"W{i}": W, f"b{i}": b}
            if norm and i < self.k:
                self.params |= {f"gamma{i}": np.ones_like(b), f"beta{i}": np.zeros_like(b)}
        self.running = [{} for _ in range(self.k - 1)]

    def _scores(self, X, mode, p_drop, running):
        """(scores, caches of each layer); in mode "train" `running`, batch norm's states, is updated."""
        p, caches = self.params, []
        for i in range(1, self.k):
            X, affine = affine_forward(X, p[f"W{i}"], p[f"b{i}"])
            norm = dropped = None
            if self.norm == "batch":
                X, norm = batchnorm_forward(X, p[f"gamma{i}"], p[f"beta{i}"], running[i - 1], mode)
            elif self.norm == "layer":
                X, norm = layernorm_forward(X, p[f"gamma{i}"], p[f"beta{i}"])
            X, relu = relu_forward(X)
            if mode == "train" and p_drop > 0:
                X, dropped = dropout_forward(X, p_drop, mode, self.rng)
            caches.append((affine, norm, relu, dropped))
        S, affine = affine_forward(X, p[f"W{self.k}"], p[f"b{self.k}"])
        return S, [*caches, affine]
        ### END SOLUTION

    def forward(self, X, mode="eval"):
        """Probabilities P (N, K) for X (N, D).

        mode "eval": running statistics in batch norm, no dropout; "train": the batch's statistics, which update the
        running ones, and dropout.
        """
        ### BEGIN SOLUTION
        return softmax(self._scores(X, mode, self.p_drop, self.running)[0])
        ### END SOLUTION

    def cost(self, X, Y, lam, mode="train"):
        """Mean cross-entropy of X (N, D) with one-hot Y (N, K), plus lam * sum(W**2) over all weight matrices.

        mode says which statistics batch norm uses. There is no dropout in either mode, and running statistics stay as
        they are. Returns a scalar.
        """
        ### BEGIN SOLUTION
        S, _ = self._scores(X, mode, 0.0, [dict(state) for state in self.running])
        S = S - S.max(axis=1, keepdims=True)
        losses = np.log(np.exp(S).sum(axis=1)) - (S * Y).sum(axis=1)
        return losses.mean() + lam * sum(np.sum(self.params[f"W{i}"] ** 2) for i in range(1, self.k + 1))
        ### END SOLUTION

    def gradients(self, X, Y, lam):
        """The gradient of the cost in train mode, dropout included, as a dict with the keys and shapes of params.

        X (N, D), Y (N, K) one-hot. The forward pass updates batch norm's running statistics, once.
        """
        ### BEGIN SOLUTION
        S, caches = self._scores(X, "train", self.p_drop, self.running)
        dX, dW, db = affine_backward((softmax(S) - Y) / X.shape[0], caches.pop())
        grads = {f"W{self.k}": dW, f"b{self.k}": db}
        for i in range(self.k - 1, 0, -1):
            affine, norm, relu, dropped = caches.pop()
            if dropped is not None:
                dX = dropout_backward(dX, dropped)
            dX = relu_backward(dX, relu)
            if self.norm:
                backward = batchnorm_backward if self.norm == "batch" else layernorm_backward
                dX, grads[f"gamma{i}"], grads[f"beta{i}"] = backward(dX, norm)
            dX, grads[f"W{i}"], grads[f"b{i}"] = affine_backward(dX, affine)
        for i in range(1, self.k + 1):
            grads[f"W{i}"] = grads[f"W{i}"] + 2 * lam * self.params[f"W{i}"]
        return grads
        ### END SOLUTION


# %% [markdown]
# ## 8 · Training


# %%
def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, optimizer="sgd", X_val=None, Y_val=None):
    """Train a `KLayerNet` by mini-batches, in place.

    X (N, D), Y (N, K) one-hot; schedule(t) gives the step size of update t = 0, 1, 2, …, counted on across epochs;
    n_batch is the batch size. Each epoch visits every sample once, in a new random order from `rng`; the last, shorter
    batch is used too. Each update takes `net.gradients` of its batch and one step of the optimiser for every
    parameter, each with a state of its own that lasts for the whole training. optimizer: "sgd" (w - eta * dw),
    "momentum", "nesterov", "rmsprop" or "adam", with their default constants.

    Returns the history: a dict of lists with `train_cost` (lam included) and `train_accuracy`, one entry an epoch,
    measured on all of X after the epoch's updates, in eval mode; with X_val and Y_val also `val_cost`, `val_accuracy`.
    """
    ### BEGIN SOLUTION
    steps = {"momentum": sgd_momentum, "nesterov": nesterov, "rmsprop": rmsprop, "adam": adam}
    parts = {"train": (X, Y)} if X_val is None else {"train": (X, Y), "val": (X_val, Y_val)}
    history = {f"{part}_{name}": [] for part in parts for name in ("cost", "accuracy")}
    states, t = dict.fromkeys(net.params), 0
    for _ in range(n_epochs):
        order = rng.permutation(X.shape[0])
        for start in range(0, X.shape[0], n_batch):
            batch = order[start : start + n_batch]
            grads, new, eta = net.gradients(X[batch], Y[batch], lam), {}, schedule(t)
            for name, w in net.params.items():
                if optimizer == "sgd":
                    new[name] = w - eta * grads[name]
                else:
                    new[name], states[name] = steps[optimizer](w, grads[name], states[name], eta)
            net.params, t = new, t + 1
        for part, (X_part, Y_part) in parts.items():
            history[f"{part}_cost"].append(net.cost(X_part, Y_part, lam, mode="eval"))
            hits = net.forward(X_part).argmax(axis=1) == Y_part.argmax(axis=1)
            history[f"{part}_accuracy"].append(hits.mean())
    return history
    ### END SOLUTION
