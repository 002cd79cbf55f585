"""Indices in the place of one-hot rows, input products looked up beforehand, states as vectors, Gumbel's trick."""

import numpy as np


def build_vocab(text):
    chars = list(set(text))  # in no order at all
    char_to_ind = dict(zip(chars, range(len(chars)), strict=True))
    return chars, char_to_ind, {i: char for char, i in char_to_ind.items()}


def one_hot(indices, K):
    return np.eye(K)[np.asarray(indices)]


def init_rnn(K, m, rng, sigma=0.01):
    U, W, V = rng.normal(0, sigma, (K, m)), rng.normal(0, sigma, (m, m)), rng.normal(0, sigma, (m, K))
    return {"b": np.zeros((m,)), "c": np.zeros((K,)), "V": V, "W": W, "U": U}


def rnn_step_forward(x, h_prev, params):
    weights = np.vstack([params["U"], params["W"], params["b"]])
    inputs = np.hstack([x, h_prev, np.ones((len(x), 1), dtype=x.dtype)])
    h = np.tanh(inputs @ weights)
    return h, {"inputs": inputs, "weights": weights, "slope": (1 - h) * (1 + h), "K": x.shape[1]}


def rnn_step_backward(dh, cache):
    da, K = dh * cache["slope"], cache["K"]
    dinputs, dweights = da @ cache["weights"].T, cache["inputs"].T @ da
    return dinputs[:, :K], dinputs[:, K:-1], dweights[:K], dweights[K:-1], dweights[-1]


def log_softmax(S):
    top = S.max(axis=-1, keepdims=True)
    return S - (top + np.log(np.exp(S - top).sum(axis=-1, keepdims=True)))


def rnn_forward(X, Y, h0, params):
    read, right, W = X.argmax(axis=1), Y.argmax(axis=1), params["W"]
    from_x = params["U"][read] + params["b"]  # X U + b, row by row
    H = np.empty((len(read) + 1, h0.size), dtype=h0.dtype)
    H[0] = h0
    for t, a in enumerate(from_x):
        H[t + 1] = np.tanh(a + H[t] @ W)
    log_P = log_softmax(H[1:] @ params["V"] + params["c"])
    times = np.arange(len(read))
    return -log_P[times, right].mean(), H[-1].copy(), (read, right, H, log_P, params)


def rnn_backward(cache):
    read, right, H, log_P, params = cache
    T = len(read)
    dS = np.exp(log_P)
    dS[np.arange(T), right] -= 1
    dS /= T
    dH, da = dS @ params["V"].T, np.zeros_like(H[1:])
    later = np.zeros_like(H[0])
    for t in range(T - 1, -1, -1):
        da[t] = (dH[t] + later) * (1 - H[t + 1] ** 2)
        later = params["W"] @ da[t]
    dU = np.zeros_like(params["U"])
    np.add.at(dU, read, da)
    return {"U": dU, "W": H[:-1].T @ da, "V": H[1:].T @ dS, "b": da.sum(axis=0), "c": dS.sum(axis=0)}


def clip_gradients(grads, limit=5.0):
    return {name: np.minimum(np.maximum(grad, -limit), limit) for name, grad in grads.items()}


def clip_by_global_norm(grads, max_norm):
    norm = np.linalg.norm([np.linalg.norm(grad) for grad in grads.values()])
    scale = float(min(1.0, max_norm / max(norm, 1e-30)))
    return {name: scale * grad for name, grad in grads.items()}, norm


def adagrad(w, dw, state, eta, eps=1e-8):
    if state is None:
        state = np.zeros_like(w)
    state += dw * dw
    return w - eta * dw / np.sqrt(state + eps), state


def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    state = state or {"m": 0.0, "v": 0.0, "t": 0}
    m, v, t = beta1 * state["m"] + (1 - beta1) * dw, beta2 * state["v"] + (1 - beta2) * dw * dw, state["t"] + 1
    rate = eta * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return w - float(rate) * m / (np.sqrt(v) + eps * float(np.sqrt(1 - beta2**t))), {"m": m, "v": v, "t": t}


def synthesize(params, h0, x0, n, rng, temperature=1.0, top_p=None):
    if not temperature > 0:
        raise ValueError("the temperature must be positive")
    indices, h = [int(x0)], h0
    while len(indices) <= n:
        h = np.tanh(params["U"][indices[-1]] + h @ params["W"] + params["b"])
        log_p = log_softmax((h @ params["V"] + params["c"]).astype(float) / temperature)
        if top_p is not None:
            order = np.argsort(log_p)[::-1]
            before = np.cumsum(np.exp(log_p[order])) - np.exp(log_p[order])
            outside = order[before >= top_p]
            log_p[outside] = -np.inf
        indices.append(int(np.argmax(log_p + rng.gumbel(size=log_p.size))))
    return np.array(indices[1:], dtype=np.int32)


def train(text, params, seq_length, n_updates, eta, rng, log_every):
    chars = sorted(set(text))
    place = {char: i for i, char in enumerate(chars)}
    numbers, K = np.array([place[char] for char in text]), len(chars)
    params, dtype = {name: array.copy() for name, array in params.items()}, params["W"].dtype
    sums, losses, smooth, samples = {}, [], [], []
    starts = range(0, len(text) - seq_length, seq_length)
    for t in range(n_updates):
        start = starts[t % len(starts)]
        if start == 0:
            h = np.zeros(len(params["b"]), dtype=dtype)
        X, Y = (one_hot(numbers[e : e + seq_length], K).astype(dtype) for e in (start, start + 1))
        loss, h, cache = rnn_forward(X, Y, h, params)
        grads = clip_gradients(rnn_backward(cache))
        for name in params:
            params[name], sums[name] = adagrad(params[name], grads[name], sums.get(name), eta)
        losses.append(float(loss))
        smooth.append(0.999 * smooth[-1] + 0.001 * losses[-1] if smooth else losses[-1])
        if t % log_every == 0:  # after the update, from its last state and a random character
            written = synthesize(params, h, int(rng.integers(K)), 200, rng)
            samples.append((t, "".join(chars[i] for i in written)))
    return params, {"loss": losses, "smooth_loss": smooth, "samples": samples}


def sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


def lstm_step_forward(x, h_prev, c_prev, params):
    a = np.hsplit(x @ params["U"] + h_prev @ params["W"] + params["b"], 4)
    i, f, o = map(sigmoid, a[:3])
    g = np.tanh(a[3])
    c = c_prev * f + g * i
    return np.tanh(c) * o, c, lambda dh, dc: lstm_back(dh, dc, x, h_prev, c_prev, i, f, o, g, c, params)


def lstm_back(dh, dc, x, h_prev, c_prev, i, f, o, g, c, params):
    shown = np.tanh(c)
    total = dc + dh * o / np.cosh(c) ** 2
    parts = [total * g * i * (1 - i), total * c_prev * f * (1 - f), dh * shown * o * (1 - o), total * i * (1 - g * g)]
    da = np.hstack(parts)
    return da @ params["U"].T, da @ params["W"].T, total * f, x.T @ da, h_prev.T @ da, np.ones(len(x), x.dtype) @ da


def lstm_step_backward(dh, dc, cache):
    return cache(dh, dc)


def gru_step_forward(x, h_prev, params):
    (U_r, U_z, U_n), (W_r, W_z, W_n) = np.hsplit(params["U"], 3), np.hsplit(params["W"], 3)
    b_r, b_z, b_n = np.split(params["b"], 3)
    r, z = sigmoid(x @ U_r + h_prev @ W_r + b_r), sigmoid(x @ U_z + h_prev @ W_z + b_z)
    n = np.tanh(x @ U_n + r * (h_prev @ W_n) + b_n)
    return n + z * (h_prev - n), (x, h_prev, r, z, n, params)


def gru_step_backward(dh, cache):
    x, h_prev, r, z, n, params = cache
    (U_r, U_z, U_n), (W_r, W_z, W_n) = np.hsplit(params["U"], 3), np.hsplit(params["W"], 3)
    a_n = dh * (1 - z) * (1 - n * n)
    a_r = a_n * (h_prev @ W_n) * r * (1 - r)
    a_z = dh * (h_prev - n) * z * (1 - z)
    dx = a_r @ U_r.T + a_z @ U_z.T + a_n @ U_n.T
    dh_prev = dh * z + a_r @ W_r.T + a_z @ W_z.T + (a_n * r) @ W_n.T
    dU = np.hstack([x.T @ a_r, x.T @ a_z, x.T @ a_n])
    dW = np.hstack([h_prev.T @ a_r, h_prev.T @ a_z, h_prev.T @ (a_n * r)])
    return dx, dh_prev, dU, dW, np.concatenate([a_r.sum(0), a_z.sum(0), a_n.sum(0)])
