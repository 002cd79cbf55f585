# Every target sets up its own virtual environment on a fresh machine: `make demo` and `make test` need nothing first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HW ?= hw1
RUNS ?= 1000000

.PHONY: demo test lint validate bench fuzz build clean

demo: $(VENV)/ready  ## the whole path: release, a small class, nbgrader autograde, who got what and why
	$(BIN)/grader demo $(HW)

test: $(VENV)/ready  ## generated files in step, then all tests
	$(BIN)/grader build --check
	$(BIN)/pytest -q -n 2 --dist loadgroup

lint: $(VENV)/ready  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

validate: $(VENV)/ready  ## prove the assignments right: references, stubs, mutants, variants, leaks
	rm -rf dist && $(BIN)/python -m hatchling build -t wheel
	$(BIN)/grader validate --wheel dist/*.whl

bench: $(VENV)/ready  ## measured claims, as ratios from interleaved runs; BENCH=scale or BENCH="peers -n 100" chooses
	$(BIN)/python -m tests.bench $(BENCH)

fuzz: $(VENV)/ready  ## a million answers of a hostile worker, found by what they reach in our code
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz -runs=$(RUNS)

build: $(VENV)/ready  ## make stubs, notebooks and release/ from their sources
	$(BIN)/grader build

clean:
	rm -rf $(VENV) demo dist .pytest_cache .mypy_cache .ruff_cache

# torch first: with its version fixed, nothing pulls in a newer one with gigabytes of GPU libraries.
$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
