"""The wire format between checks and a submission: values as JSON text plus raw buffers. Never pickle.

A frame is a header (two lengths), a JSON text and the buffers of its arrays, in the order in which the text names them.
Plain scalars stand for themselves; everything else is a list that begins with a tag. Mutable values (lists, dicts,
sets, arrays, tensors, generators) are numbered as they appear, and a second appearance is a reference to the first:
identity survives the crossing, and an answer can say "argument 3 now holds this".

Buffers of `LARGE` bytes or more begin at multiples of `ALIGN`: they are sent from where they lie and received to where
they stay, so the value that is rebuilt is a view of the frame. Smaller ones are copied out of it.

The decoder accepts exact plain types only and trusts nothing: whatever is not well formed is a `WireError`.
The standard library's JSON is used on purpose: a bare GPU machine has no msgpack.
"""

from grader.wire.decode import Decoder
from grader.wire.encode import Encoder
from grader.wire.frame import (
    ALIGN,
    HEAD,
    LARGE,
    MAX_DATA,
    MAX_TEXT,
    Buffer,
    TooLarge,
    pack,
    pack_text,
    parse,
    sizes,
    written,
)
from grader.wire.plain import (
    BIT_GENERATORS,
    DTYPES,
    MAX_ALIKE,
    MAX_BITS,
    MAX_DEPTH,
    MAX_DIMS,
    PULL,
    TENSOR_DTYPES,
    TYPES,
)
from grader.wire.tensors import tensor_buffer

__all__ = [
    "ALIGN",
    "BIT_GENERATORS",
    "DTYPES",
    "HEAD",
    "LARGE",
    "MAX_ALIKE",
    "MAX_BITS",
    "MAX_DATA",
    "MAX_DEPTH",
    "MAX_DIMS",
    "MAX_TEXT",
    "PULL",
    "TENSOR_DTYPES",
    "TYPES",
    "Buffer",
    "Decoder",
    "Encoder",
    "TooLarge",
    "pack",
    "pack_text",
    "parse",
    "sizes",
    "tensor_buffer",
    "written",
]
