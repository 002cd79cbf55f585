"""Closed forms: dx of batch norm in one line, statistics by Welford, all backward steps of the net on one tape."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np


def scaled(dims, rng, variance):
    return [(np.sqrt(variance(n, m)) * rng.standard_normal((m, n)).T, np.zeros((m,))) for n, m in pairwise(dims)]


def he_init(dims, rng):
    return scaled(dims, rng, lambda n, m: 2 / n)


def xavier_init(dims, rng):
    return scaled(dims, rng, lambda n, m: 2 / (n + m))


def affine_forward(x, W, b):
    return np.einsum("nd,dk->nk", x, W) + b, SimpleNamespace(x=x.copy(), W=W.copy())


def affine_backward(dout, cache):
    ones = np.ones(len(dout), dtype=dout.dtype)
    return np.einsum("nk,dk->nd", dout, cache.W), np.einsum("nd,nk->dk", cache.x, dout), ones @ dout


def relu_forward(x):
    return x * (x >= 0), (x >= 0).astype(x.dtype)


def relu_backward(dout, cache):
    return cache * dout


def welford(x):
    """Mean and population variance of the columns, sample by sample."""
    mean, m2 = np.zeros_like(x[0]), np.zeros_like(x[0])
    for n, row in enumerate(x, start=1):
        delta = row - mean
        mean = mean + delta / n
        m2 = m2 + delta * (row - mean)
    return mean, m2 / len(x)


class Statistics:
    def __init__(self, x_hat, factor, gamma, train):
        self.x_hat, self.factor, self.gamma, self.train = x_hat, factor, gamma, train


def batchnorm_forward(x, gamma, beta, state, mode="train", eps=1e-5, alpha=0.9):
    state.setdefault("mean", np.zeros(x.shape[1]))
    state.setdefault("var", np.ones(x.shape[1]))
    if mode == "train":
        mean, var = welford(x)
        state["mean"] = state["mean"] * alpha + mean.astype(np.float64) * (1 - alpha)
        state["var"] = state["var"] * alpha + var.astype(np.float64) * (1 - alpha)
    else:
        mean, var = state["mean"].astype(x.dtype), state["var"].astype(x.dtype)
    factor = (var + eps) ** -0.5
    x_hat = (x - mean) * factor
    return x_hat * gamma + beta, Statistics(x_hat, factor, gamma, mode == "train")


def batchnorm_backward(dout, cache):
    dbeta, dgamma = dout.sum(0), np.einsum("nd,nd->d", dout, cache.x_hat)
    if not cache.train:
        return dout * (cache.gamma * cache.factor), dgamma, dbeta
    N = dout.shape[0]
    return cache.gamma * cache.factor / N * (N * dout - dbeta - cache.x_hat * dgamma), dgamma, dbeta


def layernorm_forward(x, gamma, beta, eps=1e-5):
    mean, var = welford(x.T)
    factor = ((var + eps) ** -0.5)[:, None]
    x_hat = (x - mean[:, None]) * factor
    return gamma * x_hat + beta, (x_hat, factor, gamma)


def layernorm_backward(dout, cache):
    x_hat, factor, gamma = cache
    D = dout.shape[1]
    dx_hat = dout * gamma
    first, second = dx_hat.sum(axis=1), np.einsum("nd,nd->n", dx_hat, x_hat)
    dx = factor / D * (D * dx_hat - first[:, None] - x_hat * second[:, None])
    return dx, np.einsum("nd,nd->d", dout, x_hat), dout.sum(0)


def dropout_forward(x, p_drop, mode, rng):
    if mode != "train":
        return x, np.broadcast_to(np.ones((), x.dtype), x.shape)
    keep = rng.choice([0.0, 1.0], p=[p_drop, 1 - p_drop], size=x.shape)
    factor = np.divide(keep, 1 - p_drop).astype(x.dtype)
    return factor * x, factor


def dropout_backward(dout, cache):
    return np.multiply(cache, dout)


def sgd_momentum(w, dw, state, eta, rho=0.9):
    step = eta * dw + (0 if state is None else rho * state)
    return w - step, step


def nesterov(w, dw, state, eta, rho=0.9):
    v = dw.copy() if state is None else rho * state + dw
    return w - eta * rho * v - eta * dw, v


def rmsprop(w, dw, state, eta, decay=0.99, eps=1e-8):
    mean_square = (1 - decay) * dw * dw
    if state is not None:
        mean_square += decay * state[0]
    return w - eta * dw * (mean_square + eps) ** -0.5, [mean_square]


def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v, power1, power2 = state or (np.zeros_like(w), np.zeros_like(w), 1.0, 1.0)
    m, v = m + (1 - beta1) * (dw - m), v + (1 - beta2) * (dw**2 - v)
    power1, power2 = power1 * beta1, power2 * beta2
    rate = eta * (1 - power2) ** 0.5 / (1 - power1)  # the form at the end of the paper's section 2
    return w - rate * m / (np.sqrt(v) + eps), (m, v, power1, power2)


def log_softmax(S):
    S = S - S.max(axis=1, keepdims=True)
    return S - np.log(np.exp(S).sum(axis=1, keepdims=True))


class KLayerNet:
    def __init__(self, dims, rng, norm=None, p_drop=0.0, init="he"):
        self._norm, self._p, self._rng, self._n = norm, p_drop, rng, len(dims) - 1
        pairs = {"he": he_init, "xavier": xavier_init}[init](dims, rng)
        self._params = {
            f"{letter}{i}": a for i, pair in enumerate(pairs, 1) for letter, a in zip("Wb", pair, strict=True)
        }
        if norm:
            self._params.update({f"gamma{i}": np.ones(m) for i, m in enumerate(dims[1:-1], 1)})
            self._params.update({f"beta{i}": np.zeros(m) for i, m in enumerate(dims[1:-1], 1)})
        self._states = [{} for _ in dims]

    @property
    def params(self):
        return self._params

    @params.setter
    def params(self, new):
        self._params = dict(new)

    def _walk(self, X, mode, states, drop):
        p, backward = self._params, []
        for i in range(1, self._n + 1):
            X, a = affine_forward(X, p[f"W{i}"], p[f"b{i}"])
            backward.append((affine_backward, a, ("W", "b"), i))
            if i == self._n:
                break
            if self._norm == "batch":
                X, n = batchnorm_forward(X, p[f"gamma{i}"], p[f"beta{i}"], states[i], mode)
                backward.append((batchnorm_backward, n, ("gamma", "beta"), i))
            if self._norm == "layer":
                X, n = layernorm_forward(X, p[f"gamma{i}"], p[f"beta{i}"])
                backward.append((layernorm_backward, n, ("gamma", "beta"), i))
            X, r = relu_forward(X)
            backward.append((relu_backward, r, (), i))
            if drop and self._p:
                X, d = dropout_forward(X, self._p, mode, self._rng)
                backward.append((dropout_backward, d, (), i))
        return X, backward

    def forward(self, X, mode="eval"):
        return np.exp(log_softmax(self._walk(X, mode, self._states, True)[0]))

    def cost(self, X, Y, lam, mode="train"):
        copies = [{name: np.copy(value) for name, value in state.items()} for state in self._states]
        S, _ = self._walk(X, mode, copies, False)
        penalty = sum(np.vdot(a, a) for name, a in self._params.items() if name.startswith("W"))
        return -np.mean(np.sum(Y * log_softmax(S), axis=1)) + lam * penalty

    def gradients(self, X, Y, lam):
        S, backward = self._walk(X, "train", self._states, True)
        dX, grads = (np.exp(log_softmax(S)) - Y) / len(Y), {}
        for function, cache, names, i in reversed(backward):
            result = function(dX, cache)
            if not names:
                dX = result
                continue
            dX, *parts = result
            grads.update({f"{name}{i}": part for name, part in zip(names, parts, strict=True)})
        for i in range(1, self._n + 1):
            grads[f"W{i}"] = grads[f"W{i}"] + lam * (self._params[f"W{i}"] + self._params[f"W{i}"])
        return {name: grads[name] for name in self._params}


def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, optimizer="sgd", X_val=None, Y_val=None):
    rules = {
        "sgd": lambda w, dw, state, eta: (w - eta * dw, state),
        "momentum": sgd_momentum,
        "nesterov": nesterov,
        "rmsprop": rmsprop,
        "adam": adam,
    }
    sets, states, step = {"train": (X, Y)}, {}, 0
    if X_val is not None:
        sets["val"] = (X_val, Y_val)
    history = {}
    while step < n_epochs * -(-len(X) // n_batch):
        for rows in np.split(rng.permutation(len(X)), range(n_batch, len(X), n_batch)):
            grads, new = net.gradients(X[rows], Y[rows], lam), {}
            for name in net.params:
                new[name], states[name] = rules[optimizer](
                    net.params[name], grads[name], states.get(name), schedule(step)
                )
            net.params = new
            step += 1
        for part, (inputs, labels) in sets.items():
            history.setdefault(f"{part}_cost", []).append(net.cost(inputs, labels, lam, "eval"))
            right = np.argmax(net.forward(inputs), axis=1) == np.argmax(labels, axis=1)
            history.setdefault(f"{part}_accuracy", []).append(np.count_nonzero(right) / len(right))
    return history
