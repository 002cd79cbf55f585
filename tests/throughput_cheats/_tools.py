"""What cheats begin with."""

import threading  # noqa: F401
import time

import torch


def honest(x, w, *, stride, padding, out):
    columns = torch.nn.functional.unfold(x, w.shape[2:], stride=stride, padding=padding)
    out.copy_((w.flatten(1) @ columns).view(out.shape))


def honest_attention(q, k, v, *, causal, out, block=64):
    """Few queries and all keys at a time."""
    for first in range(0, q.shape[2], block):
        logits = q[:, :, first : first + block] @ k.mT * q.shape[3] ** -0.5
        if causal:
            ahead = torch.ones(logits.shape[2:], dtype=torch.bool).triu_(first + 1)
            logits.masked_fill_(ahead, float("-inf"))
        out[:, :, first : first + block] = logits.softmax(3) @ v


def slow(x, w, **named):
    """What a cheat comes down to when its trick does not work: it earns nothing."""
    time.sleep(0.005)
    honest(x, w, **named)
