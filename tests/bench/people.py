"""A class that hands in: of every ten students one the reference, one a stub, three variants, and five a mistake each.

Every ten are the same, so that a class of 2,000 costs per head what a class of ten does; a number at the end of each
source makes it a submission of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TypeVar

from grader.assignment import load_mutants, load_variants
from grader.model import Assignment, Submission
from grader.source import is_marker
from grader.validate import of_sources

T = TypeVar("T")
TEN, VARIANTS = 10, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A student.

    Attributes:
        name: "ada-0001"; names sort in the order of the class.
        story: what they hand in: "mistake: no-max-shift".
        sources: by module.
    """

    name: str
    story: str
    sources: dict[str, str]

    def submission(self, assignment: Assignment) -> Submission:
        return of_sources(assignment, self.sources)


def a_class(assignment: Assignment, size: int) -> list[Person]:
    """The first `size` of a class without end."""
    people = []
    for number, (story, sources) in enumerate(islice(cycle(kinds(assignment)), size), start=1):
        numbered = {module: f"{source.rstrip()}\n\n# {number}\n" for module, source in sources.items()}
        people.append(Person(name=f"student-{number:04}", story=story, sources=numbered))
    return people


def kinds(assignment: Assignment) -> list[tuple[str, dict[str, str]]]:
    """What ten students hand in: story and sources; fewer where there are no ten that differ."""
    reference = {module: assignment.reference(module).read_text("utf-8") for module in assignment.modules}
    stub = {module: assignment.stub(module).read_text("utf-8") for module in assignment.modules}
    variants: dict[str, dict[str, str]] = {}
    for variant in load_variants(assignment):
        variants.setdefault(variant.name, dict(reference))[variant.module] = variant.source
    found = [("reference", reference)]
    found += [(f"variant: {name}", variants[name]) for name in _spread(list(variants), VARIANTS)]
    found.append(("stub", stub))
    for mutant in _spread(load_mutants(assignment), TEN - len(found)):
        found.append((f"mistake: {mutant.name}", {**reference, mutant.module: mutant.source}))
    return [(story, {name: unmarked(source) for name, source in sources.items()}) for story, sources in found]


def unmarked(source: str) -> str:
    """A source as a student would have written it: without the marks of solution regions."""
    return "".join(line for line in source.splitlines(keepends=True) if not is_marker(line.rstrip("\n")))


def _spread(items: Sequence[T], number: int) -> Iterator[T]:
    """That many of the items, evenly spread."""
    number = min(number, len(items))
    return (items[(2 * place + 1) * len(items) // (2 * number)] for place in range(number))
