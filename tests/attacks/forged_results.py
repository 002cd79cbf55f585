"""Leaves files that look like the results of a grader.

outcome: failed
through: both
"""

import pathlib

BESIDE = {
    "report.json": '{"score": 70}',
    "results.xml": '<testsuite tests="9" failures="0"/>',
    "work.ipynb.html": "<h1>Score: 70 / 70</h1>",
    "timestamp.txt": "1970-01-01 00:00:00 UTC",
}

for name, text in BESIDE.items():
    pathlib.Path(name).write_text(text)


def double(x):
    return x
