from __future__ import annotations

import base64
from typing import Any

import pytest

from grader.gradebook.outputs import (
    OUTPUTS,
    PICTURE_BYTES,
    TEXT_CHARACTERS,
    clean_attachments,
    clean_bundle,
    clean_outputs,
    picture,
    text_of,
    visible,
)

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and more").decode()
JPEG = base64.b64encode(b"\xff\xd8\xff and more").decode()


def test_pictures_and_plain_text_are_kept_and_all_that_could_run_is_not() -> None:
    data = {
        "image/png": PNG,
        "image/jpeg": [JPEG[:5], JPEG[5:]],
        "text/plain": ["<Fig", "ure>"],
        "text/html": "<script>",
        "image/svg+xml": "<svg onload='alert(1)'/>",
        "application/javascript": "alert(1)",
        "application/vnd.jupyter.widget-view+json": {},
        "text/latex": "\\href{javascript:alert(1)}{x}",
    }
    assert clean_bundle(data) == {"image/png": PNG, "image/jpeg": JPEG, "text/plain": "<Figure>"}


@pytest.mark.parametrize(
    "forged", ['"><script>alert(1)</script>', JPEG, "", None, 5, ["x", None], PNG + "!", "A" * (PICTURE_BYTES + 8)]
)
def test_what_is_no_png_is_not_kept_as_one(forged: object) -> None:
    assert picture("image/png", forged) is None


def test_outputs_of_any_shape_are_read_without_an_error() -> None:
    strange: list[Any] = [
        None,
        5,
        [],
        {},
        {"output_type": []},
        {"output_type": "stream"},
        {"output_type": "stream", "name": {}, "text": {}},
        {"output_type": "display_data"},
        {"output_type": "display_data", "data": []},
        {"output_type": "execute_result", "data": {"text/plain": 4, "image/png": {}}},
        {"output_type": "update_display_data", "data": {"text/plain": "x"}},
    ]
    assert clean_outputs(strange) == []
    for no_list in (None, "text", {}, 7):
        assert clean_outputs(no_list) == []


def test_a_picture_wider_than_the_page_is_shown_as_wide_as_the_page() -> None:
    def png(width: int) -> dict[str, Any]:
        head = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + width.to_bytes(4, "big") + b"and more"
        data = {"image/png": base64.b64encode(head).decode()}
        [output] = clean_outputs(
            [{"output_type": "display_data", "data": data, "metadata": {"image/png": {"width": 9}}}]
        )
        return dict(output.metadata["image/png"])

    assert png(1400) == {"alt": "Output of the cell", "width": 1000}
    assert png(640) == {"alt": "Output of the cell"}
    assert "width" not in clean_outputs([{"output_type": "display_data", "data": {"image/png": PNG}}])[0].metadata


def test_an_error_is_kept_as_one_line_of_text() -> None:
    [output] = clean_outputs([{"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["<b>"]}])
    assert (output.output_type, output.name, output.text) == ("stream", "stderr", "ValueError: no")


def test_a_score_that_a_student_wrote_into_an_output_is_no_result_any_more() -> None:
    forged = {"output_type": "execute_result", "execution_count": 1, "data": {"text/plain": "100.0"}, "metadata": {}}
    [output] = clean_outputs([forged])
    assert output.output_type == "display_data"


def test_long_texts_and_many_outputs_are_cut() -> None:
    many = [{"output_type": "stream", "name": "stdout", "text": "x" * (TEXT_CHARACTERS + 5)}] * (OUTPUTS + 1)
    kept = clean_outputs(many)
    assert len(kept) == OUTPUTS
    assert kept[0].text.endswith("[... 5 characters left out]")


def test_a_lone_surrogate_is_replaced() -> None:
    assert text_of("a\ud800b") == "a?b"


def test_of_attachments_only_pictures_are_kept() -> None:
    attachments = {"a.png": {"image/png": PNG}, "b.svg": {"image/svg+xml": "<svg/>"}, "c": {"text/plain": "x"}, "d": 4}
    assert clean_attachments(attachments) == {"a.png": {"image/png": PNG}}
    assert clean_attachments([1]) == {}


def test_a_control_that_turns_the_direction_of_a_line_is_shown_as_its_number() -> None:
    """With one a comment can look like code, and code like a comment (CVE-2021-42574)."""
    turned = "if x: \u202e# \u2066return True\u2069"
    assert visible(turned) == "if x: �202E# �2066return True�2069"
    assert visible("שלום \u200f é") == "שלום \u200f é"
    outputs = [
        {"output_type": "stream", "text": turned},
        {"output_type": "error", "ename": turned},
        {"output_type": "display_data", "data": {"text/plain": turned}},
    ]
    assert "\u202e" not in str(clean_outputs(outputs))


def test_what_steers_a_terminal_is_shown_and_colours_are_dropped() -> None:
    text = "\x1b[31mred\x1b[0m 10%\r20%\r\n\x1b]0;title\x07 \x9b2J a\x08b\tc"
    [output] = clean_outputs([{"output_type": "stream", "text": text}])
    assert output.text == "red 10%\n20%\n�1B]0;title�7 �9B2J a�8b\tc"
    assert visible("x = 1  # \x1b]0;y = 2\x07\n\f") == "x = 1  # �1B]0;y = 2�7\n\f", "code hides nowhere"
