"""im2col by stride tricks and one matrix product; col2im by np.add.at; the pools on the same columns."""

import numpy as np
from numpy.lib.stride_tricks import as_strided


def conv_output_size(n, k, stride, pad, dilation=1):
    size = (n + 2 * pad - dilation * (k - 1) - 1) // stride + 1
    if n + 2 * pad < dilation * (k - 1) + 1:
        raise ValueError(f"window {k} (dilation {dilation}) does not fit into {n} + 2 * {pad}")
    return size


def _columns(x, kh, kw, stride, dilation=1):
    """(N, C, kh, kw, H', W'), a view of x."""
    N, C, H, W = x.shape
    rows, columns = conv_output_size(H, kh, stride, 0, dilation), conv_output_size(W, kw, stride, 0, dilation)
    sn, sc, sh, sw = x.strides
    strides = (sn, sc, dilation * sh, dilation * sw, stride * sh, stride * sw)
    return as_strided(x, (N, C, kh, kw, rows, columns), strides, writeable=False)


def _places(shape, kh, kw, stride, dilation=1):
    """Which row and column of the image each entry of `_columns` comes from: (kh, kw, H', W') each."""
    rows, columns = (conv_output_size(n, k, stride, 0, dilation) for n, k in zip(shape[2:], (kh, kw), strict=True))
    down = dilation * np.arange(kh)[:, None, None, None] + stride * np.arange(rows)[None, None, :, None]
    right = dilation * np.arange(kw)[None, :, None, None] + stride * np.arange(columns)[None, None, None, :]
    return np.broadcast_arrays(down, right)


def _collect(dcolumns, shape, kh, kw, stride, dilation=1):
    """The adjoint of `_columns`: what came from one entry adds up there."""
    dx = np.zeros(shape, dcolumns.dtype)
    np.add.at(dx, (slice(None), slice(None), *_places(shape, kh, kw, stride, dilation)), dcolumns)
    return dx


def conv2d_forward(x, w, b, stride=1, pad=0, dilation=1):
    F, C, kh, kw = w.shape
    padded = np.zeros((x.shape[0], C, x.shape[2] + 2 * pad, x.shape[3] + 2 * pad), x.dtype)
    padded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]] = x
    cols = _columns(padded, kh, kw, stride, dilation)
    N, rows, columns = len(x), *cols.shape[-2:]
    matrix = cols.reshape(N, C * kh * kw, rows * columns)
    out = w.reshape(F, -1) @ matrix + b[:, None]
    return out.reshape(N, F, rows, columns), (matrix, w, padded.shape, (stride, pad, dilation))


def conv2d_backward(dout, cache):
    matrix, w, shape, (stride, pad, dilation) = cache
    F, C, kh, kw = w.shape
    N, _, rows, columns = dout.shape
    G = dout.reshape(N, F, -1)
    dw = (G @ matrix.swapaxes(1, 2)).sum(axis=0).reshape(w.shape)
    dcols = (w.reshape(F, -1).T @ G).reshape(N, C, kh, kw, rows, columns)
    dpadded = _collect(dcols, shape, kh, kw, stride, dilation)
    dx = dpadded[:, :, pad : shape[2] - pad, pad : shape[3] - pad].copy()
    return dx, dw, G.sum(axis=2).sum(axis=0)


def conv1d_forward(x, w, b, stride=1, pad=0):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    k = w.shape[-1]
    where = stride * np.arange(conv_output_size(x.shape[2], k, stride, 0))[:, None] + np.arange(k)  # (L', k)
    seen = x[:, :, where]  # (N, C, L', k)
    return np.einsum("nclk,fck->nfl", seen, w) + b[:, None], (seen, w, where, x.shape, pad)


def conv1d_backward(dout, cache):
    seen, w, where, shape, pad = cache
    dx = np.zeros(shape, dout.dtype)
    np.add.at(dx, (slice(None), slice(None), where), np.einsum("nfl,fck->nclk", dout, w))
    return dx[:, :, pad : shape[2] - pad], np.einsum("nfl,nclk->fck", dout, seen), dout.sum((0, 2))


def conv_transpose2d_forward(x, w, b, stride=1, pad=0):
    (N, _C, H, W), (_, F, kh, kw) = x.shape, w.shape
    shape = N, F, (H - 1) * stride + kh, (W - 1) * stride + kw
    cols = np.einsum("ncij,cfuv->nfuvij", x, w)
    whole = _collect(cols, shape, kh, kw, stride)
    return whole[:, :, pad : shape[2] - pad, pad : shape[3] - pad] + b.reshape(1, -1, 1, 1)


def maxpool_forward(x, k, stride):
    cols = _columns(x, k, k, stride)
    flat = cols.reshape(*x.shape[:2], k * k, *cols.shape[-2:])
    best = k * k - 1 - flat[:, :, ::-1].argmax(axis=2)  # the last of several
    return flat.max(axis=2), (best, x.shape, k, stride)


def maxpool_backward(dout, cache):
    best, shape, k, stride = cache
    dcols = np.zeros((*dout.shape[:2], k * k, *dout.shape[2:]), dout.dtype)
    np.put_along_axis(dcols, best[:, :, None], dout[:, :, None], axis=2)
    return _collect(dcols.reshape(*dout.shape[:2], k, k, *dout.shape[2:]), shape, k, k, stride)


def avgpool_forward(x, k, stride):
    return _columns(x, k, k, stride).mean(axis=(2, 3)), (x.shape, k, stride)


def avgpool_backward(dout, cache):
    shape, k, stride = cache
    dcols = np.repeat(np.repeat((dout / (k * k))[:, :, None, None], k, axis=2), k, axis=3)
    return _collect(dcols, shape, k, k, stride)


def patchify(X, f):
    N, C, H, W = X.shape
    if H % f or W % f:
        raise ValueError(f"{f} does not divide {H} and {W}")
    cols = _columns(np.ascontiguousarray(X), f, f, f)
    return cols.transpose(0, 4, 5, 1, 2, 3).reshape(N, (H // f) * (W // f), C * f * f)


def label_smoothing(Y, eps):
    others = 1 - Y
    return Y * (1 - eps) + others * (eps / (Y.shape[1] - 1))


def class_weights(y, K):
    labels, counts = np.unique(y, return_counts=True)
    weights = np.zeros(K)
    weights[labels] = 1.0 / (counts * K)
    return weights


def confusion_matrix(y_true, y_pred, K):
    return np.bincount(K * y_true + y_pred, minlength=K * K).reshape(K, K)


def receptive_field(layers):
    steps = np.cumprod([1] + [layer[1] for layer in layers])
    reach = [(layer[0] - 1) * (layer[2] if len(layer) > 2 else 1) for layer in layers]
    return int(1 + sum(int(r) * int(s) for r, s in zip(reach, steps, strict=False)))


def softmax(S):
    S = S - S.max(axis=1, keepdims=True)
    return np.exp(S - np.log(np.exp(S).sum(axis=1, keepdims=True)))


class ConvNet:
    def __init__(self, image_shape, n_filters, k, n_classes, rng, stride=1, pad=0, pool=2):
        C, H, W = image_shape
        self.conv = {"stride": stride, "pad": pad}
        self.pool = pool
        rows = conv_output_size(H, k, stride, pad) // pool
        columns = conv_output_size(W, k, stride, pad) // pool
        a, c = np.sqrt(6 / (C * k * k)), np.sqrt(6 / (n_filters * rows * columns))
        self.params = {
            "W1": rng.uniform(-a, a, (n_filters, C, k, k)),
            "b1": np.zeros(n_filters),
            "W2": rng.uniform(-c, c, (n_filters * rows * columns, n_classes)),
            "b2": np.zeros(n_classes),
        }

    def _run(self, X):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        A, conv = conv2d_forward(X, W1, b1, **self.conv)
        # the largest of the positive parts is the positive part of the largest
        M, pool = maxpool_forward(A, self.pool, self.pool)
        h = np.maximum(M, 0).reshape(len(X), -1)
        return h @ W2 + b2, (conv, pool, M.shape, h)

    def forward(self, X):
        return softmax(self._run(X)[0])

    def cost(self, X, Y, lam):
        S = self._run(X)[0]
        log_sum = np.logaddexp.reduce(S, axis=1)
        penalty = lam * (np.vdot(self.params["W1"], self.params["W1"]) + np.vdot(self.params["W2"], self.params["W2"]))
        return np.mean(log_sum - np.where(Y > 0, S, 0).sum(axis=1)) + penalty

    def gradients(self, X, Y, lam):
        S, (conv, pool, shape, h) = self._run(X)
        G = (softmax(S) - Y) / len(X)
        dM = (G @ self.params["W2"].T) * (h > 0)
        _, dW1, db1 = conv2d_backward(maxpool_backward(dM.reshape(shape), pool), conv)
        return {
            "b2": G.sum(axis=0),
            "W2": h.T @ G + 2 * lam * self.params["W2"],
            "b1": db1,
            "W1": dW1 + 2 * lam * self.params["W1"],
        }


def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    parts = {"train": (X, Y)} | ({} if X_val is None else {"val": (X_val, Y_val)})
    history = {f"{part}_{what}": [] for part in parts for what in ("cost", "accuracy")}
    cuts, t = np.arange(n_batch, len(X), n_batch), 0
    for _ in range(n_epochs):
        for rows in np.split(rng.permutation(len(X)), cuts):
            grads, eta = net.gradients(X[rows], Y[rows], lam), schedule(t)
            for name, w in net.params.items():
                w -= (eta * grads[name]).astype(w.dtype)
            t += 1
        for part, (images, labels) in parts.items():
            history[f"{part}_cost"].append(float(net.cost(images, labels, lam)))
            right = labels[np.arange(len(labels)), net.forward(images).argmax(axis=1)]
            history[f"{part}_accuracy"].append(float(right.mean()))
    return history


def residual_block_forward(x, params):
    hidden, first = conv2d_forward(x, params["w1"], params["b1"], pad=1)
    added, second = conv2d_forward(hidden.clip(0), params["w2"], params["b2"], pad=1)
    total = x + added
    return total.clip(0), ((first, hidden), (second, total))


def residual_block_backward(dout, cache):
    (first, hidden), (second, total) = cache
    dtotal = dout.copy()
    dtotal[total < 0] = 0
    dhidden, dw2, db2 = conv2d_backward(dtotal, second)
    dx, dw1, db1 = conv2d_backward(np.where(hidden > 0, dhidden, 0).astype(dout.dtype), first)
    return dx + dtotal, {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}
