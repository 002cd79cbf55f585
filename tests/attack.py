"""Attacks: small hostile submissions in tests/attacks/, one file each, and what must come of them.

A file begins with a docstring: what it tries, then what must come of it.

    \"\"\"Reads the hidden checks.

    outcome: failed         what becomes of the checks of `task`: these statuses and no other; | between alternatives
    says: PermissionError   a regular expression; found in what the student reads (may be repeated)
    task: double            whose checks it attacks (default: double)
    from: C                 the weakest level that stops it (default: E)
    unstopped: passed       the outcome at level E, if it is harmless there: proves that the attack is a real one
    through: both           "grader" (default), "both": nbgrader autograde as well, "feedback": and generate_feedback
    \"\"\"

The code defines or changes what it attacks of the module `work` (see attack_scene.py). An attack that succeeds returns
right answers, so one that must fail and passes has succeeded. Names that it uses without defining them (SECRET, PORT,
honest, kernel, ...) are given by the scene and by _tools.py. `BESIDE = {"conftest.py": "..."}` are files handed in
with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "attacks"
LEVELS = "ABCDE"  # the strongest first
KEYS = {"outcome", "says", "task", "from", "unstopped", "through"}
WAYS = ("grader", "both", "feedback")
STATUSES = {"passed", "failed", "not_started", "timeout", "crashed"}


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One hostile submission."""

    name: str
    aim: str  # what it tries
    source: str
    outcomes: tuple[frozenset[str], ...]  # alternatives: statuses of the checks of the task
    says: tuple[str, ...]
    task: str
    weakest: str  # level that stops it
    unstopped: frozenset[str]  # outcome at level E; empty if it is not to be tried there
    through: str
    beside: Mapping[str, str]

    @property
    def is_endless(self) -> bool:
        """Whether nothing but a time-out ends it."""
        return self.outcomes == (frozenset({"timeout"}),)

    def stopped_at(self, level: str) -> bool:
        return level <= self.weakest

    def submission(self, constants: Mapping[str, object]) -> str:
        """All of the module that is handed in."""
        given = "\n".join(f"{name} = {value!r}" for name, value in constants.items())
        return f"{given}\n{(FOLDER / '_tools.py').read_text('utf-8')}\n\n{self.source}"


def read(path: Path) -> Attack:
    """Read an attack file; ValueError says what is wrong with its header."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    aim, _, header = (ast.get_docstring(tree) or "").partition("\n\n")
    lines = [line.partition(":")[::2] for line in header.splitlines()]
    values = {key: value.strip() for key, value in lines}
    if not aim or "\n" in aim or not KEYS >= values.keys() >= {"outcome"}:
        raise ValueError(f"{path.name}: expected one line that says what it tries, then lines `outcome: ...` and so on")
    outcomes = tuple(frozenset(words.split()) for words in values["outcome"].split("|"))
    unstopped = frozenset(values.get("unstopped", "").split())
    weakest, through = values.get("from", "E"), values.get("through", "grader")
    known = STATUSES.issuperset(unstopped.union(*outcomes)) and all(outcomes)
    if not known or weakest not in [*LEVELS] or through not in WAYS:
        raise ValueError(f"{path.name}: a status, level or way of its header is none of those that there are")
    if unstopped and weakest == "E":
        raise ValueError(f"{path.name}: level E stops it, so there is no level where nothing does")
    return Attack(
        name=path.stem,
        aim=aim,
        source=source,
        outcomes=outcomes,
        says=tuple(value.strip() for key, value in lines if key == "says"),
        task=values.get("task", "double"),
        weakest=weakest,
        unstopped=unstopped,
        through=through,
        beside=_beside(tree),
    )


def _beside(tree: ast.Module) -> dict[str, str]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="BESIDE")]):
                files: dict[str, str] = ast.literal_eval(node.value)
                return files
    return {}


def attacks() -> list[Attack]:
    """All of them, by name."""
    return [read(path) for path in sorted(FOLDER.glob("[!_]*.py"))]


def said(attack: Attack, feedback: str) -> list[str]:
    """What the feedback ought to say, and does not."""
    return [pattern for pattern in attack.says if not re.search(pattern, feedback)]
