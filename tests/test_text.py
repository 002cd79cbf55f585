import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.text import plain


@given(text=st.text(), limit=st.integers(1, 50))
def test_is_bounded_and_has_no_unsafe_characters(text, limit):
    safe = plain(text, limit)
    assert len(safe) <= limit
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in safe if c != "�")


@given(st.text(alphabet="abcλσ× −→()[]{}.,", max_size=20))
def test_leaves_ordinary_text_alone(text):
    assert plain(text, 20) == text


def test_disarms_escape_sequences_and_direction_marks():
    assert plain("\x1b[31mred\x1b[0m") == "�[31mred�[0m"
    assert plain("a\u202eb\u200bc") == "a�b�c"
    assert plain("\ud800") == "�"
    assert plain("\x1b]8;;http://example.org\x1b\\x\x07 \x9b2J \x00 \ufeff \u2066 \U000e0041") == (
        "�]8;;http://example.org�\\x� �2J � � � �"
    )
    assert plain("90 / 90\r 0 / 90") == "90 / 90  0 / 90"


def test_keeps_line_breaks_only_when_asked():
    assert plain("a\nb\tc") == "a b c"
    assert plain("a\nb\tc\r", lines=True) == "a\nb c "


def test_says_that_something_was_cut():
    assert plain("x" * 11, 10) == "x" * 9 + "…"
    assert plain("x" * 10, 10) == "x" * 10


def test_refuses_a_limit_below_one():
    with pytest.raises(ValueError, match="at least 1"):
        plain("x", 0)
