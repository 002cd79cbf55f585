"""Never returns.

outcome: timeout
says: double did not return within
through: both
"""


def double(x):
    while True:
        pass
