"""A net that fuses its layers and calls none of the module's functions; caches that are closures; loops elsewhere."""

import math

import numpy as np


def he_init(dims, rng):
    return [(rng.choice([-1.0, 1.0], (n, m)) * math.sqrt(2 / n), np.zeros(m)) for n, m in zip(dims, dims[1:])]  # noqa: B905, RUF007


def xavier_init(dims, rng):
    return [(rng.normal(size=(n, m)) * math.sqrt(2 / (n + m)), np.zeros(m)) for n, m in zip(dims, dims[1:])]  # noqa: B905, RUF007


def affine_forward(x, W, b):
    out = np.empty((x.shape[0], W.shape[1]), dtype=x.dtype)
    for i in range(x.shape[0]):
        out[i] = x[i] @ W + b
    return out, lambda dout: (dout @ W.T, sum(np.outer(x[i], dout[i]) for i in range(len(x))), sum(dout))


def affine_backward(dout, cache):
    return cache(dout)


def relu_forward(x):
    out = x.copy()
    out[out < 0] = 0
    return out, (out,)


def relu_backward(dout, cache):
    (out,) = cache
    return np.where(out > 0, dout, np.zeros_like(dout))


def statistics(x):
    """Two passes in float64, whatever x is."""
    wide = x.astype(np.float64)
    return wide.mean(axis=0), wide.var(axis=0)


def batchnorm_forward(x, gamma, beta, state, mode="train", eps=1e-5, alpha=0.9):
    mean, var = state.get("mean"), state.get("var")
    if mean is None:
        mean, var = np.zeros(x.shape[1]), np.ones(x.shape[1])
    if mode == "train":
        batch = statistics(x)
        state.update(mean=alpha * mean + (1 - alpha) * batch[0], var=alpha * var + (1 - alpha) * batch[1])
        mean, var = batch
    std = np.sqrt(var + eps)
    x_hat = ((x - mean) / std).astype(x.dtype)

    def backward(dout):
        dx = dout * gamma / std
        if mode == "train":
            dx = dx - dx.mean(axis=0) - x_hat * (dx * x_hat).mean(axis=0)
        return dx.astype(dout.dtype), np.diag(dout.T @ x_hat).copy(), dout.sum(axis=0)

    return gamma * x_hat + beta, backward


def batchnorm_backward(dout, cache):
    return cache(dout)


def layernorm_forward(x, gamma, beta, eps=1e-5):
    rows, stds = [], []
    for row in x:
        stds.append(np.sqrt(row.var() + eps))
        rows.append((row - row.mean()) / stds[-1])
    x_hat = np.array(rows, dtype=x.dtype)
    return gamma * x_hat + beta, {"x_hat": x_hat, "std": np.array(stds, dtype=x.dtype), "gamma": gamma}


def layernorm_backward(dout, cache):
    x_hat, gamma, dx = cache["x_hat"], cache["gamma"], np.empty_like(dout)
    for i, (row, std) in enumerate(zip(dout * gamma, cache["std"], strict=True)):
        D = row.size
        jacobian = (np.eye(D, dtype=dout.dtype) - 1 / D - np.outer(x_hat[i], x_hat[i]) / D) / std
        dx[i] = jacobian @ row
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


def dropout_forward(x, p_drop, mode, rng):
    if mode == "train":
        out, keep = x.copy(), rng.uniform(size=x.shape) < 1 - p_drop
        out[~keep] = 0
        out[keep] /= 1 - p_drop
        return out, (keep, 1 - p_drop)
    return x.copy(), (np.ones(x.shape, dtype=bool), 1.0)


def dropout_backward(dout, cache):
    keep, share = cache
    return np.where(keep, dout / share, 0).astype(dout.dtype)


def sgd_momentum(w, dw, state, eta, rho=0.9):
    if state is None:
        state = np.zeros_like(w)
    state *= rho
    state -= eta * dw
    return w + state, state


def nesterov(w, dw, state, eta, rho=0.9):
    if state is None:
        state = np.zeros_like(w)
    state *= rho
    state += dw
    return w - eta * (dw + rho * state), state


def rmsprop(w, dw, state, eta, decay=0.99, eps=1e-8):
    if state is None:
        state = np.zeros_like(w)
    state *= decay
    state += (1 - decay) * dw**2
    return w - eta / (eps + np.sqrt(state)) * dw, state


class Moments:
    def __init__(self, w):
        self.m, self.v, self.t = np.zeros_like(w), np.zeros_like(w), 0


def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    if state is None:
        state = Moments(w)
    state.t += 1
    state.m = beta1 * state.m + (1 - beta1) * dw
    state.v = beta2 * state.v + (1 - beta2) * np.square(dw)
    return w - eta * state.m / (1 - beta1**state.t) / (np.sqrt(state.v / (1 - beta2**state.t)) + eps), state


class KLayerNet:
    """Every layer is (x - mean) * scale, as far as it has them; nothing of the functions above is used."""

    EPS = 1e-5

    def __init__(self, dims, rng, norm=None, p_drop=0.0, init="he"):
        self.k, self.norm, self.p_drop, self.rng = len(dims) - 1, norm, p_drop, rng
        self.params = {}
        for i in range(1, self.k + 1):
            n, m = dims[i - 1], dims[i]
            variance = 2 / n if init == "he" else 2 / (n + m)
            self.params[f"W{i}"] = math.sqrt(variance) * rng.standard_normal((n, m))
            self.params[f"b{i}"] = np.zeros(m)
            if norm is not None and i < self.k:
                self.params[f"gamma{i}"], self.params[f"beta{i}"] = np.ones(m), np.zeros(m)
        self.mean = [np.zeros(m) for m in dims[1:-1]]
        self.var = [np.ones(m) for m in dims[1:-1]]

    def hidden(self, X, mode, *, drop, update):
        layers, axis = [], 0 if self.norm == "batch" else 1
        for i in range(1, self.k):
            layer = {"x": X}
            z = X @ self.params[f"W{i}"] + self.params[f"b{i}"]
            if self.norm is not None:
                mean, var = z.mean(axis=axis, keepdims=True), z.var(axis=axis, keepdims=True)
                if self.norm == "batch" and mode == "eval":
                    mean, var = self.mean[i - 1].astype(z.dtype), self.var[i - 1].astype(z.dtype)
                elif self.norm == "batch" and update:
                    self.mean[i - 1] = 0.9 * self.mean[i - 1] + 0.1 * mean[0]
                    self.var[i - 1] = 0.9 * self.var[i - 1] + 0.1 * var[0]
                layer["std"] = np.sqrt(var + self.EPS)
                layer["z_hat"] = (z - mean) / layer["std"]
                z = self.params[f"gamma{i}"] * layer["z_hat"] + self.params[f"beta{i}"]
            layer["factor"] = (z > 0).astype(z.dtype)
            if drop and self.p_drop > 0:
                layer["factor"] *= (self.rng.random(z.shape) > self.p_drop) / (1 - self.p_drop)
            X = z * layer["factor"]
            layers.append(layer)
        return X @ self.params[f"W{self.k}"] + self.params[f"b{self.k}"], X, layers

    def forward(self, X, mode="eval"):
        S, _, _ = self.hidden(X, mode, drop=mode == "train", update=mode == "train")
        E = np.exp(S - S.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)

    def cost(self, X, Y, lam, mode="train"):
        S, _, _ = self.hidden(X, mode, drop=False, update=False)
        E = np.exp(S - S.max(axis=1, keepdims=True))
        with np.errstate(divide="ignore"):
            data = -np.log((E * Y).sum(axis=1) / E.sum(axis=1)).mean()
        return data + lam * sum(float((self.params[f"W{i}"] ** 2).sum()) for i in range(1, self.k + 1))

    def gradients(self, X, Y, lam):
        S, top, layers = self.hidden(X, "train", drop=True, update=True)
        E = np.exp(S - S.max(axis=1, keepdims=True))
        d = (E / E.sum(axis=1, keepdims=True) - Y) / X.shape[0]
        grads, axis = {}, 0 if self.norm == "batch" else 1
        for i in range(self.k, 0, -1):
            x = top if i == self.k else layers[i - 1]["x"]
            if i < self.k:
                layer = layers[i - 1]
                d = d * layer["factor"]
                if self.norm is not None:
                    z_hat = layer["z_hat"]
                    grads[f"gamma{i}"], grads[f"beta{i}"] = (d * z_hat).sum(axis=0), d.sum(axis=0)
                    d = d * self.params[f"gamma{i}"]
                    d = d - d.mean(axis=axis, keepdims=True) - z_hat * (d * z_hat).mean(axis=axis, keepdims=True)
                    d = d / layer["std"]
            grads[f"W{i}"] = x.T @ d + 2 * lam * self.params[f"W{i}"]
            grads[f"b{i}"] = d.sum(axis=0)
            d = d @ self.params[f"W{i}"].T
        return grads


def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, optimizer="sgd", X_val=None, Y_val=None):
    """Parameters are written in place."""
    functions = {"momentum": sgd_momentum, "nesterov": nesterov, "rmsprop": rmsprop, "adam": adam}
    states, t, N = {name: None for name in net.params}, 0, X.shape[0]  # noqa: C420
    costs, accuracies, val_costs, val_accuracies = [], [], [], []
    for _epoch in range(n_epochs):
        order = np.argsort(rng.random(N))
        done = 0
        while done < N:
            rows = order[done : done + n_batch]
            done += len(rows)
            grads = net.gradients(X[rows], Y[rows], lam)
            eta = float(schedule(t))
            t += 1
            for name, w in net.params.items():
                if optimizer == "sgd":
                    w -= eta * grads[name]
                else:
                    w[...], states[name] = functions[optimizer](w, grads[name], states[name], eta)
        costs.append(net.cost(X, Y, lam, "eval"))
        accuracies.append(np.mean(net.forward(X, "eval").argmax(1) == Y.argmax(1)))
        if X_val is not None:
            val_costs.append(net.cost(X_val, Y_val, lam, "eval"))
            val_accuracies.append(np.mean(net.forward(X_val, "eval").argmax(1) == Y_val.argmax(1)))
    history = {"train_cost": costs, "train_accuracy": accuracies}
    return history if X_val is None else history | {"val_cost": val_costs, "val_accuracy": val_accuracies}
