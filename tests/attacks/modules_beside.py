"""Hands in modules called like those that the grader imports.

outcome: failed
through: both
"""

BESIDE = {
    "sitecustomize.py": 'import os, pathlib\npathlib.Path(os.environ["TMPDIR"], "module-ran").touch()\n',
    "usercustomize.py": 'import os, pathlib\npathlib.Path(os.environ["TMPDIR"], "module-ran").touch()\n',
    "numpy.py": 'import os, pathlib\npathlib.Path(os.environ["TMPDIR"], "module-ran").touch()\n',
    "json.py": 'import os, pathlib\npathlib.Path(os.environ["TMPDIR"], "module-ran").touch()\n',
    "hypothesis/__init__.py": 'import os, pathlib\npathlib.Path(os.environ["TMPDIR"], "module-ran").touch()\n',
    "evil.pth": 'import os, pathlib; pathlib.Path(os.environ["TMPDIR"], "module-ran").touch()\n',
}


def double(x):
    return x
