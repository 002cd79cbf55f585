"""Answers that lie ready: whoever asks the question has the answer, and nobody else."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.sandbox.foretold import TAG, digest, foretell, may_be_foretold, unforetold, unseal, words

saids = st.tuples(st.binary(max_size=200), st.binary(max_size=200))


@given(question=saids, answer=saids)
def test_the_question_opens_its_answer(question, answer):
    one = foretell(question, answer)
    assert unseal(question, one.sealed) == answer
    assert (one.question, one.answer) == (digest(question), digest(answer))


@given(question=saids, other=saids, answer=saids)
def test_no_other_question_does(question, other, answer):
    found = unseal(other, foretell(question, answer).sealed)
    assert found == (answer if other == question else None)


def test_an_answer_cannot_be_read_without_its_question():
    answer = b'["return","",[],5]', bytes(1000)
    one, other = (foretell((b"question", bytes([number])), answer) for number in (1, 2))
    assert answer[0] not in one.sealed
    assert bytes(20) not in one.sealed
    same = sum(a == b for a, b in zip(one.sealed[TAG:], other.sealed[TAG:], strict=True))
    assert same < 30  # of a thousand bytes; four are the same by chance


def test_what_is_text_and_what_is_data_makes_a_difference():
    assert digest((b"ab", b"c")) != digest((b"a", b"bc"))


def test_words_leave_out_the_id_of_the_request_and_nothing_else():
    text = b'["callback","id-5",[],"softmax",["id-5"],{}]'
    assert words(text, "id-5", [b"1", memoryview(b"2")]) == (b'["callback","",[],"softmax",["id-5"],{}]', b"12")


@pytest.mark.parametrize("function", [abs, lambda x: -x, functools.partial(pow, 2)])
def test_a_function_is_foretold_unless_it_says_otherwise(function):
    assert may_be_foretold(function)
    quiet = unforetold(function)
    assert not may_be_foretold(quiet)
    assert quiet(3) == function(3)
