# %% [markdown]
# # Assignment 6 · A transformer, from bytes to text
#
# You build the model behind today's language models, every part of it: a tokenizer that learns its vocabulary, the
# layers, attention with its gradient by hand, rotary positions, blocks, a GPT, AdamW with its schedule, and generation
# with a cache. In the end it writes English prose, and you can draw what each head looks at.
#
# Every formula is derived in the handout, `README.md`. The rules that hold for all functions:
#
# - Tensors are torch's: sequences `(B, T, d)`, heads `(B, h, T, d)`. The dtype that comes in goes out, for float32 and
#   float64; device and dtype of new tensors are those of the arguments.
# - Allowed are plain tensor functions and, of `torch.nn`, `Module`, `Parameter`, `Linear`, `Embedding`, `ModuleList`,
#   `ParameterList` and `Sequential`. The library's attention, transformer, normalisation and GELU are what you write
#   yourself. Gradients come from autograd, but for `sdpa_backward`, which is by hand.
# - No function changes its arguments. Initial weights are drawn from torch's global generator, in torch's default
#   dtype; all other randomness comes from the `generator` that is passed in.
# - A mask is a bool tensor: True where attention is allowed.
#
# Replace each `raise NotImplementedError()` by your answer. The cell below a task runs its public checks.

# %%
import heapq
import math
import re
from collections import defaultdict

import torch
from torch.nn import Module, ModuleList, Parameter

# %% [markdown]
# ## 1 · Bytes to tokens
#
# A text is a row of bytes, 256 different ones, whatever the script. Byte-pair encoding (Gage, 1994; Sennrich, Haddow
# and Birch, 2016) makes longer symbols of them: it counts which two symbols stand side by side most often, makes one
# symbol of the two everywhere, and begins again.


# %%
def train_bpe(text, vocab_size, special_tokens):
    """Learn a vocabulary of byte pairs.

    text: a str; vocab_size: how many tokens there may be in all, the 256 bytes and the special tokens among them;
    special_tokens: a list of str, none a prefix of another. They split the text: nothing is counted or merged across
    them, and what they consist of is not counted at all.

    One merge at a time: of all pairs of neighbouring symbols the most frequent one, counted at every position ("aaa"
    has the pair (a, a) twice); of equally frequent ones the greatest, compared as tuples of bytes. It is merged from
    left to right, wherever it stands. Ends early when no pair is left.

    A merge changes the counts around it and no others, so a text of 300,000 bytes takes seconds, not minutes.

    Returns (vocab, merges): a dict from id to bytes, where ids may be chosen freely, and the list of the merged pairs
    (bytes, bytes), in the order of training.
    """
    ### BEGIN SOLUTION
    parts = re.split("|".join(map(re.escape, special_tokens)), text) if special_tokens else [text]
    symbols, after, before, where = [], [], [], defaultdict(set)  # a chain of symbols; where each pair begins
    for part in filter(None, parts):  # between two special tokens there may be nothing
        start, data = len(symbols), part.encode("utf-8")
        symbols += [bytes([byte]) for byte in data]
        for i in range(start, len(symbols)):
            before.append(i - 1 if i > start else None)
            after.append(i + 1 if i + 1 < len(symbols) else None)
            if i > start:
                where[symbols[i - 1], symbols[i]].add(i - 1)
    tokens, merges = [bytes([byte]) for byte in range(256)], []
    tokens += [token.encode("utf-8") for token in special_tokens]
    while len(tokens) < vocab_size:
        pair = max(where, key=lambda pair: (len(where[pair]), pair), default=None)
        if pair is None:
            break
        merges.append(pair)
        tokens.append(pair[0] + pair[1])
        for i in sorted(where.pop(pair)):
            j = after[i]
            if symbols[i] != pair[0] or j is None or symbols[j] != pair[1]:
                continue  # one of the two has just been merged with its other neighbour
            left, right = before[i], after[j]
            if left is not None:
                where[symbols[left], pair[0]].discard(left)
                where[symbols[left], tokens[-1]].add(left)
            if right is not None:
                where[pair[1], symbols[right]].discard(j)
                where[tokens[-1], symbols[right]].add(i)
                before[right] = i
            symbols[i], symbols[j], after[i] = tokens[-1], None, right
        where = defaultdict(set, {pair: places for pair, places in where.items() if places})
    return dict(enumerate(tokens)), merges
    ### END SOLUTION


# %%
class BPETokenizer:
    """Text to ids and back, with what `train_bpe` has learnt."""

    def __init__(self, vocab, merges, special_tokens):
        """vocab: dict from id to bytes; merges: list of pairs of bytes; special_tokens: list of str, as in training."""
        ### BEGIN SOLUTION
        self.vocab, self.special = vocab, special_tokens
        self.ids = {token: number for number, token in vocab.items()}
        self.ranks = {pair: rank for rank, pair in reversed(list(enumerate(merges)))}

    def _merged(self, data):
        """The symbols that are left of some bytes: the earliest merge first, each from left to right."""
        symbols = [bytes([byte]) for byte in data]
        after = [*range(1, len(symbols)), None]
        before = [None, *range(len(symbols) - 1)]
        pairs = []

        def look(i, j):
            if i is not None and j is not None and (symbols[i], symbols[j]) in self.ranks:
                heapq.heappush(pairs, (self.ranks[symbols[i], symbols[j]], i, j))

        for i in range(len(symbols) - 1):
            look(i, i + 1)
        while pairs:
            rank, i, j = heapq.heappop(pairs)
            if after[i] != j or self.ranks.get((symbols[i], symbols[j])) != rank:
                continue  # one of the two has changed since
            symbols[i], symbols[j], after[i] = symbols[i] + symbols[j], None, after[j]
            after[j] = None
            if after[i] is not None:
                before[after[i]] = i
            look(before[i], i)
            look(i, after[i])
        return [symbol for symbol in symbols if symbol is not None]
        ### END SOLUTION

    def encode(self, text):
        """The ids of a text, a list of int. Special tokens are one id each; merges are made in the order of training.

        Any str that has an encoding in UTF-8 can be encoded, whatever the training text was.
        """
        ### BEGIN SOLUTION
        pattern = "|".join(map(re.escape, self.special))
        pieces = re.split(f"({pattern})", text) if self.special else [text]  # every second one is special
        symbols = []
        for number, piece in enumerate(pieces):
            symbols += [piece.encode("utf-8")] if number % 2 else self._merged(piece.encode("utf-8"))
        return [self.ids[symbol] for symbol in symbols]
        ### END SOLUTION

    def decode(self, ids):
        """The text of ids. Bytes that are no UTF-8 (half a character, say) become U+FFFD, the replacement character."""
        ### BEGIN SOLUTION
        return b"".join(self.vocab[int(number)] for number in ids).decode("utf-8", errors="replace")
        ### END SOLUTION


# %% [markdown]
# ## 2 · Layers
#
# What stands between attention and attention: normalisation over the features of each token (Ba, Kiros and Hinton,
# 2016), its cheaper relative without a mean (Zhang and Sennrich, 2019), and two smooth relatives of ReLU.


# %%
def layer_norm(x, g, b, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * g + b, with mean and population variance over the last axis of x (..., d)."""
    ### BEGIN SOLUTION
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + eps) * g + b
    ### END SOLUTION


# %%
def rms_norm(x, g, eps=1e-5):
    """x / sqrt(mean(x**2) + eps) * g, with the mean over the last axis of x (..., d)."""
    ### BEGIN SOLUTION
    return x / torch.sqrt(x.square().mean(-1, keepdim=True) + eps) * g
    ### END SOLUTION


# %%
def gelu(x):
    """x Φ(x), with Φ the distribution function of the standard normal: (1 + erf(x / √2)) / 2. x of any shape."""
    ### BEGIN SOLUTION
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2
    ### END SOLUTION


# %%
def swiglu(x, W1, W2, W3):
    """(silu(x W1) * (x W3)) W2 with silu(a) = a sigmoid(a). x (..., d), W1 (d, f), W2 (f, d), W3 (d, f)."""
    ### BEGIN SOLUTION
    gate = x @ W1
    return (gate * torch.sigmoid(gate) * (x @ W3)) @ W2
    ### END SOLUTION


# %% [markdown]
# ## 3 · Positions
#
# Attention by itself does not know which token came first. Two ways to tell it: add a pattern of waves to the inputs
# (Vaswani et al., 2017), or turn queries and keys by an angle that grows with the position, so that their products
# depend on the distance alone (Su et al., 2021).


# %%
def sinusoidal_positions(T, d):
    """Rows (T, d), float32: sin(t / 10000**(2i/d)) in column 2i, cos of the same in column 2i + 1; d is even."""
    ### BEGIN SOLUTION
    angles = torch.arange(T, dtype=torch.float64)[:, None] * 10_000 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(T, d).float()
    ### END SOLUTION


# %%
def rope(x, positions):
    """Rotary positions: at position t, each pair (x_{2i}, x_{2i+1}) is turned by the angle t * 10000**(-2i/d).

    x (B, h, T, d) with d even; positions (T,) or (B, T), integers. The rotation is counterclockwise:
    x_{2i} cos - x_{2i+1} sin and x_{2i} sin + x_{2i+1} cos. Returns (B, h, T, d).
    """
    ### BEGIN SOLUTION
    d = x.shape[-1]
    rates = 10_000 ** (-torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)
    angles = positions.double()[..., None] * rates  # (T, d/2) or (B, T, d/2)
    if positions.dim() == 2:
        angles = angles[:, None]  # the same for all heads
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)
    ### END SOLUTION


# %% [markdown]
# ## 4 · Masks


# %%
def causal_mask(T):
    """(T, T), bool: row t is True at the columns 0 … t: a token attends to itself and to what came before."""
    ### BEGIN SOLUTION
    return torch.ones(T, T, dtype=torch.bool).tril()
    ### END SOLUTION


# %%
def padding_mask(lengths, T):
    """(B, 1, 1, T), bool: True at the first lengths[b] columns. lengths (B,): integers, each from 0 to T."""
    ### BEGIN SOLUTION
    return (torch.arange(T, device=lengths.device) < lengths[:, None])[:, None, None]
    ### END SOLUTION


# %% [markdown]
# ## 5 · Attention
#
# Each query compares itself with all keys, and takes the mean of the values, weighted by the softmax of what it found.
# Forward with autograd's operations; backward by hand, from the formula, once in your life.


# %%
def sdpa(q, k, v, mask=None):
    """Scaled dot-product attention: softmax(q kᵀ / √d) v, with the softmax over the keys that the mask allows.

    q (B, h, Tq, d), k (B, h, Tk, d), v (B, h, Tk, e); mask: None, or bool, broadcastable to (B, h, Tq, Tk), True where
    attention is allowed. A query that may attend to nothing gets 0, and gradients of 0. Stable for any finite scores.
    Returns (B, h, Tq, e).
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None:
        return torch.softmax(scores, dim=-1) @ v
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)  # with -inf a row of them would give nan
    return torch.softmax(scores, dim=-1).masked_fill(~mask, 0) @ v
    ### END SOLUTION


# %%
def sdpa_backward(do, q, k, v, mask=None):
    """The gradient through `sdpa`, without autograd. do (B, h, Tq, e): with respect to its result.

    Returns (dq, dk, dv), with the shapes of q, k, v.
    """
    ### BEGIN SOLUTION
    scale = 1 / math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1) * scale
    allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
    scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
    p = torch.exp(scores - scores.amax(-1, keepdim=True)).masked_fill(~allowed, 0)
    p = p / p.sum(-1, keepdim=True).clamp_min(torch.finfo(p.dtype).tiny)
    dp = do @ v.transpose(-2, -1)
    ds = p * (dp - (dp * p).sum(-1, keepdim=True)) * scale
    return ds @ k, ds.transpose(-2, -1) @ q, p.transpose(-2, -1) @ do
    ### END SOLUTION


# %%
class MultiHeadAttention(Module):
    """Attention by several heads, each in a subspace of its own; no biases.

    d_model is a multiple of n_heads; head i owns the columns i * d_head … (i + 1) * d_head - 1 of queries, keys and
    values, with d_head = d_model / n_heads.
    """

    def __init__(self, d_model, n_heads):
        super().__init__()
        ### BEGIN SOLUTION
        self.n_heads = n_heads
        for name in ("Wq", "Wk", "Wv", "Wo"):
            setattr(self, name, Parameter(torch.randn(d_model, d_model) * d_model**-0.5))
        ### END SOLUTION

    def set_weights(self, Wq, Wk, Wv, Wo):
        """Copy weights, each (d_model, d_model) and acting as x @ W; the module adopts their dtype."""
        ### BEGIN SOLUTION
        for parameter, W in zip((self.Wq, self.Wk, self.Wv, self.Wo), (Wq, Wk, Wv, Wo), strict=True):
            parameter.data = W.detach().clone()
        ### END SOLUTION

    def forward(self, x, mask=None, positions=None):
        """x (B, T, d_model); mask: broadcastable to (B, h, T, T), or None; positions: (T,) or (B, T), or None.

        Where positions are given, queries and keys are turned by `rope`. Returns (B, T, d_model).
        """
        ### BEGIN SOLUTION
        return self.attend(x, mask, positions, None)

    def attend(self, x, mask, positions, cache):
        """`forward` with a cache: a dict that holds the keys and values of earlier tokens, and gets those of x."""
        B, T, d_model = x.shape
        q, k, v = (self._heads(x @ W) for W in (self.Wq, self.Wk, self.Wv))
        if positions is not None:
            q, k = rope(q, positions), rope(k, positions)
        if cache is not None:
            if cache:
                k, v = torch.cat([cache["k"], k], dim=2), torch.cat([cache["v"], v], dim=2)
            cache["k"], cache["v"] = k, v
        out = sdpa(q, k, v, mask)
        return out.transpose(1, 2).reshape(B, T, d_model) @ self.Wo

    def _heads(self, x):
        """(B, T, d_model) to (B, h, T, d_head)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        ### END SOLUTION


# %% [markdown]
# ## 6 · The model
#
# A block adds twice to what runs through it: what attention found, and what a small network makes of each token. The
# norm stands before each of the two (Xiong et al., 2020), so that the sum itself runs through untouched.


# %%
class TransformerBlock(Module):
    """x + attention(norm1(x)), then x + gelu(norm2(x) W_in) W_out; no biases but those of the norms."""

    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        ### BEGIN SOLUTION
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.W_in = Parameter(torch.randn(d_model, d_ff) * d_model**-0.5)
        self.W_out = Parameter(torch.randn(d_ff, d_model) * d_ff**-0.5)
        self.g1, self.g2 = Parameter(torch.ones(d_model)), Parameter(torch.ones(d_model))
        self.b1, self.b2 = Parameter(torch.zeros(d_model)), Parameter(torch.zeros(d_model))
        ### END SOLUTION

    def set_weights(self, weights):
        """Copy weights; the module adopts their dtype.

        weights: a dict with 'Wq', 'Wk', 'Wv', 'Wo' (d_model, d_model), 'W_in' (d_model, d_ff), 'W_out' (d_ff, d_model)
        and 'g1', 'b1', 'g2', 'b2' (d_model,), scale and shift of the two norms.
        """
        ### BEGIN SOLUTION
        self.attention.set_weights(*(weights[name] for name in ("Wq", "Wk", "Wv", "Wo")))
        for name in ("W_in", "W_out", "g1", "b1", "g2", "b2"):
            getattr(self, name).data = weights[name].detach().clone()
        ### END SOLUTION

    def forward(self, x, mask=None, positions=None):
        """x (B, T, d_model); mask and positions as in `MultiHeadAttention`. Returns (B, T, d_model)."""
        ### BEGIN SOLUTION
        return self.apply_to(x, mask, positions, None)

    def apply_to(self, x, mask, positions, cache):
        """`forward` with the cache of the attention."""
        x = x + self.attention.attend(layer_norm(x, self.g1, self.b1), mask, positions, cache)
        return x + gelu(layer_norm(x, self.g2, self.b2) @ self.W_in) @ self.W_out
        ### END SOLUTION


# %%
class GPT(Module):
    """A language model: embedding, blocks with rotary positions and a causal mask, a last norm, scores.

    The scores are x Eᵀ, with the same E (vocab_size, d_model) that embeds the tokens. d_ff is 4 * d_model if it is not
    given. `max_T` is the largest number of tokens that it reads, and an attribute.
    """

    def __init__(self, vocab_size, d_model, n_heads, n_layers, max_T, d_ff=None):
        super().__init__()
        ### BEGIN SOLUTION
        self.max_T = max_T
        d_ff = 4 * d_model if d_ff is None else d_ff
        self.E = Parameter(torch.randn(vocab_size, d_model) * 0.02)  # small: the first scores are near 0
        self.blocks = ModuleList(TransformerBlock(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.g, self.b = Parameter(torch.ones(d_model)), Parameter(torch.zeros(d_model))
        ### END SOLUTION

    def set_weights(self, weights):
        """Copy weights; the module adopts their dtype.

        weights: a dict with 'E' (vocab_size, d_model), 'blocks', a list of dicts as of `TransformerBlock`, and 'g', 'b'
        (d_model,), scale and shift of the last norm.
        """
        ### BEGIN SOLUTION
        for block, its in zip(self.blocks, weights["blocks"], strict=True):
            block.set_weights(its)
        for name in ("E", "g", "b"):
            getattr(self, name).data = weights[name].detach().clone()
        ### END SOLUTION

    def forward(self, ids):
        """The scores of each next token, (B, T, vocab_size), for ids (B, T), integers.

        Raises ValueError for more than max_T tokens.
        """
        ### BEGIN SOLUTION
        return self.read(ids, [None] * len(self.blocks))

    def read(self, ids, caches, start=0):
        """`forward` for tokens at the positions start, start + 1, …; the caches, a dict a block, hold those before."""
        end = start + ids.shape[1]
        if end > self.max_T:
            raise ValueError(f"{end} tokens, but the model reads {self.max_T} at most")
        x, positions = self.E[ids], torch.arange(start, end, device=ids.device)
        mask = positions[:, None] >= torch.arange(end, device=ids.device)
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block.apply_to(x, mask, positions, cache)
        return layer_norm(x, self.g, self.b) @ self.E.T
        ### END SOLUTION


# %%
def language_model_loss(model, ids):
    """The mean cross-entropy of each next token.

    ids (B, T + 1): the model reads the first T tokens of each row and is asked for the last T; model(ids (B, T)) gives
    scores (B, T, V). Returns a 0-d tensor with gradient.
    """
    ### BEGIN SOLUTION
    log_p = torch.log_softmax(model(ids[:, :-1]), dim=-1)
    return -log_p.gather(-1, ids[:, 1:, None]).mean()
    ### END SOLUTION


# %% [markdown]
# ## 7 · Training
#
# As in assignment 3, an optimiser takes one step for one tensor, and `state` is `None` at the first call. What is new
# is that the decay of the weights goes around Adam's scaling (Loshchilov and Hutter, 2019).


# %%
def adamw(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    """One step of AdamW: first w = w - eta * weight_decay * w, then Adam's step from there.

    m and v start at 0 and are corrected for it, the first call has t = 1; Adam's step is
    eta * m_hat / (sqrt(v_hat) + eps). Returns (w, state); w and dw are not changed.
    """
    ### BEGIN SOLUTION
    m, v, t = (torch.zeros_like(w), torch.zeros_like(w), 0) if state is None else state
    m, v, t = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2, t + 1
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    w = w - eta * weight_decay * w
    return w - eta * m_hat / (torch.sqrt(v_hat) + eps), (m, v, t)
    ### END SOLUTION


# %%
def cosine_schedule(t, warmup, total, eta_max, eta_min):
    """The step size of update t = 0, 1, 2, …, a float.

    Below warmup: t / warmup * eta_max. From there half a cosine, eta_max at t = warmup, eta_min at t = total, and
    eta_min after that. total > warmup >= 0.
    """
    ### BEGIN SOLUTION
    if t < warmup:
        return t / warmup * eta_max
    way = min((t - warmup) / (total - warmup), 1.0)
    return eta_min + (eta_max - eta_min) * (1 + math.cos(math.pi * way)) / 2
    ### END SOLUTION


# %%
def clip_grad_norm(grads, max_norm):
    """All tensors of a list scaled by one factor, so that the norm of all their values together is max_norm, if it is
    larger.

    Returns (new list, norm before, a float or 0-d tensor); with a norm up to max_norm nothing changes.
    """
    ### BEGIN SOLUTION
    norm = math.sqrt(sum(float(grad.double().square().sum()) for grad in grads))
    factor = max_norm / norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm
    ### END SOLUTION


# %% [markdown]
# ## 8 · Writing
#
# Token after token, each drawn from what the model says after all before it. Without a cache every new token costs a
# pass over the whole text; with one, the keys and values of earlier tokens are kept, and a pass over one token is
# enough.


# %%
def generate(model, ids, n, *, temperature=1.0, top_p=None, use_cache=True, generator=None):
    """Draw n tokens after the prompt ids (T,), T >= 1, one after the other.

    Each time: the scores after the last token, divided by `temperature`, softmax; with `top_p` in (0, 1] only the
    nucleus is left, the smallest set of most probable tokens whose probabilities sum to top_p or more, renormalised;
    then one token is drawn, by `generator` (a torch.Generator, or None for the global one). temperature 0 takes the
    most probable token each time. With `use_cache` no token is read twice; the results are the same without.

    Returns the new tokens, (n,) integers, without the prompt. Raises ValueError for a negative temperature, and if
    T + n > model.max_T.
    """
    ### BEGIN SOLUTION
    if temperature < 0:
        raise ValueError(f"temperature must be 0 or more, got {temperature}")
    if len(ids) + n > model.max_T:
        raise ValueError(f"{len(ids)} + {n} tokens, but the model reads {model.max_T} at most")

    def draw(scores):
        if temperature == 0:
            return scores.argmax(keepdim=True)
        p = torch.softmax(scores.double() / temperature, dim=-1)
        if top_p is not None:
            ordered, order = p.sort(descending=True)
            before = ordered.cumsum(0) - ordered
            p[order[before >= top_p]] = 0  # the token that crosses top_p stays
        return torch.multinomial(p, 1, generator=generator)

    caches, tokens, n_read = [{} for _ in model.blocks], ids, 0
    with torch.no_grad():
        for _ in range(n):
            if use_cache:
                scores, n_read = model.read(tokens[None, n_read:], caches, n_read), len(tokens)
            else:
                scores = model(tokens[None])
            tokens = torch.cat([tokens, draw(scores[0, -1])])
    return tokens[len(ids) :]

    ### END SOLUTION


# %% [markdown]
# ## 9 · What it costs
#
# How large a model is and how long a pass takes can be known before a line of it is written.


# %%
def count_parameters(vocab_size, d_model, n_layers, d_ff):
    """How many parameters the `GPT` of these sizes has, an int; E, which is used twice, counts once."""
    ### BEGIN SOLUTION
    block = 4 * d_model**2 + 2 * d_model * d_ff + 4 * d_model
    return vocab_size * d_model + n_layers * block + 2 * d_model
    ### END SOLUTION


# %%
def forward_flops(B, T, vocab_size, d_model, n_layers, d_ff):
    """Floating point operations of the matrix products of one forward pass of `GPT` over ids (B, T), an int.

    A product of (m, k) by (k, n) counts 2 m n k; the products of queries with keys, and of weights with values, count
    in full, masked or not; nothing else counts.
    """
    ### BEGIN SOLUTION
    block = 8 * T * d_model**2 + 4 * T**2 * d_model + 4 * T * d_model * d_ff
    return B * (n_layers * block + 2 * T * d_model * vocab_size)
    ### END SOLUTION
