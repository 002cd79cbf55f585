"""Normalisation backward step by step along its graph; velocities that hold the step; running statistics in place."""

import copy

import numpy as np


def he_init(dims, rng):
    layers = []
    for i in range(len(dims) - 1):
        limit = np.sqrt(6.0 / dims[i])  # uniform: a third of the square of the half-width is the variance
        layers.append((rng.uniform(-limit, limit, size=(dims[i], dims[i + 1])), np.zeros(dims[i + 1])))
    return layers


def xavier_init(dims, rng):
    layers = []
    for i in range(len(dims) - 1):
        limit = np.sqrt(6.0 / (dims[i] + dims[i + 1]))
        layers.append((rng.uniform(-limit, limit, size=(dims[i], dims[i + 1])), np.zeros(dims[i + 1])))
    return layers


def affine_forward(x, W, b):
    return np.matmul(x, W) + b[None, :], {"x": x, "W": W}


def affine_backward(dout, cache):
    return np.matmul(dout, cache["W"].T), np.matmul(cache["x"].T, dout), np.sum(dout, axis=0)


def relu_forward(x):
    return np.where(x > 0, x, np.zeros_like(x)), x


def relu_backward(dout, cache):
    dx = dout.copy()
    dx[cache <= 0] = 0
    return dx


def batchnorm_forward(x, gamma, beta, state, mode="train", eps=1e-5, alpha=0.9):
    D = x.shape[1]
    if "mean" not in state and mode == "train":
        state["mean"], state["var"] = np.zeros(D, dtype=x.dtype), np.ones(D, dtype=x.dtype)
    if mode == "eval":
        mean = state.get("mean", np.zeros(D, dtype=x.dtype))
        var = state.get("var", np.ones(D, dtype=x.dtype))
        std = np.sqrt(var + eps)
        xhat = (x - mean) / std
        return gamma * xhat + beta, ("eval", xhat, gamma, std)
    mean = np.sum(x, axis=0) / x.shape[0]
    centred = x - mean
    square = centred**2
    var = np.sum(square, axis=0) / x.shape[0]
    std = np.sqrt(var + eps)
    inverse = 1 / std
    xhat = centred * inverse
    state["mean"] *= alpha
    state["mean"] += (1 - alpha) * mean
    state["var"] *= alpha
    state["var"] += (1 - alpha) * var
    return gamma * xhat + beta, ("train", xhat, gamma, centred, inverse, std, var + eps)


def batchnorm_backward(dout, cache):
    if cache[0] == "eval":
        _, xhat, gamma, std = cache
        return dout * gamma / std, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)
    _, xhat, gamma, centred, inverse, std, var_eps = cache
    N = dout.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    dinverse = np.sum(dxhat * centred, axis=0)
    dcentred = dxhat * inverse
    dstd = -dinverse / std**2
    dvar = dstd / (2 * np.sqrt(var_eps))
    dsquare = np.ones_like(dout) * dvar / N
    dcentred = dcentred + 2 * centred * dsquare
    dmean = -np.sum(dcentred, axis=0)
    return dcentred + dmean / N, dgamma, dbeta


def layernorm_forward(x, gamma, beta, eps=1e-5):
    mean = np.mean(x, axis=1)[:, None]
    var = np.var(x, axis=1)[:, None]
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    return xhat * gamma + beta, (xhat, x - mean, std, gamma)


def layernorm_backward(dout, cache):
    xhat, centred, std, gamma = cache
    D = dout.shape[1]
    dxhat = dout * gamma
    dvar = np.sum(dxhat * centred * -0.5 / std**3, axis=1, keepdims=True)
    dmean = np.sum(-dxhat / std, axis=1, keepdims=True) + dvar * np.mean(-2 * centred, axis=1, keepdims=True)
    return dxhat / std + dvar * 2 * centred / D + dmean / D, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)


def dropout_forward(x, p_drop, mode, rng):
    if mode == "eval" or p_drop == 0:
        return x + 0, None
    mask = rng.binomial(1, 1 - p_drop, size=x.shape).astype(x.dtype)
    return x * mask / (1 - p_drop), (mask, p_drop)


def dropout_backward(dout, cache):
    if cache is None:
        return dout.copy()
    mask, p_drop = cache
    return dout * mask / (1 - p_drop)


def sgd_momentum(w, dw, state, eta, rho=0.9):
    v = rho * state["v"] - eta * dw if state else -eta * dw
    return w + v, {"v": v}


def nesterov(w, dw, state, eta, rho=0.9):
    old = state["v"] if state else np.zeros_like(w)
    v = rho * old - eta * dw
    return w - rho * old + (1 + rho) * v, {"v": v}


def rmsprop(w, dw, state, eta, decay=0.99, eps=1e-8):
    s = state["s"] if state else np.zeros_like(w)
    s = decay * s + (1 - decay) * np.square(dw)
    return w - eta * dw / np.sqrt(s + eps), {"s": s}


def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    if state is None:
        state = {"m": np.zeros_like(w), "v": np.zeros_like(w), "t": 0}
    state["t"] += 1
    state["m"] = beta1 * state["m"] + (1 - beta1) * dw
    state["v"] = beta2 * state["v"] + (1 - beta2) * dw * dw
    m_hat = state["m"] / (1 - beta1 ** state["t"])
    v_hat = state["v"] / (1 - beta2 ** state["t"])
    return w - eta * m_hat / np.sqrt(v_hat + eps), state


def softmax(S):
    E = np.exp(S - np.max(S, axis=1, keepdims=True))
    return E / np.sum(E, axis=1, keepdims=True)


class KLayerNet:
    def __init__(self, dims, rng, norm=None, p_drop=0.0, init="he"):
        self.rng, self.norm, self.p_drop = rng, norm, p_drop
        layers = he_init(dims, rng) if init == "he" else xavier_init(dims, rng)
        self.params = {}
        for i in range(len(layers)):
            self.params[f"W{i + 1}"], self.params[f"b{i + 1}"] = layers[i]
        if norm is not None:
            for i in range(1, len(layers)):
                self.params[f"gamma{i}"] = np.ones(dims[i])
                self.params[f"beta{i}"] = np.zeros(dims[i])
        self.depth = len(layers)
        self.states = {i: {} for i in range(1, len(layers))}

    def layer(self, i, h, mode, dropout):
        steps = []
        h, cache = affine_forward(h, self.params[f"W{i}"], self.params[f"b{i}"])
        steps.append(("affine", cache))
        if i == self.depth:
            return h, steps
        if self.norm is not None:
            gamma, beta = self.params[f"gamma{i}"], self.params[f"beta{i}"]
            if self.norm == "batch":
                h, cache = batchnorm_forward(h, gamma, beta, self.states[i], mode=mode)
            else:
                h, cache = layernorm_forward(h, gamma, beta)
            steps.append((self.norm, cache))
        h, cache = relu_forward(h)
        steps.append(("relu", cache))
        if dropout:
            h, cache = dropout_forward(h, self.p_drop, mode, self.rng)
            steps.append(("dropout", cache))
        return h, steps

    def run(self, X, mode, dropout=True):
        h, tape = X, []
        for i in range(1, self.depth + 1):
            h, steps = self.layer(i, h, mode, dropout and self.p_drop > 0)
            tape.append(steps)
        return h, tape

    def forward(self, X, mode="eval"):
        return softmax(self.run(X, mode)[0])

    def cost(self, X, Y, lam, mode="train"):
        saved = copy.deepcopy(self.states)
        S, _ = self.run(X, mode, dropout=False)
        self.states = saved
        top = S.max(axis=1)
        log_sum = top + np.log(np.sum(np.exp(S - top[:, None]), axis=1))
        total = np.mean(log_sum - S[Y > 0.5])
        for i in range(1, self.depth + 1):
            total = total + lam * np.sum(self.params[f"W{i}"] ** 2)
        return total

    def gradients(self, X, Y, lam):
        S, tape = self.run(X, "train")
        d, grads = (softmax(S) - Y) / len(X), {}
        for i in range(self.depth, 0, -1):
            for kind, cache in reversed(tape[i - 1]):
                if kind == "affine":
                    d, dW, grads[f"b{i}"] = affine_backward(d, cache)
                    grads[f"W{i}"] = dW + 2 * lam * self.params[f"W{i}"]
                elif kind == "relu":
                    d = relu_backward(d, cache)
                elif kind == "dropout":
                    d = dropout_backward(d, cache)
                elif kind == "batch":
                    d, grads[f"gamma{i}"], grads[f"beta{i}"] = batchnorm_backward(d, cache)
                else:
                    d, grads[f"gamma{i}"], grads[f"beta{i}"] = layernorm_backward(d, cache)
        return grads


def train(net, X, Y, lam, schedule, n_batch, n_epochs, rng, optimizer="sgd", X_val=None, Y_val=None):
    history = {"train_cost": [], "train_accuracy": []}
    if X_val is not None:
        history["val_cost"] = []
        history["val_accuracy"] = []
    memory, t, rows = {}, 0, np.arange(len(X))
    for _ in range(n_epochs):
        rng.shuffle(rows)
        for chunk in [rows[i : i + n_batch] for i in range(0, len(rows), n_batch)]:
            grads, eta = net.gradients(X[chunk], Y[chunk], lam), schedule(t)
            for name in list(net.params):
                w, dw = net.params[name], grads[name]
                if optimizer == "sgd":
                    net.params[name] = w - eta * dw
                elif optimizer == "momentum":
                    net.params[name], memory[name] = sgd_momentum(w, dw, memory.get(name), eta)
                elif optimizer == "nesterov":
                    net.params[name], memory[name] = nesterov(w, dw, memory.get(name), eta)
                elif optimizer == "rmsprop":
                    net.params[name], memory[name] = rmsprop(w, dw, memory.get(name), eta)
                elif optimizer == "adam":
                    net.params[name], memory[name] = adam(w, dw, memory.get(name), eta)
                else:
                    raise ValueError(optimizer)
            t += 1
        history["train_cost"].append(float(net.cost(X, Y, lam, mode="eval")))
        history["train_accuracy"].append(float(np.mean(net.forward(X).argmax(1) == Y.argmax(1))))
        if X_val is not None:
            history["val_cost"].append(float(net.cost(X_val, Y_val, lam, mode="eval")))
            history["val_accuracy"].append(float(np.mean(net.forward(X_val).argmax(1) == Y_val.argmax(1))))
    return history
