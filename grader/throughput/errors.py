"""How a measurement ends without a result."""

from __future__ import annotations


class Refused(AssertionError):
    """A kernel that has no speed: wrong, not its own work, or not measured as all others are. Says what to do."""


class Unmeasured(Exception):
    """Nothing can be said: there is no such device, or this machine is too busy. Points stay open."""
