"""Comparisons that teach: a mismatch is explained, not dumped.

    assert_array       type, dtype and shape of an array
    assert_close       and its values, held against an oracle
    assert_scalar      a number
    assert_finite      no nan, no inf
    assert_drawn       random indices, held against their distribution
    unpack             the parts of a tuple
    assert_list        a list of some length
    numbers            a list of numbers, as a vector
    assert_dict        a dict with some keys
    assert_unchanged   an input that must stay as it is; `unchanged` is the same as a context manager

All raise `Mismatch`, an AssertionError whose first line says what is wrong in one sentence, followed by the entries to
look at and, where there is one, the relation between the wrong value and the right one. None of them calls anything
that belongs to the submission: a value of unknown type is named and refused.
"""

from grader.explain.asserts import assert_array, assert_close, assert_finite, assert_scalar
from grader.explain.drawn import assert_drawn
from grader.explain.message import Mismatch
from grader.explain.structure import assert_dict, assert_list, assert_unchanged, numbers, unchanged, unpack
from grader.explain.tolerances import EPSILON_RTOL, NUMERICAL_RTOL, TOLERANCES, Tolerance
from grader.explain.values import describe, number

__all__ = [
    "EPSILON_RTOL",
    "NUMERICAL_RTOL",
    "TOLERANCES",
    "Mismatch",
    "Tolerance",
    "assert_array",
    "assert_close",
    "assert_dict",
    "assert_drawn",
    "assert_finite",
    "assert_list",
    "assert_scalar",
    "assert_unchanged",
    "describe",
    "number",
    "numbers",
    "unchanged",
    "unpack",
]
