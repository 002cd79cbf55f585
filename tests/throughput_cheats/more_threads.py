"""Lets four threads compute at a time."""

torch.set_num_threads(4)


def burn():
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        torch.mm(LARGE, LARGE)


LARGE = torch.ones(200, 200)


def conv2d(x, w, *, stride, padding, out):
    threads = [threading.Thread(target=burn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    honest(x, w, stride=stride, padding=padding, out=out)
