"""Modules of a transformer with their weights and what they read, in tensors of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from torch import Tensor

from grader.strategies.attention import DOUBLE, make_mask, normal
from grader.strategies.basics import Compact, seeds, sides

Weights = dict[str, Tensor]


def attention_weights(rng: np.random.Generator, d_model: int) -> Weights:
    return {name: normal(rng, d_model, d_model, scale=d_model**-0.5) for name in ("Wq", "Wk", "Wv", "Wo")}


def block_weights(rng: np.random.Generator, d_model: int, d_ff: int) -> Weights:
    """Those of `TransformerBlock.set_weights`; no scale is 1, no shift 0."""
    norms = {f"g{i}": 1 + normal(rng, d_model) / 4 for i in (1, 2)} | {
        f"b{i}": normal(rng, d_model) / 4 for i in (1, 2)
    }
    W_in, W_out = normal(rng, d_model, d_ff, scale=d_model**-0.5), normal(rng, d_ff, d_model, scale=d_ff**-0.5)
    return attention_weights(rng, d_model) | norms | {"W_in": W_in, "W_out": W_out}


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Layer(Compact):
    """Input and weights of a `MultiHeadAttention` or a `TransformerBlock`: B, T, n_heads and d_head differ.

    x, do (B, T, d_model), with d_model = n_heads * d_head; mask None or bool, broadcastable to (B, n_heads, T, T);
    positions None, (T,) or (B, T).
    """

    x: Tensor
    do: Tensor
    n_heads: int
    d_ff: int
    weights: Weights
    mask: Tensor | None
    positions: Tensor | None
    kind: str
    seed: int

    @property
    def d_model(self) -> int:
        return self.x.shape[-1]

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        B, T, d_model = self.x.shape
        return {"B": B, "T": T, "d_model": d_model, "n_heads": self.n_heads, "d_head": d_model // self.n_heads}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, "mask": self.mask, "positions": self.positions, **self.weights}

    @property
    def options(self) -> dict[str, Any]:
        """Mask and positions, where there are any."""
        options = {"mask": self.mask, "positions": self.positions}
        return {name: value for name, value in options.items() if value is not None}

    @property
    def call(self) -> str:
        """How messages call it."""
        return f"(x{''.join(f', {name}={name}' for name in self.options)})"

    def astype(self, dtype: torch.dtype) -> Layer:
        """The same in another precision."""
        weights = {name: weight.to(dtype) for name, weight in self.weights.items()}
        return replace(self, x=self.x.to(dtype), do=self.do.to(dtype), weights=weights)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        dtype, positions = str(self.x.dtype).removeprefix("torch."), "None"
        if self.positions is not None:
            positions = "(B, T)" if self.positions.dim() == 2 else "(T,)"
        return f"Layer({sizes}, mask={self.kind}, positions {positions}, dtype={dtype}, seed={self.seed})"


@st.composite
def layers(
    draw: DrawFn,
    *,
    block: bool = False,
    kinds: Sequence[str] = ("none", "causal", "padding", "heads"),
    positions: Sequence[str] = ("none", "shared", "each"),
    dtypes: Sequence[torch.dtype] = (DOUBLE,),
    max_side: int = 5,
) -> Layer:
    """A `Layer`, with the weights of a block if that is asked for; d_head is even."""
    d_head = draw(st.sampled_from([2, 4]))
    free = sides(1, max_side).filter(lambda side: side != d_head)
    B, T, n_heads = draw(st.lists(free, min_size=3, max_size=3, unique=True))
    kind, placed = draw(st.sampled_from(kinds)), draw(st.sampled_from(positions))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng, d_model = np.random.default_rng(seed), n_heads * d_head
    d_ff = d_model + 3
    weights = block_weights(rng, d_model, d_ff) if block else attention_weights(rng, d_model)
    x, do = normal(rng, B, T, d_model), normal(rng, B, T, d_model)
    rows = rng.permuted(np.tile(np.arange(20), (B, 1)), axis=1)[:, :T]
    places = {"none": None, "shared": rows[0], "each": rows}[placed]
    return Layer(
        x=x,
        do=do,
        n_heads=n_heads,
        d_ff=d_ff,
        weights=weights,
        mask=make_mask(rng, kind, B, n_heads, T, T),
        positions=None if places is None else torch.from_numpy(np.asarray(places, np.int64)),
        kind=kind,
        seed=seed,
    ).astype(dtype)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Language(Compact):
    """A `GPT` with its weights, and tokens for it to read: B, T, V, n_heads and d_head all different.

    ids (B, T); most: its max_T; d_ff None means 4 d_model; weights {'E', 'blocks', 'g', 'b'}.
    """

    ids: Tensor
    n_heads: int
    d_ff: int | None
    most: int
    weights: dict[str, Any]
    seed: int

    @property
    def V(self) -> int:
        return int(self.weights["E"].shape[0])

    @property
    def d_model(self) -> int:
        return int(self.weights["E"].shape[1])

    @property
    def n_layers(self) -> int:
        return len(self.weights["blocks"])

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.weights["E"].dtype
        return dtype

    @property
    def arguments(self) -> tuple[int, ...]:
        """Those of the class, without d_ff."""
        return self.V, self.d_model, self.n_heads, self.n_layers, self.most

    @property
    def options(self) -> dict[str, int]:
        return {} if self.d_ff is None else {"d_ff": self.d_ff}

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        B, T = self.ids.shape
        return {"B": B, "T": T, "vocab_size": self.V, "d_model": self.d_model, "n_layers": self.n_layers}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"ids": self.ids, "E": self.weights["E"]}

    @property
    def named(self) -> Weights:
        """All weights by one name each: 'E', 'g', 'b', "blocks[0]['Wq']" and so on."""
        blocks = self.weights["blocks"]
        inner = {f"blocks[{i}]['{name}']": W for i, block in enumerate(blocks) for name, W in block.items()}
        return {name: self.weights[name] for name in ("E", "g", "b")} | inner

    def astype(self, dtype: torch.dtype) -> Language:
        """The same in another precision."""
        weights: dict[str, Any] = {name: self.weights[name].to(dtype) for name in ("E", "g", "b")}
        weights["blocks"] = [{name: W.to(dtype) for name, W in block.items()} for block in self.weights["blocks"]]
        return replace(self, weights=weights)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        return f"Language({sizes}, n_heads={self.n_heads}, most={self.most}, d_ff={self.d_ff}, seed={self.seed})"


@st.composite
def languages(
    draw: DrawFn,
    *,
    T: int | SearchStrategy[int] = st.integers(2, 7),  # noqa: B008
    spare: int = 3,
    n_layers: Sequence[int] = (1, 2),
    dtypes: Sequence[torch.dtype] = (DOUBLE,),
    spread: float = 1.0,
) -> Language:
    """A `Language` for up to `spare` tokens more than T; its scores have a standard deviation near `spread`."""
    length = T if isinstance(T, int) else draw(T)
    d_head = draw(st.sampled_from([2, 4]))
    free = sides(1, 6).filter(lambda side: side not in (d_head, length))
    B, n_heads = draw(st.lists(free, min_size=2, max_size=2, unique=True))
    V = draw(st.sampled_from([side for side in range(8, 12) if side != length]))
    layers, more, wide = draw(st.sampled_from(n_layers)), draw(st.integers(0, spare)), draw(st.booleans())
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng, d_model = np.random.default_rng(seed), n_heads * d_head
    weights: dict[str, Any] = {
        "E": normal(rng, V, d_model, scale=spread * d_model**-0.5),
        "blocks": [block_weights(rng, d_model, d_model + 3 if wide else 4 * d_model) for _ in range(layers)],
        "g": 1 + normal(rng, d_model) / 4,
        "b": normal(rng, d_model) / 4,
    }
    return Language(
        ids=torch.from_numpy(rng.integers(0, V, (B, length))),
        n_heads=n_heads,
        d_ff=d_model + 3 if wide else None,
        most=length + more,
        weights=weights,
        seed=seed,
    ).astype(dtype)
