"""Convolutions as products of spectra; stride and dilation by leaving out and putting in zeros."""

import itertools

import numpy as np


def conv_output_size(n, k, stride, pad, dilation=1):
    places = n + 2 * pad - (k - 1) * dilation
    if places <= 0:
        raise ValueError(f"no place for the window: {n=}, {k=}, {pad=}, {dilation=}")
    return -(-places // stride)


def _spread(a, step):
    """a with step - 1 zeros between neighbours along the last two axes."""
    H, W = a.shape[-2:]
    out = np.zeros((*a.shape[:-2], (H - 1) * step + 1, (W - 1) * step + 1), a.dtype)
    out[..., ::step, ::step] = a
    return out


def _pad(x, pad):
    return np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))


def _correlate(x, w, formula, full=False):
    """Correlation of images, channels summed up as `formula` says; full: also where the window sticks out."""
    size = [n + k - 1 for n, k in zip(x.shape[-2:], w.shape[-2:], strict=True)]
    spectra = np.fft.rfft2(x.astype(float), size), np.conj(np.fft.rfft2(w.astype(float), size))
    out = np.fft.irfft2(np.einsum(formula, *spectra), size)
    if full:
        return np.roll(out, (w.shape[-2] - 1, w.shape[-1] - 1), axis=(-2, -1)).astype(x.dtype)
    return out[..., : x.shape[-2] - w.shape[-2] + 1, : x.shape[-1] - w.shape[-1] + 1].astype(x.dtype)


def conv2d_forward(x, w, b, stride=1, pad=0, dilation=1):
    padded, sparse = _pad(x, pad), _spread(w, dilation)
    out = _correlate(padded, sparse, "nchw,fchw->nfhw")[:, :, ::stride, ::stride] + b[None, :, None, None]
    return out, (padded, sparse, stride, pad, dilation)


def conv2d_backward(dout, cache):
    padded, sparse, stride, pad, dilation = cache
    up = _spread(dout, stride)
    H, W = padded.shape[2:]
    whole = np.zeros((*dout.shape[:2], H - sparse.shape[2] + 1, W - sparse.shape[3] + 1), dout.dtype)
    whole[:, :, : up.shape[2], : up.shape[3]] = up
    dw = _correlate(padded, whole, "nchw,nfhw->fchw")[:, :, ::dilation, ::dilation]
    dpadded = _correlate(whole, sparse[:, :, ::-1, ::-1], "nfhw,fchw->nchw", full=True)
    return dpadded[:, :, pad : H - pad, pad : W - pad], dw, dout.sum(axis=(0, 2, 3))


def conv1d_forward(x, w, b, stride=1, pad=0):
    image = np.pad(x, ((0, 0), (0, 0), (pad, pad)))[:, :, None]
    out, cache = conv2d_forward(image, w[:, :, None], b, stride=stride)
    return out.squeeze(2), (cache, pad)


def conv1d_backward(dout, cache):
    inner, pad = cache
    dx, dw, db = conv2d_backward(dout[:, :, None, :], inner)
    dx = dx.squeeze(2)
    return dx[..., pad : dx.shape[-1] - pad], dw.squeeze(2), db


def conv_transpose2d_forward(x, w, b, stride=1, pad=0):
    full = _correlate(_spread(x, stride), w[:, :, ::-1, ::-1], "nchw,cfhw->nfhw", full=True)
    H, W = full.shape[2:]
    return full[:, :, pad : H - pad, pad : W - pad] + b[:, np.newaxis, np.newaxis]


def _cut(x, k, stride):
    """Every window and where it lies."""
    rows, columns = ((n - k) // stride + 1 for n in x.shape[2:])
    for i, j in itertools.product(range(rows), range(columns)):
        yield (i, j), (slice(None), slice(None), slice(i * stride, i * stride + k), slice(j * stride, j * stride + k))


def maxpool_forward(x, k, stride):
    out = np.zeros((*x.shape[:2], *((n - k) // stride + 1 for n in x.shape[2:])), x.dtype)
    for (i, j), window in _cut(x, k, stride):
        out[:, :, i, j] = x[window].max(axis=(2, 3))
    return out, (x.copy(), out, k, stride)


def maxpool_backward(dout, cache):
    x, out, k, stride = cache
    dx = np.zeros(x.shape, dout.dtype)
    for (i, j), window in _cut(x, k, stride):
        best = x[window] == out[:, :, i, j, None, None]
        dx[window] += dout[:, :, i, j, None, None] * best / best.sum(axis=(2, 3), keepdims=True)  # ties share
    return dx


def avgpool_forward(x, k, stride):
    box = np.ones((1, 1, k, k), x.dtype) / x.dtype.type(k * k)
    N, C, H, W = x.shape
    out = _correlate(x.reshape(N * C, 1, H, W), box, "nchw,fchw->nfhw")[:, :, ::stride, ::stride]
    return out.reshape(N, C, *out.shape[2:]), ((N, C, H, W), k, stride)


def avgpool_backward(dout, cache):
    shape, k, stride = cache
    dx = np.zeros(shape, dout.dtype)
    for (i, j), window in _cut(dx, k, stride):
        dx[window] += dout[:, :, i : i + 1, j : j + 1] / k**2
    return dx


def patchify(X, f):
    if X.shape[2] % f or X.shape[3] % f:
        raise ValueError(f"patches of {f} × {f} do not fill an image of {X.shape[2:]}")
    patches = [X[window].reshape(len(X), -1) for _, window in _cut(X, f, f)]
    return np.stack(patches, axis=1)


def label_smoothing(Y, eps):
    return np.where(Y.astype(bool), 1 - eps, eps / (Y.shape[-1] - 1)).astype(Y.dtype)


def class_weights(y, K):
    counts = (np.asarray(y)[:, None] == np.arange(K)).sum(axis=0)
    with np.errstate(divide="ignore"):
        weights = 1 / (K * counts.astype(float))
    weights[counts == 0] = 0
    return weights


def confusion_matrix(y_true, y_pred, K):
    classes = np.arange(K)
    return (y_true[:, None] == classes).astype(np.int32).T @ (y_pred[:, None] == classes).astype(np.int32)


def receptive_field(layers):
    first, last = 0, 0
    for kernel, stride, *rest in layers[::-1]:
        dilation = rest[0] if rest else 1
        first, last = first * stride, last * stride + (kernel - 1) * dilation
    return last - first + 1


def softmax(S):
    E = np.exp(S - np.max(S, axis=-1)[:, None])
    return E / np.sum(E, axis=-1)[:, None]


class ConvNet:
    def __init__(self, image_shape, n_filters, k, n_classes, rng, stride=1, pad=0, pool=2):
        self.settings = stride, pad, pool
        self.params = {"W1": rng.normal(0, 0.3, (n_filters, image_shape[0], k, k)), "b1": np.zeros(n_filters)}
        D = self._hidden(np.zeros((1, *image_shape)))[-1].size
        self.params |= {"W2": rng.normal(0, D**-0.5, (D, n_classes)), "b2": np.zeros(n_classes)}

    def _hidden(self, X):
        stride, pad, pool = self.settings
        A, conv = conv2d_forward(X, self.params["W1"], self.params["b1"], stride, pad)
        pooled, pooling = maxpool_forward(np.maximum(A, 0), pool, pool)
        return A, conv, pooling, pooled

    def _scores(self, X):
        hidden = self._hidden(X)
        return np.tensordot(hidden[-1].reshape(len(X), -1), self.params["W2"], 1) + self.params["b2"], hidden

    def forward(self, X):
        return softmax(self._scores(X)[0])

    def cost(self, X, Y, lam):
        S, _ = self._scores(X)
        shifted = S - S.max(axis=1, keepdims=True)
        log_P = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -np.einsum("nk,nk", Y, log_P) / len(Y)
        return loss + lam * sum(np.sum(w * w) for name, w in self.params.items() if name[0] == "W")

    def gradients(self, X, Y, lam):
        S, (A, conv, pooling, pooled) = self._scores(X)
        dS = (softmax(S) - Y) / len(Y)
        dpooled = np.einsum("nk,dk->nd", dS, self.params["W2"]).reshape(pooled.shape)
        dA = np.where(A > 0, maxpool_backward(dpooled, pooling), np.zeros_like(A))
        _, dW1, db1 = conv2d_backward(dA, conv)
        grads = {"W1": dW1, "b1": db1, "W2": np.einsum("nd,nk->dk", pooled.reshape(len(X), -1), dS), "b2": dS.sum(0)}
        return {name: g + 2 * lam * self.params[name] if name[0] == "W" else g for name, g in grads.items()}


def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    history = {}

    def note(part, images, labels):
        history.setdefault(f"{part}_cost", []).append(net.cost(images, labels, lam))
        hits = [int(p.argmax() == y.argmax()) for p, y in zip(net.forward(images), labels, strict=True)]
        history.setdefault(f"{part}_accuracy", []).append(sum(hits) / len(hits))

    steps = itertools.count()
    for _ in range(n_epochs):
        order = np.argsort(rng.random(len(X)))
        for batch in (order[i : i + n_batch] for i in range(0, len(order), n_batch)):
            grads = net.gradients(X[batch], Y[batch], lam)
            eta = schedule(next(steps))
            net.params = {name: w - eta * grads[name] for name, w in net.params.items()}
        note("train", X, Y)
        if X_val is not None:
            note("val", X_val, Y_val)
    return history


def residual_block_forward(x, params):
    inner, first = conv2d_forward(x, params["w1"], params["b1"], 1, 1, 1)
    outer, second = conv2d_forward(np.maximum(0, inner), params["w2"], params["b2"], 1, 1, 1)
    out = np.maximum(0, outer + x)
    return out, [first, second, np.sign(np.maximum(0, inner)), np.sign(out)]


def residual_block_backward(dout, cache):
    first, second, inner, outer = cache
    back = dout * outer
    dinner, *of_second = conv2d_backward(back, second)
    dx, *of_first = conv2d_backward(dinner * inner, first)
    return back + dx, dict(zip(("w1", "b1", "w2", "b2"), (*of_first, *of_second), strict=True))
