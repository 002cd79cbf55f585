"""A class of attackers between two honest students, through `nbgrader autograde` and `nbgrader generate_feedback`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.attack import LEVELS, Attack, attacks
from tests.attack_class import FIRST, LAST, Classroom, student_of
from tests.attack_course import POINTS
from tests.attack_scene import offered

ATTACKERS = [attack for attack in attacks() if attack.through != "grader"]
WITH_FEEDBACK = [attack for attack in ATTACKERS if attack.through == "feedback"]
FULL = {f"check_{task}": points for task, points in POINTS.items()}


def named(attack: Attack) -> str:
    return attack.name


each_level = pytest.mark.parametrize(  # a class is graded once, by one process of pytest-xdist
    "classroom",
    [pytest.param(level, marks=pytest.mark.xdist_group(f"class-{level}")) for level in LEVELS],
    indirect=True,
)


@pytest.fixture(scope="module")
def classroom(request: pytest.FixtureRequest) -> Iterator[Classroom]:
    if request.param not in offered():
        pytest.skip(f"this machine does not offer level {request.param}: `grader doctor` says why")
    with ExitStack() as stack:
        yield Classroom(request.param, [attack for attack in ATTACKERS if attack.stopped_at(request.param)], stack)


@pytest.mark.parametrize("attack", ATTACKERS, ids=named)
@each_level
def test_an_attacker_gets_what_was_earned_and_the_secret_is_told_to_nobody(
    classroom: Classroom, attack: Attack
) -> None:
    if not attack.stopped_at(classroom.scene.level):
        pytest.skip(f"level {classroom.scene.level} promises nothing here: it takes {attack.weakest}")
    scores = classroom.scores[student_of(attack)]
    assert scores.keys() >= FULL.keys()
    score, points = scores[f"check_{attack.task}"], POINTS[attack.task]
    assert score is not None, "it is open"
    assert any(is_earned(score, points, outcome) for outcome in attack.outcomes)
    for text in [*classroom.files("autograded", student_of(attack)), *classroom.files("feedback", student_of(attack))]:
        assert classroom.scene.hidden_input not in text
        assert classroom.scene.token not in text


def is_earned(score: float, points: float, outcome: frozenset[str]) -> bool:
    """Whether a score is what checks with these statuses give."""
    if "passed" not in outcome:
        return score == 0
    return score == points if outcome == {"passed"} else 0 < score < points


@pytest.mark.parametrize("attack", WITH_FEEDBACK, ids=named)
@each_level
def test_nothing_of_an_attacker_runs_in_the_page_that_is_read(classroom: Classroom, attack: Attack) -> None:
    assert classroom.told == 0
    [page] = classroom.files("feedback", student_of(attack))
    assert attack.task in page
    for code in ("<script>alert", "<img src=x", 'href="javascript:', "\x1b", "\u202e"):
        assert code not in page


@each_level
def test_honest_students_before_and_after_get_full_marks(classroom: Classroom) -> None:
    for student in (FIRST, LAST):
        assert {name: classroom.scores[student][name] for name in FULL} == FULL


@each_level
def test_the_whole_class_is_graded_and_nothing_is_left_behind(classroom: Classroom) -> None:
    assert classroom.status == 0
    assert classroom.traces == []
