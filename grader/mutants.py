"""Wrong and right submissions that prove the checks: mutants with one mistake each, and variants in other styles.

    [[mutant]]                              # solutions/hw1/mutants.toml
    name = "no_max_shift"
    task = "softmax"
    killed_by = "TestSoftmax::test_stable_for_large_scores"
    hint = "exp overflows for large scores: ..."
    module = "linear_classifiers"           # only where it is not the module of the task
    [[mutant.replace]]
    find = "S - S.max(axis=1, keepdims=True)"       # occurs exactly once in the reference
    with = "S"

Variants are whole modules: variants/<style>.py where the assignment has one module, else variants/<style>/<module>.py.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable, Mapping

from grader.errors import SourceError
from grader.model import Assignment, Check, Mutant, Variant
from grader.problems import Problems
from grader.source import parse, read

_KEYS, _MORE_KEYS = ("name", "task", "killed_by", "hint"), ("module", "replace")


def read_mutants(assignment: Assignment, checks: Iterable[Check]) -> tuple[Mutant, ...]:
    """The mutants of an assignment, in the order of the file.

    Raises: SourceError, all problems at once.
    """
    path = assignment.solution_dir / "mutants.toml"
    if not path.exists():
        return ()
    with Problems() as problems:
        text = read(path, problems)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        raise SourceError(f"not valid TOML: {error}", path=path, line=int(place[1]) if place else 1) from None
    entries = values.pop("mutant", [])
    lines = [
        number for number, line in enumerate(text.split("\n"), start=1) if re.match(r"\s*\[\[\s*mutant\s*\]\]", line)
    ]
    found = []
    with Problems() as problems:
        if values or not isinstance(entries, list) or len(entries) != len(lines):
            raise SourceError("expected nothing but [[mutant]] tables", path=path, line=1)
        reader = _Reader(assignment, checks, problems)
        for entry, line in zip(entries, lines, strict=True):
            try:
                found.append(reader.read(entry))
            except _WrongMutant as error:
                problems.add(str(error), path=path, line=line)
    return tuple(found)


def read_variants(assignment: Assignment) -> tuple[Variant, ...]:
    """The variants of an assignment, by name.

    Raises: SourceError, all problems at once.
    """
    folder, found = assignment.solution_dir / "variants", []
    with Problems() as problems:
        for path in sorted(folder.rglob("*.py")):
            match path.relative_to(folder).with_suffix("").parts:
                case (name,) if len(assignment.modules) == 1:
                    module = assignment.modules[0]
                case (name, module) if module in assignment.modules:
                    pass
                case _:
                    layout = "<style>.py" if len(assignment.modules) == 1 else "<style>/<module>.py"
                    modules = ", ".join(assignment.modules)
                    problems.add(f"a variant is variants/{layout} for module {modules}", path=path, line=1)
                    continue
            source = read(path, problems)
            parse(source, path=path, problems=problems)
            found.append(Variant(name=name, module=module, source=source))
    return tuple(found)


class _WrongMutant(Exception):
    """What is wrong with one mutant."""


class _Reader:
    """Reads the tables of one mutants.toml."""

    def __init__(self, assignment: Assignment, checks: Iterable[Check], problems: Problems) -> None:
        self.modules = {task.name: task.module for task in assignment.tasks}
        self.checks = {check.name: check.task for check in checks}
        self.references = {name: read(assignment.reference(name), problems) for name in assignment.modules}
        self.names: set[str] = set()

    def read(self, entry: Mapping[str, object]) -> Mutant:
        """One mutant. Raises: _WrongMutant."""
        texts = [entry.get(key) for key in _KEYS]
        if not all(isinstance(text, str) and text.strip() for text in texts) or entry.keys() - {*_KEYS, *_MORE_KEYS}:
            raise _WrongMutant(
                f"a mutant has {', '.join((*_KEYS, *_MORE_KEYS))}; found {', '.join(entry) or 'nothing'}"
            )
        name, task, killed_by, hint = map(str, texts)
        if name in self.names:
            raise _WrongMutant(f"there is already a mutant {name!r}")
        self.names.add(name)
        if task not in self.modules:
            raise _WrongMutant(f"mutant {name!r}: no task {task!r}; there are {', '.join(self.modules)}")
        module = str(entry.get("module", self.modules[task]))
        if module not in self.references:
            raise _WrongMutant(f"mutant {name!r}: no module {module!r}; there are {', '.join(self.references)}")
        if self.checks.get(killed_by) != task:
            own = ", ".join(check for check, owner in self.checks.items() if owner == task)
            raise _WrongMutant(f"mutant {name!r}: {killed_by!r} is no check of task {task!r}; it has {own}")
        try:
            source = _changed(self.references[module], entry.get("replace"))
            compile(source, f"{module}.py", "exec", dont_inherit=True)
        except SyntaxError as error:
            raise _WrongMutant(f"mutant {name!r}: {module}.py, changed so, is not valid Python: {error}") from None
        except _WrongMutant as error:
            raise _WrongMutant(f"mutant {name!r} of {module}.py: {error}") from None
        return Mutant(name=name, task=task, killed_by=killed_by, hint=hint.strip(), module=module, source=source)


def _changed(reference: str, replacements: object) -> str:
    """The reference with every `find` changed, all of them found in the unchanged text. Raises: _WrongMutant."""
    spans = []
    for item in replacements if isinstance(replacements, list) else ():
        find, text = (item.get("find"), item.get("with")) if isinstance(item, dict) else (None, None)
        if not isinstance(find, str) or not isinstance(text, str) or not find or len(item) > 2:
            raise _WrongMutant("a [[mutant.replace]] has find and with, both text")
        if (count := reference.count(find)) != 1:
            raise _WrongMutant(f"{find!r} occurs {count} times, not once")
        start = reference.index(find)
        spans.append((start, start + len(find), text))
    spans.sort()
    if any(start < end for (_, end, _), (start, _, _) in itertools.pairwise(spans)):
        raise _WrongMutant("two replacements overlap")
    source = reference
    for start, end, text in reversed(spans):
        source = source[:start] + text + source[end:]
    if source == reference:
        raise _WrongMutant("nothing changes; it needs [[mutant.replace]] tables with find and with")
    return source
