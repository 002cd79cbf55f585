"""The command `grader`: parses, calls a use case, prints, exits."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import grader
from grader.errors import GraderError


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
@click.option("--thorough", is_flag=True, help="Let every mutant run through the checks of all tasks: slow.")
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
@click.pass_context
def grade(ctx: click.Context, assignment: str, paths: tuple[Path, ...], csv_file: Path | None) -> None:
    """Grade files, notebooks or folders for ASSIGNMENT, without nbgrader.

    A folder that holds one folder for each student, such as submitted/, is a whole class.
    """
    from grader.assignment import load_assignment
    from grader.grade import grade_path
    from grader.report import as_csv, make_console, show_class, show_report
    from grader.text import plain

    if csv_file and not csv_file.resolve().parent.is_dir():
        raise click.BadParameter(f"there is no folder {csv_file.parent}", param_hint="--csv")
    work, console = load_assignment(ctx.obj(), assignment), make_console()
    found = [entry for path in paths for entry in submissions(path, assignment)]
    reports = []
    for student, path in found:
        reports.append(grade_path(work, path, student))
        if len(found) > 1:
            line = f"{plain(student)}: {reports[-1].score:.4g} / {reports[-1].max_score:g}"
            console.print(line, markup=False)
    if len(reports) == 1:
        show_report(console, reports[0])
    else:
        show_class(console, reports)
    if csv_file:
        csv_file.write_text(as_csv(reports), encoding="utf-8")
        console.print(f"Scores: {csv_file}", markup=False)
    sys.exit(1 if any(report.open_tasks for report in reports) else 0)


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


def submissions(path: Path, assignment: str) -> list[tuple[str, Path]]:
    """(student, file or folder) for what was named: one submission, or a folder of students' folders.

    Raises: click.BadParameter, if there is nothing.
    """
    if not path.exists():
        raise click.BadParameter(f"there is no {path}", param_hint="PATHS")
    path = path / assignment if (path / assignment).is_dir() else path
    if path.is_file() or path.resolve().name == assignment or any(path.glob("*.py")) or any(path.glob("*.ipynb")):
        return [(_student(path, assignment), path)]
    students = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
    found = [(folder.name, inner if (inner := folder / assignment).is_dir() else folder) for folder in students]
    if not found:
        raise click.BadParameter(f"{path} holds no submission", param_hint="PATHS")
    return found


def _student(path: Path, assignment: str) -> str:
    """The name of a submission: submitted/ada/hw1 is ada's."""
    whole = path.resolve()
    if path.is_file():
        return whole.stem
    return whole.parent.name if whole.name == assignment else whole.name


def _names(root: Path, given: tuple[str, ...]) -> list[str]:
    from grader.assignment import assignment_names

    return list(given or assignment_names(root))
