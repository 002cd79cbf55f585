"""Public checks of the attention kernels. Read them: each says in its first line what must hold.

`throughput` runs your functions in a process of their own, on tensors whose strides may be anything, that lie between
zones of NaN which nobody may write, with an `out` that is full of NaN. What is right is attention in float64; you may
be twice as far from it as the library's own is in the same dtype. The handout has the whole protocol.
"""

import pytest

from grader.throughput.attention import SHAPES, Attention, fewer_heads
from grader.throughput.checks import require_package

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count

NO_PRODUCTS = (
    *Attention.own_work,
    r"mm(\.|_|$)",
    r"matmul",
    r"linear",
    r"einsum",
    r"softmax",
    r"exp2?(\.|_|$)",
)  # in the kernel
TENSOR_CORES = [shape.with_dtype("float16", "contiguous") for shape in SHAPES]
STEPS = [
    Attention(steps=5, width=4, heads=1, causal=False),
    Attention(steps=7, width=4, heads=1),
    Attention(steps=12, width=8, heads=3, batch=2, causal=False),
    Attention(steps=12, width=8, heads=3, batch=2),
]
SMALLEST = [
    Attention(steps=1, width=1, heads=1),
    Attention(steps=1, width=8, heads=2, causal=False),
    Attention(steps=2, width=1, heads=2),
]
NAMES = ("heads_inside", "transposed", "gaps")
LAYOUTS = [
    Attention(steps=9, width=6, heads=2, batch=2, layout=name) for name in ("heads_inside", "transposed", "gaps")
]
LONG = Attention(steps=12288, width=16, heads=1)


@pytest.mark.task("attention_blockwise", points=4)
class TestAttentionBlockwise:
    @pytest.mark.weight(2)
    def test_causal_or_not(self, hw, throughput):
        """out[b, h, i] is the mean of v[b, h, j], weighted by softmax over j of q[b, h, i] · k[b, h, j] / √d"""
        throughput.verify("attention_blockwise", STEPS)

    def test_few_steps_and_narrow_heads(self, hw, throughput):
        """one step, two steps, a width of one are lengths and widths like others"""
        throughput.verify("attention_blockwise", SMALLEST)

    @pytest.mark.weight(2)
    def test_many_blocks(self, hw, throughput):
        """sequences of many blocks, the last one ragged: what was summed is rescaled by each new maximum"""
        cases = [
            Attention(steps=steps, width=8, heads=2, causal=causal) for causal in (True, False) for steps in (640, 1027)
        ]
        throughput.verify("attention_blockwise", cases)

    def test_tensors_that_are_not_contiguous(self, hw, throughput):
        """q, k, v and out may lie in memory in any way: heads inside of steps, transposed, with gaps"""
        throughput.verify("attention_blockwise", LAYOUTS)

    def test_large_logits(self, hw, throughput):
        """logits of a hundred and more overflow nothing, and logits far below zero underflow no sum"""
        for causal in (True, False):
            peaked = Attention(steps=530, width=64, heads=2, causal=causal, peaked=True)
            low = Attention(steps=530, width=16, heads=2, causal=causal, low=True)
            throughput.verify("attention_blockwise", [peaked, low])

    def test_float16(self, hw, throughput):
        """float16 in, float16 out, computed in float32"""
        throughput.verify("attention_blockwise", [Attention(steps=600, width=16, heads=2, dtype="float16")])

    @pytest.mark.weight(2)
    def test_no_large_matrix(self, hw, throughput):
        """no tensor of more than B*h*T*256 entries: not T × T, for all heads or one by one"""
        throughput.verify("attention_blockwise", [Attention(steps=1024, width=16, heads=2, causal=False)])
        throughput.verify_memory("attention_blockwise", [LONG])


@pytest.mark.task("attention_blockwise_speed", points=4, covers=("attention_blockwise",))
class TestAttentionBlockwiseSpeed:
    @pytest.mark.weight(4)
    def test_against_the_library_on_the_cpu(self, hw, throughput):
        """0.4 times as fast as the library's operation, one thread each; a tenth earns nothing"""
        throughput.measure("attention_blockwise", fewer_heads(SHAPES), curve=(0.1, 0.4))


@pytest.mark.task("attention_triton", points=4, covers=("attention_triton", "flash_forward"))
class TestAttentionTriton:
    @pytest.mark.weight(2)
    def test_causal_or_not(self, hw, throughput):
        """the kernel computes what attention_blockwise computes, by itself: no matrix product of the library"""
        require_package("triton")
        throughput.verify("attention_triton", STEPS, own_work=NO_PRODUCTS)

    def test_few_steps_and_narrow_heads(self, hw, throughput):
        """one step, two steps, a width of one are lengths and widths like others"""
        require_package("triton")
        throughput.verify("attention_triton", SMALLEST, own_work=NO_PRODUCTS)

    @pytest.mark.weight(2)
    def test_many_blocks_and_ragged_ones(self, hw, throughput):
        """lengths and widths that are no multiple of a tile: nothing is read or written beside the tensors"""
        require_package("triton")
        cases = [
            Attention(steps=steps, width=width, heads=1, causal=causal)
            for causal in (True, False)
            for steps, width in ((128, 16), (101, 24))
        ]
        throughput.verify("attention_triton", cases, own_work=NO_PRODUCTS)

    def test_tensors_that_are_not_contiguous(self, hw, throughput):
        """q, k, v and out may lie in memory in any way"""
        require_package("triton")
        throughput.verify("attention_triton", LAYOUTS, own_work=NO_PRODUCTS)

    def test_float16(self, hw, throughput):
        """float16 in, float16 out, computed in float32"""
        require_package("triton")
        case = Attention(steps=70, width=32, heads=1, dtype="float16")
        throughput.verify("attention_triton", [case], own_work=NO_PRODUCTS)


@pytest.mark.task("attention_triton_speed", points=4, covers=("attention_triton",))
class TestAttentionTritonSpeed:
    @pytest.mark.weight(4)
    def test_against_the_library_on_a_gpu(self, hw, throughput):
        """0.8 times as fast as the library's flash attention in float16; a quarter earns nothing"""
        throughput.measure("attention_triton", TENSOR_CORES, curve=(0.25, 0.8), device="cuda", own_work=NO_PRODUCTS)

    def test_bfloat16_on_a_gpu(self, hw, throughput):
        """bfloat16 in, bfloat16 out, computed in float32"""
        cases = [Attention(steps=300, width=width, heads=2, dtype="bfloat16") for width in (64, 80)]
        throughput.verify("attention_triton", cases, device="cuda", own_work=NO_PRODUCTS)
