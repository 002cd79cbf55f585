"""Attention: kernel(q, k, v, *, causal, out), all (B, h, T, d); the scale is 1/√d."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from grader.throughput.case import Case, Place, dense

if TYPE_CHECKING:
    import torch

LAYOUTS = {"contiguous": ((), 0), "heads_inside": ((0, 2, 1, 3), 0), "gaps": ((), 3), "transposed": ((0, 1, 3, 2), 1)}
PEAK = 8.0  # q times this makes softmax pick few keys
DEPTH = 150.0  # so far below zero lie the logits of low inputs: exp makes 0 of that in float32
BLOCK = 256  # keys for each query, or queries for each key, that a kernel may have in one tensor
LONG = 1024  # steps from which on that is asked
ROWS = 64  # of a head that the right answer is computed for at a time: their logits stay in the cache


@dataclass(frozen=True, kw_only=True)
class Attention(Case):
    """The forward pass of scaled dot-product attention.

    Attributes:
        steps: T; width: d.
        layout: of all tensors in memory, a key of LAYOUTS.
        peaked: whether the logits are large; low: whether all of them lie far below zero.
    """

    slices: ClassVar[tuple[str, str]] = ("b", "h")
    reference: ClassVar[str] = """\
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def reference(q, k, v, *, causal, out):
    q, k, v = (tensor.contiguous() for tensor in (q, k, v))  # flash attention takes no other; those that are timed are
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        out.copy_(torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal))
"""
    fastest: ClassVar[str] = "contiguous"
    own_work: ClassVar[tuple[str, ...]] = (  # operations of torch, and kernels of a GPU: a student's may have any name
        r"^aten\W+\w*(scaled_dot|attention|sdp)", r"^flex_attention", r"pytorch_flash", r"^fmha_", r"cudnn",
    )  # fmt: skip

    steps: int
    width: int
    heads: int = 8
    batch: int = 1
    causal: bool = True
    layout: str = "contiguous"
    peaked: bool = False
    low: bool = False

    @property
    def label(self) -> str:
        more = ["causal"] * self.causal + [self.layout.replace("_", " ")] * (self.layout != "contiguous")
        more += [self.dtype] * (self.dtype != "float32")
        return ", ".join([f"{self.batch} × {self.heads} × {self.steps} × {self.width}", *more])

    @property
    def inputs(self) -> tuple[Place, ...]:
        return (self.output,) * 3

    @property
    def output(self) -> Place:
        return dense(self.dtype, (self.batch, self.heads, self.steps, self.width), *LAYOUTS[self.layout])

    @property
    def options(self) -> dict[str, Any]:
        return {"causal": self.causal}

    @property
    def flops(self) -> float:
        """4 B h T² d, half of it if causal."""
        return 4.0 * self.output.numel * self.steps / (2 if self.causal else 1)

    @property
    def largest(self) -> int:
        """B h T 256 from T = 1,024 on; where T is less, four times as much, which is no bound."""
        return self.batch * self.heads * self.steps * (BLOCK if self.steps >= LONG else 4 * BLOCK)

    def fill(self, inputs: list[torch.Tensor], generator: torch.Generator, scale: float) -> None:
        for tensor in inputs:
            tensor.normal_(generator=generator).mul_(scale)
        if self.peaked:
            inputs[0].mul_(PEAK)
        if self.low:
            for tensor, sign in zip(inputs, (1, -1), strict=False):
                tensor[..., 0] = sign * (DEPTH * self.width**0.5) ** 0.5

    def expected(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """By blocks of queries, of which causal ones see no key behind them: T × T numbers of 8 bytes are many."""
        import torch

        q, k, v = (tensor.double().flatten(0, 1) for tensor in inputs)
        out = torch.empty_like(q)
        for head, first in itertools.product(range(len(q)), range(0, self.steps, ROWS)):
            rows = slice(first, min(first + ROWS, self.steps))
            keys = slice(0, rows.stop if self.causal else self.steps)
            logits = q[head, rows] @ k[head, keys].T * self.width**-0.5
            if self.causal:
                corner = logits[:, first:]
                corner.masked_fill_(torch.ones_like(corner, dtype=torch.bool).triu_(1), float("-inf"))
            out[head, rows] = torch.softmax(logits, dim=-1) @ v[head, keys]
        return out.view(self.output.shape)

    def batched(self, factor: int) -> Self:
        return replace(self, batch=self.batch * factor)

    def with_dtype(self, dtype: str, layout: str) -> Self:
        return replace(self, dtype=dtype, layout=layout)


SHAPES = tuple(Attention(steps=steps, width=width) for width in (64, 128) for steps in (1024, 4096))
ODD = tuple(Attention(steps=steps, width=64) for steps in (1000, 3000))  # no multiple of any tile


def fewer_heads(shapes: tuple[Attention, ...]) -> tuple[Attention, ...]:
    """For one thread of a processor: what takes long has two heads, which are computed as eight are."""
    return tuple(replace(case, heads=2) if case.steps > 2 * LONG else case for case in shapes)
