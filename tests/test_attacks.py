"""Every attack, at every level of the sandbox that this machine offers, between two honest submissions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.attack import LEVELS, Attack, attacks, said
from tests.attack_course import POINTS, REFERENCE
from tests.attack_scene import Graded, Scene, offered

pytestmark = pytest.mark.timeout(120)  # what hangs the grader fails here, not much later
ATTACKS = attacks()
UNSTOPPED = [attack for attack in ATTACKS if attack.unstopped]

each_level = pytest.mark.parametrize("scene", [*LEVELS], indirect=True)


def named(attack: Attack) -> str:
    return attack.name


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    if request.param not in offered():
        pytest.skip(f"this machine does not offer level {request.param}: `grader doctor` says why")
    with ExitStack() as stack:
        yield Scene(request.param, stack)


@pytest.mark.parametrize("attack", ATTACKS, ids=named)
@each_level
def test_attack(scene: Scene, attack: Attack) -> None:
    if not attack.stopped_at(scene.level):
        pytest.skip(f"level {scene.level} promises nothing here: it takes {attack.weakest}")
    try:
        graded = scene.attack(attack)
        traces = scene.left_behind()
    finally:
        scene.watch.repair()
    assert {result.status.value for result in graded.results(attack.task)} in attack.outcomes, str(graded)
    assert said(attack, graded.student) == [], str(graded)
    assert unfair(attack, graded) == [], str(graded)
    assert scene.token not in graded.instructor
    assert scene.hidden_input not in graded.student
    assert traces == []
    assert scene.grade(REFERENCE).verdicts() == scene.honest.verdicts()


def unfair(attack: Attack, graded: Graded) -> list[str]:
    """Where the report gives more than was earned, or gives nothing final."""
    found = [f"{result.check.name} is not settled" for result in graded.report.results if not result.status.settled]
    passed = {result.status.value for result in graded.results(attack.task) if result.check.hidden} == {"passed"}
    if passed and {"passed"} not in attack.outcomes:
        found.append(f"all hidden checks of {attack.task} passed")
    if graded.report.max_score != sum(POINTS.values()):
        found.append("there are other points to be had")
    return found


@each_level
def test_the_honest_submission_earns_every_point(scene: Scene) -> None:
    assert scene.honest.report.score == sum(POINTS.values())
    assert {result.status.value for result in scene.honest.report.results} == {"passed"}
    assert f"level {scene.level}" in scene.honest.report.environment["isolation"]


@pytest.mark.parametrize("attack", UNSTOPPED, ids=named)
@pytest.mark.parametrize("scene", ["E"], indirect=True)
def test_attack_succeeds_where_nothing_stops_it(scene: Scene, attack: Attack) -> None:
    """Or else that it fails elsewhere would prove nothing."""
    try:
        graded = scene.attack(attack)
        scene.left_behind()
    finally:
        scene.watch.repair()
    assert {result.status.value for result in graded.results(attack.task)} == attack.unstopped, str(graded)
