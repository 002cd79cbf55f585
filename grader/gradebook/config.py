"""What nbgrader is told about a course folder."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

from grader.gradebook.install import install

EXCHANGE = "GRADER_EXCHANGE"  # the environment variable that names the exchange folder

# nbgrader's own list, then everything in a source folder: what travels from there is said in release.py, file by file.
# The path is absolute, because nbgrader joins each pattern to the folder of the file that it looks at; once as it
# spells the folder itself (solutions/./hw1), once as everybody else does.
IGNORED = (".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback")


def configure(c: Any, root: Path | str) -> None:
    """Set up nbgrader for the course in `root`; `c` is the configuration that traitlets hands to a config file.

    What `nbgrader_config.py` says after this call, and what stands on the command line, wins.
    """
    root = Path(root).resolve()
    install()

    c.CourseDirectory.root = str(root)
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "release"
    c.CourseDirectory.ignore = [*IGNORED, *(f"{glob.escape(str(root))}/solutions/{step}*/*" for step in ("./", ""))]

    if exchange := os.environ.get(EXCHANGE):
        c.Exchange.root = str(Path(exchange).resolve())

    c.ExchangeFactory.collect = "grader.gradebook.exchange.SafeCollect"
    c.ZipCollectApp.extractor_plugin = "grader.gradebook.collect.SafeExtractor"
    c.ZipCollectApp.collector_plugin = "grader.gradebook.collect.NewestAttempt"
    c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".py", ".zip"]

    c.TemplateExporter.filters = {"markdown2html": "grader.gradebook.markdown.safe_markdown2html"}
