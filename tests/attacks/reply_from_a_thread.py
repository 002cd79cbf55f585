"""Leaves a thread that fills the channel with answers while the check goes on.

outcome: crashed
says: cannot be read
"""

import threading


def double(x):
    started, end = threading.Event(), wire()

    def flood():
        while True:
            end.sendall(reply(True, call="0" * 16))
            started.set()

    threading.Thread(target=flood, daemon=True).start()
    started.wait()
    return 2 * x
