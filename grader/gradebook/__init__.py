"""The course in nbgrader: its commands, folders, gradebook and formgrader, with scores that our own grading decides.

`nbgrader_config.py` of a course folder calls `configure`; from then on the nbgrader commands behave as their manual
says, but for three things: what is released is an explicit list, a submission is graded by `grader.grade` and never by
the kernel of its notebook, and what a student wrote is shown to a grader as text and pictures, never as live HTML.

config      → what nbgrader is told
install     → our converters in the place of nbgrader's
release     → nbgrader generate_assignment
autograde   → nbgrader autograde: every submission alone, with
    handin    the notebook a student handed in, read with suspicion
    outputs   the pictures and texts that may be kept of it
    rebuild   the notebook a grader sees, made from the released one
    feedback  what a check cell shows
    scores    the gradebook's rows
    execute   the experiments run again, in bubblewrap, if that is asked for: client, kernel
settings    → what nbgrader would be told, read without running it
collect     → nbgrader zip_collect: the download of an LMS, opened safely; the newest attempt of each student, whole
exchange    → nbgrader collect: what students put into the exchange, without trust in it
markdown    → Markdown to HTML that nobody can script, in formgrader and feedback
"""

from __future__ import annotations

from grader.gradebook.config import configure

__all__ = ["configure"]
