"""What is right, by torch: its operations behind functions of NumPy arrays, which owe nothing to a reference.

Checks hold submissions against them, and have them stand in for earlier pieces.

    CONV2D = Layer(name="conv2d", inputs=("x", "w", "b"), operation=torch.nn.functional.conv2d)
    out, cache = CONV2D.forward(x, w, b, stride=2)
    dx, dw, db = CONV2D.backward(dout, cache)
    CONV2D.check_backward(hw, case)         # hw.conv2d_backward, after hw.conv2d_forward

A cache is made of plain values and arrays of its own, so it may cross to a submission and back.

    tensor, arrays, leaf, pulled    between NumPy and torch, and automatic differentiation
    Layer, softmax                  for any assignment
    convolution                     ConvNets: convolutions, pooling, a network of both, a residual block
    optimisers                      torch's optimisers as functions, and a check that a submitted one goes the same way
    recurrent                       recurrent cells, a whole recurrent network, its training and its writing
    cells                           one step of a submitted cell, forward and backward
    reading                         what a submitted training of a recurrent network has read
    bpe, tokenizers                 byte-pair encoding by brute force, and a submitted tokenizer held against it
    positions                       waves and rotations, by complex numbers
"""

from grader.oracles.layer import Layer, softmax
from grader.oracles.tensors import arrays, leaf, pulled, tensor

__all__ = ["Layer", "arrays", "leaf", "pulled", "softmax", "tensor"]
