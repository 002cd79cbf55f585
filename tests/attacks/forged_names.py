"""Forges what the module defines: names that are no text.

outcome: crashed
says: answered nonsense while it was loaded
"""

instead(reply(["t", ["d", 1, True, 2, True], ["l"]]))
