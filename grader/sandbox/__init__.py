"""The untrusted side: the process that holds one submission, and how it is started.

Isolation beyond the process boundary is not built yet, so every result says `LEVEL`.
"""

LEVEL = "unsandboxed (process boundary only)"
