"""Fills the memory while it is imported.

outcome: failed
says: ([Mm]emory|MiB)
"""

del double  # noqa: F821  the honest one
KEPT = [bytearray(1 << 30)]
