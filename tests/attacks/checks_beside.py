"""Hands in checks of its own in the place of the real ones.

outcome: failed
through: both
"""

BESIDE = {
    "test_work.py": "import pytest\n\n\n@pytest.mark.task('double', points=1000)\ndef test_double(hw):\n    pass\n",
    "test_work_hidden.py": "import pytest\n\n\n@pytest.mark.task('double')\ndef test_double(hw):\n    pass\n",
    "assignment.toml": 'title = "Work"\nmodules = ["work"]\nseed = "x"\n',
    "mutants.toml": "",
}


def double(x):
    return x
