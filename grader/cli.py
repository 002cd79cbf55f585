"""The command `grader`: parses, calls a use case, prints, exits."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

import grader
from grader.errors import GraderError

if TYPE_CHECKING:
    from grader.batch.engine import Where
    from grader.files import Files
    from grader.model import Assignment

INTERRUPTED = 130  # as a shell says it of Ctrl-C


class _Commands(click.Group):
    """Shows the grader's own errors as what they are: a message that says what to do, and exit status 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except GraderError as error:
            click.secho(str(error), fg="red", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(grader.__version__)
@click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The course folder; the one you are in, if not given.",
)
@click.pass_context
def main(ctx: click.Context, course: Path | None) -> None:
    """Autograded homework for deep learning.

    Students need only pytest. These commands are for those who run a course.
    """
    from grader.assignment import find_course

    ctx.obj = lambda: find_course(course or Path.cwd())


@main.command()
@click.argument("assignments", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; fail if a generated file is out of step.")
@click.pass_context
def build(ctx: click.Context, assignments: tuple[str, ...], check: bool) -> None:
    """Make stubs, notebooks and the release of ASSIGNMENTS (all, if none is named) from their one source."""
    from grader.build import build as make

    root = ctx.obj()
    lines = make(root, _names(root, assignments), check=check)
    for line in lines:
        click.echo(line)
    if check and lines:
        raise click.ClickException(f"{len(lines)} generated files are out of step. Make them: grader build")
    if not lines:
        click.echo("Everything is in step.")


@main.command()
@click.argument("assignments", nargs=-1)
@click.option(
    "--wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Search this wheel for answers, too."
)
@click.option("--thorough", is_flag=True, help="Run mutants through the checks of all tasks, and without tape: slow.")
@click.option("-q", "--quiet", is_flag=True, help="Show only what is wrong.")
@click.pass_context
def validate(ctx: click.Context, assignments: tuple[str, ...], wheel: Path | None, thorough: bool, quiet: bool) -> None:
    """Prove ASSIGNMENTS right: reference, stub, mutants, variants, leaks."""
    from grader.assignment import load_assignment
    from grader.report import make_console, show_finding
    from grader.validate import validate as prove

    root, console = ctx.obj(), make_console()
    total, wrong = 0, []
    for name in _names(root, assignments):
        console.rule(name, align="left")
        for finding in prove(load_assignment(root, name), wheel=wheel, thorough=thorough):
            total += 1
            if not finding.ok:
                wrong.append(f"{name}: {finding.what}")
            if not (quiet and finding.ok):
                show_finding(console, finding)
    if wrong:
        raise click.ClickException("\n".join([f"{len(wrong)} of {total} are not as they should be:", *wrong]))
    console.print(f"All {total} as they should be.")


@main.command()
@click.argument("assignment")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the scores there.")
@click.option("--jobs", type=click.IntRange(1), help="Processes that grade; as many as there are processors.")
@click.option("--scheduler", metavar="ADDRESS", help="Grade on the workers of this Dask scheduler (tcp://host:8786).")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the results of a class there; graded/ASSIGNMENT in the course folder, if not given.",
)
@click.option("--changed", is_flag=True, help="Grade only what changed since the last run: submission, checks, grader.")
@click.option("--accept-unsandboxed", is_flag=True, help="Grade even where submissions cannot be kept apart (level E).")
@click.pass_context
def grade(
    ctx: click.Context,
    assignment: str,
    paths: tuple[Path, ...],
    csv_file: Path | None,
    jobs: int | None,
    scheduler: str | None,
    out: Path | None,
    changed: bool,
    accept_unsandboxed: bool,
) -> None:
    """Grade files, notebooks or folders for ASSIGNMENT, without nbgrader.

    A folder that holds one folder for each student, such as submitted/, is a whole class. A zip is one student's, or
    the download of a learning platform. The results of a class are kept as they come: start the same command again,
    and a run that was cut short goes on.
    """
    from grader.assignment import load_assignment
    from grader.batch.engine import Where
    from grader.machine import worker_count
    from grader.text import plain

    if csv_file and not csv_file.resolve().parent.is_dir():
        raise click.BadParameter(f"there is no folder {csv_file.parent}", param_hint="--csv")
    if jobs and scheduler:
        raise click.UsageError("--jobs is of this machine, --scheduler of others: give one of them.")
    work = load_assignment(ctx.obj(), assignment)
    found = [entry for path in paths for entry in submissions(path, assignment)]
    if twice := [name for name, times in Counter(name for name, _ in found).items() if times > 1]:
        names = ", ".join(plain(name) for name in twice)
        raise click.BadParameter(
            f"{names}: handed in by more than one of these. Name each student's work once.", param_hint="PATHS"
        )
    if len(found) == 1 and not (scheduler or out or changed):
        sys.exit(_grade_one(work, *found[0], csv_file, accept_unsandboxed))
    where = Where(
        jobs=min(jobs or worker_count(), len(found)), scheduler=scheduler or "", accept_unsandboxed=accept_unsandboxed
    )
    sys.exit(_grade_class(work, found, out or work.root / "graded" / assignment, csv_file, where, changed=changed))


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def throughput(arguments: tuple[str, ...]) -> None:
    """Measure how fast a kernel is on this machine: FILE --kernel NAME; --help says more."""
    from grader.throughput.__main__ import main as run

    sys.exit(run(arguments))


@main.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Look at this machine and the course: what is in order, what is not, and what to do about it."""
    from grader.doctor import diagnose
    from grader.errors import CourseError
    from grader.report import make_console, show_doctor

    try:
        root = ctx.obj()
    except CourseError:
        root = None
    diagnosis = diagnose(root)
    show_doctor(make_console(), diagnosis)
    sys.exit(0 if diagnosis.good else 1)


@main.command()
@click.argument("assignment", default="hw1")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="The folder of the demo course; made anew.",
)
@click.pass_context
def demo(ctx: click.Context, assignment: str, into: Path) -> None:
    """Show the whole path: release ASSIGNMENT, hand in for a small class, grade it with nbgrader."""
    from grader.demo import run_demo
    from grader.report import make_console

    run_demo(make_console(), ctx.obj(), assignment, into)


def _grade_one(
    assignment: Assignment, student: str, handed: Path | Files, csv_file: Path | None, accept_unsandboxed: bool
) -> int:
    """Grade one submission, here, and keep nothing; returns the exit status."""
    from grader.grade import grade_path, require_sandbox
    from grader.report import as_csv, make_console, show_report

    require_sandbox(accept_unsandboxed)
    report = grade_path(assignment, handed, student)
    show_report(make_console(), report)
    if csv_file:
        csv_file.write_text(as_csv([report]), encoding="utf-8")
    return 1 if report.broken else 0


def _grade_class(
    assignment: Assignment,
    found: list[tuple[str, Path | Files]],
    out: Path,
    csv_file: Path | None,
    where: Where,
    *,
    changed: bool,
) -> int:
    """Grade a class into a folder, and show the whole of it; returns the exit status."""
    from grader.batch.course import changes, grade_class
    from grader.batch.progress import Watch
    from grader.batch.store import open_store, write_text
    from grader.report import as_csv, make_console, show_class

    console, students = make_console(), [student for student, _ in found]
    with open_store(out, assignment.name) as store:
        try:
            with Watch(console, len(found)) as watch:
                grade_class(assignment, found, store, where, watch, changed=changed)
        except KeyboardInterrupt:
            click.echo(f"Stopped. {len(store.entries)} results are kept in {out}: the same command goes on.", err=True)
            return INTERRUPTED
        scores = as_csv(store.report(student) for student in students)
        for file in [out / "scores.csv", *([csv_file] if csv_file else [])]:
            write_text(file, scores)
        show_class(console, (store.report(student) for student in students))
        for line in [*changes(store, students), *watch.summary(), f"Results and scores: {out}"]:
            console.print(line, markup=False, soft_wrap=True)
        return 0 if all(store.entries[student].measured for student in students) else 1


def submissions(path: Path, assignment: str) -> list[tuple[str, Path | Files]]:
    """(student, what they handed in) for what was named: one submission, or those of a class, in a folder or a zip.

    Raises: click.BadParameter, if there is nothing; SubmissionError, if a zip cannot be read.
    """
    from grader.ingest import class_of
    from grader.text import plain

    if not path.exists():
        raise click.BadParameter(f"there is no {path}", param_hint="PATHS")
    path = path.resolve()
    if path.suffix.lower() == ".zip" and path.is_file():
        handed, left = class_of(path, assignment)
        for name in left:
            click.echo(f"{plain(path.name)}: {name} was left aside, because nothing says whose it is", err=True)
        if not handed:
            raise click.BadParameter(f"{path} holds no submission", param_hint="PATHS")
        return list(handed.items())
    path = path / assignment if (path / assignment).is_dir() else path
    if not path.is_dir() or path.name == assignment or any(path.glob("*.py")) or any(path.glob("*.ipynb")):
        return [(_student(path, assignment), path)]
    found: list[tuple[str, Path | Files]] = []
    for entry in sorted(path.iterdir()):
        inner = entry / assignment
        if entry.suffix.lower() == ".zip" and not entry.is_dir():
            found.append((entry.stem, entry))
        elif entry.is_dir():
            found.append((entry.name, inner if inner.is_dir() and not entry.is_symlink() else entry))  # no link is read
    if not found:
        raise click.BadParameter(f"{path} holds no submission", param_hint="PATHS")
    return found


def _student(path: Path, assignment: str) -> str:
    """The name of a submission: submitted/ada/hw1 is ada's."""
    if not path.is_dir():
        return path.stem
    return path.parent.name if path.name == assignment else path.name


def _names(root: Path, given: tuple[str, ...]) -> list[str]:
    from grader.assignment import assignment_names

    return list(given or assignment_names(root))
