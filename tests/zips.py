"""Zips as students and platforms make them, and as attackers do."""

import io
import stat
import zipfile


def made(*members, method=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo, content)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def link(name, target):
    return special(name, stat.S_IFLNK | 0o777), target


def special(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def patched(data, old, new):
    """The same bytes with every `old` replaced, as nobody's zip program would write them."""
    assert old in data
    assert len(old) == len(new)
    return data.replace(old, new)


def central(data, number=0):
    """Where the entry of a member begins in the table of contents."""
    place = -1
    for _ in range(number + 1):
        place = data.index(b"PK\x01\x02", place + 1)
    return place


def with_field(data, offset, value, number=0):
    """The table of contents with other bytes at `offset` of one of its entries."""
    place = central(data, number) + offset
    return data[:place] + value + data[place + len(value) :]
