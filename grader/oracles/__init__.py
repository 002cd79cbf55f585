"""Right answers that owe nothing to a reference: torch's own operations, behind functions of NumPy arrays.

Checks hold submissions against them, and have them stand in for earlier pieces.

    tensor, arrays, leaf, pulled    between NumPy and torch, and automatic differentiation
    optimisers                      torch's optimisers as functions, and a check that a submitted one goes the same way
    recurrent                       recurrent cells, a whole recurrent network, its training and its writing
    cells                           one step of a submitted cell, forward and backward
    reading                         what a submitted training of a recurrent network has read
"""

from grader.oracles.tensors import arrays, leaf, pulled, tensor

__all__ = ["arrays", "leaf", "pulled", "tensor"]
