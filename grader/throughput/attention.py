"""Attention: kernel(q, k, v, *, causal, out), all (B, h, T, d); the scale is 1/√d."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from grader.throughput.case import Case, Place, dense

if TYPE_CHECKING:
    import torch

PEAK = 8.0  # q times this makes softmax pick few keys


@dataclass(frozen=True, kw_only=True)
class Attention(Case):
    """The forward pass of scaled dot-product attention.

    Attributes:
        steps: T; width: d.
        peaked: whether the logits are large.
    """

    slices: ClassVar[tuple[str, str]] = ("b", "h")
    reference: ClassVar[str] = """\
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def reference(q, k, v, *, causal, out):
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        out.copy_(torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal))
"""
    own_work: ClassVar[tuple[str, ...]] = (
        r"scaled_dot_product", r"_flash_attention", r"_efficient_attention", r"_cudnn_attention", r"flex_attention",
        r"multi_head_attention", r"cudnn",
    )  # fmt: skip

    steps: int
    width: int
    heads: int = 8
    batch: int = 1
    causal: bool = True
    peaked: bool = False

    @property
    def label(self) -> str:
        more = ["causal"] * self.causal + [self.dtype] * (self.dtype != "float32")
        return ", ".join([f"{self.batch} × {self.heads} × {self.steps} × {self.width}", *more])

    @property
    def inputs(self) -> tuple[Place, ...]:
        return (self.output,) * 3

    @property
    def output(self) -> Place:
        return dense(self.dtype, (self.batch, self.heads, self.steps, self.width))

    @property
    def options(self) -> dict[str, Any]:
        return {"causal": self.causal}

    @property
    def flops(self) -> float:
        """4 B h T² d, half of it if causal."""
        return 4.0 * self.output.numel * self.steps / (2 if self.causal else 1)

    def fill(self, inputs: list[torch.Tensor], generator: torch.Generator, scale: float) -> None:
        for tensor in inputs:
            tensor.normal_(generator=generator).mul_(scale)
        if self.peaked:
            inputs[0].mul_(PEAK)

    def expected(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Head by head: T × T numbers of 8 bytes are many."""
        import torch

        q, k, v = (tensor.double().flatten(0, 1) for tensor in inputs)
        out = torch.empty_like(q)
        ahead = torch.ones(self.steps, self.steps, dtype=torch.bool, device=q.device).triu(1)
        for head in range(len(q)):
            logits = q[head] @ k[head].T * self.width**-0.5
            if self.causal:
                logits.masked_fill_(ahead, float("-inf"))
            out[head] = torch.softmax(logits, dim=-1) @ v[head]
        return out.view(self.output.shape)

    def batched(self, factor: int) -> Self:
        return replace(self, batch=self.batch * factor)

    def with_dtype(self, dtype: str, layout: str) -> Self:
        return replace(self, dtype=dtype)


SHAPES = tuple(Attention(steps=steps, width=width) for width in (64, 128) for steps in (1024, 4096))
ODD = tuple(Attention(steps=steps, width=64) for steps in (1000, 3000))
