"""Attention kernels in another style: einsum and log-sum-exp; two finished blocks are joined."""

import math

import torch

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = tl = None

ROWS, COLUMNS = 128, 512


def attend(q, k, v, hidden):
    """(output, log of the sum of exponentials) of one block of queries (h, i, d) on one block of keys."""
    scores = torch.einsum("hid,hjd->hij", q, k)
    if hidden is not None:
        scores.masked_fill_(hidden, -math.inf)
    largest = scores.amax(dim=2, keepdim=True)
    weights = scores.sub_(largest).exp_()
    total = weights.sum(dim=2, keepdim=True)
    return torch.einsum("hij,hjd->hid", weights, v) / total, largest + total.log()


def attention_blockwise(q, k, v, *, causal, out):
    B, _, T, d = q.shape
    q, k, v = q.float() / math.sqrt(d), k.float(), v.float()
    for b in range(B):
        for i in range(0, T, ROWS):
            rows = slice(i, min(i + ROWS, T))
            done, seen = None, None
            for j in range(0, rows.stop if causal else T, COLUMNS):
                columns = slice(j, min(j + COLUMNS, rows.stop if causal else T))
                hidden = None
                if causal and columns.stop > i:
                    hidden = torch.arange(j, columns.stop, device=q.device) > torch.arange(
                        i, rows.stop, device=q.device
                    ).unsqueeze(1)
                part, lse = attend(q[b, :, rows], k[b, :, columns], v[b, :, columns], hidden)
                if done is None:
                    done, seen = part, lse
                    continue
                both = torch.logaddexp(seen, lse)
                done = done * torch.exp(seen - both) + part * torch.exp(lse - both)
                seen = both
            out[b, :, rows] = done.to(out.dtype)


if triton:

    @triton.jit
    def one_block(q, k, v, out, sq, sk, sv, so, T, scale, CAUSAL: tl.constexpr, D: tl.constexpr, W: tl.constexpr):
        """Sixteen queries of one head, that the host has pointed at; strides of (T, d) as tuples."""
        row, c, n = tl.program_id(0) * 16 + tl.arange(0, 16), tl.arange(0, W), tl.arange(0, 16)
        at = row[:, None] * sq[0] + c[None, :] * sq[1]
        x = tl.load(q + at, mask=(row < T)[:, None] & (c < D)[None, :], other=0.0).to(tl.float32) * scale
        m = tl.full((16,), float("-inf"), tl.float32)
        l = tl.zeros((16,), tl.float32)
        a = tl.zeros((16, W), tl.float32)
        for j in range(0, T, 16):
            col = j + n
            ok = (col < T)[:, None] & (c < D)[None, :]
            y = tl.load(k + col[:, None] * sk[0] + c[None, :] * sk[1], mask=ok, other=0.0).to(tl.float32)
            z = tl.load(v + col[:, None] * sv[0] + c[None, :] * sv[1], mask=ok, other=0.0).to(tl.float32)
            s = tl.dot(x, tl.trans(y), input_precision="ieee")
            s = tl.where((col < T)[None, :], s, float("-inf"))
            if CAUSAL:
                s = tl.where(col[None, :] <= row[:, None], s, float("-inf"))
            new = tl.maximum(m, tl.max(s, 1))
            p, r = tl.exp(s - new[:, None]), tl.exp(m - new)
            l = l * r + tl.sum(p, 1)
            a = a * r[:, None] + tl.dot(p, z, input_precision="ieee")
            m = new
        there = out + row[:, None] * so[0] + c[None, :] * so[1]
        tl.store(there, (a / l[:, None]).to(out.dtype.element_ty), mask=(row < T)[:, None] & (c < D)[None, :])


def attention_triton(q, k, v, *, causal, out):
    B, h, T, d = q.shape
    width = max(16, triton.next_power_of_2(d))
    for b in range(B):
        for i in range(h):
            heads = [x[b, i] for x in (q, k, v, out)]
            steps = [x.stride() for x in heads]
            one_block[(triton.cdiv(T, 16),)](*heads, *steps, T, d**-0.5, CAUSAL=causal, D=d, W=width)
