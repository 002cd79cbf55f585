"""What a submission may not import: libraries that would do its work, and what of this package knows answers.

Here it is said to those who try; where there is Landlock, the files cannot be read either (see `grader.sandbox`).
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

BY_HAND = tuple(  # libraries that differentiate by themselves
    "autograd cupy functorch jax jaxlib keras mlx mxnet paddle pytensor tensorflow tinygrad torch torchgen".split()
)
OPEN = (  # of this package: what the process of a submission works with, and data
    *("grader.data", "grader.derandomised", "grader.device", "grader.errors", "grader.model", "grader.sandbox"),
    *("grader.text", "grader.wire", "grader.withheld"),
)


def refuse(name: str, withheld: Collection[str]) -> None:
    """Raise ImportError if a submission may not import the module of this name."""
    library = name.partition(".")[0]
    if library in withheld:
        raise ImportError(f"{library} is not to be used here: this assignment is written by hand, with NumPy")


class Withheld:
    """An import hook for the process of a submission.

    Args:
        libraries: that are withheld, besides parts of this package.
    """

    def __init__(self, libraries: Sequence[str] = ()) -> None:
        self._libraries = frozenset(libraries)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Of the protocol of `sys.meta_path`: raises, or leaves the module to the next finder."""
        refuse(name, self._libraries)
        if name.startswith("grader.") and not f"{name}.".startswith(tuple(f"{part}." for part in OPEN)):
            raise ImportError(f"{name} is not for submissions")

    def install(self) -> None:
        """In this process, from now on."""
        sys.meta_path.insert(0, self)


def builtins_without(libraries: Collection[str]) -> dict[str, Any]:
    """The builtins for a module that runs in a process which needs these libraries itself."""
    import_: Callable[..., Any] = builtins.__import__

    def withholding(name: str, *args: Any, **kwargs: Any) -> Any:
        refuse(name, libraries)
        return import_(name, *args, **kwargs)

    return vars(builtins) | {"__import__": withholding}
