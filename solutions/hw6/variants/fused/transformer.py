"""Queries, keys and values in one Linear; einsum everywhere; masks that add -inf; a preallocated cache; ids in BPE."""

import re
from collections import Counter

import numpy as np
import torch
from torch import einsum, nn


def joined(numbers, pair, new):
    """A list of numbers, with `new` in place of the pair, from left to right."""
    out, i = [], 0
    while i < len(numbers):
        here = tuple(numbers[i : i + 2]) == pair
        out.append(new if here else numbers[i])
        i += 2 if here else 1
    return out


def train_bpe(text, vocab_size, special_tokens):
    """The text is an array of numbers, with -1 between its parts."""
    vocab = dict(enumerate(token.encode() for token in special_tokens))  # special tokens come first
    first = len(vocab)
    for byte in range(256):
        vocab[first + byte] = bytes([byte])
    number_of = {symbol: number for number, symbol in vocab.items()}
    parts = [text]
    for token in special_tokens:
        parts = [piece for part in parts for piece in part.split(token)]
    row = np.array([-1] + [number for part in parts for number in [*(first + byte for byte in part.encode()), -1]])
    counts, merges = Counter(pairs_of(row, row[1:] > -2)), []
    while len(vocab) < vocab_size and counts:
        most = max(counts.values())
        a, b = max((pair for pair in counts if counts[pair] == most), key=lambda pair: [vocab[pair[0]], vocab[pair[1]]])
        merges.append((vocab[a], vocab[b]))
        new = number_of.setdefault(vocab[a] + vocab[b], len(vocab))
        vocab[len(vocab)] = vocab[a] + vocab[b]
        here = places(row, a, b)
        beside = here.copy()  # the pairs that a merge changes: itself, and those to the left and to the right
        beside[:-1] |= here[1:]
        beside[1:] |= here[:-1]
        counts.subtract(pairs_of(row, beside))
        row[:-1][here] = new
        kept = np.concatenate([[True], ~here])
        row, made = row[kept], np.append(here, False)[kept]
        counts.update(pairs_of(row, made[:-1] | made[1:]))
        counts = +counts  # those that are still there
    return vocab, merges


def pairs_of(row, where):
    """The pairs that begin at some places."""
    left = np.flatnonzero(where)
    pairs = np.stack([row[left], row[left + 1]], axis=1)
    return map(tuple, pairs[(pairs >= 0).all(1)].tolist())


def places(row, a, b):
    """Where the pair (a, b) is merged, from left to right: a mask of the places where pairs begin."""
    here = (row[:-1] == a) & (row[1:] == b)
    if a == b:  # side by side, every second one, beginning with the first
        i = np.arange(len(here))
        here &= (i - np.maximum.accumulate(np.where(here, -1, i))) % 2 == 1
    return here


class BPETokenizer:
    def __init__(self, vocab, merges, special_tokens):
        self.vocab = dict(vocab)
        self.number_of = {}
        for number, symbol in vocab.items():
            self.number_of.setdefault(symbol, number)
        self.rules = [
            ((self.number_of[left], self.number_of[right]), self.number_of[left + right]) for left, right in merges
        ]
        self.special = {token: self.number_of[token.encode()] for token in special_tokens}

    def encode(self, text):
        if not self.special:
            return self._ordinary(text)
        out, end = [], 0
        for found in re.finditer("|".join(re.escape(token) for token in self.special), text):
            out += self._ordinary(text[end : found.start()])
            out.append(self.special[found[0]])
            end = found.end()
        return out + self._ordinary(text[end:])

    def _ordinary(self, text):
        numbers = [self.number_of[bytes([byte])] for byte in text.encode()]
        for pair, new in self.rules:
            if len(numbers) > 1:
                numbers = joined(numbers, pair, new)
        return numbers

    def decode(self, ids):
        return b"".join([self.vocab[int(i)] for i in ids]).decode(errors="replace")


def layer_norm(x, g, b, eps=1e-5):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return torch.addcmul(b, (x - mean) * torch.rsqrt(var + eps), g)


def rms_norm(x, g, eps=1e-5):
    square = einsum("...d,...d->...", x, x) / x.shape[-1]
    return einsum("...d,...,d->...d", x, torch.rsqrt(square + eps), g)


def gelu(x):
    return x * torch.special.ndtr(x)


def swiglu(x, W1, W2, W3):
    a, b = einsum("...d,ndf->n...f", x, torch.stack([W1, W3]))
    return einsum("...f,...f,...f,fd->...d", a, a.sigmoid(), b, W2)


def sinusoidal_positions(T, d):
    out = torch.zeros(T, d, dtype=torch.float32)
    rates = torch.logspace(0, -1, d // 2 + 1, base=10_000, dtype=torch.float64)[:-1]
    angles = einsum("t,i->ti", torch.arange(T, dtype=torch.float64), rates)
    out[:, 0::2] = torch.sin(angles)
    out[:, 1::2] = torch.cos(angles)
    return out


def rope(x, positions):
    d = x.shape[-1]
    rates = torch.pow(10_000, -torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)
    angles = einsum("...t,i->...ti", positions.double(), rates)
    turned = torch.stack([angles.cos(), -angles.sin(), angles.sin(), angles.cos()], dim=-1).to(x.dtype)
    turned = turned.unflatten(-1, (2, 2)).expand(x.shape[0], -1, -1, -1, -1)  # (B, T, d/2, 2, 2)
    return einsum("btirs,bhtis->bhtir", turned, x.unflatten(-1, (-1, 2))).flatten(-2)


def causal_mask(T):
    t = torch.arange(T)
    return t[:, None] >= t


def padding_mask(lengths, T):
    columns = torch.arange(T, device=lengths.device).expand(len(lengths), 1, 1, T)
    return columns.lt(lengths.view(-1, 1, 1, 1))


def weights_of(q, k, mask):
    """The weights of the values (B, h, Tq, Tk); rows of zeros where nothing is allowed."""
    scores = einsum("bhqd,bhkd->bhqk", q, k) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + torch.zeros_like(mask, dtype=scores.dtype).masked_fill(mask.logical_not(), float("-inf"))
    top = scores.detach().amax(-1, keepdim=True)
    e = torch.exp(scores - torch.where(top.isinf(), torch.zeros_like(top), top))
    total = e.sum(-1, keepdim=True)
    return e / torch.where(total == 0, torch.ones_like(total), total)


def sdpa(q, k, v, mask=None):
    return einsum("bhqk,bhke->bhqe", weights_of(q, k, mask), v)


def sdpa_backward(do, q, k, v, mask=None):
    p = weights_of(q, k, mask)
    dv = einsum("bhqk,bhqe->bhke", p, do)
    dp = einsum("bhqe,bhke->bhqk", do, v)
    ds = p * dp - p * einsum("bhqk,bhqk->bhq", p, dp)[..., None]
    scale = q.shape[-1] ** -0.5
    return scale * einsum("bhqk,bhkd->bhqd", ds, k), scale * einsum("bhqk,bhqd->bhkd", ds, q), dv


class Memory:
    """Room for the keys and values of one layer."""

    def __init__(self, room):
        self.room, self.full = room, 0
        self.kv = None

    def extended(self, k, v):
        """All keys and values so far, these among them."""
        if self.kv is None:
            B, h, _, d = k.shape
            self.kv = k.new_empty(2, B, h, self.room, d)
        end = self.full + k.shape[2]
        self.kv[0, :, :, self.full : end] = k
        self.kv[1, :, :, self.full : end] = v
        self.full = end
        return self.kv[:, :, :, :end]


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def set_weights(self, Wq, Wk, Wv, Wo):
        self.to(Wq.dtype)
        with torch.no_grad():
            self.qkv.weight.copy_(torch.cat([Wq, Wk, Wv], dim=1).T)
            self.out.weight.copy_(Wo.T)

    def forward(self, x, mask=None, positions=None, memory=None):
        B, T, d = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_heads, d // self.n_heads).permute(2, 0, 3, 1, 4)
        if positions is not None:
            q, k = rope(torch.cat([q, k], dim=1), positions).chunk(2, dim=1)
        if memory is not None:
            k, v = memory.extended(k, v)
        o = einsum("bhqk,bhke->bqhe", weights_of(q, k, mask), v)
        return self.out(o.reshape(B, T, d))


class TransformerBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.mha = MultiHeadAttention(d_model, n_heads)
        self.up, self.down = nn.Linear(d_model, d_ff, bias=False), nn.Linear(d_ff, d_model, bias=False)
        self.norms = nn.Parameter(torch.tensor([1.0, 0, 1, 0])[:, None].repeat(1, d_model))  # g1, b1, g2, b2

    def set_weights(self, weights):
        self.to(weights["Wq"].dtype)
        self.mha.set_weights(weights["Wq"], weights["Wk"], weights["Wv"], weights["Wo"])
        with torch.no_grad():
            self.up.weight.copy_(weights["W_in"].T)
            self.down.weight.copy_(weights["W_out"].T)
            self.norms.copy_(torch.stack([weights[name] for name in ("g1", "b1", "g2", "b2")]))

    def forward(self, x, mask=None, positions=None, memory=None):
        g1, b1, g2, b2 = self.norms
        x = x + self.mha(layer_norm(x, g1, b1), mask, positions, memory)
        return x + self.down(gelu(self.up(layer_norm(x, g2, b2))))


class GPT(nn.Module):
    def __init__(self, vocab_size, d_model, n_heads, n_layers, max_T, d_ff=None):
        super().__init__()
        self.max_T = max_T
        self.embedding = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, n_heads, d_ff or 4 * d_model) for _ in range(n_layers))
        self.g, self.b = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))

    def set_weights(self, weights):
        self.to(weights["E"].dtype)
        with torch.no_grad():
            for parameter, name in ((self.embedding.weight, "E"), (self.g, "g"), (self.b, "b")):
                parameter.copy_(weights[name])
        for block, own in zip(self.blocks, weights["blocks"], strict=True):
            block.set_weights(own)

    def memories(self):
        return [Memory(self.max_T) for _ in self.blocks]

    def forward(self, ids, memories=None):
        known = memories[0].full if memories else 0
        T = known + ids.shape[1]
        if self.max_T < T:
            raise ValueError(f"the model reads {self.max_T} tokens, not {T}")
        x, mask = self.embedding(ids), causal_mask(T)[known:].to(ids.device)
        positions = torch.arange(known, T, device=ids.device)
        for block, memory in zip(self.blocks, memories or [None] * len(self.blocks), strict=True):
            x = block(x, mask, positions, memory)
        return einsum("btd,vd->btv", layer_norm(x, self.g, self.b), self.embedding.weight)


def language_model_loss(model, ids):
    scores = model(ids[:, :-1])
    right = torch.gather(scores, 2, ids[:, 1:].unsqueeze(2)).squeeze(2)
    return torch.mean(torch.logsumexp(scores, dim=2) - right)


def adamw(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    old = state or {"t": 0, "m": torch.zeros_like(w), "v": torch.zeros_like(w)}
    new = {
        "t": old["t"] + 1,
        "m": torch.lerp(dw, old["m"], beta1),
        "v": torch.lerp(dw * dw, old["v"], beta2),
    }
    m, v = new["m"] / (1 - beta1 ** new["t"]), new["v"] / (1 - beta2 ** new["t"])
    return torch.addcdiv(w * (1 - eta * weight_decay), m, v.sqrt() + eps, value=-eta), new


def cosine_schedule(t, warmup, total, eta_max, eta_min):
    if t < warmup:
        return eta_max * t / warmup
    if t >= total:
        return eta_min
    angle = torch.pi * (t - warmup) / (total - warmup)
    return float(eta_min + 0.5 * (eta_max - eta_min) * (1 + torch.tensor(angle, dtype=torch.float64).cos()))


def clip_grad_norm(grads, max_norm):
    flat = torch.cat([grad.flatten() for grad in grads]).double()
    norm = einsum("i,i->", flat, flat).sqrt()
    if norm <= max_norm:
        return [grad.clone() for grad in grads], norm
    return [grad * (max_norm / norm).to(grad.dtype) for grad in grads], norm


def generate(model, ids, n, *, temperature=1.0, top_p=None, use_cache=True, generator=None):
    if temperature < 0 or len(ids) + n > model.max_T:
        raise ValueError("a temperature of 0 or more, and no more tokens than the model reads")
    with torch.no_grad():
        text = torch.cat([ids, ids.new_zeros(n)])
        memories = model.memories() if use_cache else None
        for end in range(len(ids), len(text)):
            start = memories[0].full if use_cache else 0
            scores = model(text[None, start:end], memories)[0, -1]
            text[end] = chosen(scores, temperature, top_p, generator)
    return text[len(ids) :]


def chosen(scores, temperature, top_p, generator):
    if temperature == 0:
        return scores.argmax()
    p, order = torch.sort(torch.softmax(scores.double() / temperature, 0), descending=True)
    if top_p is not None:
        p = p[: 1 + int((p.cumsum(0)[:-1] < top_p).sum())]
    return order[torch.multinomial(p / p.sum(), 1, generator=generator)[0]]


def count_parameters(vocab_size, d_model, n_layers, d_ff):
    attention, network, norm = 4 * d_model * d_model, 2 * d_model * d_ff, 2 * d_model
    return vocab_size * d_model + norm + n_layers * (attention + network + 2 * norm)


def forward_flops(B, T, vocab_size, d_model, n_layers, d_ff):
    def product(m, k, n):
        return 2 * m * k * n

    qkv, out = product(B * T, d_model, 3 * d_model), product(B * T, d_model, d_model)
    attention = product(B * T, d_model, T) + product(B * T, T, d_model)
    network = product(B * T, d_model, d_ff) + product(B * T, d_ff, d_model)
    return n_layers * (qkv + out + attention + network) + product(B * T, d_model, vocab_size)
