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
    ### BEGIN SOLUTION
    T, d = q.shape[2:]
    rows, columns = 128, 512  # of a block of logits: eight heads of them are 2 MB, and stay in the cache
    scale = d**-0.5 * math.log2(math.e)  # exp2 is what the processor has: exp(x) = exp2(x log2(e))
    for queries, keys, values, result in zip(q.float() * scale, k.float(), v.float(), out, strict=True):  # (h, T, d)
        for first in range(0, T, rows):
            block = queries[:, first : first + rows]
            end = min(first + rows, T) if causal else T  # no query of the block sees more
            largest = block.new_full((*block.shape[:2], 1), -math.inf)
            total, summed = torch.zeros_like(largest), torch.zeros_like(block)
            for start in range(0, end, columns):
                stop = min(start + columns, end)
                logits = block @ keys[:, start:stop].mT
                if causal and stop > first + 1:
                    ahead = logits.new_ones(logits.shape[1:], dtype=torch.bool).triu_(first - start + 1)
                    logits.masked_fill_(ahead, -math.inf)
                before, largest = largest, torch.maximum(largest, logits.amax(2, keepdim=True))
                weights = logits.sub_(largest).exp2_()
                rescale = before.sub_(largest).exp2_()
                total.mul_(rescale).add_(weights.sum(2, keepdim=True))
                summed.mul_(rescale).baddbmm_(weights, values[:, start:stop])
            result[:, first : first + rows] = summed.div_(total)
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    sizes = [(128, 64, 8, 3), (128, 128, 8, 2), (128, 64, 4, 3), (64, 64, 4, 3), (128, 32, 8, 4), (64, 32, 4, 3)]
    sizes = [(32, 16, 4, 2)] if os.environ.get("TRITON_INTERPRET") == "1" else sizes
    configs = [
        triton.Config({"ROWS": rows, "COLUMNS": columns}, num_warps=warps, num_stages=stages)
        for rows, columns, warps, stages in sizes
    ]

    @triton.autotune(configs, key=["T", "D", "CAUSAL"])
    @triton.jit
    def kernel(
        q, k, v, out, H, T, scale,
        qb, qh, qt, qd, kb, kh, kt, kd, vb, vh, vt, vd, ob, oh, ot, od,
        CAUSAL: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    ):  # fmt: skip
        block = tl.num_programs(0) - 1 - tl.program_id(0)  # causal blocks with most work first
        b, h = (tl.program_id(1) // H).to(tl.int64), (tl.program_id(1) % H).to(tl.int64)
        row = block * ROWS + tl.arange(0, ROWS)
        c = tl.arange(0, WIDTH)
        q += b * qb + h * qh + row.to(tl.int64)[:, None] * qt + c[None, :] * qd
        inside = (row < T)[:, None] & (c < D)[None, :]
        queries = tl.load(q, mask=inside, other=0.0)
        largest = tl.full((ROWS,), float("-inf"), dtype=tl.float32)
        total = tl.zeros((ROWS,), dtype=tl.float32)
        summed = tl.zeros((ROWS, WIDTH), dtype=tl.float32)
        end = tl.minimum((block + 1) * ROWS, T) if CAUSAL else T
        whole = (block * ROWS if CAUSAL else T) // COLUMNS * COLUMNS
        for masked in tl.static_range(2):  # first the blocks of keys that every query sees whole, then the others
            for start in range(whole if masked else 0, end if masked else whole, COLUMNS):
                column = start + tl.arange(0, COLUMNS)
                there = column.to(tl.int64)
                at = b * kb + h * kh + there[None, :] * kt + c[:, None] * kd
                keys = tl.load(k + at, mask=(column < T)[None, :] & (c < D)[:, None], other=0.0)
                logits = tl.dot(queries, keys, input_precision="ieee") * scale
                if masked:
                    logits = tl.where((column < T)[None, :], logits, float("-inf"))
                    if CAUSAL:
                        logits = tl.where(column[None, :] <= row[:, None], logits, float("-inf"))
                new = tl.maximum(largest, tl.max(logits, 1))
                weights = tl.exp2(logits - new[:, None])
                rescale = tl.exp2(largest - new)
                total = total * rescale + tl.sum(weights, 1)
                at = b * vb + h * vh + there[:, None] * vt + c[None, :] * vd
                values = tl.load(v + at, mask=(column < T)[:, None] & (c < D)[None, :], other=0.0)
                summed = tl.dot(weights.to(values.dtype), values, summed * rescale[:, None], input_precision="ieee")
                largest = new
        out += b * ob + h * oh + row.to(tl.int64)[:, None] * ot + c[None, :] * od
        tl.store(out, (summed / total[:, None]).to(out.dtype.element_ty), mask=inside)

    return kernel
    ### END SOLUTION


# %%
def attention_triton(q, k, v, *, causal, out):
    """The same as `attention_blockwise`, by a Triton kernel of your own; float32, float16 and bfloat16."""
    ### BEGIN SOLUTION
    B, H, T, D = q.shape

    def grid(meta):
        return triton.cdiv(T, meta["ROWS"]), B * H

    strides = *q.stride(), *k.stride(), *v.stride(), *out.stride()
    scale, width = D**-0.5 * math.log2(math.e), max(16, triton.next_power_of_2(D))
    flash_forward()[grid](q, k, v, out, H, T, scale, *strides, CAUSAL=causal, D=D, WIDTH=width)
    ### END SOLUTION
