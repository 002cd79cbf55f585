"""Queries, keys and values with masks, in tensors of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from grader.strategies.basics import Compact, seeds, shapes

DOUBLE, SINGLE = torch.float64, torch.float32
FLOATS = (DOUBLE, SINGLE)
AXES = ("none", "causal", "padding", "full", "shared", "heads", "rows", "columns")  # kinds of masks


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Tensor:
    """Normal numbers, float64."""
    return torch.from_numpy(scale * rng.standard_normal(shape))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Attention(Compact):
    """One call of attention: B, h, Tq, Tk, d, e all different, everything of one dtype.

    q (B, h, Tq, d), k (B, h, Tk, d), v (B, h, Tk, e), do (B, h, Tq, e); mask None or bool, True where attention is
    allowed, of a shape that broadcasts to (B, h, Tq, Tk).
    """

    q: Tensor
    k: Tensor
    v: Tensor
    do: Tensor
    mask: Tensor | None
    kind: str
    seed: int

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        (B, h, Tq, d), (_, _, Tk, e) = self.q.shape, self.v.shape
        return {"B": B, "h": h, "Tq": Tq, "Tk": Tk, "d": d, "e": e}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"q": self.q, "k": self.k, "v": self.v, "mask": self.mask}

    @property
    def allowed(self) -> Tensor:
        """The mask in full, (B, h, Tq, Tk)."""
        B, h, Tq, Tk = *self.q.shape[:3], self.k.shape[2]
        return torch.ones(B, h, Tq, Tk, dtype=torch.bool) if self.mask is None else self.mask.expand(B, h, Tq, Tk)

    def astype(self, dtype: torch.dtype) -> Attention:
        """The same in another precision."""
        return replace(self, **{name: getattr(self, name).to(dtype) for name in ("q", "k", "v", "do")})

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        dtype = str(self.q.dtype).removeprefix("torch.")
        shape = "" if self.mask is None else f" {tuple(self.mask.shape)}"
        return f"Attention({sizes}, mask={self.kind}{shape}, dtype={dtype}, seed={self.seed})"


@st.composite
def attentions(
    draw: DrawFn,
    *,
    kinds: Sequence[str] = AXES,
    dtypes: Sequence[torch.dtype] = (DOUBLE,),
    min_side: int = 1,
    max_side: int = 7,
    scale: float = 1.0,
    empty: bool = False,
) -> Attention:
    """An `Attention` whose scores have a standard deviation near `scale`.

    With `empty` there are queries that may attend to nothing; otherwise there are none.
    """
    B, h, Tq, Tk, d, e = draw(shapes(6, min_side=min_side, max_side=max_side))
    kind, dtype, seed = draw(st.sampled_from(kinds)), draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    q, k = normal(rng, B, h, Tq, d, scale=scale**0.5), normal(rng, B, h, Tk, d, scale=scale**0.5)
    v, do = normal(rng, B, h, Tk, e), normal(rng, B, h, Tq, e)
    mask = make_mask(rng, kind, B, h, Tq, Tk, empty=empty)
    return Attention(q=q, k=k, v=v, do=do, mask=mask, kind=kind, seed=seed).astype(dtype)


def make_mask(
    rng: np.random.Generator, kind: str, B: int, h: int, Tq: int, Tk: int, *, empty: bool = False
) -> Tensor | None:
    """A mask of one of the kinds `AXES`; see `attentions`."""
    if kind == "none":
        return None
    if kind == "causal":  # of the last Tq of Tk tokens, or, where there are more queries, of the first
        return torch.ones(Tq, Tk, dtype=torch.bool).tril(-1 if empty else max(Tk - Tq, 0))
    if kind == "padding":
        lengths = torch.from_numpy(rng.integers(0 if empty else 1, Tk + 1, B))
        lengths[0] = 0 if empty else lengths[0]
        return (torch.arange(Tk) < lengths[:, None])[:, None, None]
    shape = {"full": (B, h, Tq, Tk), "shared": (Tq, Tk), "heads": (h, 1, Tk), "rows": (B, 1, Tq, Tk), "columns": (Tk,)}
    mask = torch.from_numpy(rng.random(shape[kind]) < 0.6)
    rows = mask.reshape(-1, Tk)
    rows[torch.arange(len(rows)), torch.from_numpy(rng.integers(0, Tk, len(rows)))] = True
    if empty:
        rows[torch.from_numpy(rng.permutation(len(rows))[: -(-len(rows) // 3)])] = False
    return rows.reshape(shape[kind])
