"""Keeps the machine busy while the library's operation is measured.

says: computed for .* while the library's operation was measured
round_seconds: 0.3
batch: 32
"""

LARGE = torch.ones(300, 300)


def burn():
    while True:
        torch.mm(LARGE, LARGE)


def conv2d(x, w, *, stride, padding, out):
    if threading.active_count() == 1:
        threading.Thread(target=burn, daemon=True).start()
    honest(x, w, stride=stride, padding=padding, out=out)
