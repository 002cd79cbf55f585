"""What is right, by torch: its operations as layers of NumPy arrays, to hold a submission against and to stand in.

    CONV2D = Layer(name="conv2d", inputs=("x", "w", "b"), operation=torch.nn.functional.conv2d)
    out, cache = CONV2D.forward(x, w, b, stride=2)
    dx, dw, db = CONV2D.backward(dout, cache)
    CONV2D.check_backward(hw, case)         # hw.conv2d_backward, after hw.conv2d_forward

A cache is made of plain values and arrays of its own, so it may cross to a submission and back.

    Layer, tensor, softmax      for any assignment
    convolution                 ConvNets: convolutions, pooling, a network of both, a residual block
"""

from grader.oracles.layer import Layer, softmax, tensor

__all__ = ["Layer", "softmax", "tensor"]
