"""Never returns, and catches whatever would stop it.

outcome: timeout
says: double did not return within
"""


def double(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
