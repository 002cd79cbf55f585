"""What the nbgrader commands and formgrader read in this course folder."""

from pathlib import Path

from grader.gradebook import configure

c = get_config()  # noqa: F821
configure(c, Path(__file__).parent)

# The name of the course: part of every path in the exchange, so students use the same one.
c.CourseDirectory.course_id = "deep-learning"

# The exchange: a folder that everybody on this machine can reach (or set the environment variable GRADER_EXCHANGE).
# c.Exchange.root = "/srv/nbgrader/exchange"

# Points taken for late work: a class with nbgrader's LateSubmissionPlugin as its base.
# c.AssignLatePenalties.plugin_class = "late.FivePointsADay"

# How the learning platform names the files of its download, for nbgrader zip_collect.
# c.FileNameCollectorPlugin.named_regexp = r".*_(?P<student_id>\w+)_attempt_(?P<timestamp>[0-9\-]+)_(?P<file_id>.*)"
