"""An interpreter of the classic BPF that seccomp takes, which refuses what the kernel's checker would refuse.

Written from the kernel's net/core/filter.c and kernel/seccomp.c, and not from `grader.sandbox.seccomp`.
"""

import struct

LONGEST = 4096  # BPF_MAXINSNS
DATA = struct.Struct("<IIQ6Q")  # struct seccomp_data: number, architecture, instruction pointer, arguments
LOAD, AND, RETURN, JUMP = 0x20, 0x54, 0x06, 0x05
CONDITIONS = {0x15: int.__eq__, 0x25: int.__gt__, 0x35: int.__ge__, 0x45: lambda a, k: bool(a & k)}


def instructions(program):
    """The (operation, if true, if false, operand) of a program, once it is known to be sound."""
    code = [*struct.iter_unpack("=HBBI", program)]
    assert 0 < len(code) <= LONGEST
    assert code[-1][0] == RETURN
    for place, (operation, true, false, operand) in enumerate(code):
        farthest = place + 1
        if operation in CONDITIONS:
            farthest += max(true, false)
        elif operation == JUMP:
            farthest += operand
        elif operation == RETURN:
            farthest = 0
        elif operation == LOAD:
            assert operand % 4 == 0, "an unaligned load"
            assert operand + 4 <= DATA.size, "a load behind the data"
        else:
            assert operation == AND, f"operation {operation:#x}"
        assert farthest < len(code), "a jump behind the end"
    return code


def verdict(code, architecture, number, *arguments):
    """What a program answers to a call: the value that it returns.

    Args:
        code: of `instructions`.
        arguments: up to six, of 64 bits or negative; the others are 0.
    """
    words = [argument % (1 << 64) for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = DATA.pack(number, architecture, 0x7F0000000000, *words)
    accumulator = place = 0
    while True:  # ends: every jump goes forward
        operation, true, false, operand = code[place]
        place += 1
        if operation == RETURN:
            return operand
        if operation == LOAD:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif operation == AND:
            accumulator &= operand
        elif operation == JUMP:
            place += operand
        else:
            place += true if CONDITIONS[operation](accumulator, operand) else false
