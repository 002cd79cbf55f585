"""What isolation costs a whole submission: the sandbox against the grader's own process."""

from __future__ import annotations

from functools import partial

from grader.assignment import load_assignment
from grader.grade import grade, tape_of
from grader.model import Assignment
from grader.submission import read_submission
from grader.validate import of_sources
from tests.bench.options import Options
from tests.bench.timing import ROUNDS, line, ratio, seconds


def bench(options: Options) -> None:
    for name in options.assignments:
        measure(load_assignment(options.root, name), options.rounds or ROUNDS)


def measure(assignment: Assignment, rounds: int) -> None:
    reference = read_submission(assignment.solution_dir, assignment)
    stub = of_sources(assignment, {m: assignment.stub(m).read_text("utf-8") for m in assignment.modules})
    isolated = partial(grade, assignment, reference)
    inside = partial(grade, assignment, reference, isolate=False)
    desk = partial(grade, assignment, reference, isolate=False, taped=False)

    def unseen() -> None:
        """As for a submission whose answers nobody has given before: all checks look at them."""
        tape_of(assignment).passed.clear()
        isolated()

    for action in (isolated, inside, desk):  # warms all, and makes the tape
        action()
    sandbox, process, times = ratio(isolated, inside, rounds)
    line(f"{assignment.name}, reference, in the sandbox", sandbox, "s")
    line("  in the grader's process, both with the tape", process, "s", f"(the sandbox takes {times:.2f} x that)")
    sandbox, _, times = ratio(unseen, inside, rounds)
    line("  in the sandbox, answers that were never seen", sandbox, "s", f"({times:.2f} x the line before)")
    _, process, times = ratio(isolated, desk, rounds)
    remark = f"(the sandbox with the tape takes {times:.2f} x that)"
    line("  in the grader's process, as pytest runs it at a desk", process, "s", remark)
    line("  an untouched stub, in the sandbox", seconds(partial(grade, assignment, stub)), "s")
