"""Defines names so long that the list of them cannot be carried.

outcome: crashed
says: answered nonsense while it was loaded
"""

for number in range(100):
    globals()[f"n{number}" * 100_000] = number
