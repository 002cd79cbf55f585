import pickle
import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import data
from grader.data import cifar10, digits, encode, one_hot, prose, read_text, spirals
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


def test_spirals_have_the_documented_shapes():
    d = spirals(4, 30, n_val=7, n_test=5)
    assert (d.X_train.shape, d.X_val.shape, d.X_test.shape) == ((120, 2), (28, 2), (20, 2))
    assert d.Y_train.shape == (120, 4)
    assert d.X_train.dtype == d.Y_train.dtype == np.float64
    assert d.y_train.dtype == np.int64
    for y, n in ((d.y_train, 30), (d.y_val, 7), (d.y_test, 5)):
        np.testing.assert_array_equal(np.bincount(y), [n] * 4)
    assert repr(d) == "Spirals(train=120, val=28, test=20)"


@given(C=st.integers(2, 5), n=st.integers(2, 20))
def test_spirals_without_noise_lie_on_the_arms(C, n):
    d = spirals(C, n, noise=0.0)
    t = np.linalg.norm(d.X_train, axis=1)
    angle = 2 * np.pi / C * (2 * t + (d.y_train + 1) - 1)  # x_c(t) = t (sin, cos) of 2π/C (2t + c − 1), c from 1
    np.testing.assert_allclose(d.X_train, t[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-12)
    np.testing.assert_allclose(np.sort(t), np.sort(np.tile(np.linspace(0, 1, n), C)), atol=1e-12)


def test_spirals_of_one_seed_are_the_same_and_noise_is_normal():
    np.testing.assert_array_equal(spirals(seed=3).X_val, spirals(seed=3).X_val)
    assert not np.array_equal(spirals(seed=3).X_val, spirals(seed=4).X_val)
    exact, noisy = (np.sort(spirals(3, 2000, noise=noise).X_train[:, 0]) for noise in (0.0, 0.3))
    assert noisy.std() ** 2 == pytest.approx(exact.std() ** 2 + 0.09, rel=0.05)


def python2_batch(pixels, labels):
    """A CIFAR-10 batch as Python 2 pickled it: strings are the byte strings that Python 3 needs an encoding for."""

    def string(text):
        return b"T" + struct.pack("<i", len(text)) + text

    def number(value):
        return b"J" + struct.pack("<i", value)

    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + string(b"b") + b"\x87R"
    uint8 = b"cnumpy\ndtype\n" + string(b"u1") + number(0) + number(1) + b"\x87R"
    uint8 += b"(" + number(3) + string(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    shape = number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86"
    data = empty + b"(" + number(1) + shape + uint8 + b"\x89" + string(pixels.tobytes()) + b"tb"
    entries = {b"data": data, b"labels": b"](" + b"".join(map(number, labels)) + b"e"}
    return b"\x80\x02}(" + b"".join(string(key) + value for key, value in entries.items()) + b"u."


@pytest.fixture
def cifar_folder(tmp_path):
    """Six batches of three images, image i of batch b filled with 10 b + i."""
    for b, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        pixels = np.repeat(10 * b + np.arange(3, dtype=np.uint8)[:, None], 3072, axis=1)
        (tmp_path / name).write_bytes(python2_batch(pixels, [b, 9, 0]))
    return tmp_path


def test_cifar10_is_read_from_its_batches(cifar_folder):
    d = cifar10(cifar_folder, validation=4)
    assert (d.X_train.shape, d.X_val.shape, d.X_test.shape) == ((11, 3072), (4, 3072), (3, 3072))
    assert d.image_shape == (3, 32, 32)
    np.testing.assert_allclose(d.X_train[:, 5] * 255, [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31])
    np.testing.assert_allclose(d.X_val[:, 5] * 255, [32, 40, 41, 42])
    np.testing.assert_array_equal(d.y_test, [5, 9, 0])
    np.testing.assert_array_equal(d.Y_test, one_hot([5, 9, 0], 10))
    assert repr(d) == "Cifar10(train=11, val=4, test=3, image_shape=(3, 32, 32))"


def test_some_batches_of_cifar10_are_enough(cifar_folder):
    for n in (1, 3, 4, 5):
        (cifar_folder / f"data_batch_{n}").unlink()
    d = cifar10(str(cifar_folder), batches=[2], validation=1)
    np.testing.assert_allclose(d.X_train[:, 0] * 255, [10, 11])


def test_missing_batches_are_named_with_what_is_expected_where(cifar_folder):
    (cifar_folder / "data_batch_3").unlink()
    with pytest.raises(
        GraderError, match=r"data_batch_3 missing.*cifar-10-batches-py.*Nothing is downloaded"
    ) as caught:
        cifar10(cifar_folder)
    assert str(cifar_folder) in str(caught.value)


def test_validation_must_leave_images_to_train_on(cifar_folder):
    with pytest.raises(ValueError, match="from 1 to 14, got 15"):
        cifar10(cifar_folder, validation=15)


class Harmful:
    def __reduce__(self):
        return print, ("this must not run",)


@pytest.mark.parametrize(
    "content",
    [
        b"no pickle",
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8)}),
        pickle.dumps({"data": np.zeros((2, 10), np.uint8), "labels": [0, 1]}),
        pickle.dumps({"data": np.zeros((2, 3072)), "labels": [0, 1]}),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}),
        pickle.dumps(Harmful()),
    ],
    ids=["text", "no labels", "small images", "floats", "label 10", "one label", "code"],
)
def test_what_is_no_batch_is_refused_and_never_run(cifar_folder, content, capsys):
    (cifar_folder / "test_batch").write_bytes(content)
    with pytest.raises(GraderError, match="test_batch is no python batch of CIFAR-10"):
        cifar10(cifar_folder, validation=1)
    assert capsys.readouterr().out == ""


def test_the_prose_is_long_english_text_of_whole_paragraphs():
    text = prose()
    assert len(text) > 100_000
    assert text.isprintable() or set(text) - {"\n"} == {char for char in text if char.isprintable()}
    assert sum(char.isalpha() or char == " " for char in text) > 0.9 * len(text)
    lines = text.split("\n")
    assert len(set(lines)) == len(lines)
    assert all(line[0].isalpha() and line[-1] in ".:" for line in lines)
    assert {"the", "of", "is", "statement", "expression"} <= set(text.split())


def test_a_text_file_is_read_in_one_form_of_unicode_and_of_lines(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffKa\u0308fer\r\nπ\n".encode())
    assert read_text(path) == "Käfer\nπ\n"
    assert read_text(str(path)) == read_text(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read.*nothing is downloaded"),
        (b"", "is empty"),
        ("Käfer".encode("latin1"), "not UTF-8: byte 1 .0xe4."),
    ],
)
def test_a_file_that_is_no_text_says_what_to_do(tmp_path, content, message):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GraderError, match=message):
        read_text(path)


@given(st.text(min_size=1))
def test_indices_lead_back_to_the_text(text):
    chars = sorted(set(text))
    indices = encode(text, {char: i for i, char in enumerate(chars)})
    assert indices.dtype == np.int64
    assert "".join(chars[i] for i in indices) == text


def test_a_character_outside_of_the_vocabulary_is_named_with_its_place():
    accented = r"'é' \(U\+00E9 LATIN SMALL LETTER E WITH ACUTE\) at index 2 is not in the vocabulary of 2 characters\. "
    with pytest.raises(ValueError, match=accented):
        encode("abé", {"a": 0, "b": 1})
    with pytest.raises(ValueError, match=r"U\+0000 without a name\) at index 0 .*, nor are 1 other characters"):
        encode("\0aé", {"a": 0})
    assert encode("", {}).shape == (0,)
