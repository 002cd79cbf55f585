"""Real data that needs no download: the handwritten digits that come with scikit-learn.

1,797 images of 8×8 pixels, grey levels 0…16: the test part of E. Alpaydin and C. Kaynak's Optical Recognition of
Handwritten Digits (UCI, 1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from grader.errors import GraderError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VALIDATION, TEST = 300, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """The digits in three parts: X (N, 64) float64 in [0, 1], y (N,) int64 labels 0…9, Y (N, 10) one-hot float64."""

    X_train: Floats
    Y_train: Floats
    y_train: Ints
    X_val: Floats
    Y_val: Floats
    y_val: Ints
    X_test: Floats
    Y_test: Floats
    y_test: Ints
    image_shape: tuple[int, int, int] = (1, 8, 8)  # (C, H, W) of each row of X

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}={len(getattr(self, f'y_{part}'))}" for part in ("train", "val", "test"))
        return f"Digits({sizes}, image_shape={self.image_shape})"


def digits(seed: int = 0) -> Digits:
    """The digits, shuffled by `seed` and split into 1,197 to train on, 300 to validate, 300 to test; fresh arrays."""
    pixels, labels = _load()
    order = np.random.default_rng(seed).permutation(len(labels))
    X, y = pixels[order] / 16.0, labels[order]
    Y = one_hot(y, 10)
    end = len(y) - VALIDATION - TEST
    train, val, test = slice(0, end), slice(end, end + VALIDATION), slice(end + VALIDATION, None)
    return Digits(
        X_train=X[train].copy(), Y_train=Y[train].copy(), y_train=y[train].copy(),
        X_val=X[val].copy(), Y_val=Y[val].copy(), y_val=y[val].copy(),
        X_test=X[test].copy(), Y_test=Y[test].copy(), y_test=y[test].copy(),
    )  # fmt: skip


def one_hot(y: ArrayLike, K: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Labels (N,) in 0…K−1 as rows (N, K), 1 at the label and 0 elsewhere."""
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or np.any((labels < 0) | (labels >= K)):
        raise ValueError(
            f"y must be a vector of integers from 0 to {K - 1}, got shape {labels.shape} of {labels.dtype}"
        )
    rows: NDArray[Any] = (labels[:, None] == np.arange(K)).astype(dtype)
    return rows


@cache
def _load() -> tuple[Floats, Ints]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise GraderError(
            "the digits come with scikit-learn, which is missing here: pip install scikit-learn"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.float64), labels.astype(np.int64)
