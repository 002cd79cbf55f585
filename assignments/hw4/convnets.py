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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def conv2d_forward(x, w, b, stride=1, pad=0, dilation=1):
    """Slide filters over images (cross-correlation, as torch's conv2d).

    x (N, C, H, W), w (F, C, kh, kw), b (F,); stride, pad, dilation: ints, the same for rows and columns; pad counts the
    zeros on each side. Returns (out (N, F, H', W'), cache) with H' = conv_output_size(H, kh, …), W' likewise.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def conv2d_backward(dout, cache):
    """The gradient through `conv2d_forward`. dout (N, F, H', W').

    Returns (dx (N, C, H, W), dw (F, C, kh, kw), db (F,)).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 2 · Along one axis, and back to a larger image
#
# Signals that run in time have one axis to slide along. And the way back through a convolution is a layer of its own:
# with stride 2 it makes a larger image of a smaller one, as the decoders of segmentation networks and autoencoders do.


# %%
def conv1d_forward(x, w, b, stride=1, pad=0):
    """The same along one axis: x (N, C, L), w (F, C, k), b (F,). Returns (out (N, F, L'), cache)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def conv1d_backward(dout, cache):
    """The gradient through `conv1d_forward`. dout (N, F, L'). Returns (dx (N, C, L), dw (F, C, k), db (F,))."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def conv_transpose2d_forward(x, w, b, stride=1, pad=0):
    """Each entry of x puts its filter, times its value, onto the output; where filters overlap, they add up.

    x (N, C, H, W), w (C, F, kh, kw), b (F,). Returns out (N, F, (H-1)*stride - 2*pad + kh, (W-1)*stride - 2*pad + kw):
    filters of neighbours are `stride` apart, and at the end `pad` rows and columns are cut off on each side. With b = 0
    this is the adjoint of conv2d with the same w, stride and pad.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 3 · Pooling
#
# One number for each window: the largest, or the mean. Windows are k × k and `stride` apart, so they may overlap or
# leave gaps; there is no padding, and what is left over at the right and below is not looked at (floor mode).


# %%
def maxpool_forward(x, k, stride):
    """The largest entry of each window, channel by channel. x (N, C, H, W). Returns (out (N, C, H', W'), cache)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def maxpool_backward(dout, cache):
    """The gradient through `maxpool_forward`: each entry of dout goes to the largest entry of its window. Returns dx.

    If several are largest, any of them may have it. Checks that count have no ties.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def avgpool_forward(x, k, stride):
    """The mean of each window, channel by channel. x (N, C, H, W). Returns (out (N, C, H', W'), cache)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def avgpool_backward(dout, cache):
    """The gradient through `avgpool_forward`. Returns dx (N, C, H, W)."""
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def label_smoothing(Y, eps):
    """One-hot rows Y (N, K), K ≥ 2 → 1 - eps for the right class, eps/(K-1) for each of the others; in Y's dtype."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def class_weights(y, K):
    """Weights that let every class count the same: 1/(K * n_k) for a class with n_k of the labels, 0 if it is absent.

    y (N,) ints in 0…K-1. Returns (K,) float64; summed up over all samples that is 1, if no class is absent.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def confusion_matrix(y_true, y_pred, K):
    """How often class i was taken for class j: entry [i, j]. y_true, y_pred (N,) ints. Returns (K, K) ints."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def receptive_field(layers):
    """How many input pixels in a row have an influence on one unit behind these layers, from the first to the last.

    layers: a list of (kernel, stride) or (kernel, stride, dilation), the input's first; pooling counts as a layer, too.
    Gaps between them count as well. Returns an int; 1 for no layers.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 5 · A ConvNet
#
# Convolution → ReLU → max-pool → affine → softmax: LeNet (LeCun et al., 1998) with one stage. First bring your softmax
# from assignment 1: it must be right for any finite scores. It earns no points here.


# %%
def softmax(S):
    """Turn scores S (N, K) into probabilities P (N, K), row by row; the one from assignment 1."""
    # YOUR CODE HERE
    raise NotImplementedError()


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
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, X):
        """Probabilities P (N, K) for images X (N, C, H, W)."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def cost(self, X, Y, lam):
        """Mean cross-entropy of X (N, C, H, W) with one-hot Y (N, K), plus lam * (sum(W1**2) + sum(W2**2))."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def gradients(self, X, Y, lam):
        """The gradient of the cost, as a dict with the keys and shapes of params."""
        # YOUR CODE HERE
        raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def residual_block_backward(dout, cache):
    """The gradient through `residual_block_forward`. dout (N, C, H, W).

    Returns (dx (N, C, H, W), grads), where grads is a dict with the keys and shapes of params.
    """
    # YOUR CODE HERE
    raise NotImplementedError()
