import json

import pytest

from grader import ipynb
from grader.errors import SubmissionError
from grader.ipynb import grade_id_of, load, mark_of, source_of, tags_of, tidy


def test_the_cells_of_a_notebook_are_its_objects():
    data = json.dumps({"cells": [{"source": "x"}, None, 3, {}]}).encode()
    assert load(data, "a.ipynb") == [{"source": "x"}, {}]


@pytest.mark.parametrize("name", ["CELLS", "CONTAINERS", "VALUES"])
def test_limits_are_on_what_it_holds(monkeypatch, name):
    data = json.dumps({"cells": [{}, {}, {}, {}]}).encode()
    assert len(load(data, "a.ipynb")) == 4
    monkeypatch.setattr(ipynb, name, 2)
    with pytest.raises(SubmissionError, match=r"^a\.ipynb (holds too much|has 4 cells)"):
        load(data, "a.ipynb")


@pytest.mark.parametrize("text", ["", "{", "[1,]", "\x00", "nan", '"' + "\\u12", "[" * 50_000])
def test_what_is_no_json_says_so(text):
    with pytest.raises(SubmissionError, match="its JSON is broken"):
        load(text.encode(), "a.ipynb")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_another_encoding_than_utf_8_is_broken(encoding):
    with pytest.raises(SubmissionError, match="its JSON is broken"):
        load('{"cells": [{"source": "ü"}]}'.encode(encoding), "a.ipynb")


@pytest.mark.parametrize("metadata", [None, 3, [], {}, {"nbgrader": 3, "tags": 3}, {"nbgrader": {"grade_id": [1]}}])
def test_metadata_of_any_type_says_nothing(metadata):
    cell = {"metadata": metadata}
    assert (grade_id_of(cell), tags_of(cell), mark_of(cell).get("grade")) == ("", [], None)


def test_a_source_is_one_text():
    assert source_of({"source": ["a\r\n", None, "b\rc"]}) == "a\nb\nc"
    assert source_of({"source": {"a": 1}}) == source_of({}) == ""


def test_tidy_text_can_be_written_and_whole_characters_stay():
    assert tidy("a\ud83d\ude00\udc00\0b") == "a😀��b"
    tidy("".join(map(chr, range(0xD700, 0xE100)))).encode("utf-8")
