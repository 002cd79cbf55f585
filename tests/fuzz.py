"""Coverage-guided fuzzing of what checks read from a worker: `make fuzz`, or `python -m tests.fuzz -runs=1000000`.

Each run is one call with up to four frames for an answer (see `tests.fuzz_target`). Arguments are those of libFuzzer;
what breaks it leaves its bytes in a file, and `python -m tests.fuzz FILE` runs that again.
"""

from __future__ import annotations

import sys

OPTIONS = ["-max_len=1024", "-timeout=20", "-rss_limit_mb=4096"]


def main() -> None:
    """Run until libFuzzer ends the process: with status 0 after its runs, with another one when something broke."""
    try:
        import atheris
    except ImportError:
        sys.exit("Fuzzing takes atheris, which exists for Linux: pip install -c constraints.txt '.[fuzz]'")
    with atheris.instrument_imports(include=["grader.wire", "grader.remote", "grader.sandbox"]):
        from tests.fuzz_target import one
    atheris.Setup([sys.argv[0], *OPTIONS, *sys.argv[1:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
