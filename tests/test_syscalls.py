import re
from pathlib import Path

import pytest

from grader.sandbox import syscalls
from tests.system_calls import NUMBERS


def defined(header):
    """The numbers that a header defines."""
    if not header.exists():
        pytest.skip(f"no {header}: the headers of the kernel are not installed")
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text("ascii"), re.MULTILINE)
    return {name: int(number) for name, number in found}


def check_table(table, header):
    """The table agrees with the header, except for what one of them is too old to know."""
    unknown = header.keys() - table.keys()
    assert {name for name in unknown if header[name] <= syscalls.HIGHEST} == set()
    assert {name: table[name] for name in header.keys() - unknown} == {
        name: header[name] for name in header.keys() - unknown
    }
    absent = {name for name, number in table.items() if name not in header and number <= max(header.values())}
    assert absent <= {"uretprobe", "uprobe"}  # 335 and 336, given in 2024


def test_the_numbers_of_x86_64_are_those_of_the_headers():
    check_table(syscalls.X86_64, defined(Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")))


def test_the_numbers_of_aarch64_are_those_of_the_headers():
    header = defined(Path("/usr/include/asm-generic/unistd.h"))
    header["newfstatat"] = header.pop("fstatat")
    not_calls = {"syscalls", "arch_specific_syscall"}
    not_of_64_bits = {
        "sync_file_range2",
        "stat",
        "lstat",
        *(name for name, number in header.items() if 403 <= number <= 423),
    }
    check_table(syscalls.AARCH64, {name: header[name] for name in header.keys() - not_calls - not_of_64_bits})


@pytest.mark.parametrize("table", NUMBERS.values(), ids=NUMBERS)
def test_no_number_has_two_names(table):
    assert len(set(table.values())) == len(table)
