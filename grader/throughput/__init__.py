"""How fast a kernel is against the library's own, so that the kernel has no say in it.

The clock, the inputs and the right outputs are on the trusted side; the kernel is in a worker, the library's operation
in another. In each round both get the same fresh inputs, which nobody can foresee, and outputs full of NaN; one after
the other, in random order, they are told to go; all that they wrote is verified. The score uses the median over the
rounds of time of the library / time of the kernel.

case        → what a kernel computes on what: shapes, strides, how much work, the right answer in float64
conv2d, attention
            → the two operations that there are
layout      → where the tensors of many calls lie in shared memory
kernel      → what is measured, and where its worker runs
memory      → how much memory a kernel may take
contestant  → a kernel in its worker
match       → two of them on one case: rounds, turns, what is verified
tolerance   → how wrong an output may be
statistics  → the median of the ratios, how sure it is, when to stop
roofline    → what the machine could do at most
curve       → what a speed earns
result      → what was found, as numbers and as text; plot draws it
measure     → all of it: cases one after the other, alone on the machine
"""
