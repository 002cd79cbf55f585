"""Images laid out as rows, some of them marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import DTypeLike, NDArray

from grader.strategies.basics import FLOATS, Array, Compact, seeds, shapes


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Images(Compact):
    """N images as rows X (N, C·H·W) in [0, 1), image_shape (C, H, W) with H ≠ W, and mask (N,), true at some."""

    X: Array
    image_shape: tuple[int, int, int]
    mask: NDArray[np.bool_]
    seed: int

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"X": self.X, "image_shape": self.image_shape, "mask": self.mask}

    def __repr__(self) -> str:
        return f"Images(N={len(self.X)}, image_shape={self.image_shape}, dtype={self.X.dtype.name}, seed={self.seed})"


@st.composite
def images(draw: DrawFn, *, min_side: int = 2, max_side: int = 5, dtypes: Sequence[DTypeLike] = FLOATS) -> Images:
    """`Images` of 1 to 3 channels; of the two rows or more, at least one is marked and one is not."""
    N, H, W = draw(shapes(3, min_side=max(2, min_side), max_side=max_side))
    C, dtype, seed = draw(st.sampled_from((1, 3, 2))), draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    mask = rng.permutation(np.arange(N) < rng.integers(1, N))
    return Images(X=rng.random((N, C * H * W)).astype(dtype), image_shape=(C, H, W), mask=mask, seed=seed)
