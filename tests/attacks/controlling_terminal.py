"""Opens the terminal of the instructor.

outcome: failed
says: (PermissionError|OSError|FileNotFoundError)
"""


def double(x):
    with open("/dev/tty", "w") as terminal:
        terminal.write("\x1b[2J")
    return honest(x)
