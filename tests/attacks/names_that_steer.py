"""Puts terminal sequences and HTML into the names of its exception, function and line.

outcome: failed
through: feedback
"""


def double(x):
    kind = type("\x1b[31m<script>alert(1)</script>" * 99, (Exception,), {})
    exec(compile("raise kind", "\x1b[2J<img src=x onerror=alert(1)>.py", "exec"), {"kind": kind})
