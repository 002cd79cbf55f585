"""Public checks of the convolution kernels. Read them: each says in its first line what must hold.

`throughput` runs your functions in a process of their own, on tensors whose strides may be anything, that lie between
zones of NaN which nobody may write, with an `out` that is full of NaN. What is right is the library's operation in
float64; you may be twice as far from it as the library's own in the same dtype is. The handout has the whole protocol.
"""

import pytest

from grader.throughput.checks import require_package
from grader.throughput.conv2d import SHAPES, Conv2d

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count

NO_PRODUCTS = (*Conv2d.own_work, r"mm(\.|$)", r"matmul", r"linear", r"einsum", r"im2col")  # all is done in the kernel
TENSOR_CORES = [shape.with_dtype("float16", "channels_last") for shape in SHAPES]
STEPS = [
    Conv2d(channels=3, filters=5, image=(9, 7)),
    Conv2d(channels=3, filters=4, image=(9, 7), stride=2),
    Conv2d(channels=2, filters=4, image=(8, 11), kernel=(5, 3), padding=2, stride=3),
    Conv2d(channels=4, filters=3, image=(6, 10), kernel=(2, 3), padding=0, batch=3),
]
SMALLEST = [
    Conv2d(channels=1, filters=1, image=(1, 1), kernel=(1, 1), padding=0),
    Conv2d(channels=7, filters=5, image=(4, 6), kernel=(1, 1), padding=0, batch=2),
    Conv2d(channels=7, filters=5, image=(5, 6), kernel=(1, 1), padding=0, stride=2),
    Conv2d(channels=2, filters=3, image=(3, 5), kernel=(3, 5), padding=0),
]


@pytest.mark.task("conv2d_im2col", points=4)
class TestConv2dIm2col:
    @pytest.mark.weight(2)
    def test_strides_and_padding(self, hw, throughput):
        """out[n, k, p, q] sums x[n, c, p*stride - padding + r, q*stride - padding + s] * w[k, c, r, s]"""
        throughput.verify("conv2d_im2col", STEPS)

    def test_kernels_of_one_pixel_and_of_the_whole_image(self, hw, throughput):
        """kernels of 1 × 1 and of H × W are kernels like others"""
        throughput.verify("conv2d_im2col", SMALLEST)

    def test_tensors_that_are_not_contiguous(self, hw, throughput):
        """x, w and out may lie in memory in any way: channels last, transposed, with gaps between the rows"""
        throughput.verify(
            "conv2d_im2col",
            [
                Conv2d(channels=3, filters=5, image=(9, 7), batch=2, layout=layout)
                for layout in ("channels_last", "transposed", "gaps")
            ],
        )

    def test_float16(self, hw, throughput):
        """float16 in, float16 out, summed in float32"""
        throughput.verify("conv2d_im2col", [Conv2d(channels=24, filters=5, image=(9, 7), dtype="float16")])


@pytest.mark.task("conv2d_im2col_speed", points=5, covers=("conv2d_im2col",))
class TestConv2dIm2colSpeed:
    @pytest.mark.weight(5)
    def test_against_the_library_on_the_cpu(self, hw, throughput):
        """as fast as a quarter of the library's operation, one thread each; a twelfth earns nothing"""
        throughput.measure("conv2d_im2col", SHAPES, curve=(0.08, 0.25))


@pytest.mark.task("conv2d_triton", points=4, covers=("conv2d_triton", "implicit_gemm"))
class TestConv2dTriton:
    @pytest.mark.weight(2)
    def test_strides_and_padding(self, hw, throughput):
        """the kernel computes what conv2d_im2col computes, by itself: no matrix product of the library"""
        require_package("triton")
        throughput.verify("conv2d_triton", STEPS, own_work=NO_PRODUCTS)

    def test_kernels_of_one_pixel_and_of_the_whole_image(self, hw, throughput):
        """kernels of 1 × 1 and of H × W are kernels like others"""
        require_package("triton")
        throughput.verify("conv2d_triton", SMALLEST, own_work=NO_PRODUCTS)

    def test_ragged_tiles(self, hw, throughput):
        """sizes that are no multiple of a tile: nothing is read or written beside the tensors"""
        require_package("triton")
        cases = [
            Conv2d(channels=17, filters=33, image=(7, 5)),
            Conv2d(channels=5, filters=70, image=(11, 13), kernel=(1, 1), padding=0),
        ]
        throughput.verify("conv2d_triton", cases, own_work=NO_PRODUCTS)

    def test_tensors_that_are_not_contiguous(self, hw, throughput):
        """x, w and out may lie in memory in any way"""
        require_package("triton")
        cases = [
            Conv2d(channels=3, filters=5, image=(9, 7), layout=layout)
            for layout in ("channels_last", "transposed", "gaps")
        ]
        throughput.verify("conv2d_triton", cases, own_work=NO_PRODUCTS)

    def test_float16(self, hw, throughput):
        """float16 in, float16 out, summed in float32"""
        require_package("triton")
        case = Conv2d(channels=24, filters=5, image=(9, 7), dtype="float16")
        throughput.verify("conv2d_triton", [case], own_work=NO_PRODUCTS)


@pytest.mark.task("conv2d_triton_speed", points=5, covers=("conv2d_triton",))
class TestConv2dTritonSpeed:
    @pytest.mark.weight(5)
    def test_against_the_library_on_a_gpu(self, hw, throughput):
        """0.55 times as fast as cuDNN in float16, channels last; 0.15 earns nothing"""
        throughput.measure("conv2d_triton", TENSOR_CORES, curve=(0.15, 0.55), device="cuda", own_work=NO_PRODUCTS)
