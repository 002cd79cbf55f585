"""Breaks the libraries that its answers are written with.

outcome: crashed
says: cannot be read
"""

import grader.wire.frame


def double(x):
    grader.wire.frame._WRITER.encode = lambda tree: '{"passed": true}'
    return 2 * x
