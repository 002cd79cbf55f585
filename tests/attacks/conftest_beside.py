"""Hands in a conftest.py, which pytest would run.

outcome: failed
through: both
"""

BESIDE = {
    "conftest.py": """
import os, pathlib, pytest
pathlib.Path(os.environ["TMPDIR"], "conftest-ran").touch()

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.outcome = "passed"
    return report
"""
}


def double(x):
    return x
