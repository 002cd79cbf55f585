"""Takes operations of the library away from a worker, before it gets a submission that is to do their work itself.

The dispatcher of torch is told to refuse them, whoever asks, by whatever name, in whatever thread. What is found out
later by listening (see `grader.sandbox.timed`) names what went another way.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

KEYS = ("CPU", "CUDA", "MkldnnCPU", "QuantizedCPU", "QuantizedCUDA")
COMPILES = "torch.compile"


def forbid(patterns: list[str]) -> None:
    """Have every operation whose name one of these regular expressions finds raise RuntimeError; and torch.compile."""
    import torch

    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    torch.compile = _refusing(COMPILES)
    wanted = re.compile("|".join(patterns)) if patterns else None
    names = [name for name in torch._C._dispatch_get_all_op_names() if wanted is not None and wanted.search(name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a kernel is replaced is the purpose
        for name, key in itertools.product(names, KEYS):
            space, _, operation = name.partition("::")
            library = torch._C._dispatch_library("IMPL", space, key, __file__, 1)
            library.impl(operation, key, _refusing(name))
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))  # it is undone with its last reference: none is left


def interpret() -> None:
    """Have Triton interpret kernels, on the CPU.

    It decides that when it is imported, and torch has imported it already where it is installed: the next import is
    anew, but for its compiled part, which a process can load once only.
    """
    os.environ["TRITON_INTERPRET"] = "1"
    for name in list(sys.modules):
        if name.split(".")[0] == "triton" and name.split(".")[1:2] != ["_C"]:
            del sys.modules[name]


def _refusing(name: str) -> Callable[..., Any]:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{name} is the library's: this task asks for a kernel of your own")

    return refused
