"""pytest's own tester of plugins, for the tests of ours; and a place for tapes that is not the user's."""

import os

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _tapes_of_their_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.getbasetemp()
        shared = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place  # each tape is made once
        patch.setenv("GRADER_CACHE", str(shared / "cache"))
        yield
