# %% [markdown]
# # Assignment 4 · ConvNets
#
# An affine layer looks at an image as at a list of numbers: shuffle the pixels of all images in the same way, and it
# learns just as well. A convolution knows where things are. The same few weights slide over the whole image, so what it
# has learnt about one corner it knows everywhere. You write convolutions forward and backward, with stride, padding and
# dilation, pooling, transposed convolutions, the measures around a classifier, and put them together into a ConvNet
# that reads handwritten digits, and into a residual block. All of it in NumPy, with no automatic differentiation.
#
# Every formula is derived in the handout, `README.md`. The rules that hold for all functions:
#
# - Images are `(N, C, H, W)`: samples, channels, rows, columns. Filters are `(F, C, kh, kw)`.
# - `X_forward` returns `(out, cache)`; `X_backward(dout, cache)` returns the gradients of `sum(dout * out)`. What is in
#   a cache is your affair. Backward may be called twice with one cache and gives the same result.
# - The dtype that comes in goes out, for float32 and for float64.
# - No function changes its arguments, and randomness comes only from the `rng` that is passed in.
#
# Replace each `raise NotImplementedError()` by your answer. The cell below a task runs its public checks.

# %%
import numpy as np

# %% [markdown]
# ## 1 · Convolution
#
# The window of a filter starts in a corner of the padded image and moves by `stride`. At each place the entries that it
# sees are multiplied by the filter's weights and summed up over rows, columns and channels. Nothing is flipped: that is
# a cross-correlation, which deep learning calls a convolution (Dumoulin and Visin, 2016).


# %%
def conv_output_size(n, k, stride, pad, dilation=1):
    """How many places a window of k entries has on an axis of n entries.

    pad: zeros that are added on each of the two sides; dilation: from one entry of the window to the next, so it spans
    dilation * (k - 1) + 1. Returns an int. ValueError, with a message, if the window does not fit.
    """
    ### BEGIN SOLUTION
    room = n + 2 * pad - (dilation * (k - 1) + 1)
    if room < 0:
        raise ValueError(f"a window of {dilation * (k - 1) + 1} does not fit into {n} entries with {pad} on each side")
    return room // stride + 1
    ### END SOLUTION


# %%
def conv2d_forward(x, w, b, stride=1, pad=0, dilation=1):
    """Slide filters over images (cross-correlation, as torch's conv2d).

    x (N, C, H, W), w (F, C, kh, kw), b (F,); stride, pad, dilation: ints, the same for rows and columns; pad counts the
    zeros on each side. Returns (out (N, F, H', W'), cache) with H' = conv_output_size(H, kh, …), W' likewise.
    """
    ### BEGIN SOLUTION
    spans = [dilation * (k - 1) + 1 for k in w.shape[2:]]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(2, 3))
    seen = windows[:, :, ::stride, ::stride, ::dilation, ::dilation]  # (N, C, H', W', kh, kw), a view
    out = np.tensordot(seen, w, axes=([1, 4, 5], [1, 2, 3])) + b  # (N, H', W', F)
    return out.transpose(0, 3, 1, 2), (seen, w, padded.shape, stride, pad, dilation)
    ### END SOLUTION


# %%
def conv2d_backward(dout, cache):
    """The gradient through `conv2d_forward`. dout (N, F, H', W').

    Returns (dx (N, C, H, W), dw (F, C, kh, kw), db (F,)).
    """
    ### BEGIN SOLUTION
    seen, w, shape, stride, pad, dilation = cache
    dw = np.tensordot(dout, seen, axes=([0, 2, 3], [0, 2, 3]))
    dseen = np.tensordot(dout, w, axes=(1, 0)).transpose(0, 3, 1, 2, 4, 5)  # (N, C, H', W', kh, kw)
    dpadded = np.zeros(shape, dout.dtype)
    for u, v in np.ndindex(w.shape[2:]):
        place = dpadded[:, :, dilation * u :: stride, dilation * v :: stride]
        place[:, :, : seen.shape[2], : seen.shape[3]] += dseen[..., u, v]  # windows overlap, so they add up
    dx = dpadded[:, :, pad : shape[2] - pad, pad : shape[3] - pad]
    return dx, dw, dout.sum(axis=(0, 2, 3))
    ### END SOLUTION


# %% [markdown]
# ## 2 · Along one axis, and back to a larger image
#
# Signals that run in time have one axis to slide along. And the way back through a convolution is a layer of its own:
# with stride 2 it makes a larger image of a smaller one, as the decoders of segmentation networks and autoencoders do.


# %%
def conv1d_forward(x, w, b, stride=1, pad=0):
    """The same along one axis: x (N, C, L), w (F, C, k), b (F,). Returns (out (N, F, L'), cache)."""
    ### BEGIN SOLUTION
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    out, cache = conv2d_forward(padded[:, :, None], w[:, :, None], b, stride)
    return out[:, :, 0], (cache, pad)
    ### END SOLUTION


# %%
def conv1d_backward(dout, cache):
    """The gradient through `conv1d_forward`. dout (N, F, L'). Returns (dx (N, C, L), dw (F, C, k), db (F,))."""
    ### BEGIN SOLUTION
    image_cache, pad = cache
    dx, dw, db = conv2d_backward(dout[:, :, None], image_cache)
    return dx[:, :, 0, pad : dx.shape[3] - pad], dw[:, :, 0], db
    ### END SOLUTION


# %%
def conv_transpose2d_forward(x, w, b, stride=1, pad=0):
    """Each entry of x puts its filter, times its value, onto the output; where filters overlap, they add up.

    x (N, C, H, W), w (C, F, kh, kw), b (F,). Returns out (N, F, (H-1)*stride - 2*pad + kh, (W-1)*stride - 2*pad + kw):
    filters of neighbours are `stride` apart, and at the end `pad` rows and columns are cut off on each side. With b = 0
    this is the adjoint of conv2d with the same w, stride and pad.
    """
    ### BEGIN SOLUTION
    (N, _, H, W), (_, F, kh, kw) = x.shape, w.shape
    whole = np.zeros((N, F, (H - 1) * stride + kh, (W - 1) * stride + kw), x.dtype)
    for u, v in np.ndindex(kh, kw):
        put = np.tensordot(x, w[:, :, u, v], axes=(1, 0))  # (N, H, W, F)
        whole[:, :, u::stride, v::stride][:, :, :H, :W] += put.transpose(0, 3, 1, 2)
    return whole[:, :, pad : whole.shape[2] - pad, pad : whole.shape[3] - pad] + b[:, None, None]
    ### END SOLUTION


# %% [markdown]
# ## 3 · Pooling
#
# One number for each window: the largest, or the mean. Windows are k × k and `stride` apart, so they may overlap or
# leave gaps; there is no padding, and what is left over at the right and below is not looked at (floor mode).


# %%
def maxpool_forward(x, k, stride):
    """The largest entry of each window, channel by channel. x (N, C, H, W). Returns (out (N, C, H', W'), cache)."""
    ### BEGIN SOLUTION
    rows, columns = (conv_output_size(n, k, stride, 0) for n in x.shape[2:])
    seen = [x[:, :, u::stride, v::stride][:, :, :rows, :columns] for u, v in np.ndindex(k, k)]
    return np.max(seen, axis=0), (x.shape, np.argmax(seen, axis=0), k, stride)
    ### END SOLUTION


# %%
def maxpool_backward(dout, cache):
    """The gradient through `maxpool_forward`: each entry of dout goes to the largest entry of its window. Returns dx.

    If several are largest, any of them may have it. Checks that count have no ties.
    """
    ### BEGIN SOLUTION
    shape, winner, k, stride = cache
    _, _, rows, columns = dout.shape
    dx = np.zeros(shape, dout.dtype)
    for i, (u, v) in enumerate(np.ndindex(k, k)):
        dx[:, :, u::stride, v::stride][:, :, :rows, :columns] += dout * (winner == i)
    return dx
    ### END SOLUTION


# %%
def avgpool_forward(x, k, stride):
    """The mean of each window, channel by channel. x (N, C, H, W). Returns (out (N, C, H', W'), cache)."""
    ### BEGIN SOLUTION
    rows, columns = (conv_output_size(n, k, stride, 0) for n in x.shape[2:])
    total = sum(x[:, :, u::stride, v::stride][:, :, :rows, :columns] for u, v in np.ndindex(k, k))
    return total / k**2, (x.shape, k, stride)
    ### END SOLUTION


# %%
def avgpool_backward(dout, cache):
    """The gradient through `avgpool_forward`. Returns dx (N, C, H, W)."""
    ### BEGIN SOLUTION
    shape, k, stride = cache
    _, _, rows, columns = dout.shape
    dx = np.zeros(shape, dout.dtype)
    for u, v in np.ndindex(k, k):
        dx[:, :, u::stride, v::stride][:, :, :rows, :columns] += dout / k**2
    return dx
    ### END SOLUTION


# %% [markdown]
# ## 4 · Patches, labels and measures
#
# A convolution whose stride is its filter's size sees patches that do not overlap: then it is one matrix product, and
# that is how a vision transformer reads an image. And around a classifier: labels that are a little less sure, weights
# for classes that are rare, the table of what was taken for what, and how far a unit sees.


# %%
def patchify(X, f):
    """Cut images into patches of f × f. X (N, C, H, W). Returns M (N, (H//f) * (W//f), C*f*f).

    Patches come row by row; inside a patch channels come first, then rows, then columns. ValueError, with a message, if
    f does not divide H and W.
    """
    ### BEGIN SOLUTION
    N, C, H, W = X.shape
    if H % f or W % f:
        raise ValueError(f"images of {H} × {W} cannot be cut into patches of {f} × {f}")
    patches = X.reshape(N, C, H // f, f, W // f, f)
    return patches.transpose(0, 2, 4, 1, 3, 5).reshape(N, -1, C * f * f)
    ### END SOLUTION


# %%
def label_smoothing(Y, eps):
    """One-hot rows Y (N, K), K ≥ 2 → 1 - eps for the right class, eps/(K-1) for each of the others; in Y's dtype."""
    ### BEGIN SOLUTION
    share = eps / (Y.shape[1] - 1)
    return Y * (1 - eps - share) + share
    ### END SOLUTION


# %%
def class_weights(y, K):
    """Weights that let every class count the same: 1/(K * n_k) for a class with n_k of the labels, 0 if it is absent.

    y (N,) ints in 0…K-1. Returns (K,) float64; summed up over all samples that is 1, if no class is absent.
    """
    ### BEGIN SOLUTION
    counts = np.bincount(y, minlength=K)
    return np.where(counts > 0, 1 / (K * np.maximum(counts, 1)), 0.0)
    ### END SOLUTION


# %%
def confusion_matrix(y_true, y_pred, K):
    """How often class i was taken for class j: entry [i, j]. y_true, y_pred (N,) ints. Returns (K, K) ints."""
    ### BEGIN SOLUTION
    table = np.zeros((K, K), np.int64)
    np.add.at(table, (y_true, y_pred), 1)
    return table
    ### END SOLUTION


# %%
def receptive_field(layers):
    """How many input pixels in a row have an influence on one unit behind these layers, from the first to the last.

    layers: a list of (kernel, stride) or (kernel, stride, dilation), the input's first; pooling counts as a layer, too.
    Gaps between them count as well. Returns an int; 1 for no layers.
    """
    ### BEGIN SOLUTION
    extent, step = 1, 1  # step: from one unit to its neighbour, in input pixels
    for kernel, stride, *dilation in layers:
        extent += (kernel - 1) * (dilation[0] if dilation else 1) * step
        step *= stride
    return extent
    ### END SOLUTION


# %% [markdown]
# ## 5 · A ConvNet
#
# Convolution → ReLU → max-pool → affine → softmax: LeNet (LeCun et al., 1998) with one stage. First bring your softmax
# from assignment 1: it must be right for any finite scores. It earns no points here.


# %%
def softmax(S):
    """Turn scores S (N, K) into probabilities P (N, K), row by row; the one from assignment 1."""
    ### BEGIN SOLUTION
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)
    ### END SOLUTION


# %%
class ConvNet:
    """Convolution → ReLU → max-pool, with windows pool × pool that are `pool` apart → affine → softmax.

    Attributes:
        params: a dict of arrays: 'W1' (F, C, k, k), 'b1' (F,), 'W2' (D, K), 'b2' (K,), where D = F * rows * columns
            behind the pool, in this order. Whoever assigns a whole new dict, `net.params = p`, has changed the network.
    """

    def __init__(self, image_shape, n_filters, k, n_classes, rng, stride=1, pad=0, pool=2):
        """Make the parameters: random weights with mean 0 and He's variance, 2/fan_in; biases 0; float64.

        image_shape: (C, H, W); n_filters: F; k: the filters' side; n_classes: K; rng: a `np.random.Generator`;
        stride, pad: of the convolution; pool: of the max-pool, which is in floor mode.
        """
        ### BEGIN SOLUTION
        C, *sides = image_shape
        self.stride, self.pad, self.pool = stride, pad, pool
        rows, columns = (conv_output_size(conv_output_size(n, k, stride, pad), pool, pool, 0) for n in sides)
        D = n_filters * rows * columns
        self.params = {
            "W1": rng.normal(0.0, np.sqrt(2 / (C * k * k)), (n_filters, C, k, k)),
            "b1": np.zeros(n_filters),
            "W2": rng.normal(0.0, np.sqrt(2 / D), (D, n_classes)),
            "b2": np.zeros(n_classes),
        }

    def _scores(self, X):
        """Scores (N, K), and what backward needs."""
        p = self.params
        A, conv = conv2d_forward(X, p["W1"], p["b1"], stride=self.stride, pad=self.pad)
        pooled, pool = maxpool_forward(np.maximum(A, 0), self.pool, self.pool)
        flat = pooled.reshape(X.shape[0], -1)
        return flat @ p["W2"] + p["b2"], (A > 0, conv, pool, pooled.shape, flat)
        ### END SOLUTION

    def forward(self, X):
        """Probabilities P (N, K) for images X (N, C, H, W)."""
        ### BEGIN SOLUTION
        return softmax(self._scores(X)[0])
        ### END SOLUTION

    def cost(self, X, Y, lam):
        """Mean cross-entropy of X (N, C, H, W) with one-hot Y (N, K), plus lam * (sum(W1**2) + sum(W2**2))."""
        ### BEGIN SOLUTION
        S, _ = self._scores(X)
        S = S - S.max(axis=1, keepdims=True)
        losses = np.log(np.exp(S).sum(axis=1)) - (S * Y).sum(axis=1)
        return losses.mean() + lam * (np.sum(self.params["W1"] ** 2) + np.sum(self.params["W2"] ** 2))
        ### END SOLUTION

    def gradients(self, X, Y, lam):
        """The gradient of the cost, as a dict with the keys and shapes of params."""
        ### BEGIN SOLUTION
        p = self.params
        S, (active, conv, pool, pooled_shape, flat) = self._scores(X)
        dS = (softmax(S) - Y) / X.shape[0]
        dpooled = (dS @ p["W2"].T).reshape(pooled_shape)
        dA = maxpool_backward(dpooled, pool) * active
        _, dW1, db1 = conv2d_backward(dA, conv)
        return {
            "W1": dW1 + 2 * lam * p["W1"],
            "b1": db1,
            "W2": flat.T @ dS + 2 * lam * p["W2"],
            "b2": dS.sum(axis=0),
        }
        ### END SOLUTION


# %% [markdown]
# ## 6 · Training


# %%
def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    """Train a ConvNet by plain mini-batch gradient descent, in place.

    X (N, C, H, W), Y (N, K) one-hot; n_batch: samples in a batch. Each epoch visits all samples once, in a new random
    order from rng; the last batch may be shorter. An update is w - schedule(t) * dw for every parameter, where t counts
    updates from 0 across epochs.

    Returns the history: a dict of lists with `train_cost` (lam included) and `train_accuracy`, one entry an epoch,
    measured on all of X after the epoch's updates; with X_val and Y_val also `val_cost` and `val_accuracy`.
    """
    ### BEGIN SOLUTION
    history = {"train_cost": [], "train_accuracy": []}
    if X_val is not None:
        history |= {"val_cost": [], "val_accuracy": []}
    t = 0
    for _ in range(n_epochs):
        order = rng.permutation(X.shape[0])
        for start in range(0, X.shape[0], n_batch):
            batch = order[start : start + n_batch]
            grads, eta = net.gradients(X[batch], Y[batch], lam), schedule(t)
            net.params = {name: w - eta * grads[name] for name, w in net.params.items()}
            t += 1
        for part, images, labels in (("train", X, Y), ("val", X_val, Y_val)):
            if images is not None:
                history[f"{part}_cost"].append(net.cost(images, labels, lam))
                hits = net.forward(images).argmax(axis=1) == labels.argmax(axis=1)
                history[f"{part}_accuracy"].append(hits.mean())
    return history
    ### END SOLUTION


# %% [markdown]
# ## 7 · A residual block
#
# He et al. (2016) let a block of layers learn what to **add** to its input. With weights near 0 it passes its input on,
# and on the way back the gradient has a path past all weights: so networks of a hundred layers can be trained.


# %%
def residual_block_forward(x, params):
    """out = relu(x + conv(relu(conv(x)))), both convolutions 3 × 3 with pad 1 and stride 1.

    x (N, C, H, W); params: 'w1' (M, C, 3, 3), 'b1' (M,), 'w2' (C, M, 3, 3), 'b2' (C,). Returns (out like x, cache).
    """
    ### BEGIN SOLUTION
    hidden, first = conv2d_forward(x, params["w1"], params["b1"], pad=1)
    added, second = conv2d_forward(np.maximum(hidden, 0), params["w2"], params["b2"], pad=1)
    out = np.maximum(x + added, 0)
    return out, (first, hidden > 0, second, out > 0)
    ### END SOLUTION


# %%
def residual_block_backward(dout, cache):
    """The gradient through `residual_block_forward`. dout (N, C, H, W).

    Returns (dx (N, C, H, W), grads), where grads is a dict with the keys and shapes of params.
    """
    ### BEGIN SOLUTION
    first, active, second, positive = cache
    dsum = dout * positive
    dhidden, dw2, db2 = conv2d_backward(dsum, second)
    dx, dw1, db1 = conv2d_backward(dhidden * active, first)
    return dx + dsum, {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}
    ### END SOLUTION
