"""Raises SystemExit while it is imported, and defines nothing.

outcome: failed
says: SystemExit
through: both
"""

del double  # noqa: F821  the honest one
raise SystemExit(0)
