"""Ends its process while it is imported.

outcome: crashed
says: your code ended its own process [(]exit status 0[)]
through: both
"""

import os

os._exit(0)
