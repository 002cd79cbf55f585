from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from grader.files import FILE_BYTES
from grader.gradebook.handin import handed_notebook, read_cells

NAMES = ("hw", "second")


def notebook(folder: Path, content: Any, name: str = "hw.ipynb") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_source_grade_id_outputs_and_attachments_are_read() -> None:
    png = "iVBORw0KGgo="
    cells = [
        {
            "cell_type": "code",
            "source": ["a = 1\n", "b = 2"],
            "metadata": {"nbgrader": {"grade_id": "softmax", "points": 1e9, "schema_version": "x"}},
            "outputs": [{"output_type": "display_data", "data": {"image/png": png, "text/html": "<script>"}}],
        },
        {"cell_type": "markdown", "source": "So.", "attachments": {"a.png": {"image/png": png}}},
    ]
    first, second = read_cells(json.dumps({"cells": cells}).encode())
    assert (first.kind, first.source, first.grade_id) == ("code", "a = 1\nb = 2", "softmax")
    assert first.outputs[0].data == {"image/png": png}
    assert (second.kind, second.grade_id, second.attachments) == ("markdown", "", {"a.png": {"image/png": png}})


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe",
            b'{"cells": 5}',
            b'{"cells": null}',
            b'{"cells": [1, [], null, "x"]}',
        ),
        *(b"[" * 200_000, b'{"a":' * 200_000),
    ],
)
def test_a_broken_notebook_has_no_cells(content: bytes) -> None:
    assert read_cells(content) == ()


def test_cells_of_any_shape_are_read_without_an_error() -> None:
    strange: list[dict[str, Any]] = [
        {},
        {"cell_type": 5, "source": 5, "metadata": 5, "outputs": 5},
        {"cell_type": "code", "metadata": {"nbgrader": [1]}, "outputs": {"a": 1}},
        {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": ["x"]}}, "source": [None, "x"]},
        {"cell_type": "markdown", "metadata": None, "attachments": "x", "source": {"a": 1}},
    ]
    read = read_cells(json.dumps({"cells": strange}).encode())
    assert [cell.source for cell in read] == ["", "", "", "x", ""]
    assert not any(cell.grade_id for cell in read)


def test_a_notebook_of_another_name_is_taken_if_it_is_the_only_one(tmp_path: Path) -> None:
    assert handed_notebook(tmp_path, "hw", NAMES) is None
    notebook(tmp_path, b"renamed", "hw (1).ipynb")
    assert handed_notebook(tmp_path, "hw", NAMES) == b"renamed"
    notebook(tmp_path, b"other", "other.ipynb")
    assert handed_notebook(tmp_path, "hw", NAMES) is None
    assert handed_notebook(tmp_path, "other", ["other"]) == b"other"


def test_a_notebook_in_a_zip_is_found(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hw1.zip", "w") as archive:
        archive.writestr("hw1/hw.ipynb", "zipped")
    assert handed_notebook(tmp_path, "hw", NAMES) == b"zipped"


def test_the_notebook_of_one_module_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    notebook(tmp_path, {}, "second.ipynb")
    assert handed_notebook(tmp_path, "hw", NAMES) is None


def test_links_and_pipes_are_no_notebooks(tmp_path: Path) -> None:
    notebook(tmp_path, {"cells": [{"cell_type": "code", "source": "secret"}]}, "elsewhere.txt")
    (tmp_path / "hw.ipynb").symlink_to(tmp_path / "elsewhere.txt")
    os.mkfifo(tmp_path / "pipe.ipynb")
    assert handed_notebook(tmp_path, "hw", NAMES) is None


def test_an_enormous_notebook_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "hw.ipynb").open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    assert handed_notebook(tmp_path, "hw", NAMES) is None
