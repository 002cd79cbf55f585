"""pytest's own tester of plugins, for the tests of ours; and a place for tapes that is not the user's."""

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _tapes_of_their_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
