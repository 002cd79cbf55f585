import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import data
from grader.data import digits, one_hot
from grader.errors import GraderError


def test_digits_have_the_documented_shapes_and_ranges():
    d = digits()
    assert (d.X_train.shape, d.X_val.shape, d.X_test.shape) == ((1197, 64), (300, 64), (300, 64))
    assert d.image_shape == (1, 8, 8)
    for part in ("train", "val", "test"):
        X, Y, y = (getattr(d, f"{name}_{part}") for name in "XYy")
        assert X.dtype == Y.dtype == np.float64
        assert y.dtype == np.int64
        assert X.min() == 0
        assert X.max() == 1
        assert set(y) == set(range(10))
        np.testing.assert_array_equal(Y.argmax(axis=1), y)
        np.testing.assert_array_equal(Y.sum(axis=1), 1)


def test_digits_of_one_seed_are_the_same_and_of_another_are_not():
    np.testing.assert_array_equal(digits(3).X_val, digits(3).X_val)
    assert not np.array_equal(digits(3).X_val, digits(4).X_val)


def test_the_parts_hold_every_sample_once():
    def rows(d):
        X = np.concatenate([d.X_train, d.X_val, d.X_test])
        return X[np.lexsort(X.T)]

    assert len(rows(digits(1))) == 1797
    np.testing.assert_array_equal(rows(digits(1)), rows(digits(2)))


def test_changing_the_digits_does_not_change_the_next_ones():
    first = digits()
    first.X_train[:] = 7
    assert digits().X_train.max() == 1


def test_digits_print_as_one_short_line():
    assert repr(digits()) == "Digits(train=1197, val=300, test=300, image_shape=(1, 8, 8))"


def test_a_missing_scikit_learn_is_named_with_what_to_do(monkeypatch):
    data._load.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(GraderError, match="pip install scikit-learn"):
        digits()


@given(st.lists(st.integers(0, 4)))
def test_one_hot_rows_have_a_single_one_at_the_label(y):
    labels = np.array(y, dtype=int)
    Y = one_hot(labels, 5, np.float32)
    assert Y.shape == (len(y), 5)
    assert Y.dtype == np.float32
    assert all(row[label] == 1 and row.sum() == 1 for row, label in zip(Y, labels, strict=True))


@pytest.mark.parametrize("y", [[0, 3], [-1, 0], [[0], [1]], [0.5, 1.0]])
def test_one_hot_refuses_what_is_no_vector_of_labels(y):
    with pytest.raises(ValueError, match="integers from 0 to 2"):
        one_hot(y, 3)
