"""Looks for secrets in the memory that its process has inherited.

outcome: failed
says: (no secret in [0-9]+ bytes|PermissionError|FileNotFoundError)
"""

import re


def double(x):
    seen = 0
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps:
            start, end = (int(side, 16) for side in line.split()[0].split("-"))
            if "[heap]" in line or (" rw" in line and end - start < 1 << 20 and seen < 1 << 24):
                memory.seek(start)
                content = memory.read(end - start)
                seen += len(content)
                if found := re.search(b"tok" + b"en-[0-9a-f]{16}", content):
                    raise ValueError(found[0])
    raise LookupError(f"no secret in {seen} bytes")
