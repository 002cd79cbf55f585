"""Leaves the work on a stream that nobody waits for.

says: is wrong
device: cuda
"""

aside = []


def conv2d(x, w, *, stride, padding, out):
    aside or aside.append(torch.cuda.Stream())
    with torch.cuda.stream(aside[0]):
        torch.cuda._sleep(50_000_000)
        honest(x, w, stride=stride, padding=padding, out=out)
    torch.cuda.synchronize = torch.cuda.Stream.synchronize = lambda *args: None
