"""Never gets through its own import.

outcome: timeout
says: did not return within
through: both
"""

while True:
    pass
