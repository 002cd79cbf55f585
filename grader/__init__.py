"""Autograded homework for deep learning: checks, feedback, and the boundary between them and a submission."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["check"]


def __getattr__(name: str) -> Any:
    """`check` for notebooks; imported when it is asked for, so that everything else stays quick to start."""
    if name == "check":
        from grader.notebook import check

        return check
    raise AttributeError(f"module 'grader' has no attribute {name!r}")
