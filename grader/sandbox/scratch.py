"""The folder in which a worker may keep files."""

from __future__ import annotations

import os
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a folder that a worker has left, however deep: what is a folder in it is first moved up beside it."""
    left, moved = [folder], 0
    while left:
        current = left.pop()
        current.chmod(0o700)
        with os.scandir(current) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                os.chmod(entry.path, 0o700)  # to be moved, it must be writable itself
                moved += 1
                left.append(folder.with_name(f"{folder.name}-{moved}"))
                os.rename(entry.path, left[-1])
        current.rmdir()
