"""Grades notebooks with Otter, one after the other in this one process, without containers.

python otter_class.py AUTOGRADER.zip RESULT.json NOTEBOOK...
"""

import json
import sys
from pathlib import Path

from otter.api import grade_submission


def main(autograder: str, result: str, *notebooks: str) -> None:
    earned = {}
    for notebook in notebooks:
        results = grade_submission(notebook, autograder, quiet=True)
        assert results.catastrophic_error is None, results.catastrophic_error
        earned[Path(notebook).stem] = [name for name, test in results.results.items() if test.score == test.possible]
    Path(result).write_text(json.dumps(earned), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
