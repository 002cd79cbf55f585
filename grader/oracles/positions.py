"""What tells a transformer about positions: waves, and rotations as products of complex numbers."""

from __future__ import annotations

import numpy as np
import torch

from grader.oracles.tensors import Array, tensor
from grader.strategies import Turn

BASE = 10_000.0


def waves(T: int, d: int, *, first: int = 0, power: float = 1.0) -> Array:
    """exp(1j t BASE**(-power · 2i/d)) for the times t = first, first + 1, … and i < d/2: (T, d/2), complex."""
    angles = np.outer(first + np.arange(T), BASE ** (-power * np.arange(0, d, 2) / d))
    return np.asarray(np.exp(1j * angles))


def sinusoids(T: int, d: int, *, first: int = 0, power: float = 1.0, cos_first: bool = False) -> Array:
    """The waves (T, d), float64, sin and cos in columns side by side."""
    z = waves(T, d, first=first, power=power)
    parts = (z.real, z.imag) if cos_first else (z.imag, z.real)
    return np.stack(parts, axis=-1).reshape(T, d)


def turned(
    case: Turn,
    *,
    sign: int = 1,
    halves: bool = False,
    first: int = 0,
    power: float = 1.0,
    own: bool = False,
    single: bool = False,
) -> torch.Tensor:
    """x of a case, turned; in its dtype.

    Args:
        sign: -1 turns clockwise.
        halves: the pairs are (x_i, x_{i + d/2}).
        first: what i begins with.
        power: by which the rates BASE**(-2i/d) are raised.
        own: the positions are 0, 1, 2, …
        single: angles are rounded to float32.
    """
    x, (*_, T, d) = case.x.astype(np.float64), case.x.shape
    rates = BASE ** (-power * 2 * (first + np.arange(d // 2)) / d)
    positions = np.arange(T) if own else case.positions
    angles = np.asarray(positions)[..., None] * (rates.astype(np.float32) if single else rates)
    angles = angles.astype(np.float32).astype(np.float64) if single else angles
    if angles.ndim == 3:
        angles = angles[:, np.newaxis]
    even, odd = (x[..., : d // 2], x[..., d // 2 :]) if halves else (x[..., 0::2], x[..., 1::2])
    z = (even + 1j * odd) * np.exp(sign * 1j * angles)
    out = np.concatenate([z.real, z.imag], axis=-1) if halves else np.stack([z.real, z.imag], axis=-1).reshape(x.shape)
    return tensor(out.astype(case.x.dtype))
