"""Convolution of images: kernel(x (N, C, H, W), w (K, C, R, S), *, stride, padding, out (N, K, P, Q))."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from grader.throughput.case import Case, Place, dense

if TYPE_CHECKING:
    import torch

LAYOUTS = {"contiguous": ((), 0), "channels_last": ((0, 2, 3, 1), 0), "gaps": ((), 3), "transposed": ((0, 1, 3, 2), 1)}
PEAK = 64.0  # times as large as the others are the entries of peaked inputs, one in a hundred


@dataclass(frozen=True, kw_only=True)
class Conv2d(Case):
    """One convolution, as `torch.nn.functional.conv2d` without bias, dilation and groups.

    Attributes:
        filters: K; kernel: (R, S).
        layout: of all tensors in memory, a key of LAYOUTS.
        peaked: whether few entries are much larger than the others.
    """

    slices: ClassVar[tuple[str, str]] = ("n", "k")
    reference: ClassVar[str] = """\
import torch

torch.backends.cudnn.benchmark = True


def reference(x, w, *, stride, padding, out):
    out.copy_(torch.nn.functional.conv2d(x, w, stride=stride, padding=padding))
"""
    fastest: ClassVar[str] = "channels_last"
    own_work: ClassVar[tuple[str, ...]] = (r"conv(?!ert)", r"cudnn", r"mkldnn", r"onednn", r"nnpack")

    channels: int
    filters: int
    image: tuple[int, int]
    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: int = 1
    batch: int = 1
    layout: str = "contiguous"
    peaked: bool = False

    @property
    def label(self) -> str:
        (H, W), (R, S) = self.image, self.kernel
        more = [f"stride {self.stride}"] * (self.stride > 1) + [self.layout.replace("_", " ")] * (
            self.layout != "contiguous"
        )
        return ", ".join(
            [f"{self.batch} × {self.channels} × {H} × {W} → {self.filters}, {R} × {S}", *more, *self._dtype]
        )

    @property
    def _dtype(self) -> list[str]:
        return [] if self.dtype == "float32" else [self.dtype]

    @property
    def inputs(self) -> tuple[Place, ...]:
        x, w = (self.batch, self.channels, *self.image), (self.filters, self.channels, *self.kernel)
        return tuple(dense(self.dtype, shape, *LAYOUTS[self.layout]) for shape in (x, w))

    @property
    def output(self) -> Place:
        sides = ((n + 2 * self.padding - k) // self.stride + 1 for n, k in zip(self.image, self.kernel, strict=True))
        return dense(self.dtype, (self.batch, self.filters, *sides), *LAYOUTS[self.layout])

    @property
    def options(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding}

    @property
    def flops(self) -> float:
        """2 N K P Q C R S."""
        return 2.0 * self.output.numel * self.channels * self.kernel[0] * self.kernel[1]

    def fill(self, inputs: list[torch.Tensor], generator: torch.Generator, scale: float) -> None:
        x, w = inputs
        x.normal_(generator=generator).mul_(scale)
        w.normal_(generator=generator).mul_((self.channels * self.kernel[0] * self.kernel[1]) ** -0.5)
        if self.peaked:
            import torch

            rare = torch.empty(x.shape, device=x.device).uniform_(generator=generator) < 0.01
            x[rare] *= PEAK

    def expected(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        from torch.nn.functional import conv2d

        x, w = (tensor.double().contiguous() for tensor in inputs)
        return conv2d(x, w, stride=self.stride, padding=self.padding)

    def batched(self, factor: int) -> Self:
        return replace(self, batch=self.batch * factor)

    def with_dtype(self, dtype: str, layout: str) -> Self:
        """The same in another dtype and layout: float16 and channels last are what tensor cores like best."""
        return replace(self, dtype=dtype, layout=layout)


SHAPES = (
    Conv2d(channels=64, filters=64, image=(56, 56)),
    Conv2d(channels=128, filters=128, image=(28, 28)),
    Conv2d(channels=256, filters=256, image=(14, 14)),
    Conv2d(channels=256, filters=64, image=(28, 28), kernel=(1, 1), padding=0),
    Conv2d(channels=64, filters=128, image=(56, 56), stride=2),
)
ODD = Conv2d(channels=48, filters=80, image=(31, 29))  # no multiple of any tile
