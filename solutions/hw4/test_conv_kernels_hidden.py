"""Hidden checks of the convolution kernels: sizes and values that the public ones do not have."""

import pytest

from grader.throughput.checks import require_package
from grader.throughput.conv2d import ODD, Conv2d

pytestmark = pytest.mark.filterwarnings("ignore")

NO_PRODUCTS = (*Conv2d.own_work, r"mm(\.|$)", r"matmul", r"linear", r"einsum", r"im2col")
MORE = [
    Conv2d(channels=5, filters=7, image=(10, 6), stride=3, padding=2, batch=2),
    Conv2d(channels=3, filters=2, image=(5, 12), kernel=(4, 1), padding=1, stride=2),
    Conv2d(channels=6, filters=9, image=(8, 9), kernel=(1, 1), padding=1, layout="transposed"),
    Conv2d(channels=6, filters=4, image=(9, 8), kernel=(5, 5), padding=2, stride=2, layout="gaps"),
]
PEAKED = [
    Conv2d(channels=16, filters=6, image=(12, 9), peaked=True),
    Conv2d(channels=16, filters=6, image=(12, 9), peaked=True, dtype="float16"),
]


@pytest.mark.task("conv2d_im2col")
class TestConv2dIm2colHidden:
    def test_more_strides_padding_and_layouts(self, hw, throughput):
        throughput.verify("conv2d_im2col", MORE)

    def test_values_of_very_different_size(self, hw, throughput):
        throughput.verify("conv2d_im2col", PEAKED)

    def test_sizes_that_are_timed(self, hw, throughput):
        throughput.verify("conv2d_im2col", [ODD, ODD.batched(2)])


@pytest.mark.task("conv2d_im2col_speed")
class TestConv2dIm2colSpeedHidden:
    def test_of_an_odd_size(self, hw, throughput):
        throughput.measure("conv2d_im2col", [ODD], curve=(0.08, 0.25))


@pytest.mark.task("conv2d_triton")
class TestConv2dTritonHidden:
    def test_more_strides_padding_and_layouts(self, hw, throughput):
        require_package("triton")
        throughput.verify("conv2d_triton", MORE, own_work=NO_PRODUCTS)

    def test_values_of_very_different_size(self, hw, throughput):
        require_package("triton")
        throughput.verify("conv2d_triton", PEAKED, own_work=NO_PRODUCTS)


@pytest.mark.task("conv2d_triton_speed")
class TestConv2dTritonSpeedHidden:
    def test_of_an_odd_size(self, hw, throughput):
        case = ODD.with_dtype("float16", "channels_last")
        throughput.measure("conv2d_triton", [case], curve=(0.15, 0.55), device="cuda", own_work=NO_PRODUCTS)
