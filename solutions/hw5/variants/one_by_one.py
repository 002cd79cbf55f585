"""No batches: vectors and outer products in loops over sequences, times, gates and characters; searchsorted draws."""

import math

import numpy as np


def build_vocab(text):
    chars, char_to_ind = [], {}
    for char in text:
        if char not in char_to_ind:
            char_to_ind[char] = len(chars)
            chars.append(char)
    return tuple(chars), char_to_ind, chars


def one_hot(indices, K):
    return np.array([[1.0 if k == index else 0.0 for k in range(K)] for index in indices])


def init_rnn(K, m, rng, sigma=0.01):
    params = {name: rng.standard_normal(shape) * sigma for name, shape in (("V", (m, K)), ("U", (K, m)), ("W", (m, m)))}
    params["b"], params["c"] = np.zeros(m), np.zeros(K)
    return params


def rnn_step_forward(x, h_prev, params):
    if x.ndim == 1:
        h = np.tanh(params["U"].T @ x + params["W"].T @ h_prev + params["b"])
        return h, (x, h_prev, h, params)
    pairs = [rnn_step_forward(*row, params) for row in zip(x, h_prev, strict=True)]
    return np.array([h for h, _ in pairs]), [cache for _, cache in pairs]


def rnn_step_backward(dh, cache):
    if dh.ndim == 1:
        x, h_prev, h, params = cache
        da = dh - dh * h * h
        return params["U"] @ da, params["W"] @ da, np.outer(x, da), np.outer(h_prev, da), da
    parts = [rnn_step_backward(*row) for row in zip(dh, cache, strict=True)]
    dx, dh_prev, dU, dW, db = zip(*parts, strict=True)
    return np.array(dx), np.array(dh_prev), sum(dU), sum(dW), sum(db)


def rnn_forward(X, Y, h0, params):
    h, caches, loss = h0, [], 0.0
    for x, y in zip(X, Y, strict=True):
        h, step = rnn_step_forward(x, h, params)
        s = h @ params["V"] + params["c"]
        shifted = s - s.max()
        loss += math.log(sum(math.exp(value) for value in shifted)) - float(shifted[y == 1][0])
        p = np.exp(shifted)
        caches.append((step, h, (p / p.sum() - y) / len(X)))
    return loss / len(X), h, (caches, params)


def rnn_backward(cache):
    caches, params = cache
    grads = {name: np.zeros(array.shape, array.dtype) for name, array in params.items()}
    later = np.zeros_like(params["b"])
    for step, h, ds in caches[::-1]:
        grads["V"] += np.outer(h, ds)
        grads["c"] += ds
        _, later, dU, dW, db = rnn_step_backward(params["V"] @ ds + later, step)
        grads["U"] += dU
        grads["W"] += dW
        grads["b"] += db
    return grads


def clip_gradients(grads, limit=5.0):
    clipped = {name: grad.copy() for name, grad in grads.items()}
    for grad in clipped.values():
        grad[grad > limit] = limit
        grad[grad < -limit] = -limit
    return clipped


def clip_by_global_norm(grads, max_norm):
    norm = math.sqrt(sum(float((grad.astype(float) ** 2).sum()) for grad in grads.values()))
    if norm <= max_norm:
        return grads, np.array(norm)
    return {name: grad / (norm / max_norm) for name, grad in grads.items()}, np.array(norm)


def adagrad(w, dw, state, eta, eps=1e-8):
    history = [] if state is None else state
    history.append(dw**2)
    return w - eta / (np.sqrt(sum(history)) + eps) * dw, history


def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    t, m, v = (1, 0 * w, 0 * w) if state is None else state
    m, v = m + (1 - beta1) * (dw - m), v + (1 - beta2) * (dw * dw - v)
    return w - eta * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps**2), (t + 1, m, v)


def nucleus(p, top_p):
    kept, mass = [], 0.0
    for k in sorted(range(len(p)), key=lambda k: (-p[k], -k)):
        if mass >= top_p:
            break
        kept.append(k)
        mass += p[k]
    cut = np.zeros(len(p))
    cut[kept] = p[kept]
    return cut / cut.sum()


def synthesize(params, h0, x0, n, rng, temperature=1.0, top_p=None):
    if temperature <= 0:
        raise ValueError("temperature <= 0")
    K, h, result = params["V"].shape[1], h0, []
    x = np.zeros(K, h0.dtype)
    x[x0] = 1
    for level in rng.uniform(size=n):
        h, _ = rnn_step_forward(x, h, params)
        s = (h @ params["V"] + params["c"]).astype(float)
        p = np.exp((s - s.max()) / temperature)
        p /= p.sum()
        if top_p is not None:
            p = nucleus(p, top_p)
        k = min(int(np.searchsorted(np.cumsum(p), level, side="right")), int(np.flatnonzero(p)[-1]))
        result.append(k)
        x = np.zeros(K, h0.dtype)
        x[k] = 1
    return np.array(result, dtype=np.int64)


def train(text, params, seq_length, n_updates, eta, rng, log_every):
    chars, char_to_ind, ind_to_char = build_vocab(text)
    history = {"loss": [], "smooth_loss": [], "samples": []}
    states, start, h = dict.fromkeys(params), 0, params["b"] * 0
    for update in range(n_updates):
        window = [char_to_ind[char] for char in text[start : start + seq_length + 1]]
        rows = one_hot(window, len(chars)).astype(h.dtype)
        if update % log_every == 0:  # before the update, from the state 0
            sample = synthesize(params, params["b"] * 0, window[-1], 200, rng)
            history["samples"].append([update, "".join([ind_to_char[k] for k in sample])])
        loss, h, cache = rnn_forward(rows[:-1], rows[1:], h, params)
        grads, params = clip_gradients(rnn_backward(cache), 5), dict(params)
        for name in sorted(params):
            params[name], states[name] = adagrad(params[name], grads[name], states[name], eta)
        history["loss"] += [loss]
        last = (history["smooth_loss"] or [loss])[-1]
        history["smooth_loss"] += [last + 0.001 * (loss - last)]
        start += seq_length
        if start + seq_length >= len(text):
            start, h = 0, params["b"] * 0
    return params, history


def sigmoid(a):
    out = np.empty_like(a)
    out[a >= 0] = 1 / (1 + np.exp(-a[a >= 0]))
    out[a < 0] = np.exp(a[a < 0]) / (1 + np.exp(a[a < 0]))
    return out


def gate(name, names, params, x, h_prev):
    """(columns, x U + b, h_prev W) of one gate."""
    m = h_prev.shape[1]
    columns = slice(names.index(name) * m, (names.index(name) + 1) * m)
    return columns, x @ params["U"][:, columns] + params["b"][columns], h_prev @ params["W"][:, columns]


def lstm_step_forward(x, h_prev, c_prev, params):
    values = {}
    for name, function in (("i", sigmoid), ("f", sigmoid), ("o", sigmoid), ("g", np.tanh)):
        _, from_x, from_h = gate(name, "ifog", params, x, h_prev)
        values[name] = function(from_x + from_h)
    c = values["f"] * c_prev + values["i"] * values["g"]
    return values["o"] * np.tanh(c), c, (x, h_prev, c_prev, c, values, params)


def lstm_step_backward(dh, dc, cache):
    x, h_prev, c_prev, c, v, params = cache
    dc = dc + dh * v["o"] * (1 - np.tanh(c) ** 2)
    slopes = {
        "i": dc * v["g"] * v["i"] * (1 - v["i"]),
        "f": dc * c_prev * v["f"] * (1 - v["f"]),
        "o": dh * np.tanh(c) * v["o"] * (1 - v["o"]),
        "g": dc * v["i"] * (1 - v["g"] ** 2),
    }
    dx, dh_prev = np.zeros_like(x), np.zeros_like(h_prev)
    dU, dW, db = (np.zeros_like(params[name]) for name in "UWb")
    for name, da in slopes.items():
        columns, _, _ = gate(name, "ifog", params, x, h_prev)
        dx += da @ params["U"][:, columns].T
        dh_prev += da @ params["W"][:, columns].T
        dU[:, columns], dW[:, columns], db[columns] = x.T @ da, h_prev.T @ da, da.sum(axis=0)
    return dx, dh_prev, dc * v["f"], dU, dW, db


def gru_step_forward(x, h_prev, params):
    (_, *r), (_, *z), (_, from_x, from_h) = (gate(name, "rzn", params, x, h_prev) for name in "rzn")
    r, z = sigmoid(sum(r)), sigmoid(sum(z))
    n = np.tanh(from_x + r * from_h)
    return (1 - z) * n + z * h_prev, [x, h_prev, r, z, n, from_h, params]


def gru_step_backward(dh, cache):
    x, h_prev, r, z, n, from_h, params = cache
    dn = dh * (1 - z) * (1 - n**2)
    slopes = {"r": dn * from_h * r * (1 - r), "z": dh * (h_prev - n) * z * (1 - z), "n": dn}
    dx, dh_prev = np.zeros_like(x), dh * z
    dU, dW, db = (np.zeros_like(params[name]) for name in "UWb")
    for name, da in slopes.items():
        columns, _, _ = gate(name, "rzn", params, x, h_prev)
        dx += da @ params["U"][:, columns].T
        dU[:, columns], db[columns] = x.T @ da, da.sum(axis=0)
        back = da * r if name == "n" else da
        dh_prev += back @ params["W"][:, columns].T
        dW[:, columns] = h_prev.T @ back
    return dx, dh_prev, dU, dW, db
