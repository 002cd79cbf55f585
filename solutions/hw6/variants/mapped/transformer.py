"""Functions of one row, head and sequence, and vmap: lists of parameters, an online softmax, layer inputs as cache.

Symbols of byte pairs are characters of a private alphabet, and a merge is `str.replace`.
"""

import itertools
import math
import re
from collections import Counter
from functools import lru_cache

import torch
from torch.nn import Module, Parameter, ParameterList

FIRST = 0x10000  # the number of the first private character; there are a million


def train_bpe(text, vocab_size, special_tokens):
    letters = {bytes([byte]): chr(FIRST + byte) for byte in range(256)}
    meaning = {letter: symbol for symbol, letter in letters.items()}
    separated = [text] if not special_tokens else re.split("|".join(re.escape(token) for token in special_tokens), text)
    line = "\n".join("".join(chr(FIRST + byte) for byte in part.encode()) for part in separated)  # \n is no letter
    vocab, merges = dict(enumerate(meaning.values())), []
    for token in special_tokens:
        vocab[len(vocab)] = token.encode()
    counts = Counter(pair for pair in itertools.pairwise(line) if "\n" not in pair)
    while len(vocab) < vocab_size and counts:
        most = max(counts.values())
        pairs = [pair for pair, count in counts.items() if count == most]
        pair = max(pairs, key=lambda pair: [meaning[letter] for letter in pair])
        left, right = meaning[pair[0]], meaning[pair[1]]
        letter = letters.setdefault(left + right, chr(FIRST + len(vocab)))
        meaning[letter] = left + right
        count_again(counts, line.split("".join(pair)), pair, letter)
        line = line.replace("".join(pair), letter)
        vocab[len(vocab)] = left + right
        merges.append((left, right))
    return vocab, merges


def count_again(counts, pieces, pair, letter):
    """What a merge changes: its pair stands between pieces of the line, and a letter takes its place."""
    changes = Counter({pair: 1 - len(pieces)})
    for number, (before, after) in enumerate(itertools.pairwise(pieces)):
        if before[-1:] not in ("", "\n"):
            changes[before[-1], pair[0]] -= 1
            changes[before[-1], letter] += 1
        if number and not before:  # two of them side by side
            changes[pair[1], pair[0]] -= 1
            changes[letter, letter] += 1
        if after[:1] not in ("", "\n"):
            changes[pair[1], after[0]] -= 1
            changes[letter, after[0]] += 1
    for changed, count in changes.items():
        counts[changed] += count
        if counts[changed] == 0:
            del counts[changed]


class BPETokenizer:
    def __init__(self, vocab, merges, special_tokens):
        self.vocab = vocab
        self.numbers = {symbol: number for number, symbol in vocab.items()}
        places = {symbol: chr(FIRST + place) for place, symbol in enumerate(self.numbers)}
        self.letters = {symbol[0]: letter for symbol, letter in places.items() if len(symbol) == 1}
        self.steps = [(places[left] + places[right], places[left + right]) for left, right in merges]
        self.number_of_letter = {places[symbol]: number for symbol, number in self.numbers.items()}
        self.special_tokens = special_tokens

    def encode(self, text):
        for token in self.special_tokens:
            before, found, after = text.partition(token)
            if found:  # and the others are looked for in what stands around it
                return [*self.encode(before), self.numbers[token.encode()], *self.encode(after)]
        line = "".join(self.letters[byte] for byte in text.encode())
        for pair, letter in self.steps:
            line = line.replace(pair, letter)
        return [self.number_of_letter[letter] for letter in line]

    def decode(self, ids):
        data = b""
        for number in ids:
            data += self.vocab[int(number)]
        return data.decode("utf-8", "replace")


def each_row(function, x):
    """A function of one vector, for the last axis of x (..., d)."""
    return torch.vmap(function)(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def layer_norm(x, g, b, eps=1e-5):
    def one(row):
        row = row - row.mean()
        return g * row / torch.sqrt(row.dot(row) / len(row) + eps) + b

    return each_row(one, x)


def rms_norm(x, g, eps=1e-5):
    return each_row(lambda row: g * row * (row.dot(row) / len(row) + eps) ** -0.5, x)


def gelu(x):
    return x * torch.special.erfc(-x / math.sqrt(2)) / 2


def swiglu(x, W1, W2, W3):
    half = (x @ W1) / 2
    return (half * (1 + torch.tanh(half)) * (x @ W3)) @ W2


def angle(t, i, d):
    return t / 10_000 ** (2 * i / d)


def sinusoidal_positions(T, d):
    rows = [[f(angle(t, i, d)) for i in range(d // 2) for f in (math.sin, math.cos)] for t in range(T)]
    return torch.tensor(rows, dtype=torch.float32)


def rotations(positions, d, like):
    """(T, d, d), block diagonal: a row x_t becomes rotations[t] @ x_t."""
    return torch.stack([rotation(t, d) for t in positions.tolist()]).to(like)


@lru_cache(maxsize=4096)
def rotation(t, d):
    parts = []
    for i in range(d // 2):
        c, s = math.cos(angle(t, i, d)), math.sin(angle(t, i, d))
        parts.append(torch.tensor([[c, -s], [s, c]], dtype=torch.float64))
    return torch.block_diag(*parts)


def rope(x, positions):
    rows = positions.expand(x.shape[0], x.shape[2])
    turned = [rotations(rows[n], x.shape[-1], x) @ x[n].unsqueeze(-1) for n in range(x.shape[0])]
    return torch.stack(turned).squeeze(-1)


def causal_mask(T):
    return torch.tensor([[s <= t for s in range(T)] for t in range(T)])


def padding_mask(lengths, T):
    mask = torch.zeros(len(lengths), 1, 1, T, dtype=torch.bool, device=lengths.device)
    for n, length in enumerate(lengths):
        mask[n, ..., : int(length)] = True
    return mask


def attended(q, k, v, mask):
    """One sequence and head: q (Tq, d), k (Tk, d), v (Tk, e), mask (Tq, Tk); three blocks of keys, online softmax."""
    block = -(-len(k) // 3)
    top = q.new_full((len(q), 1), torch.finfo(q.dtype).min)
    total, out = torch.zeros_like(top), q.new_zeros(len(q), v.shape[1])
    for start in range(0, len(k), block):
        allowed = mask[:, start : start + block]
        scores = (q @ k[start : start + block].T) / math.sqrt(q.shape[1])
        seen = scores.detach().masked_fill(~allowed, torch.finfo(q.dtype).min)
        new_top = torch.maximum(top, seen.amax(1, keepdim=True))
        e = torch.where(allowed, torch.exp(torch.where(allowed, scores, new_top) - new_top), 0)
        shrink = torch.exp(top - new_top)
        total, out = total * shrink + e.sum(1, keepdim=True), out * shrink + e @ v[start : start + block]
        top = new_top
    return out / torch.where(total > 0, total, 1)


def every_mask(mask, B, h, Tq, Tk):
    return torch.ones(B, h, Tq, Tk, dtype=torch.bool) if mask is None else mask.expand(B, h, Tq, Tk)


def sdpa(q, k, v, mask=None):
    return torch.vmap(torch.vmap(attended))(q, k, v, every_mask(mask, *q.shape[:3], k.shape[2]))


def sdpa_backward(do, q, k, v, mask=None):
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    mask = every_mask(mask, *q.shape[:3], k.shape[2])
    for n, i, t in itertools.product(*map(range, q.shape[:3])):
        keys = mask[n, i, t].nonzero().flatten()
        if len(keys) == 0:
            continue
        K, V = k[n, i, keys], v[n, i, keys]
        p = torch.softmax(K @ q[n, i, t] / math.sqrt(q.shape[-1]), 0)
        jacobian = torch.diag(p) - torch.outer(p, p)
        ds = jacobian @ (V @ do[n, i, t]) / math.sqrt(q.shape[-1])
        dq[n, i, t] = ds @ K
        dk[n, i, keys] += torch.outer(ds, q[n, i, t])
        dv[n, i, keys] += torch.outer(p, do[n, i, t])
    return dq, dk, dv


ATTENTION = ("Wq", "Wk", "Wv", "Wo")
BLOCK = (*ATTENTION, "W_in", "W_out", "g1", "b1", "g2", "b2")


def attention(weights, n_heads, x, source, mask, turns):
    """Of one sequence: queries from x (T, d_model), keys and values from its `source` (S, d_model).

    mask (h, T, S); turns (S, d_head, d_head), the rotation of each position, or None.
    """

    def head(Wq, Wk, Wv, Wo, allowed):
        q, k, v = x @ Wq, source @ Wk, source @ Wv
        if turns is not None:
            q, k = (turns[len(k) - len(q) :] @ q[..., None])[..., 0], (turns @ k[..., None])[..., 0]
        return attended(q, k, v, allowed) @ Wo

    *ins, Wo = weights
    ins = [W.unflatten(1, (n_heads, -1)) for W in ins]
    outs = torch.vmap(head, in_dims=(1, 1, 1, 0, 0))(*ins, Wo.unflatten(0, (n_heads, -1)), mask)
    return outs.sum(0)  # over heads: what the product of all columns by Wo does


def block(weights, n_heads, x, before, mask, turns):
    """Of one sequence, after rows `before` (of the first norm). Returns its result, and all such rows."""
    w = dict(zip(BLOCK, weights, strict=True))
    new = layer_norm(x, w["g1"], w["b1"])
    source = torch.cat([before, new])
    x = x + attention([w[name] for name in ATTENTION], n_heads, new, source, mask, turns)
    return x + gelu(layer_norm(x, w["g2"], w["b2"]) @ w["W_in"]) @ w["W_out"], source


def fresh(d_model, d_ff=None):
    """Initial weights: of attention, or of a block with d_ff."""
    square = [torch.empty(d_model, d_model).uniform_(-1, 1) / d_model**0.5 for _ in ATTENTION]
    if d_ff is None:
        return square
    network = [torch.randn(d_model, d_ff) / d_model**0.5, torch.randn(d_ff, d_model) / d_ff**0.5]
    return [*square, *network, *(f(d_model) for f in (torch.ones, torch.zeros) * 2)]


def each_sequence(function, n_heads, x, mask, positions):
    """A function of one sequence, its mask and the turns of its positions, for all of x (B, T, d_model)."""
    (B, T, d_model), turns = x.shape, None
    if positions is not None:
        turns = rotations(positions.expand(B, T).flatten(), d_model // n_heads, x).unflatten(0, (B, T))
    parts = x, every_mask(mask, B, n_heads, T, T), turns
    return torch.vmap(function, in_dims=(0, 0, None if turns is None else 0))(*parts)


class MultiHeadAttention(Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.weights = ParameterList(fresh(d_model))

    def set_weights(self, Wq, Wk, Wv, Wo):
        self.weights = ParameterList(W.detach().clone() for W in (Wq, Wk, Wv, Wo))

    def forward(self, x, mask=None, positions=None):
        def one(row, allowed, turns):
            return attention(self.weights, self.n_heads, row, row, allowed, turns)

        return each_sequence(one, self.n_heads, x, mask, positions)


class TransformerBlock(Module):
    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.n_heads = n_heads
        self.weights = ParameterList(fresh(d_model, d_ff))

    def set_weights(self, weights):
        self.weights = ParameterList(weights[name].detach().clone() for name in BLOCK)

    def forward(self, x, mask=None, positions=None):
        def one(row, allowed, turns):
            return block(self.weights, self.n_heads, row, row[:0], allowed, turns)[0]

        return each_sequence(one, self.n_heads, x, mask, positions)


class GPT(Module):
    def __init__(self, vocab_size, d_model, n_heads, n_layers, max_T, d_ff=None):
        super().__init__()
        self.max_T, self.n_heads = max_T, n_heads
        self.E = Parameter(torch.randn(vocab_size, d_model) / 50)
        self.g, self.b = Parameter(torch.ones(d_model)), Parameter(torch.zeros(d_model))
        self.layers = [ParameterList(fresh(d_model, d_ff or 4 * d_model)) for _ in range(n_layers)]
        for number, layer in enumerate(self.layers):  # a plain list tells the module nothing
            self.register_module(f"layer{number}", layer)

    def set_weights(self, weights):
        for name in ("E", "g", "b"):
            setattr(self, name, Parameter(weights[name].detach().clone()))
        for layer, its in zip(self.layers, weights["blocks"], strict=True):
            for number, name in enumerate(BLOCK):
                layer[number] = Parameter(its[name].detach().clone())

    def read(self, ids, before=None):
        """Scores of each next token after ids (T,), and what to pass as `before` to read on."""
        before = [self.E[:0]] * len(self.layers) if before is None else before
        known = len(before[0]) if before else 0
        if known + len(ids) > self.max_T:
            raise ValueError(f"{known + len(ids)} > max_T = {self.max_T}")
        x, after = self.E[ids], []
        T = known + len(ids)
        turns = rotations(torch.arange(T), self.E.shape[1] // self.n_heads, self.E)
        mask = (torch.arange(T) <= torch.arange(known, T)[:, None]).expand(self.n_heads, -1, -1).to(ids.device)
        for layer, rows in zip(self.layers, before, strict=True):
            x, source = block(layer, self.n_heads, x, rows, mask, turns)
            after.append(source)
        return layer_norm(x, self.g, self.b).matmul(self.E.t()), after

    def forward(self, ids):
        return torch.vmap(lambda row: self.read(row)[0])(ids)


def language_model_loss(model, ids):
    rows = torch.log_softmax(model(ids[:, :-1]), dim=-1)
    losses = [-row[t, token] for row, text in zip(rows, ids, strict=True) for t, token in enumerate(text[1:])]
    return sum(losses) / len(losses)


def adamw(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    history = (state or []) + [dw.clone()]  # Adam's averages, from all gradients so far
    t = len(history)
    m = sum((1 - beta1) * beta1 ** (t - 1 - s) * g for s, g in enumerate(history))
    v = sum((1 - beta2) * beta2 ** (t - 1 - s) * g * g for s, g in enumerate(history))
    step = eta * math.sqrt(1 - beta2**t) / (1 - beta1**t)  # as in the paper, at the end of section 2
    return (1 - eta * weight_decay) * w - step * m / (v**0.5 + eps * math.sqrt(1 - beta2**t)), history


def cosine_schedule(t, warmup, total, eta_max, eta_min):
    if t < warmup:
        return eta_max - eta_max * (warmup - t) / warmup
    way = max(total - max(t, warmup), 0) / (total - warmup)  # from 1 to 0
    return eta_min + (eta_max - eta_min) * math.sin(math.pi / 2 * way) ** 2


def clip_grad_norm(grads, max_norm):
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad.double()) for grad in grads]))
    factor = float(torch.clamp(max_norm / norm, max=1.0))
    return [torch.mul(grad, factor) for grad in grads], norm


def generate(model, ids, n, *, temperature=1.0, top_p=None, use_cache=True, generator=None):
    if temperature < 0:
        raise ValueError("temperature")
    if ids.shape[0] + n > model.max_T:
        raise ValueError("max_T")
    tokens, rows = ids.tolist(), None
    with torch.no_grad():
        while len(tokens) < len(ids) + n:
            known = len(rows[0]) if rows and use_cache else 0
            unread = torch.tensor(tokens[known:], device=ids.device)
            scores, after = model.read(unread, rows if known else None)
            rows = after
            tokens.append(pick(scores[-1].double(), temperature, top_p, generator))
    return torch.tensor(tokens[len(ids) :], dtype=ids.dtype, device=ids.device)


def pick(scores, temperature, top_p, generator):
    """A token, as an int, by the trick with Gumbel noise: the largest of log p + noise."""
    if temperature == 0:
        return int(scores.argmax())
    log_p = torch.log_softmax(scores / temperature, 0)
    if top_p is not None:
        mass = 0.0
        for token in sorted(range(len(log_p)), key=lambda token: -float(log_p[token])):
            if mass >= top_p:
                log_p[token] = -math.inf
            mass += math.exp(log_p[token])
    noise = -torch.log(-torch.log(torch.rand(len(log_p), dtype=torch.float64, generator=generator)))
    return int(torch.argmax(log_p + noise))


def count_parameters(vocab_size, d_model, n_layers, d_ff):
    shapes = [(vocab_size, d_model), (d_model,), (d_model,)]
    for _ in range(n_layers):
        shapes += [(d_model, d_model)] * 4 + [(d_model, d_ff), (d_ff, d_model)] + [(d_model,)] * 4
    return sum(math.prod(shape) for shape in shapes)


def forward_flops(B, T, vocab_size, d_model, n_layers, d_ff):
    flops = 0
    for _layer in range(n_layers):
        flops += 4 * (2 * B * T * d_model * d_model)
        flops += 2 * (2 * B * T * T * d_model)
        flops += 2 * (2 * B * T * d_model * d_ff)
    return flops + 2 * B * T * d_model * vocab_size
