"""Defines so many names that it takes long to find the one that a check asks for.

outcome: failed | crashed
"""

del double  # noqa: F821  the honest one
globals().update({f"doub{number}": None for number in range(100_000)})
