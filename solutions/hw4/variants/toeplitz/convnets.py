"""A convolution as one matrix, most of it zeros, built from the places where filters look; backward transposes it."""

import numpy as np


def conv_output_size(n, k, stride, pad, dilation=1):
    ends = np.arange(dilation * (k - 1), n + 2 * pad, stride)
    if not len(ends):
        raise ValueError("the window does not fit, not even once")
    return len(ends)


class Places:
    """Pairs (place of an output, entry of the window) → entry of the image, or nothing where there is padding.

    Attributes:
        out, window, image: flat indices of each pair inside the image.
    """

    def __init__(self, sides, kernel, stride=1, pad=0, dilation=1):
        self.ends = [conv_output_size(n, k, stride, pad, dilation) for n, k in zip(sides, kernel, strict=True)]
        grid = np.indices((*self.ends, *kernel)).reshape(4, -1)
        row, column = (stride * grid[i] + dilation * grid[i + 2] - pad for i in (0, 1))
        inside = (row >= 0) & (row < sides[0]) & (column >= 0) & (column < sides[1])
        self.sides, self.kernel = tuple(sides), tuple(kernel)
        self.image = (row * sides[1] + column)[inside]
        self.out = (grid[0] * self.ends[1] + grid[1])[inside]
        self.window = (grid[2] * kernel[1] + grid[3])[inside]

    def matrix(self, w):
        """T (F · places, C · pixels), of the weights w (F, C, kh, kw)."""
        F, C = w.shape[:2]
        T = np.zeros((F, np.prod(self.ends), C, np.prod(self.sides)), w.dtype)
        T[:, self.out, :, self.image] = w.reshape(F, C, -1)[:, :, self.window].transpose(2, 0, 1)
        return T.reshape(F * T.shape[1], -1)

    def weights(self, dT, F, C):
        """The adjoint of `matrix`."""
        dT = dT.reshape(F, np.prod(self.ends), C, np.prod(self.sides))
        picked = dT[:, self.out, :, self.image].transpose(1, 2, 0)  # (F, C, pairs)
        dw = np.zeros((F, C, np.prod(self.kernel)), dT.dtype)
        np.add.at(dw, (slice(None), slice(None), self.window), picked)
        return dw.reshape(F, C, *self.kernel)


def conv2d_forward(x, w, b, stride=1, pad=0, dilation=1):
    places = Places(x.shape[2:], w.shape[2:], stride, pad, dilation)
    T, flat = places.matrix(w), x.reshape(len(x), -1)
    out = (flat @ T.T).reshape(len(x), len(w), *places.ends)
    return out + b.reshape(-1, 1, 1), (places, T, flat, x.shape, w.shape)


def conv2d_backward(dout, cache):
    places, T, flat, shape, (F, C, *_) = cache
    G = dout.reshape(len(dout), -1)
    return (G @ T).reshape(shape), places.weights(G.T @ flat, F, C), dout.sum(axis=0).sum(axis=(1, 2))


def conv1d_forward(x, w, b, stride=1, pad=0):
    _N, _C, L = x.shape
    _F, _, k = w.shape
    size = conv_output_size(L, k, stride, pad)
    T = np.zeros((size, k, L), x.dtype)  # which pixel the window's entry u sees at place i
    for i in range(size):
        for u in range(k):
            if 0 <= i * stride + u - pad < L:
                T[i, u, i * stride + u - pad] = 1
    return np.einsum("ncl,iul,fcu->nfi", x, T, w, optimize=True) + b[:, None], (x, w, T)


def conv1d_backward(dout, cache):
    x, w, T = cache
    dx = np.einsum("nfi,iul,fcu->ncl", dout, T, w, optimize=True)
    return dx, np.einsum("nfi,iul,ncl->fcu", dout, T, x, optimize=True), dout.sum(axis=(0, 2))


def conv_transpose2d_forward(x, w, b, stride=1, pad=0):
    sides = [(n - 1) * stride - 2 * pad + k for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    T = Places(sides, w.shape[2:], stride, pad).matrix(w)
    return (x.reshape(len(x), -1) @ T).reshape(len(x), -1, *sides) + b[:, None, None]


def _seen(x, k, stride):
    """(N, C, places, k²) and the places."""
    places = Places(x.shape[2:], (k, k), stride)
    order = np.lexsort((places.window, places.out))
    where = places.image[order].reshape(-1, k * k)
    return x.reshape(*x.shape[:2], -1)[:, :, where], where, places.ends


def maxpool_forward(x, k, stride):
    seen, where, ends = _seen(x, k, stride)
    best = np.take_along_axis(where[None, None], seen.argmax(axis=3)[..., None], axis=3)[..., 0]
    return seen.max(axis=3).reshape(*x.shape[:2], *ends), (best, x.shape)


def maxpool_backward(dout, cache):
    best, (N, C, H, W) = cache
    dx = np.zeros((N, C, H * W), dout.dtype)
    n, c = np.ogrid[:N, :C]
    np.add.at(dx, (n[..., None], c[..., None], best), dout.reshape(N, C, -1))
    return dx.reshape(N, C, H, W)


def avgpool_forward(x, k, stride):
    seen, where, ends = _seen(x, k, stride)
    return seen.mean(axis=3).reshape(*x.shape[:2], *ends), (where, x.shape)


def avgpool_backward(dout, cache):
    where, (N, C, H, W) = cache
    share = np.zeros((where.shape[0], H * W), dout.dtype)
    np.put_along_axis(share, where, 1 / where.shape[1], axis=1)
    return (dout.reshape(N, C, -1) @ share).reshape(N, C, H, W)


def patchify(X, f):
    if any(side % f for side in X.shape[2:]):
        raise ValueError("cannot be cut")
    seen, _, _ = _seen(X, f, f)  # (N, C, patches, f²)
    return np.concatenate(list(seen.swapaxes(0, 1)), axis=-1)


def label_smoothing(Y, eps):
    K = Y.shape[1]
    M = np.full((K, K), eps / (K - 1), Y.dtype)
    np.fill_diagonal(M, 1 - eps)
    return M[Y.argmax(axis=1)]


def class_weights(y, K):
    return np.array([1 / K / n if n else 0.0 for n in (int((y == k).sum()) for k in range(K))])


def confusion_matrix(y_true, y_pred, K):
    return np.array([np.bincount(y_pred[y_true == k], minlength=K) for k in range(K)])


def receptive_field(layers):
    if not layers:
        return 1
    kernel, stride, dilation = (*layers[0], 1)[:3]
    return (receptive_field(layers[1:]) - 1) * stride + (kernel - 1) * dilation + 1


def softmax(S):
    top = S.max(axis=1)
    E = np.exp((S.T - top).T)
    return (E.T / E.sum(axis=1)).T


def relu(x):
    return (np.abs(x) + x) / 2


class ConvNet:
    """One array of hidden units, in the order F, row, column, from start to end."""

    def __init__(self, image_shape, n_filters, k, n_classes, rng, stride=1, pad=0, pool=2):
        self.stride, self.pad, self.pool = stride, pad, pool
        sides = [conv_output_size(n, k, stride, pad) // pool for n in image_shape[1:]]
        shapes = {"W1": (n_filters, image_shape[0], k, k), "W2": (n_filters * sides[0] * sides[1], n_classes)}
        self.params = {}
        for i, (name, shape) in enumerate(shapes.items(), start=1):
            fan_in = shape[0] if name == "W2" else np.prod(shape[1:])
            self.params[name] = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
            self.params[f"b{i}"] = np.zeros(n_filters if i == 1 else n_classes)

    def layers(self, X):
        a, conv = conv2d_forward(X, self.params["W1"], self.params["b1"], stride=self.stride, pad=self.pad)
        h, pool = maxpool_forward(relu(a), k=self.pool, stride=self.pool)
        return a, conv, h, pool, h.reshape(len(h), -1) @ self.params["W2"] + self.params["b2"]

    def forward(self, X):
        return softmax(self.layers(X)[-1])

    def cost(self, X, Y, lam):
        S = self.layers(X)[-1]
        margins = S - S[Y == 1][:, None]
        top = margins.max(axis=1)
        losses = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
        return losses.sum() / len(X) + lam * sum(np.linalg.norm(self.params[name]) ** 2 for name in ("W1", "W2"))

    def gradients(self, X, Y, lam):
        a, conv, h, pool, S = self.layers(X)
        dS = softmax(S)
        dS[Y == 1] -= 1
        dS /= len(X)
        dh = np.einsum("dk,nk->nd", self.params["W2"], dS).reshape(h.shape)
        da = maxpool_backward(dh, pool)
        da = da * (a >= 0)
        grads = dict(zip(("W1", "b1"), conv2d_backward(da, conv)[1:], strict=True))
        grads["W2"], grads["b2"] = h.reshape(len(h), -1).T @ dS, dS.sum(axis=0)
        for name in ("W1", "W2"):
            grads[name] = grads[name] + 2 * lam * self.params[name]
        return grads


def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    history, t, indices = {}, 0, np.arange(len(X))
    sets = [("train", X, Y), ("val", X_val, Y_val)][: 1 if X_val is None else 2]
    for _ in range(n_epochs):
        rng.shuffle(indices)
        for k in range(int(np.ceil(len(X) / n_batch))):
            chosen = indices[k * n_batch : (k + 1) * n_batch]
            step = schedule(t)
            for name, gradient in net.gradients(X[chosen], Y[chosen], lam).items():
                net.params[name] = net.params[name] - step * gradient
            t = t + 1
        for name, images, labels in sets:
            history[f"{name}_cost"] = [*history.get(f"{name}_cost", ()), net.cost(images, labels, lam)]
            right = (net.forward(images).argmax(axis=1) == labels.argmax(axis=1)).sum() / len(images)
            history[f"{name}_accuracy"] = [*history.get(f"{name}_accuracy", ()), right]
    return history


def residual_block_forward(x, params):
    a, conv1 = conv2d_forward(x, params["w1"], params["b1"], stride=1, pad=1)
    z, conv2 = conv2d_forward(relu(a), params["w2"], params["b2"], stride=1, pad=1)
    return relu(x + z), {"conv1": conv1, "conv2": conv2, "on1": a > 0, "on2": x + z > 0}


def residual_block_backward(dout, cache):
    skip = np.multiply(dout, cache["on2"], dtype=dout.dtype)
    da, dw2, db2 = conv2d_backward(skip, cache["conv2"])
    da[~cache["on1"]] = 0
    dx, dw1, db1 = conv2d_backward(da, cache["conv1"])
    return np.add(dx, skip), {"w2": dw2, "b2": db2, "w1": dw1, "b1": db1}
