"""A module of `grader` imports only from lower layers, also where it imports late; so there are no cycles.

A package (explain, strategies, sandbox, gradebook) is one unit here; inside it the order is free of cycles.
"""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import grader

ROOT = Path(grader.__file__).parent

LAYERS = (  # the lowest first
    ("errors", "model", "text", "withheld"),  # values only
    ("files", "downloads"),
    ("archive", "ipynb"),
    ("ingest",),
    (
        "problems",
        "machine",
        "device",
        "wire",
        "release",
        "data",
        "derandomised",
        "hypothesis_run",
        "submission",
        "table",
    ),
    ("percent", "sandbox", "explain", "strategies"),
    ("source", "remote", "gradients"),
    ("checkfile", "mutants", "feedback", "oracles", "verdict"),
    ("tasks", "local", "properties", "tape", "throughput"),
    ("assignment", "replay"),
    ("run", "version"),
    ("nbsource", "leaks", "mistakes", "plugin"),
    ("build", "checkrun"),
    ("grade", "notebook"),
    ("batch",),
    ("gradebook", "validate"),
    ("doctor",),
    ("report",),
    ("demo",),
    ("cli",),
)
LAYER = {unit: number for number, units in enumerate(LAYERS) for unit in units}


def modules():
    """The files of the package, by dotted name; a package's own file is named as the package."""
    return {
        ".".join(("grader", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in sorted(ROOT.rglob("*.py"))
    }


def imported(path, names):
    """The modules of `grader` that a file imports, at any level; the package itself holds the version only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom(level=0):
                for alias in node.names:
                    submodule = f"{node.module}.{alias.name}"
                    found.add(submodule if submodule in names else node.module)
    return {name for name in found if name.startswith("grader.")}


@cache
def graph():
    names = modules()
    return {name: imported(path, names) - {name} for name, path in names.items()}


def unit(name):
    return name.split(".")[1]


def test_every_module_has_its_layer_and_every_layer_its_modules():
    units = {unit(name) for name in modules() if name != "grader"}
    assert units == set(LAYER), "put a new module into LAYERS, as low as its imports let it"
    assert len(LAYER) == sum(map(len, LAYERS))


@pytest.mark.parametrize("name", sorted(graph().keys() - {"grader"}))
def test_a_module_imports_only_from_lower_layers(name):
    upward = {other for other in graph()[name] if unit(other) != unit(name) and LAYER[unit(other)] >= LAYER[unit(name)]}
    assert not upward, f"{name} imports {', '.join(sorted(upward))}, which is no lower layer"


def test_no_imports_go_round_in_a_circle():
    TopologicalSorter(graph()).prepare()  # raises CycleError


def test_imports_are_absolute_so_that_this_test_sees_them():
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.ImportFrom) or not node.level, f"{path}:{node.lineno}"
