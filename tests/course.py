"""A small course in a temporary folder: one assignment of two tasks and two manual cells, for tests to change."""

from __future__ import annotations

from pathlib import Path

REFERENCE = '''\
# %% [markdown]
# # Vectors
# Write `norm`, `scale` and `Adder`.

# %%
"""Vectors for homework 1."""

import math

Vector = list[float]


# %%
def norm(v: Vector) -> float:
    """The length of v."""
    ### BEGIN SOLUTION
    return math.sqrt(sum(x * x for x in v))
    ### END SOLUTION


# %% [markdown]
# Now scale it.


# %%
def scale(v: Vector, factor: float) -> Vector:
    """The vector, factor times as long."""
    ### BEGIN SOLUTION
    return [factor * x for x in v]
    ### END SOLUTION


# %%
class Adder:
    """Adds what it is given."""

    def __init__(self) -> None:
        ### BEGIN SOLUTION
        self.total_of_all = 0.0
        ### END SOLUTION

    def add(self, x: float) -> float:
        ### BEGIN SOLUTION
        self.total_of_all += x
        return self.total_of_all
        ### END SOLUTION


# %%
def doubled(v: Vector) -> Vector:
    return scale(v, 2.0)
'''

EXPERIMENTS = """\
# %% tags=["script-only"]
from vectors import *

# %% [markdown]
# # Experiments

# %%
print(doubled([1.0, 2.0]))

# %% points=5 task="plot_norms"
lengths = [1, 2, 3]
### BEGIN SOLUTION
print([norm([1.0] * length) for length in lengths])
### END SOLUTION

# %% [markdown] points=5 task="why_root"
# **Why the root?** Two sentences.
#
# ### BEGIN SOLUTION
# Because lengths scale linearly, squares do not.
# ### END SOLUTION
"""

PUBLIC = """\
import math

import pytest


@pytest.mark.task("norm", points=30)
class TestNorm:
    @pytest.mark.weight(2)
    def test_of_a_unit_vector(self, hw):
        assert math.isclose(hw.norm([1.0, 0.0]), 1.0)

    def test_of_nothing(self, hw):
        assert hw.norm([]) == 0.0


@pytest.mark.task("vectors", points=60, covers=("scale", "Adder"))
def test_scale_by_zero(hw):
    assert hw.scale([1.0], 0.0) == [0.0]
"""

HIDDEN = """\
import pytest


@pytest.mark.task("norm")
class TestNormMore:
    def test_of_a_secret_vector(self, hw):
        assert hw.norm([3.0, 4.0]) == 5.0
"""

MUTANTS = """\
[[mutant]]
name = "no_root"
task = "norm"
killed_by = "TestNormMore::test_of_a_secret_vector"
hint = "This is the squared length: the root is missing."
[[mutant.replace]]
find = "math.sqrt(sum(x * x for x in v))"
with = "sum(x * x for x in v)"
"""

KERNELS = """\
# %%
def dot(v, w):
    ### BEGIN SOLUTION
    return sum(x * y for x, y in zip(v, w))
    ### END SOLUTION
"""

VARIANT = """\
import math


def norm(v):
    return math.hypot(*v)


def scale(v, factor):
    return list(map(factor.__mul__, v))


class Adder:
    def __init__(self):
        self.seen = []

    def add(self, x):
        self.seen.append(x)
        return math.fsum(self.seen)


def doubled(v):
    return scale(v, 2.0)
"""

FILES = {
    "assignments/hw1/README.md": "# Homework 1\n\nVectors.\n",
    "assignments/hw1/test_vectors.py": PUBLIC,
    "solutions/hw1/assignment.toml": 'title = "Vectors"\nmodules = ["vectors"]\nseed = "a secret"\n',
    "solutions/hw1/experiments.py": EXPERIMENTS,
    "solutions/hw1/mutants.toml": MUTANTS,
    "solutions/hw1/test_vectors_hidden.py": HIDDEN,
    "solutions/hw1/variants/hypot.py": VARIANT,
    "solutions/hw1/vectors.py": REFERENCE,
}


def make_course(root: Path, files: dict[str, str] | None = None) -> Path:
    """Write the course, with `files` on top of it, and return its folder."""
    for name, text in (FILES | (files or {})).items():
        write(root / name, text)
    return root


def make_two_module_course(root: Path) -> Path:
    """The same with a second module `kernels`, whose only task takes over the points of `vectors`."""
    make_course(root)
    write(
        root / "solutions/hw1/assignment.toml",
        'title = "Vectors"\nmodules = ["vectors", "kernels"]\nseed = "a secret"\n',
    )
    change(root / "assignments/hw1/test_vectors.py", "points=60", "points=40")
    write(root / "solutions/hw1/kernels.py", KERNELS)
    public = '@pytest.mark.task("dot", points=20)\ndef test_dot_of_units(hw):\n    assert hw.dot([1], [1]) == 1\n'
    write(root / "assignments/hw1/test_kernels.py", "import pytest\n\n\n" + public)
    write(root / "solutions/hw1/test_kernels_hidden.py", '"""No more."""\n')
    (root / "solutions/hw1/variants/hypot.py").unlink()
    write(root / "solutions/hw1/variants/hypot/vectors.py", VARIANT)
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def change(path: Path, old: str, new: str) -> None:
    """Replace the one place where `old` is."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
    write(path, text.replace(old, new))
