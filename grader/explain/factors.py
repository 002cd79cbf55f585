"""What a number is, in the sizes of the problem: 8 = N, 0.2 = 2 × lam."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

Named = tuple[float, str]
PRECISION = 1e-6


def name_factor(
    factor: float, sizes: Mapping[str, float], precision: float = PRECISION, *, composed: bool = True
) -> str:
    """What the factor actual / expected says about a mistake, or "" if it says nothing.

    Simple readings (N, 1/N, 2) come before composed ones (N·K, N/(N − 1)), the first size before the next.
    """
    readings = itertools.chain(_simple(sizes), _composed(sizes) if composed else ())
    return next((phrase for value, phrase in readings if abs(factor - value) <= precision * value), "")


def _simple(sizes: Mapping[str, float]) -> Iterator[Named]:
    for name, n in _useful(sizes):
        two = ", or is there a factor 2 too {}?" if n == 2 else "?"
        yield n, f", and {name} = {n:g}: is the division by {name} (the mean) missing{two.format('many')}"
        often = f"is it divided by {name} once too often{two.format('few')}"
        yield 1 / n, f", which is 1/{name} with {name} = {n:g}: {often}"
    yield 2.0, ": is there a factor 2 too many?"
    yield 0.5, ": is a factor 2 missing?"


def _composed(sizes: Mapping[str, float]) -> Iterator[Named]:
    for name, n in _useful(sizes):
        yield from _powers(name, n)
        yield from _one_less(name, n)
    for (first, m), (second, n) in itertools.permutations(_useful(sizes), 2):
        where = f"with {first} = {m:g}, {second} = {n:g}"
        yield m / n, f", which is {first}/{second} {where}: divided by {second} in the place of {first}?"
        if first < second:
            product = f"{first}·{second}"
            yield m * n, f", which is {product} {where}: is the division by {product} missing?"
            yield 1 / (m * n), f", which is 1/({product}) {where}: is it divided by {product} once too often?"


def _powers(name: str, n: float) -> Iterator[Named]:
    where = f"with {name} = {n:g}"
    yield n**2, f", which is {name}² {where}: is the division by {name} missing twice?"
    yield n**-2, f", which is 1/{name}² {where}: is it divided by {name} too often?"
    yield n**0.5, f", which is √{name} {where}."
    yield n**-0.5, f", which is 1/√{name} {where}."
    yield 2 * n, f", which is 2·{name} {where}: is the division by {name} missing?"
    yield 0.5 / n, f", which is 1/(2·{name}) {where}: is it divided by {name} once too often?"


def _one_less(name: str, n: float) -> Iterator[Named]:
    """N − 1 and N mixed up, in a variance or in its square root (NumPy's `ddof`)."""
    for power, root in ((1.0, ""), (0.5, "√")):
        more, less = f"{root}({name}/({name} − 1))", f"{root}(({name} − 1)/{name})"
        yield (n / (n - 1)) ** power, f", which is {more} with {name} = {n:g}: {name} − 1 in the place of {name}?"
        yield ((n - 1) / n) ** power, f", which is {less} with {name} = {n:g}: {name} in the place of {name} − 1?"


def _useful(sizes: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(name, float(n)) for name, n in sizes.items() if n > 1]


def name_multiple(coefficient: float, scalars: Mapping[str, float], precision: float = PRECISION) -> str:
    """`"2 × lam"` for twice the scalar lam, `"lam"` for once, "" if no scalar fits; signs are the caller's."""
    for name, value in scalars.items():
        for multiple, text in ((1.0, name), (2.0, f"2 × {name}"), (0.5, f"{name}/2")):
            if value and abs(coefficient - multiple * value) <= precision * abs(multiple * value):
                return text
    return ""
