from collections import Counter

import pytest

from grader.assignment import load_assignment
from grader.grade import grade
from tests.bench.people import a_class
from tests.course import REFERENCE, make_course


@pytest.fixture
def assignment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = make_course(tmp_path)
    (root / "assignments/hw1/vectors.py").write_text("def norm(v):\n    raise NotImplementedError\n")
    return load_assignment(root, "hw1")


def test_every_ten_of_a_real_class_hand_in_the_same(pytestconfig):
    stories = [person.story for person in a_class(load_assignment(pytestconfig.rootpath, "hw1"), 30)]
    assert stories[:10] == stories[10:20] == stories[20:]
    kinds = Counter(story.partition(":")[0] for story in stories[:10])
    assert kinds == {"reference": 1, "variant": 3, "stub": 1, "mistake": 5}
    assert len(set(stories)) == 10


def test_no_two_submissions_are_the_same(assignment):
    submissions = [person.submission(assignment) for person in a_class(assignment, 50)]
    assert len({submission.digest for submission in submissions}) == 50


def test_a_larger_class_begins_with_the_smaller_one(assignment):
    assert a_class(assignment, 12)[:5] == a_class(assignment, 5)


def test_names_sort_in_the_order_of_the_class(assignment):
    names = [person.name for person in a_class(assignment, 1000)]
    assert names == sorted(names)


def test_nobody_hands_in_the_marks_of_a_solution(assignment):
    assert "### BEGIN" in REFERENCE
    assert all("### BEGIN" not in source for person in a_class(assignment, 4) for source in person.sources.values())


def test_reference_and_variants_earn_everything_a_stub_nothing_and_a_mistake_its_task(assignment):
    scores = {p.story: grade(assignment, p.submission(assignment), isolate=False).score for p in a_class(assignment, 4)}
    assert scores == {"reference": 90.0, "variant: hypot": 90.0, "stub": 0.0, "mistake: no_root": 82.5}
