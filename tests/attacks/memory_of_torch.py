"""Fills the memory with a tensor.

outcome: failed
says: ([Mm]emory|MiB)
"""

import torch


def double(x):
    torch.ones(1 << 27, dtype=torch.float64)
    return honest(x)
