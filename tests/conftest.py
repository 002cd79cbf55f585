"""pytest's own tester of plugins, for the tests of ours."""

pytest_plugins = ["pytester"]
