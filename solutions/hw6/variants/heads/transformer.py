"""A module for each head and a loop over them; tied Embedding and Linear; complex rope; a memory inside the model."""

import math
from collections import defaultdict

import torch
import torch.nn.functional as F  # noqa: N812
from torch.nn import Embedding, Linear, Module, ModuleList, Parameter, Sequential


def split_off(text, special_tokens):
    """The text as pairs (piece, whether it is a special token)."""
    pieces, start, i = [], 0, 0
    while i < len(text):
        token = next((token for token in special_tokens if text.startswith(token, i)), None)
        if token is None:
            i += 1
            continue
        pieces += [(text[start:i], False), (token, True)]
        start = i = i + len(token)
    return [*pieces, (text[start:], False)]


def merge(symbols, pair):
    out = []
    for symbol in symbols:
        if out and not out[-1][1] and (out[-1][0], symbol) == pair:
            out[-1] = (pair[0] + pair[1], True)  # True: made just now, so no half of the next one
        else:
            out.append((symbol, False))
    return [symbol for symbol, _ in out]


class Text:
    """Symbols by their first and by their last byte, so that neighbours are found by arithmetic."""

    def __init__(self, parts):
        self.starting, self.ending, self.places = [None], [None], defaultdict(set)
        for data in parts:
            self.starting += [*(bytes([byte]) for byte in data), None]  # None stands between parts
        self.ending = self.starting.copy()
        for i in range(len(self.starting)):
            self.enter(i, set.add)

    def pair(self, i):
        """The pair whose first symbol starts at i, or None."""
        left = self.starting[i]
        right = left and self.starting[i + len(left)]
        return (left, right) if right else None

    def enter(self, i, change):
        if pair := self.pair(i):
            change(self.places[pair], i)

    def merge(self, pair):
        left, right = pair
        for i in sorted(self.places.pop(pair)):
            middle, end = i + len(left), i + len(left) + len(right)
            if self.starting[i] != left or self.starting[middle] != right:
                continue
            around = [i - len(self.ending[i - 1]) if self.ending[i - 1] else i, i]
            for place in {*around, middle}:
                self.enter(place, set.discard)
            self.starting[middle] = self.ending[middle - 1] = None
            self.starting[i] = self.ending[end - 1] = left + right
            for place in set(around):
                self.enter(place, set.add)


def train_bpe(text, vocab_size, special_tokens):
    text = Text(piece.encode("utf8") for piece, special in split_off(text, special_tokens) if not special)
    merges = []
    for _ in range(vocab_size - 256 - len(special_tokens)):
        counts = {pair: len(places) for pair, places in text.places.items() if places}
        if not counts:
            break
        most = max(counts.values())
        merges.append(max(pair for pair, count in counts.items() if count == most))
        text.merge(merges[-1])
    tokens = [a + b for a, b in merges] + [bytes([byte]) for byte in range(256)]  # the bytes are the last ones
    tokens += [token.encode("utf8") for token in special_tokens]
    return {10 + 3 * i: token for i, token in enumerate(tokens)}, merges


class BPETokenizer:
    def __init__(self, vocab, merges, special_tokens):
        self.vocab, self.special_tokens = vocab, special_tokens
        self.merges = [tuple(pair) for pair in merges]
        self.inverse = dict(zip(vocab.values(), vocab.keys(), strict=True))

    def encode(self, text):
        ids = []
        for piece, special in split_off(text, self.special_tokens):
            symbols = [piece.encode("utf8")] if special else self.symbols(piece.encode("utf8"))
            ids.extend(self.inverse[symbol] for symbol in symbols)
        return ids

    def symbols(self, data):
        symbols = [bytes([byte]) for byte in data]
        present = set(symbols)
        for pair in self.merges:
            if present.issuperset(pair):
                symbols = merge(symbols, pair)
                present = set(symbols)
        return symbols

    def decode(self, ids):
        data = bytearray()
        for number in ids:
            data.extend(self.vocab[int(number)])
        return str(data, "utf8", "replace")


def layer_norm(x, g, b, eps=1e-5):
    std = (x.var(dim=-1, correction=0, keepdim=True) + eps) ** 0.5
    return g * ((x - x.mean(dim=-1, keepdim=True)) / std) + b


def rms_norm(x, g, eps=1e-5):
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return g * x / (size**2 / x.shape[-1] + eps).sqrt()


def gelu(x):
    return 0.5 * x * (1 + torch.special.erf(x * 0.5**0.5))


def silu(a):
    return a.sigmoid().mul(a)


def swiglu(x, W1, W2, W3):
    return torch.matmul(torch.matmul(x, W3) * silu(torch.matmul(x, W1)), W2)


def waves(positions, d, dtype):
    """exp(i t / 10000**(2k/d)), complex: (…, d/2) for positions (…)."""
    rates = torch.exp(torch.arange(0, d, 2, device=positions.device).to(dtype) * (-math.log(10_000.0) / d))
    angles = positions.to(dtype).unsqueeze(-1) * rates
    return torch.polar(torch.ones_like(angles), angles)


def sinusoidal_positions(T, d):
    wave = waves(torch.arange(T), d, torch.float32)
    return torch.view_as_real(wave).flip(-1).reshape(T, d)


def rope(x, positions):
    wave = waves(positions, x.shape[-1], x.dtype)
    if wave.ndim == 3:
        wave = wave.unsqueeze(1)
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(z * wave).reshape(x.shape)


def causal_mask(T):
    return ~torch.triu(torch.ones(T, T), diagonal=1).bool()


def padding_mask(lengths, T):
    rows = [torch.arange(T, device=lengths.device) < length for length in lengths]
    return torch.stack(rows).reshape(-1, 1, 1, T)


def weights(q, k, mask=None):
    """Of one head: q (B, Tq, d), k (B, Tk, d), mask (B, Tq, Tk) or None. Returns (B, Tq, Tk)."""
    scores = torch.bmm(q, k.mT) / q.shape[-1] ** 0.5
    if mask is None:
        return F.softmax(scores, -1)
    p = F.softmax(torch.where(mask, scores, torch.finfo(scores.dtype).min), -1)
    return torch.where(mask.any(-1, keepdim=True), p, 0)


def by_head(mask, B, h, Tq, Tk):
    return [None] * h if mask is None else mask.expand(B, h, Tq, Tk).unbind(1)


def sdpa(q, k, v, mask=None):
    masks = by_head(mask, *q.shape[:3], k.shape[2])
    out = [weights(q[:, i], k[:, i], masks[i]).bmm(v[:, i]) for i in range(q.shape[1])]
    return torch.stack(out, dim=1)


def sdpa_backward(do, q, k, v, mask=None):
    masks = by_head(mask, *q.shape[:3], k.shape[2])
    dq, dk, dv = [], [], []
    for i in range(q.shape[1]):
        p, dp = weights(q[:, i], k[:, i], masks[i]), do[:, i].bmm(v[:, i].mT)
        out = p.bmm(v[:, i])
        ds = p * (dp - (out * do[:, i]).sum(-1, keepdim=True)) / q.shape[-1] ** 0.5  # as FlashAttention has it
        dq.append(ds.bmm(k[:, i]))
        dk.append(ds.mT.bmm(q[:, i]))
        dv.append(p.mT.bmm(do[:, i]))
    return torch.stack(dq, 1), torch.stack(dk, 1), torch.stack(dv, 1)


class Head(Module):
    """One head. While `past` is no None, it holds the keys and values so far, and grows."""

    def __init__(self, d_model, d_head):
        super().__init__()
        self.query, self.key, self.value = (Linear(d_model, d_head, bias=False) for _ in range(3))
        self.past = None

    def forward(self, x, mask, positions):
        q, k, v = self.query(x), self.key(x), self.value(x)
        if positions is not None:
            q, k = rope(q[:, None], positions)[:, 0], rope(k[:, None], positions)[:, 0]
        if self.past is not None:
            if self.past:
                k, v = torch.cat((self.past[0], k), 1), torch.cat((self.past[1], v), 1)
            self.past = (k, v)
        return weights(q, k, mask) @ v


class MultiHeadAttention(Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.heads = ModuleList(Head(d_model, d_model // n_heads) for _ in range(n_heads))
        self.mix = Linear(d_model, d_model, bias=False)

    def set_weights(self, Wq, Wk, Wv, Wo):
        for name, W in (("query", Wq), ("key", Wk), ("value", Wv)):
            for head, part in zip(self.heads, W.chunk(len(self.heads), dim=1), strict=True):
                getattr(head, name).weight = Parameter(part.T.contiguous().clone())
        self.mix.weight = Parameter(Wo.T.clone())

    def forward(self, x, mask=None, positions=None):
        B, T, _ = x.shape
        masks = by_head(mask, B, len(self.heads), T, T if mask is None else mask.shape[-1])
        found = [head(x, own, positions) for head, own in zip(self.heads, masks, strict=True)]
        return self.mix(torch.cat(found, dim=-1))


class LayerNorm(Module):
    def __init__(self, d):
        super().__init__()
        self.scale, self.shift = Parameter(torch.ones(d)), Parameter(torch.zeros(d))

    def forward(self, x):
        return layer_norm(x, self.scale, self.shift)

    def set_weights(self, g, b):
        self.scale, self.shift = Parameter(g.clone()), Parameter(b.clone())


class GELU(Module):
    def forward(self, x):
        return gelu(x)


class TransformerBlock(Module):
    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.norm1, self.norm2 = LayerNorm(d_model), LayerNorm(d_model)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.network = Sequential(Linear(d_model, d_ff, bias=False), GELU(), Linear(d_ff, d_model, bias=False))

    def set_weights(self, weights):
        self.norm1.set_weights(weights["g1"], weights["b1"])
        self.norm2.set_weights(weights["g2"], weights["b2"])
        self.attention.set_weights(*[weights["W" + letter] for letter in "qkvo"])
        for layer, name in ((0, "W_in"), (2, "W_out")):
            self.network[layer].weight = Parameter(weights[name].T.clone())

    def forward(self, x, mask=None, positions=None):
        x = x + self.attention(self.norm1(x), mask, positions)
        return x + self.network(self.norm2(x))


class GPT(Module):
    def __init__(self, vocab_size, d_model, n_heads, n_layers, max_T, d_ff=None):
        super().__init__()
        self.max_T, self.read_before = max_T, None
        if d_ff is None:
            d_ff = 4 * d_model
        self.embed = Embedding(vocab_size, d_model)
        torch.nn.init.normal_(self.embed.weight, std=d_model**-0.5)
        self.blocks = ModuleList([TransformerBlock(d_model, n_heads, d_ff) for _ in range(n_layers)])
        self.norm = LayerNorm(d_model)
        self.unembed = Linear(d_model, vocab_size, bias=False)
        self.unembed.weight = self.embed.weight  # one parameter, by two names

    def set_weights(self, weights):
        self.embed.weight = self.unembed.weight = Parameter(weights["E"].clone())
        self.norm.set_weights(weights["g"], weights["b"])
        for i, block in enumerate(self.blocks):
            block.set_weights(weights["blocks"][i])

    def remember(self, on):
        """From now on keep keys and values, from none (on), or forget them, and read each text by itself (not on)."""
        self.read_before = 0 if on else None
        for block in self.blocks:
            for head in block.attention.heads:
                head.past = () if on else None

    def forward(self, ids):
        start = self.read_before or 0
        stop = start + ids.size(1)
        if stop > self.max_T:
            raise ValueError("text too long")
        if self.read_before is not None:
            self.read_before = stop
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, causal_mask(stop)[start:].to(ids.device), torch.arange(start, stop, device=ids.device))
        return self.unembed(self.norm(x))


def language_model_loss(model, ids):
    inputs, targets = ids[:, :-1], ids[:, 1:]
    log_p = F.log_softmax(model(inputs), dim=-1)
    return F.nll_loss(log_p.permute(0, 2, 1), targets.long())


def adamw(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    if state is None:
        state = (0.0 * w, 0.0 * w, beta1, beta2)
    m, v, power1, power2 = state
    m, v = m + (1 - beta1) * (dw - m), v + (1 - beta2) * (dw.square() - v)
    adam = (m / (1 - power1)) / ((v / (1 - power2)).sqrt() + eps)
    return w - eta * (adam + weight_decay * w), (m, v, power1 * beta1, power2 * beta2)


def cosine_schedule(t, warmup, total, eta_max, eta_min):
    if t < warmup:
        return t * (eta_max / warmup)
    if t > total:
        return float(eta_min)
    share = math.cos(0.5 * math.pi * (t - warmup) / (total - warmup)) ** 2
    return share * eta_max + (1 - share) * eta_min


def clip_grad_norm(grads, max_norm):
    norm = math.hypot(*(value for grad in grads for value in grad.flatten().tolist()))
    return (list(grads), norm) if norm <= max_norm else ([grad / norm * max_norm for grad in grads], norm)


@torch.no_grad()
def generate(model, ids, n, *, temperature=1.0, top_p=None, use_cache=True, generator=None):
    if temperature < 0:
        raise ValueError(f"negative temperature: {temperature}")
    if len(ids) + n > model.max_T:
        raise ValueError("text too long")
    new = []
    model.remember(use_cache)
    try:
        unread = ids
        for _ in range(n):
            scores = model(unread[None])[0, -1]
            new.append(draw(scores, temperature, top_p, generator).to(ids.dtype))
            unread = new[-1].reshape(1) if use_cache else torch.cat([ids, torch.stack(new)])
    finally:
        model.remember(False)
    return torch.stack(new) if new else ids[:0]


def draw(scores, temperature, top_p, generator):
    """One number, by the inverse of the distribution function."""
    if temperature == 0:
        return scores.max(dim=0).indices
    p = F.softmax(scores / temperature, dim=0).double()
    order = p.argsort(descending=True)
    sums = p[order].cumsum(0)
    if top_p is not None:
        sums = sums[: int(torch.searchsorted(sums, top_p * float(sums[-1]))) + 1]
    u = torch.rand(1, generator=generator, dtype=torch.float64, device=generator.device if generator else "cpu")
    place = torch.searchsorted(sums, u.to(sums.device) * sums[-1], right=True)
    return order[place.clamp(max=len(sums) - 1)[0]]


def count_parameters(vocab_size, d_model, n_layers, d_ff):
    with torch.device("meta"):
        model = GPT(vocab_size, d_model, 1, n_layers, 1, d_ff)
    return sum(parameter.numel() for parameter in model.parameters())


def forward_flops(B, T, vocab_size, d_model, n_layers, d_ff):
    weights_of_products = n_layers * (4 * d_model**2 + 2 * d_model * d_ff) + vocab_size * d_model
    return 2 * B * T * weights_of_products + 4 * B * T * T * n_layers * d_model
