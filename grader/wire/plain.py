"""What counts as a plain value, and how far its size may go."""

from __future__ import annotations

import numpy as np

MAX_DEPTH = 60
SLACK = 8  # levels that the encoding itself adds to a value
MAX_DIMS = 32
MAX_ALIKE = 100  # keys of one dict or set that share a hash: looking them up takes time that grows with the square
MAX_BITS = 4096  # of an int

DTYPES = {code: np.dtype(code) for code in "|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8 <c8 <c16".split()}
CODES = {dtype: code for code, dtype in DTYPES.items()}
TENSOR_DTYPES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
TYPES: dict[str, type] = {kind.__name__: kind for kind in (bool, int, float, complex)} | {
    code: dtype.type for code, dtype in DTYPES.items()
}
TYPE_NAMES = {kind: name for name, kind in TYPES.items()}
PULL = "'"  # after the number of a function of the checks: its gradients are wanted
BIT_GENERATORS = {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}
