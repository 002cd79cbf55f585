# %% [markdown]
# # Assignment 4 · Convolution kernels
#
# You have derived convolution and its gradients; now make it fast. Both functions here compute what
# `torch.nn.functional.conv2d(x, w, stride=stride, padding=padding)` computes, and write the result into a tensor that
# they are given. Two things count: that it is right, and how its time compares with the library's.
#
# - `x (N, C, H, W)`, `w (K, C, R, S)`, `out (N, K, P, Q)` with $P = \lfloor (H + 2p - R)/s \rfloor + 1$, $Q$ likewise.
#   Tensors of torch, all of one dtype and on one device; `stride` and `padding` are ints, for rows and columns alike.
# - Write every entry of `out`, whatever it held before, and nothing beside it. Change neither `x` nor `w`. Return
#   nothing.
# - Any of the three may be **not contiguous**: never assume strides, and never call `.view` on what you were given.
# - The work is your own: no convolution of the library under any name, and no `torch.compile`. Matrix products are
#   welcome.
#
# `pytest assignments/hw4 -k im2col` checks and measures the first; how speed becomes points is in the handout. Then
# `grader throughput conv_kernels.py --kernel conv2d_im2col --plot speed.png` tells more.

# %%
import functools
import os

try:
    import triton
    import triton.language as tl
except ImportError:  # pip install triton, on Linux; without it there is only the first kernel
    triton = tl = None

# %% [markdown]
# ## 1 · A convolution is a matrix product
#
# Each output pixel is the dot product of a filter with a window of the image. Put the windows side by side as the
# columns of a matrix with $C R S$ rows, one for each weight of a filter, and all output pixels of all filters are one
# product: `(K, C·R·S) @ (C·R·S, P·Q)`. The matrix holds every pixel up to $R S$ times, and building it is what costs:
# `torch.nn.functional.unfold` does it in one call, and there are faster ways (think of strides).


# %%
def conv2d_im2col(x, w, *, stride, padding, out):
    """Convolve x (N, C, H, W) with w (K, C, R, S) into out (N, K, P, Q), by torch's operations; returns None.

    On the CPU or a GPU, for any strides of the three tensors.
    """
    ### BEGIN SOLUTION
    (N, C, H, W), (K, _, R, S), (P, Q) = x.shape, w.shape, out.shape[2:]
    padded = x.new_zeros(N, C, H + 2 * padding, W + 2 * padding)
    padded[:, :, padding : padding + H, padding : padding + W] = x
    n, c, h, v = padded.stride()
    windows = padded.as_strided((N, C, R, S, P, Q), (n, c, h, v, h * stride, v * stride))  # overlapping, not copied
    filters = w.reshape(K, C * R * S)
    for image, result in zip(windows, out, strict=True):  # one at a time: its columns stay in the cache
        result.copy_((filters @ image.reshape(C * R * S, P * Q)).view(K, P, Q))
    ### END SOLUTION


# %% [markdown]
# ## 2 · The same product without the matrix
#
# An **implicit GEMM** multiplies the same two matrices and never builds the large one: each program of the kernel makes
# one tile of the output, a block of pixels by a block of filters, and finds out for each entry of its operands where in
# `x` and `w` it lies. Rows of the product are pixels $(n, p, q)$, columns are filters $k$, and the sum runs over
# $(r, s, c)$:
#
# $$\text{out}[n, k, p, q] = \sum_{r, s, c} x[n, c, p \cdot s_t - p_d + r, q \cdot s_t - p_d + s] \; w[k, c, r, s]$$
#
# Tiles at the edges are ragged: mask every load and every store. Sum in float32 whatever the dtype, and do not allow
# tf32 for float32. Triton runs kernels on a GPU; with `TRITON_INTERPRET=1` it interprets them on the CPU, slowly, which
# is how yours is checked where there is no GPU.


# %%
@functools.cache
def implicit_gemm():
    """The Triton kernel, made at its first use: `@triton.jit`, with `@triton.autotune` if you like (give it a single
    configuration under the interpreter). Its arguments are your own affair: only `conv2d_triton` launches it.
    """
    ### BEGIN SOLUTION
    sizes = [(128, 64, 32, 4, 3), (128, 128, 32, 8, 3), (128, 128, 64, 8, 3), (64, 64, 32, 4, 4), (256, 64, 32, 8, 3)]
    sizes = [(32, 32, 16, 4, 2)] if os.environ.get("TRITON_INTERPRET") == "1" else sizes
    configs = [
        triton.Config({"PIXELS": m, "FILTERS": n, "CHANNELS": c}, num_warps=warps, num_stages=stages)
        for m, n, c, warps, stages in sizes
    ]

    @triton.autotune(configs, key=["NPQ", "K", "C", "R", "S", "STRIDE"])
    @triton.jit
    def kernel(
        x, w, out, NPQ, P, Q, H, W, K, C,
        xn, xc, xh, xw, wk, wc, wr, ws, on, ok, op, oq,
        R: tl.constexpr, S: tl.constexpr, STRIDE: tl.constexpr, PADDING: tl.constexpr,
        PIXELS: tl.constexpr, FILTERS: tl.constexpr, CHANNELS: tl.constexpr,
    ):  # fmt: skip
        pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
        k = tl.program_id(1) * FILTERS + tl.arange(0, FILTERS)
        n, p, q = (pixel // (P * Q)).to(tl.int64), pixel // Q % P, pixel % Q
        h, v = p * STRIDE - PADDING, q * STRIDE - PADDING
        x += (n * xn)[:, None]
        w += (k * wk)[None, :]
        total = tl.zeros((PIXELS, FILTERS), dtype=tl.float32)
        blocks = tl.cdiv(C, CHANNELS)
        for step in range(R * S * blocks):
            r, s = step // blocks // S, step // blocks % S
            c = step % blocks * CHANNELS + tl.arange(0, CHANNELS)
            row, column = h + r, v + s
            inside = (pixel < NPQ) & (row >= 0) & (row < H) & (column >= 0) & (column < W)
            here = x + (row * xh + column * xw)[:, None] + (c * xc)[None, :]
            a = tl.load(here, mask=inside[:, None] & (c < C)[None, :], other=0.0)
            b = tl.load(w + (c * wc + r * wr + s * ws)[:, None], mask=(c < C)[:, None] & (k < K)[None, :], other=0.0)
            total = tl.dot(a, b, total, input_precision="ieee")
        there = out + (n * on + p * op + q * oq)[:, None] + (k * ok)[None, :]
        tl.store(there, total.to(out.dtype.element_ty), mask=(pixel < NPQ)[:, None] & (k < K)[None, :])

    return kernel
    ### END SOLUTION


# %%
def conv2d_triton(x, w, *, stride, padding, out):
    """The same as `conv2d_im2col`, by a Triton kernel of your own; float32, float16 and bfloat16."""
    ### BEGIN SOLUTION
    (_, C, H, W), (K, _, R, S), (N, _, P, Q) = x.shape, w.shape, out.shape

    def grid(meta):
        return triton.cdiv(N * P * Q, meta["PIXELS"]), triton.cdiv(K, meta["FILTERS"])

    sizes = N * P * Q, P, Q, H, W, K, C
    strides = *x.stride(), *w.stride(), *out.stride()
    implicit_gemm()[grid](x, w, out, *sizes, *strides, R=R, S=S, STRIDE=stride, PADDING=padding)
    ### END SOLUTION
