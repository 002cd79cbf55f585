"""What cheats begin with."""

import threading  # noqa: F401
import time

import torch


def honest(x, w, *, stride, padding, out):
    columns = torch.nn.functional.unfold(x, w.shape[2:], stride=stride, padding=padding)
    out.copy_((w.flatten(1) @ columns).view(out.shape))


def slow(x, w, **named):
    """What a cheat comes down to when its trick does not work: it earns nothing."""
    time.sleep(0.005)
    honest(x, w, **named)
