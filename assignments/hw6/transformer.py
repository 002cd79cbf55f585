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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
class BPETokenizer:
    """Text to ids and back, with what `train_bpe` has learnt."""

    def __init__(self, vocab, merges, special_tokens):
        """vocab: dict from id to bytes; merges: list of pairs of bytes; special_tokens: list of str, as in training."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def encode(self, text):
        """The ids of a text, a list of int. Special tokens are one id each; merges are made in the order of training.

        Any str that has an encoding in UTF-8 can be encoded, whatever the training text was.
        """
        # YOUR CODE HERE
        raise NotImplementedError()

    def decode(self, ids):
        """The text of ids. Bytes that are no UTF-8 (half a character, say) become U+FFFD, the replacement character."""
        # YOUR CODE HERE
        raise NotImplementedError()


# %% [markdown]
# ## 2 · Layers
#
# What stands between attention and attention: normalisation over the features of each token (Ba, Kiros and Hinton,
# 2016), its cheaper relative without a mean (Zhang and Sennrich, 2019), and two smooth relatives of ReLU.


# %%
def layer_norm(x, g, b, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * g + b, with mean and population variance over the last axis of x (..., d)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def rms_norm(x, g, eps=1e-5):
    """x / sqrt(mean(x**2) + eps) * g, with the mean over the last axis of x (..., d)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def gelu(x):
    """x Φ(x), with Φ the distribution function of the standard normal: (1 + erf(x / √2)) / 2. x of any shape."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def swiglu(x, W1, W2, W3):
    """(silu(x W1) * (x W3)) W2 with silu(a) = a sigmoid(a). x (..., d), W1 (d, f), W2 (f, d), W3 (d, f)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 3 · Positions
#
# Attention by itself does not know which token came first. Two ways to tell it: add a pattern of waves to the inputs
# (Vaswani et al., 2017), or turn queries and keys by an angle that grows with the position, so that their products
# depend on the distance alone (Su et al., 2021).


# %%
def sinusoidal_positions(T, d):
    """Rows (T, d), float32: sin(t / 10000**(2i/d)) in column 2i, cos of the same in column 2i + 1; d is even."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def rope(x, positions):
    """Rotary positions: at position t, each pair (x_{2i}, x_{2i+1}) is turned by the angle t * 10000**(-2i/d).

    x (B, h, T, d) with d even; positions (T,) or (B, T), integers. The rotation is counterclockwise:
    x_{2i} cos - x_{2i+1} sin and x_{2i} sin + x_{2i+1} cos. Returns (B, h, T, d).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 4 · Masks


# %%
def causal_mask(T):
    """(T, T), bool: row t is True at the columns 0 … t: a token attends to itself and to what came before."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def padding_mask(lengths, T):
    """(B, 1, 1, T), bool: True at the first lengths[b] columns. lengths (B,): integers, each from 0 to T."""
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def sdpa_backward(do, q, k, v, mask=None):
    """The gradient through `sdpa`, without autograd. do (B, h, Tq, e): with respect to its result.

    Returns (dq, dk, dv), with the shapes of q, k, v.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
class MultiHeadAttention(Module):
    """Attention by several heads, each in a subspace of its own; no biases.

    d_model is a multiple of n_heads; head i owns the columns i * d_head … (i + 1) * d_head - 1 of queries, keys and
    values, with d_head = d_model / n_heads.
    """

    def __init__(self, d_model, n_heads):
        super().__init__()
        # YOUR CODE HERE
        raise NotImplementedError()

    def set_weights(self, Wq, Wk, Wv, Wo):
        """Copy weights, each (d_model, d_model) and acting as x @ W; the module adopts their dtype."""
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x, mask=None, positions=None):
        """x (B, T, d_model); mask: broadcastable to (B, h, T, T), or None; positions: (T,) or (B, T), or None.

        Where positions are given, queries and keys are turned by `rope`. Returns (B, T, d_model).
        """
        # YOUR CODE HERE
        raise NotImplementedError()


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
        # YOUR CODE HERE
        raise NotImplementedError()

    def set_weights(self, weights):
        """Copy weights; the module adopts their dtype.

        weights: a dict with 'Wq', 'Wk', 'Wv', 'Wo' (d_model, d_model), 'W_in' (d_model, d_ff), 'W_out' (d_ff, d_model)
        and 'g1', 'b1', 'g2', 'b2' (d_model,), scale and shift of the two norms.
        """
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x, mask=None, positions=None):
        """x (B, T, d_model); mask and positions as in `MultiHeadAttention`. Returns (B, T, d_model)."""
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
class GPT(Module):
    """A language model: embedding, blocks with rotary positions and a causal mask, a last norm, scores.

    The scores are x Eᵀ, with the same E (vocab_size, d_model) that embeds the tokens. d_ff is 4 * d_model if it is not
    given. `max_T` is the largest number of tokens that it reads, and an attribute.
    """

    def __init__(self, vocab_size, d_model, n_heads, n_layers, max_T, d_ff=None):
        super().__init__()
        # YOUR CODE HERE
        raise NotImplementedError()

    def set_weights(self, weights):
        """Copy weights; the module adopts their dtype.

        weights: a dict with 'E' (vocab_size, d_model), 'blocks', a list of dicts as of `TransformerBlock`, and 'g', 'b'
        (d_model,), scale and shift of the last norm.
        """
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, ids):
        """The scores of each next token, (B, T, vocab_size), for ids (B, T), integers.

        Raises ValueError for more than max_T tokens.
        """
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
def language_model_loss(model, ids):
    """The mean cross-entropy of each next token.

    ids (B, T + 1): the model reads the first T tokens of each row and is asked for the last T; model(ids (B, T)) gives
    scores (B, T, V). Returns a 0-d tensor with gradient.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def cosine_schedule(t, warmup, total, eta_max, eta_min):
    """The step size of update t = 0, 1, 2, …, a float.

    Below warmup: t / warmup * eta_max. From there half a cosine, eta_max at t = warmup, eta_min at t = total, and
    eta_min after that. total > warmup >= 0.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def clip_grad_norm(grads, max_norm):
    """All tensors of a list scaled by one factor, so that the norm of all their values together is max_norm, if it is
    larger.

    Returns (new list, norm before, a float or 0-d tensor); with a norm up to max_norm nothing changes.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 9 · What it costs
#
# How large a model is and how long a pass takes can be known before a line of it is written.


# %%
def count_parameters(vocab_size, d_model, n_layers, d_ff):
    """How many parameters the `GPT` of these sizes has, an int; E, which is used twice, counts once."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def forward_flops(B, T, vocab_size, d_model, n_layers, d_ff):
    """Floating point operations of the matrix products of one forward pass of `GPT` over ids (B, T), an int.

    A product of (m, k) by (k, n) counts 2 m n k; the products of queries with keys, and of weights with values, count
    in full, masked or not; nothing else counts.
    """
    # YOUR CODE HERE
    raise NotImplementedError()
