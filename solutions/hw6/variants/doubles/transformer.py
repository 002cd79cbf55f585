"""In double precision inside, by torch.nn.functional; a heap in BPE; a cache that is an object of its own."""

import codecs
import functools
import heapq
import itertools
import math
import re
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


@functools.total_ordering
class Most:
    """An entry of the heap: what is to be merged first is the least."""

    def __init__(self, count, pair):
        self.key = count, pair

    def __eq__(self, other):
        return self.key == other.key

    def __lt__(self, other):
        return self.key > other.key


@dataclass(eq=False, slots=True)
class Node:
    """A symbol in a chain of symbols."""

    symbol: bytes
    number: int
    left: "Node | None" = None
    right: "Node | None" = None
    alive: bool = True


def chain(data, start):
    nodes = [Node(bytes([byte]), start + i) for i, byte in enumerate(data)]
    for a, b in itertools.pairwise(nodes):
        a.right, b.left = b, a
    return nodes


def pattern(special_tokens):
    return re.compile("|".join(f"(?:{re.escape(token)})" for token in special_tokens) or r"(?!)")


class Counts:
    """Where each pair stands, and which one is most frequent."""

    def __init__(self):
        self.places, self.heap, self.changed = {}, [], set()

    def add(self, a, b):
        if a and b:
            pair = a.symbol, b.symbol
            self.places.setdefault(pair, {})[a.number] = a
            self.changed.add(pair)

    def remove(self, a, b):
        if a and b:
            pair = a.symbol, b.symbol
            self.places[pair].pop(a.number, None)
            self.changed.add(pair)

    def first(self):
        """The most frequent pair, or None."""
        for pair in self.changed:
            heapq.heappush(self.heap, Most(len(self.places[pair]), pair))
        self.changed.clear()
        while self.heap:
            count, pair = heapq.heappop(self.heap).key
            if count and count == len(self.places[pair]):
                return pair
        return None


def train_bpe(text, vocab_size, special_tokens):
    counts, number = Counts(), 0
    for part in pattern(special_tokens).split(text):
        nodes = chain(part.encode(), number)
        number += len(nodes)
        for node in nodes:
            counts.add(node, node.right)
    merges = []
    while 256 + len(special_tokens) + len(merges) < vocab_size and (pair := counts.first()):
        merges.append(pair)
        for _, node in sorted(counts.places[pair].items()):
            other = node.right
            if not node.alive or other is None or (node.symbol, other.symbol) != pair:
                continue
            for a, b in ((node.left, node), (node, other), (other, other.right)):
                counts.remove(a, b)
            node.symbol, node.right, other.alive = node.symbol + other.symbol, other.right, False
            if node.right:
                node.right.left = node
            counts.add(node.left, node)
            counts.add(node, node.right)
    tokens = [a + b for a, b in reversed(merges)] + [bytes([byte]) for byte in reversed(range(256))]
    tokens += [token.encode() for token in special_tokens]
    return {len(tokens) - place: token for place, token in enumerate(tokens)}, merges


class BPETokenizer:
    def __init__(self, vocab, merges, special_tokens):
        self._bytes = {number: bytes(symbol) for number, symbol in vocab.items()}
        self._ids = {symbol: number for number, symbol in self._bytes.items()}
        self._rank = {}
        for rank, pair in enumerate(merges):
            self._rank.setdefault(tuple(pair), rank)
        self._special = pattern(special_tokens)

    def encode(self, text):
        ids, place = [], 0
        for match in self._special.finditer(text):
            ids += self._encode(text[place : match.start()].encode())
            ids.append(self._ids[match.group().encode()])
            place = match.end()
        return ids + self._encode(text[place:].encode())

    def _encode(self, data):
        nodes, heap = chain(data, 0), []

        def consider(node):
            if node and node.right and (rank := self._rank.get((node.symbol, node.right.symbol))) is not None:
                heapq.heappush(heap, (rank, node.number, node.right.number))

        for node in nodes:
            consider(node)
        while heap:
            rank, i, j = heapq.heappop(heap)
            a, b = nodes[i], nodes[j]
            if not a.alive or a.right is not b or self._rank.get((a.symbol, b.symbol)) != rank:
                continue
            a.symbol, a.right, b.alive = a.symbol + b.symbol, b.right, False
            if a.right:
                a.right.left = a
            consider(a.left)
            consider(a)
        return [self._ids[node.symbol] for node in nodes if node.alive]

    def decode(self, ids):
        reader = codecs.getincrementaldecoder("utf-8")("replace")
        return "".join(reader.decode(self._bytes[int(number)]) for number in ids) + reader.decode(b"", final=True)


def in_double(function):
    """Computes in float64, and gives back the dtype of the first argument."""

    @functools.wraps(function)
    def computed(first, *others, **options):
        wide = [other.double() if torch.is_tensor(other) and other.is_floating_point() else other for other in others]
        out = function(first.double(), *wide, **options)
        if isinstance(out, tuple):
            return tuple(part.to(first.dtype) for part in out)
        return out.to(first.dtype)

    return computed


def normalized(x, eps):
    return x * torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps)


@in_double
def layer_norm(x, g, b, eps=1e-5):
    return torch.addcmul(b, g, normalized(x - x.mean(-1, keepdim=True), eps))


@in_double
def rms_norm(x, g, eps=1e-5):
    return g * normalized(x, eps)


@in_double
def gelu(x):
    return (x + x * torch.erf(x * 2**-0.5)) * 0.5


@in_double
def swiglu(x, W1, W2, W3):
    return F.linear(F.silu(F.linear(x, W1.T)) * F.linear(x, W3.T), W2.T)


def sinusoidal_positions(T, d):
    t, i = torch.meshgrid(torch.arange(T), torch.arange(d), indexing="ij")
    angles = t.double() / 10_000 ** ((i - i % 2).double() / d)
    return torch.where(i % 2 == 0, torch.sin(angles), torch.cos(angles)).float()


@in_double
def rope(x, positions):
    i = torch.arange(x.shape[-1], device=x.device).double().div(2).floor() * 2
    angles = positions.double()[..., None] * torch.exp2(-i / x.shape[-1] * math.log2(10_000))
    angles = angles if positions.ndim == 1 else angles.unsqueeze(-3)
    partner = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)  # of each entry, the other one of its pair
    sign = torch.tensor([-1.0, 1.0], dtype=x.dtype, device=x.device).repeat(x.shape[-1] // 2)
    return x * angles.cos() + sign * partner * angles.sin()


def causal_mask(T):
    return torch.ones((T, T)).cumsum(1) <= torch.arange(1, T + 1).unsqueeze(1)


def padding_mask(lengths, T):
    lengths = lengths.reshape(-1, 1, 1, 1)
    return torch.arange(1, T + 1, device=lengths.device).repeat(len(lengths), 1, 1, 1) <= lengths


def probabilities(q, k, mask):
    scores = torch.matmul(q * q.size(-1) ** -0.25, (k * q.size(-1) ** -0.25).transpose(2, 3))
    if mask is None:
        return F.softmax(scores, dim=3)
    p = F.softmax(scores.masked_fill(mask == 0, -1e300), dim=3)
    return p * mask


@in_double
def sdpa(q, k, v, mask=None):
    return torch.matmul(probabilities(q, k, mask), v)


@in_double
def sdpa_backward(do, q, k, v, mask=None):
    p = probabilities(q, k, mask)
    dv, dp = p.mT @ do, do @ v.mT
    ds = p * dp
    ds = (ds - p * ds.sum(-1, keepdim=True)) * q.size(-1) ** -0.5
    return ds @ k, ds.mT @ q, dv


@dataclass
class Cache:
    """Keys and values that have been read, a list of pieces for each layer."""

    length: int = 0
    keys: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)

    def put(self, layer, k, v):
        self.keys.setdefault(layer, []).append(k)
        self.values.setdefault(layer, []).append(v)
        return torch.cat(self.keys[layer], dim=2), torch.cat(self.values[layer], dim=2)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.d_head = d_model // n_heads
        bound = d_model**-0.5
        for name in ("q", "k", "v", "o"):  # as Linear has them: (out, in)
            weight = torch.empty(d_model, d_model).uniform_(-bound, bound)
            self.register_parameter(name, nn.Parameter(weight))

    def set_weights(self, Wq, Wk, Wv, Wo):
        for name, W in zip("qkvo", (Wq, Wk, Wv, Wo), strict=True):
            getattr(self, name).data = W.data.t().clone()

    def forward(self, x, mask=None, positions=None, cache=None, layer=0):
        q, k, v = (F.linear(x, W).unflatten(2, (-1, self.d_head)).transpose(1, 2) for W in (self.q, self.k, self.v))
        if positions is not None:
            q, k = rope(q, positions), rope(k, positions)
        if cache is not None:
            k, v = cache.put(layer, k, v)
        return F.linear(sdpa(q, k, v, mask).transpose(1, 2).flatten(2), self.o)


class TransformerBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.up, self.down = (nn.Linear(*sizes, bias=False) for sizes in ((d_model, d_ff), (d_ff, d_model)))
        for norm in "12":
            self.register_parameter(f"g{norm}", nn.Parameter(torch.ones(d_model)))
            self.register_parameter(f"b{norm}", nn.Parameter(torch.zeros(d_model)))

    def set_weights(self, weights):
        state = {name: weights[name] for name in ("g1", "b1", "g2", "b2")}
        state |= {f"attention.{name}": weights[f"W{name}"].t() for name in "qkvo"}
        state |= {"up.weight": weights["W_in"].t(), "down.weight": weights["W_out"].t()}
        self.to(weights["W_in"].dtype).load_state_dict(state)

    def forward(self, x, mask=None, positions=None, cache=None, layer=0):
        x = x + self.attention(layer_norm(x, self.g1, self.b1), mask, positions, cache, layer)
        return x + self.down(gelu(self.up(layer_norm(x, self.g2, self.b2))))


class GPT(nn.Module):
    def __init__(self, vocab_size, d_model, n_heads, n_layers, max_T, d_ff=None):
        super().__init__()
        self.max_T = max_T
        widths = d_model, n_heads, 4 * d_model if d_ff is None else d_ff
        self.E = nn.Parameter(0.1 * torch.randn(vocab_size, d_model))
        self.blocks = nn.ModuleList(TransformerBlock(*widths) for _ in range(n_layers))
        self.g = nn.Parameter(torch.ones(d_model))
        self.b = nn.Parameter(torch.zeros(d_model))

    def set_weights(self, weights):
        self.to(weights["E"].dtype)
        for block, its in zip(self.blocks, weights["blocks"], strict=True):
            block.set_weights(its)
        self.load_state_dict({name: weights[name] for name in ("E", "g", "b")}, strict=False)

    def forward(self, ids):
        return self.continued(ids, Cache())

    def continued(self, ids, cache):
        begin, end = cache.length, cache.length + ids.size(-1)
        if end > self.max_T:
            raise ValueError(f"{end} tokens are more than {self.max_T}")
        cache.length = end
        x = F.embedding(ids, self.E)
        mask = causal_mask(end).to(ids.device)[begin:]
        for layer, block in enumerate(self.blocks):
            x = block(x, mask, torch.arange(begin, end, device=ids.device), cache, layer)
        return F.linear(layer_norm(x, self.g, self.b), self.E)


def language_model_loss(model, ids):
    return F.cross_entropy(model(ids[..., :-1]).flatten(0, 1), ids[..., 1:].flatten().long())


class Adam:
    """The state of one tensor, written in place."""

    def __init__(self, w):
        self.m, self.v = torch.zeros_like(w), torch.zeros_like(w)
        self.t = 0


def adamw(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    state = state or Adam(w)
    state.t += 1
    state.m.mul_(beta1).add_(dw, alpha=1 - beta1)
    state.v.mul_(beta2).addcmul_(dw, dw, value=1 - beta2)
    new = w.clone().mul_(1 - eta * weight_decay)
    size = state.v.sqrt().div_((1 - beta2**state.t) ** 0.5).add_(eps)
    return new.addcdiv_(state.m, size, value=-eta / (1 - beta1**state.t)), state


def cosine_schedule(t, warmup, total, eta_max, eta_min):
    if warmup and t < warmup:
        return torch.linspace(0, eta_max, warmup + 1, dtype=torch.float64)[int(t)].item()
    t = torch.tensor(float(t), dtype=torch.float64).clamp(warmup, total)
    middle, swing = (eta_max + eta_min) / 2, (eta_max - eta_min) / 2
    return middle + swing * torch.cos((t - warmup) * torch.pi / (total - warmup)).item()


def clip_grad_norm(grads, max_norm):
    norm = sum(torch.sum(grad.double() ** 2) for grad in grads) ** 0.5
    if norm > max_norm:
        return [(grad.double() * (max_norm / norm)).to(grad.dtype) for grad in grads], norm
    return grads, norm


@torch.inference_mode()
def generate(model, ids, n, *, temperature=1.0, top_p=None, use_cache=True, generator=None):
    if not temperature >= 0:
        raise ValueError(f"{temperature=}")
    text = list(ids.unbind())
    if len(text) + n > model.max_T:
        raise ValueError(f"{len(text)} + {n} > {model.max_T}")
    cache = Cache()
    for _ in range(n):
        if not use_cache:
            cache = Cache()
        scores = model.continued(torch.stack(text[cache.length :]).unsqueeze(0), cache)
        text.append(sample(scores[0, -1].double(), temperature, top_p, generator).to(ids.dtype))
    return torch.stack([*text, text[0]])[len(ids) : -1]  # one more, so that there is something to stack for n = 0


def sample(scores, temperature, top_p, generator):
    if temperature == 0:
        return torch.topk(scores, 1).indices[0]
    p = F.softmax(scores / temperature, dim=0)
    if top_p is not None:
        values, places = p.sort(descending=True)
        keep = F.pad(values.cumsum(0), (1, -1)) < top_p  # what stands before it is not enough
        p = torch.zeros_like(p).scatter(0, places[keep], values[keep])
    return torch.multinomial(p, num_samples=1, generator=generator).squeeze(0)


def count_parameters(vocab_size, d_model, n_layers, d_ff):
    return d_model * (vocab_size + 2 + n_layers * (4 * d_model + 2 * d_ff + 4))


def forward_flops(B, T, vocab_size, d_model, n_layers, d_ff):
    for_each_token = n_layers * (4 * d_model + 2 * T + 2 * d_ff) + vocab_size
    return 2 * B * T * d_model * for_each_token
