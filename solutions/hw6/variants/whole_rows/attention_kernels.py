"""Attention kernels in another style: few queries and all that they see at a time; Triton in two passes."""

import torch

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = tl = None

QUERIES = 32


def attention_blockwise(q, k, v, *, causal, out):
    T, d = q.shape[-2:]
    q, k, v = (tensor.to(torch.float32) for tensor in (q, k, v))
    for start in range(0, T, QUERIES):
        stop = min(start + QUERIES, T)
        visible = stop if causal else T
        logits = (q[:, :, start:stop] * d**-0.5) @ k[:, :, :visible].transpose(-1, -2)
        if causal:
            later = torch.ones(stop - start, stop - start, dtype=torch.bool, device=q.device).triu(1)
            logits[..., start:].masked_fill_(later, float("-inf"))
        out[:, :, start:stop] = torch.softmax(logits, -1) @ v[:, :, :visible]


if triton:

    @triton.jit
    def two_passes(
        q, k, v, out, n, steps, scale, sq, sk, sv, so, CAUSAL: tl.constexpr, D: tl.constexpr, W: tl.constexpr,
        R: tl.constexpr,
    ):  # fmt: skip
        """The maximum and the sum of a row first, its output then."""
        program = tl.program_id(0)
        b, h = program // n, program % n
        i, c, n_ = tl.program_id(1) * R + tl.arange(0, R), tl.arange(0, W), tl.arange(0, R)
        q += b * sq[0] + h * sq[1]
        k += b * sk[0] + h * sk[1]
        v += b * sv[0] + h * sv[1]
        x = tl.load(q + i[:, None] * sq[2] + c[None, :] * sq[3], mask=(i < steps)[:, None] & (c < D)[None, :], other=0)
        end = tl.minimum((tl.program_id(1) + 1) * R, steps) if CAUSAL else steps
        m, total = tl.full((R,), float("-inf"), tl.float32), tl.zeros((R,), tl.float32)
        a = tl.zeros((R, W), tl.float32)
        for step in tl.static_range(2):
            for j in range(0, end, R):
                at = j + n_
                ok = (at < steps)[:, None] & (c < D)[None, :]
                y = tl.load(k + at[:, None] * sk[2] + c[None, :] * sk[3], mask=ok, other=0)
                s = tl.dot(x, tl.trans(y), input_precision="ieee") * scale
                keep = (at < steps)[None, :]
                if CAUSAL:
                    keep = keep & (at[None, :] <= i[:, None])
                s = tl.where(keep, s, float("-inf"))
                if step == 0:
                    new = tl.maximum(m, tl.max(s, 1))
                    total = total * tl.exp(m - new) + tl.sum(tl.exp(s - new[:, None]), 1)
                    m = new
                else:
                    z = tl.load(v + at[:, None] * sv[2] + c[None, :] * sv[3], mask=ok, other=0)
                    p = tl.exp(s - m[:, None]) / total[:, None]
                    a += tl.dot(p.to(z.dtype), z, input_precision="ieee")
        there = out + b * so[0] + h * so[1] + i[:, None] * so[2] + c[None, :] * so[3]
        tl.store(there, a.to(out.dtype.element_ty), mask=(i < steps)[:, None] & (c < D)[None, :])


def attention_triton(q, k, v, *, causal, out):
    B, h, T, d = q.shape
    steps = [x.stride() for x in (q, k, v, out)]
    width = max(16, triton.next_power_of_2(d))
    two_passes[(B * h, triton.cdiv(T, 16))](q, k, v, out, h, T, d**-0.5, *steps, CAUSAL=causal, D=d, W=width, R=16)
