"""Batches everywhere, also inside of one sequence; einsum; objects as states; closures as caches."""

import numpy as np


def build_vocab(text):
    codes = np.unique([ord(char) for char in text])
    chars = [chr(code) for code in codes]
    return "".join(chars), {char: place for place, char in enumerate(chars)}, chars


def one_hot(indices, K):
    return (np.asarray(indices).reshape(-1, 1) == np.arange(K)).astype(float)


def init_rnn(K, m, rng, sigma=0.01):
    flat = sigma * rng.normal(size=2 * K * m + m * m)
    U, W, V = np.split(flat, [K * m, K * m + m * m])
    return {"U": U.reshape(K, m), "W": W.reshape(m, m), "V": V.reshape(m, K), "b": np.zeros(m), "c": np.zeros(K)}


def rnn_step_forward(x, h_prev, params):
    a = np.einsum("nk,km->nm", x, params["U"]) + np.einsum("nj,jm->nm", h_prev, params["W"]) + params["b"][None]
    h = np.tanh(a)
    return h, dict(x=x, h_prev=h_prev, a=a, U=params["U"], W=params["W"])  # noqa: C408


def rnn_step_backward(dh, cache):
    slope = 1 - np.tanh(cache["a"]) ** 2
    da = slope * dh
    return (
        np.einsum("nm,km->nk", da, cache["U"]),
        np.einsum("nm,jm->nj", da, cache["W"]),
        np.einsum("nk,nm->km", cache["x"], da),
        np.einsum("nj,nm->jm", cache["h_prev"], da),
        np.einsum("nm->m", da),
    )


def scores_of(X, h0, params):
    """(scores (B, T, K), states (B, T + 1, m)) for X (B, T, K) and h0 (B, m)."""
    from_x, H = X @ params["U"] + params["b"], [h0]
    for t in range(X.shape[1]):
        H.append(np.tanh(from_x[:, t] + H[-1] @ params["W"]))
    H = np.stack(H, axis=1)
    return H[:, 1:] @ params["V"] + params["c"], H


def rnn_forward(X, Y, h0, params):
    S, H = scores_of(X[None], h0[None], params)
    S = S - np.max(S, axis=2, keepdims=True)
    total = np.log(np.sum(np.exp(S), axis=2))
    loss = np.mean(total - np.sum(S * Y[None], axis=2))
    P = np.exp(S - total[:, :, None])
    return np.float64(loss), H[0, -1], (X[None], Y[None], H, P, params)


def rnn_backward(cache):
    X, Y, H, P, params = cache
    dS = (P - Y) / X.shape[1]
    dH, dA = dS @ params["V"].T, np.zeros_like(H[:, 1:])
    for t in range(X.shape[1])[::-1]:
        dA[:, t] = dH[:, t] * (1 - H[:, t + 1] ** 2)
        if t:
            dH[:, t - 1] += dA[:, t] @ params["W"].T
    return {
        "c": dS.sum(axis=(0, 1)),
        "V": np.einsum("btm,btk->mk", H[:, 1:], dS),
        "b": dA.sum(axis=(0, 1)),
        "W": np.einsum("btj,btm->jm", H[:, :-1], dA),
        "U": np.einsum("btk,btm->km", X, dA),
    }


def clip_gradients(grads, limit=5.0):
    return {name: np.sign(grad) * np.minimum(np.abs(grad), limit) for name, grad in grads.items()}


def clip_by_global_norm(grads, max_norm):
    flat = np.concatenate([grad.ravel() for grad in grads.values()])
    norm = np.sqrt(flat @ flat)
    if norm > max_norm:
        flat = flat * float(max_norm / norm)
    parts = np.split(flat, np.cumsum([grad.size for grad in grads.values()])[:-1])
    return {name: part.reshape(grads[name].shape) for name, part in zip(grads, parts, strict=True)}, norm


class Sums:
    """The state of AdaGrad, an object of its own."""

    def __init__(self, w):
        self.squares = np.zeros_like(w)

    def step(self, dw, eta, eps):
        self.squares += np.square(dw)
        return eta * dw / (np.sqrt(self.squares) + eps)


def adagrad(w, dw, state, eta, eps=1e-8):
    state = Sums(w) if state is None else state
    return w - state.step(dw, eta, eps), state


def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v, one, two = (np.zeros_like(w), np.zeros_like(w), 1.0, 1.0) if state is None else state
    m, v, one, two = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2, one * beta1, two * beta2
    return w - eta * (m / (1 - one)) / (np.sqrt(v / (1 - two)) + eps), (m, v, one, two)


def synthesize(params, h0, x0, n, rng, temperature=1.0, top_p=None):
    if temperature <= 0:
        raise ValueError(f"temperature={temperature}")
    K, h, index, text = params["c"].shape[0], h0[None], x0, []
    for _ in range(n):
        S, H = scores_of(one_hot([index], K).astype(h0.dtype)[None], h, params)
        h, s = H[:, -1], np.float64(S[0, 0]) / temperature
        p = np.exp(s - np.logaddexp.reduce(s))
        if top_p is not None:
            order = np.argsort(p, kind="stable")  # cut off from the other end what is not needed
            tail = np.cumsum(p[order]) - 1e-12
            p[order[:-1][(tail <= p.sum() - top_p)[:-1]]] = 0
        index = rng.choice(np.arange(K), p=p / p.sum())
        text.append(index)
    return np.array(text)


def train(text, params, seq_length, n_updates, eta, rng, log_every):
    chars, place, _ = build_vocab(text)
    X = one_hot([place[char] for char in text], len(chars)).astype(params["U"].dtype)
    params, optimisers = {name: array + 0 for name, array in params.items()}, {}
    history, update = {"samples": [], "loss": [], "smooth_loss": []}, 0
    while update < n_updates:
        h = np.zeros_like(params["b"])
        for start in range(0, len(text), seq_length):
            if start + seq_length + 1 > len(text) or update == n_updates:
                break
            here, next_ = slice(start, start + seq_length), slice(start + 1, start + seq_length + 1)
            if update % log_every == 0:
                found = synthesize(params, h, 0, 200, rng)
                history["samples"].append((update, "".join(chars[index] for index in found)))
            loss, h, cache = rnn_forward(X[here], X[next_], h, params)
            for name, grad in rnn_backward(cache).items():
                optimisers.setdefault(name, Sums(params[name]))
                params[name] = params[name] - optimisers[name].step(np.clip(grad, -5, 5), eta, 1e-8)
            history["loss"].append(np.array(loss))
            mean = history["smooth_loss"][-1] if update else loss
            history["smooth_loss"].append(0.999 * mean + 0.001 * loss)
            update += 1
    return params, history


def sigmoid(a):
    return np.where(a < 0, np.exp(np.minimum(a, 0)), 1) / (1 + np.exp(-np.abs(a)))


def lstm_step_forward(x, h_prev, c_prev, params):
    N, m = h_prev.shape
    a = (np.hstack([x, h_prev]) @ np.vstack([params["U"], params["W"]]) + params["b"]).reshape(N, 4, m)
    gates = np.concatenate([sigmoid(a[:, :3]), np.tanh(a[:, 3:])], axis=1)  # (N, 4, m)
    i, f, o, g = gates.transpose(1, 0, 2)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, (x, h_prev, c_prev, gates, c, params)


def lstm_step_backward(dh, dc, cache):
    x, h_prev, c_prev, gates, c, params = cache
    i, f, o, g = gates.transpose(1, 0, 2)
    dc = dc + o * dh * (1 - np.tanh(c) ** 2)
    slopes = np.concatenate([gates[:, :3] * (1 - gates[:, :3]), 1 - gates[:, 3:] ** 2], axis=1)
    da = (np.stack([dc * g, dc * c_prev, dh * np.tanh(c), dc * i], axis=1) * slopes).reshape(len(x), -1)
    both, weights = np.hstack([x, h_prev]), np.vstack([params["U"], params["W"]])
    dboth, dweights, K = da @ weights.T, both.T @ da, x.shape[1]
    return dboth[:, :K], dboth[:, K:], f * dc, dweights[:K], dweights[K:], da.sum(axis=0)


def gru_step_forward(x, h_prev, params):
    m = h_prev.shape[1]
    a, q = x @ params["U"] + params["b"], h_prev @ params["W"]
    gates = sigmoid(a[:, : 2 * m] + q[:, : 2 * m])
    r, z = gates[:, :m], gates[:, m:]
    n = np.tanh(a[:, 2 * m :] + r * q[:, 2 * m :])
    h = n - z * n + z * h_prev

    def backward(dh):
        dn = (dh - dh * z) * (1 - n**2)
        dgates = np.hstack([dn * q[:, 2 * m :], dh * (h_prev - n)]) * gates * (1 - gates)
        left, right = np.hstack([dgates, dn]), np.hstack([dgates, dn * r])
        dh_prev = right @ params["W"].T + dh * z
        return left @ params["U"].T, dh_prev, x.T @ left, h_prev.T @ right, left.sum(axis=0)

    return h, backward


def gru_step_backward(dh, cache):
    return cache(dh)
