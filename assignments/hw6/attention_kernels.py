# %% [markdown]
# # Assignment 6 · Attention kernels
#
# Attention as you have written it makes a matrix of $T \times T$ logits for every head, and time goes into writing and
# reading it rather than into arithmetic. Here you write attention that never has that matrix. Both functions compute
# what `torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)` computes, and write the result into
# a tensor that they are given. Two things count: that it is right, and how its time compares with the library's.
#
# - `q`, `k`, `v` and `out` are all `(B, h, T, d)`, tensors of torch of one dtype and on one device. Logits are scaled
#   by $1/\sqrt{d}$; where `causal`, query $i$ attends to keys $0 \dots i$.
# - Write every entry of `out`, whatever it held before, and nothing beside it. Change none of the others. Return
#   nothing.
# - Any of the four may be **not contiguous**: never assume strides, and never call `.view` on what you were given.
# - From $T = 1024$ on, no tensor of yours has more than $B \cdot h \cdot T \cdot 256$ entries.
# - The work is your own: no attention of the library under any name, and no `torch.compile`. Matrix products are
#   welcome in the first function.
#
# `pytest assignments/hw6 -k blockwise` checks and measures the first; how speed becomes points is in the handout. Then
# `grader throughput attention_kernels.py --kernel attention_blockwise --plot speed.png` tells more.

# %%
import functools
import math
import os

import torch

try:
    import triton
    import triton.language as tl
except ImportError:  # pip install triton, on Linux; without it there is only the first kernel
    triton = tl = None

# %% [markdown]
# ## 1 · Softmax that does not wait for its last number
#
# A row of softmax needs the largest logit and the sum of all exponentials before it can give its first number: so it
# seems. But take the keys in blocks and keep, for every query, three things about the blocks so far: the largest logit
# $m$, the sum $\ell = \sum_j e^{s_j - m}$, and the unfinished output $a = \sum_j e^{s_j - m} v_j$. A new block with
# logits $s$ has its own largest, and
#
# $$m' = \max(m, \max_j s_j), \qquad \ell' = e^{m - m'} \ell + \sum_j e^{s_j - m'}, \qquad
# a' = e^{m - m'} a + \sum_j e^{s_j - m'} v_j .$$
#
# The factor $e^{m - m'}$ takes what was summed with the old maximum to the new one, in $\ell$ **and** in $a$. After the
# last block the output is $a / \ell$. Begin with $m = -\infty$, $\ell = 0$, $a = 0$.
#
# A causal query sees no key behind it: with blocks of queries, too, whole blocks of keys can be left out, about half of
# the work. Only blocks on the diagonal take a mask. The last block may be ragged.


# %%
def attention_blockwise(q, k, v, *, causal, out):
    """Attend from q to k and v, all (B, h, T, d), into out, block by block of keys, by torch's operations; returns
    None.

    On the CPU or a GPU, for any strides of the four tensors.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 2 · The same in one kernel
#
# On a GPU each program of a Triton kernel takes one block of queries of one head, keeps $m$, $\ell$ and $a$ in
# registers, and walks over the blocks of keys: logits never leave the chip. `tl.dot` on float16 tiles uses the tensor
# cores; keep logits, sums and $a$ in float32 whatever the dtype, and do not allow tf32 for float32. A width $d$ need be
# no power of two, but `tl.arange` takes nothing else: mask the rest. Most blocks of keys need no mask for their logits,
# and a loop of their own makes them faster.
#
# Triton runs kernels on a GPU; with `TRITON_INTERPRET=1` it interprets them on the CPU, slowly, which is how yours is
# checked where there is no GPU (float32 and float16: the interpreter's bfloat16 is not to be trusted).


# %%
@functools.cache
def flash_forward():
    """The Triton kernel, made at its first use: `@triton.jit`, with `@triton.autotune` if you like (give it a single
    configuration under the interpreter). Its arguments are your own affair: only `attention_triton` launches it.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def attention_triton(q, k, v, *, causal, out):
    """The same as `attention_blockwise`, by a Triton kernel of your own; float32, float16 and bfloat16."""
    # YOUR CODE HERE
    raise NotImplementedError()
