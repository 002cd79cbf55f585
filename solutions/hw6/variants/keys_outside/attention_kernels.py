"""Attention kernels in another style: keys outside, queries inside; one Triton loop with one mask."""

import torch

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = tl = None

KEYS, QUERIES = 256, 128
SMALLEST = torch.finfo(torch.float32).min  # in the place of -inf


def attention_blockwise(q, k, v, *, causal, out):
    B, h, T, d = q.shape
    q, k, v = (x.reshape(B * h, T, d).float() for x in (q, k, v))
    q = q / d**0.5
    m = torch.full((B * h, T, 1), SMALLEST, device=q.device)
    total = torch.zeros_like(m)
    a = torch.zeros_like(q)
    for start in range(0, T, KEYS):
        keys, values = k[:, start : start + KEYS].transpose(1, 2), v[:, start : start + KEYS]
        column = torch.arange(start, start + keys.shape[2], device=q.device)
        for first in range(start if causal else 0, T, QUERIES):  # queries before these keys see none of them
            rows = slice(first, min(first + QUERIES, T))
            seen = min(rows.stop - start, keys.shape[2]) if causal else keys.shape[2]
            s = torch.bmm(q[:, rows], keys[:, :, :seen])
            if causal and first < start + KEYS:
                row = torch.arange(first, rows.stop, device=q.device)
                s.masked_fill_(column[:seen] > row[:, None], SMALLEST)
            new = torch.maximum(m[:, rows], s.amax(dim=2, keepdim=True))
            p, shrink = s.sub_(new).exp_(), torch.exp(m[:, rows] - new)
            total[:, rows] = total[:, rows] * shrink + p.sum(dim=2, keepdim=True)
            a[:, rows] = torch.baddbmm(a[:, rows] * shrink, p, values[:, :seen])
            m[:, rows] = new
    out.copy_((a / total).view(B, h, T, d))


def attention_triton(q, k, v, *, causal, out):
    B, h, T, d = q.shape
    strides = [step for x in (q, k, v, out) for step in x.stride()]
    width = max(16, triton.next_power_of_2(d))
    kernel = _kernel()
    kernel[(B * h, triton.cdiv(T, 32))](q, k, v, out, *strides, h, T, d, d**-0.5, causal, width, 32, 32, num_warps=4)


def _kernel():
    @triton.jit
    def attend(
        Q, K, V, O,
        qb, qh, qt, qd, kb, kh, kt, kd, vb, vh, vt, vd, ob, oh, ot, od,
        h, T, d, scale, causal: tl.constexpr, W: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
    ):  # fmt: skip
        batch, head = tl.program_id(0) // h, tl.program_id(0) % h
        i, e = tl.program_id(1) * M + tl.arange(0, M), tl.arange(0, W)
        query = tl.load(
            Q + batch * qb + head * qh + i[:, None] * qt + e[None, :] * qd,
            mask=(i[:, None] < T) & (e[None, :] < d),
            other=0.0,
        )
        m, total = tl.full((M,), -1e30, tl.float32), tl.zeros((M,), tl.float32)
        a = tl.zeros((M, W), tl.float32)
        for start in range(0, T, N):
            j = start + tl.arange(0, N)
            there = (j[:, None] < T) & (e[None, :] < d)
            key = tl.load(K + batch * kb + head * kh + j[:, None] * kt + e[None, :] * kd, mask=there, other=0.0)
            value = tl.load(V + batch * vb + head * vh + j[:, None] * vt + e[None, :] * vd, mask=there, other=0.0)
            s = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
            seen = j[None, :] < T
            if causal:
                seen = seen & (j[None, :] <= i[:, None])
            s = tl.where(seen, s, -1e30)
            new = tl.maximum(m, tl.max(s, axis=1))
            p = tl.where(seen, tl.exp(s - new[:, None]), 0.0)
            shrink = tl.exp(m - new)
            total = total * shrink + tl.sum(p, axis=1)
            a = a * shrink[:, None] + tl.dot(p.to(value.dtype), value, input_precision="ieee")
            m = new
        tl.store(
            O + batch * ob + head * oh + i[:, None] * ot + e[None, :] * od,
            (a / total[:, None]).to(O.dtype.element_ty),
            mask=(i[:, None] < T) & (e[None, :] < d),
        )

    return attend
