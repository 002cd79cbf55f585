"""Calls the library's convolution in a thread.

says: NaN
"""


def conv2d(x, w, *, stride, padding, out):
    thread = threading.Thread(
        target=lambda: out.copy_(torch.nn.functional.conv2d(x, w, stride=stride, padding=padding))
    )
    thread.start()
    thread.join()
