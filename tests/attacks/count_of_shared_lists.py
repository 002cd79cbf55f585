"""Returns a tiny value that is gigantic in the message of a plain assert.

outcome: crashed
task: Counter
says: (too large|more than|unfold)
"""


class Counter:
    def add(self, n):
        y = [n]
        for _ in range(21):
            y = [y, y]
        return y
