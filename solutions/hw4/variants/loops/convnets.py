"""Everything in explicit loops, one number after the other, as the formulas have it."""

import numpy as np


def conv_output_size(n, k, stride, pad, dilation=1):
    size = 0
    last = dilation * (k - 1)  # of the window
    while last < n + 2 * pad:
        size += 1
        last += stride
    if size == 0:
        raise ValueError("the window is larger than the axis")
    return size


def conv2d_forward(x, w, b, stride=1, pad=0, dilation=1):
    N, C, H, W = x.shape
    F, _, kh, kw = w.shape
    rows = conv_output_size(H, kh, stride, pad, dilation)
    columns = conv_output_size(W, kw, stride, pad, dilation)
    out = np.empty((N, F, rows, columns), dtype=x.dtype)
    for n in range(N):
        for f in range(F):
            for i in range(rows):
                for j in range(columns):
                    total = float(b[f])
                    for u in range(kh):
                        for v in range(kw):
                            row, column = i * stride + u * dilation - pad, j * stride + v * dilation - pad
                            if 0 <= row < H and 0 <= column < W:
                                for c in range(C):
                                    total += float(x[n, c, row, column]) * float(w[f, c, u, v])
                    out[n, f, i, j] = total
    return out, {"x": x, "w": w, "stride": stride, "pad": pad, "dilation": dilation}


def conv2d_backward(dout, cache):
    x, w, stride, pad, dilation = (cache[name] for name in ("x", "w", "stride", "pad", "dilation"))
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for n, f, i, j in np.ndindex(dout.shape):
        g = float(dout[n, f, i, j])
        db[f] += g
        for u, v in np.ndindex(w.shape[2:]):
            row, column = i * stride + u * dilation - pad, j * stride + v * dilation - pad
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                dx[n, :, row, column] += g * w[f, :, u, v]
                dw[f, :, u, v] += g * x[n, :, row, column]
    return [array.astype(dout.dtype) for array in (dx, dw, db)]


def conv1d_forward(x, w, b, stride=1, pad=0):
    N, _, L = x.shape
    F, _, k = w.shape
    out = np.zeros((N, F, (L + 2 * pad - k) // stride + 1), x.dtype)
    for n, f, i in np.ndindex(out.shape):
        out[n, f, i] = b[f]
        for u in range(k):
            if 0 <= i * stride + u - pad < L:
                out[n, f, i] += x[n, :, i * stride + u - pad] @ w[f, :, u]
    return out, (x.copy(), w.copy(), stride, pad)


def conv1d_backward(dout, cache):
    x, w, stride, pad = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for n, f, i in np.ndindex(dout.shape):
        for u in range(w.shape[2]):
            place = i * stride + u - pad
            if 0 <= place < x.shape[2]:
                dx[n, :, place] += dout[n, f, i] * w[f, :, u]
                dw[f, :, u] += dout[n, f, i] * x[n, :, place]
    return dx, dw, np.einsum("nfi->f", dout)


def conv_transpose2d_forward(x, w, b, stride=1, pad=0):
    N, _C, H, W = x.shape
    _, F, kh, kw = w.shape
    out = np.zeros((N, F, (H - 1) * stride - 2 * pad + kh, (W - 1) * stride - 2 * pad + kw), x.dtype)
    for n, f, i, j in np.ndindex(out.shape):
        out[n, f, i, j] = b[f]
        for u in range(kh):
            for v in range(kw):
                row, down = divmod(i + pad - u, stride)
                column, right = divmod(j + pad - v, stride)
                if down == right == 0 and 0 <= row < H and 0 <= column < W:
                    out[n, f, i, j] += x[n, :, row, column] @ w[:, f, u, v]
    return out


def maxpool_forward(x, k, stride):
    N, C, H, W = x.shape
    out = np.zeros((N, C, (H - k) // stride + 1, (W - k) // stride + 1), x.dtype)
    for n, c, i, j in np.ndindex(out.shape):
        out[n, c, i, j] = x[n, c, i * stride : i * stride + k, j * stride : j * stride + k].max()
    return out, (x, k, stride)


def maxpool_backward(dout, cache):
    x, k, stride = cache
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dout.shape):
        window = x[n, c, i * stride : i * stride + k, j * stride : j * stride + k]
        u, v = divmod(int(window.argmax()), k)
        dx[n, c, i * stride + u, j * stride + v] += dout[n, c, i, j]
    return dx


def avgpool_forward(x, k, stride):
    N, C, H, W = x.shape
    out = np.zeros((N, C, (H - k) // stride + 1, (W - k) // stride + 1), x.dtype)
    for n, c, i, j in np.ndindex(out.shape):
        out[n, c, i, j] = x[n, c, i * stride : i * stride + k, j * stride : j * stride + k].mean()
    return out, (x.shape, k, stride)


def avgpool_backward(dout, cache):
    shape, k, stride = cache
    dx = np.zeros(shape, dout.dtype)
    for n, c, i, j in np.ndindex(dout.shape):
        dx[n, c, i * stride : i * stride + k, j * stride : j * stride + k] += dout[n, c, i, j] / (k * k)
    return dx


def patchify(X, f):
    _N, _C, H, W = X.shape
    if H % f != 0 or W % f != 0:
        raise ValueError("f must divide H and W")
    rows = []
    for image in X:
        patches = [image[:, i : i + f, j : j + f].ravel() for i in range(0, H, f) for j in range(0, W, f)]
        rows.append(patches)
    return np.array(rows, dtype=X.dtype)


def label_smoothing(Y, eps):
    smooth = np.empty_like(Y)
    N, K = Y.shape
    for n in range(N):
        for k in range(K):
            smooth[n, k] = 1 - eps if Y[n, k] == 1 else eps / (K - 1)
    return smooth


def class_weights(y, K):
    weights = np.zeros(K)
    for k in range(K):
        n_k = sum(1 for label in y if label == k)
        if n_k:
            weights[k] = 1 / (K * n_k)
    return weights


def confusion_matrix(y_true, y_pred, K):
    table = np.zeros((K, K), dtype=int)
    for true, predicted in zip(y_true, y_pred, strict=True):
        table[true, predicted] += 1
    return table


def receptive_field(layers):
    extent = 1
    for layer in reversed(layers):
        kernel, stride = layer[:2]
        dilation = layer[2] if len(layer) == 3 else 1
        extent = (extent - 1) * stride + dilation * (kernel - 1) + 1
    return extent


def softmax(S):
    P = np.empty_like(S)
    for n, row in enumerate(S):
        e = np.exp(row - max(row))
        P[n] = e / e.sum()
    return P


class ConvNet:
    def __init__(self, image_shape, n_filters, k, n_classes, rng, stride=1, pad=0, pool=2):
        self.stride, self.pad, self.pool = stride, pad, pool
        C, H, W = image_shape
        x = np.zeros((1, C, H, W))
        w = rng.standard_normal((n_filters, C, k, k)) / k
        pooled, _ = maxpool_forward(conv2d_forward(x, w, np.zeros(n_filters), stride, pad)[0], pool, pool)
        self.params = {
            "W1": w,
            "b1": np.zeros(n_filters),
            "W2": rng.standard_normal((pooled.size, n_classes)) / np.sqrt(pooled.size),
            "b2": np.zeros(n_classes),
        }

    def forward(self, X):
        self.X = X
        A, self.conv = conv2d_forward(X, self.params["W1"], self.params["b1"], self.stride, self.pad)
        self.mask = A > 0
        pooled, self.pooling = maxpool_forward(A * self.mask, self.pool, self.pool)
        self.pooled_shape = pooled.shape
        self.h = np.array([image.flatten() for image in pooled])
        self.S = self.h @ self.params["W2"] + self.params["b2"]
        return softmax(self.S)

    def cost(self, X, Y, lam):
        self.forward(X)
        total = 0.0
        for s, y in zip(self.S.astype(float), Y, strict=True):
            k = int(np.argmax(y))
            total += np.log(np.sum(np.exp(s - s.max()))) + s.max() - s[k]
        return total / len(X) + lam * sum(float((self.params[name] ** 2).sum()) for name in ("W1", "W2"))

    def gradients(self, X, Y, lam):
        p = self.params
        G = (self.forward(X) - Y) / len(X)
        dh = G @ p["W2"].T
        dA = maxpool_backward(dh.reshape(self.pooled_shape), self.pooling) * self.mask
        _, dW1, db1 = conv2d_backward(dA, self.conv)
        return {"W1": dW1 + 2 * lam * p["W1"], "b1": db1, "W2": self.h.T @ G + 2 * lam * p["W2"], "b2": G.sum(0)}


def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    costs, shares, val_costs, val_shares = [], [], [], []
    t = 0
    for _epoch in range(n_epochs):
        order = rng.permutation(len(X))
        i = 0
        while i < len(X):
            batch = order[i : i + n_batch]
            grads = net.gradients(X[batch], Y[batch], lam)
            eta = schedule(t)
            for name in grads:
                net.params[name] = net.params[name] - eta * grads[name]
            i += n_batch
            t += 1
        costs.append(net.cost(X, Y, lam))
        shares.append(np.mean(np.argmax(net.forward(X), 1) == np.argmax(Y, 1)))
        if X_val is not None:
            val_costs.append(net.cost(X_val, Y_val, lam))
            val_shares.append(np.mean(np.argmax(net.forward(X_val), 1) == np.argmax(Y_val, 1)))
    history = {"train_cost": costs, "train_accuracy": shares}
    if X_val is not None:
        history["val_cost"], history["val_accuracy"] = val_costs, val_shares
    return history


def residual_block_forward(x, params):
    a, first = conv2d_forward(x, params["w1"], params["b1"], 1, 1)
    h = np.where(a > 0, a, 0)
    c, second = conv2d_forward(h, params["w2"], params["b2"], 1, 1)
    s = x + c
    return np.where(s > 0, s, 0), {"a": a, "s": s, "first": first, "second": second}


def residual_block_backward(dout, cache):
    ds = np.where(cache["s"] > 0, dout, 0)
    dh, dw2, db2 = conv2d_backward(ds, cache["second"])
    da = np.where(cache["a"] > 0, dh, 0)
    dx, dw1, db1 = conv2d_backward(da, cache["first"])
    return ds + dx, {"b1": db1, "w1": dw1, "b2": db2, "w2": dw2}
