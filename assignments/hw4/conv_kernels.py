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
    # YOUR CODE HERE
    raise NotImplementedError()


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
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def conv2d_triton(x, w, *, stride, padding, out):
    """The same as `conv2d_im2col`, by a Triton kernel of your own; float32, float16 and bfloat16."""
    # YOUR CODE HERE
    raise NotImplementedError()
