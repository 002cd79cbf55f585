"""Data for the experiments; all of it is offline, and nothing is ever downloaded.

    digits()            the handwritten digits that come with scikit-learn: 1,797 images of 8×8 pixels, grey levels
                        0…16, the test part of E. Alpaydin and C. Kaynak's Optical Recognition of Handwritten Digits
                        (UCI, 1998)
    spirals()           C interleaved arms in the plane, made from a seed
    cifar10(folder)     A. Krizhevsky's 60,000 colour images of 32×32 pixels (2009), from python batches that you have
    prose()             English text: the paragraphs of Python's own documentation, from its `pydoc_data.topics`
    read_text(path)     a text file that you have

Images and points come as three parts, to train on, to validate and to test, with one-hot labels beside the labels; text
comes as one string, and `encode` turns its characters into indices.
"""

from __future__ import annotations

import codecs
import pickle
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from grader.errors import GraderError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VALIDATION, TEST = 300, 300  # of the digits
SHORTEST = 80  # characters of a paragraph that counts as prose
CIFAR_ROW = 3072  # bytes of an image: 32·32 red values, then green, then blue
# What a batch may be made of; a pickle could name any function of any package, and it would be called.
CIFAR_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A data set in three parts: X (N, D) float64, y (N,) int64 labels 0…K−1, Y (N, K) one-hot float64."""

    X_train: Floats
    Y_train: Floats
    y_train: Ints
    X_val: Floats
    Y_val: Floats
    y_val: Ints
    X_test: Floats
    Y_test: Floats
    y_test: Ints
    image_shape: tuple[int, int, int] | None = None  # (C, H, W) of each row of X, if they are images

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}={len(getattr(self, f'y_{part}'))}" for part in ("train", "val", "test"))
        return f"{type(self).__name__}({sizes}" + (f", image_shape={self.image_shape})" if self.image_shape else ")")


class Digits(Samples):
    """The digits: D = 64 grey levels in [0, 1], K = 10."""

    __slots__ = ()


class Spirals(Samples):
    """Spirals: D = 2 coordinates, K arms."""

    __slots__ = ()


class Cifar10(Samples):
    """CIFAR-10: D = 3,072 bytes divided by 255, K = 10."""

    __slots__ = ()


def digits(seed: int = 0) -> Digits:
    """The digits, shuffled by `seed` and split into 1,197 to train on, 300 to validate, 300 to test; fresh arrays."""
    pixels, labels = _load()
    order = np.random.default_rng(seed).permutation(len(labels))
    end = len(labels) - VALIDATION - TEST
    parts = order[:end], order[end : end + VALIDATION], order[end + VALIDATION :]
    return Digits(**_parts([(pixels[part] / 16.0, labels[part]) for part in parts], 10), image_shape=(1, 8, 8))


def spirals(
    C: int = 3, n: int = 100, *, noise: float = 0.02, seed: int = 0, n_val: int = 50, n_test: int = 50
) -> Spirals:
    """C arms in the plane, which no linear classifier can tell apart.

    Arm c = 1…C is t (sin φ, cos φ) with φ = 2π/C (2t + c − 1), for t evenly from 0 to 1, plus normal noise.

    Args:
        C: number of classes.
        n, n_val, n_test: points of each class to train on, to validate and to test.
        noise: standard deviation.
        seed: decides the noise and the order of the points.
    """
    rng = np.random.default_rng(seed)
    return Spirals(**_parts([_arms(C, size, noise, rng) for size in (n, n_val, n_test)], C))


def cifar10(folder: Path | str, *, batches: Sequence[int] = (1, 2, 3, 4, 5), validation: int = 1000) -> Cifar10:
    """CIFAR-10 from the folder of its python version: the files data_batch_1 … data_batch_5 and test_batch.

    All 50,000 training images take 1.2 GB as float64; take fewer `batches` where that is too much.

    Args:
        folder: where the files are.
        batches: which of the five batches to read, 10,000 images each.
        validation: how many images, the last ones of those batches, make the validation set.

    Raises:
        GraderError: a file is missing, or is no such batch.
        ValueError: no image would be left to train on.
    """
    place = Path(folder).expanduser()
    names = [*(f"data_batch_{number}" for number in batches), "test_batch"]
    missing = [name for name in names if not (place / name).is_file()]
    if missing:
        raise GraderError(
            f"CIFAR-10 is not in {place}: {', '.join(missing)} missing. Expected is the folder cifar-10-batches-py of "
            "the python version, with the files data_batch_1 to data_batch_5 and test_batch. Nothing is downloaded: "
            "get cifar-10-python.tar.gz from its author's page, unpack it, and give the path of that folder."
        )
    *training, test = [_read_cifar(place / name) for name in names]
    X, y = (np.concatenate(arrays) for arrays in zip(*training, strict=True))
    if not 0 < validation < len(y):
        raise ValueError(f"validation must be from 1 to {len(y) - 1}, got {validation}")
    return Cifar10(
        **_parts([(X[:-validation], y[:-validation]), (X[-validation:], y[-validation:]), test], 10),
        image_shape=(3, 32, 32),
    )


@cache
def prose() -> str:
    """English prose of 100,000 characters and more: the paragraphs of Python's language reference, one a line.

    Code, grammar, lists and headings are left out, and so is what is said a second time. The text is that of the Python
    that runs, so its length and its characters differ a little from one version to the next.
    """
    from pydoc_data.topics import topics

    blocks = [block.split("\n") for name in sorted(topics) for block in topics[name].split("\n\n")]
    running = (" ".join(lines) for lines in blocks if not any(line.startswith(" ") for line in lines))
    kept = (text for text in running if len(text) >= SHORTEST and text[0].isalpha() and text[-1] in ".:")
    return "\n".join(dict.fromkeys(kept))


def read_text(path: Path | str) -> str:
    """The text of a UTF-8 file, without a byte order mark, with Unix ends of lines.

    Letters that were typed as two characters (a base and an accent) become one, as far as Unicode has it (NFC): so that
    the same letter is always the same character.

    Raises:
        GraderError: there is no such file, it is empty, or it is not UTF-8.
    """
    place = Path(path).expanduser()
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GraderError(
            f"{place} is not UTF-8: byte {error.start} ({error.object[error.start]:#04x}) cannot be read. Save it as "
            "UTF-8 text."
        ) from None
    except OSError as error:
        raise GraderError(
            f"{place} cannot be read ({error.strerror}). Expected is the path of a text file that you have; nothing is "
            "downloaded. Without one, prose() is there on every Python."
        ) from None
    if not text:
        raise GraderError(f"{place} is empty")
    return unicodedata.normalize("NFC", text)


def encode(text: str, char_to_ind: Mapping[str, int]) -> Ints:
    """The index of each character, (len(text),) int64.

    Raises:
        ValueError: a character is not in the vocabulary; says which, and where it stands.
    """
    unknown = set(text) - set(char_to_ind)
    if unknown:
        place, char = next((place, char) for place, char in enumerate(text) if char in unknown)
        others = f", nor are {len(unknown) - 1} other characters" if len(unknown) > 1 else ""
        name = f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"
        raise ValueError(
            f"the character {char!r} ({name}) at index {place} is not in the vocabulary of {len(char_to_ind)} "
            f"characters{others}. Make the vocabulary of a text that has them all, or leave them out."
        )
    return np.array([char_to_ind[char] for char in text], dtype=np.int64)


def one_hot(y: ArrayLike, K: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Labels (N,) in 0…K−1 as rows (N, K), 1 at the label and 0 elsewhere."""
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or np.any((labels < 0) | (labels >= K)):
        raise ValueError(
            f"y must be a vector of integers from 0 to {K - 1}, got shape {labels.shape} of {labels.dtype}"
        )
    rows: NDArray[Any] = (labels[:, None] == np.arange(K)).astype(dtype)
    return rows


def _parts(parts: Sequence[tuple[NDArray[Any], Ints]], K: int) -> dict[str, Any]:
    """The fields of a data set of K classes, from X and y of each part."""
    fields: dict[str, Any] = {}
    for name, (X, y) in zip(("train", "val", "test"), parts, strict=True):
        fields |= {f"X_{name}": X.astype(np.float64), f"Y_{name}": one_hot(y, K), f"y_{name}": y.astype(np.int64)}
    return fields


def _arms(C: int, n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """n points of each arm, in random order."""
    y = np.repeat(np.arange(C), n)
    t = np.tile(np.linspace(0, 1, n), C)
    angle = 2 * np.pi / C * (2 * t + y)
    points = t[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    order = rng.permutation(len(y))
    return (points + noise * rng.standard_normal(points.shape))[order], y[order]


class _BatchUnpickler(pickle.Unpickler):
    """Reads what a batch holds, arrays and plain values, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in CIFAR_NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return CIFAR_NAMES[module, name]


def _read_cifar(path: Path) -> tuple[Floats, Ints]:
    """Images and labels of one batch, which Python 2 has pickled. Raises: GraderError, if it is none."""
    try:
        with path.open("rb") as stream:
            entries = _BatchUnpickler(stream, encoding="latin1").load()
        images, labels = np.asarray(entries["data"]), np.asarray(entries["labels"])
        if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != CIFAR_ROW or len(images) == 0:
            raise ValueError(f"'data' is of shape {images.shape} and dtype {images.dtype}")
        one_hot(labels, 10)
        if len(labels) != len(images):
            raise ValueError(f"{len(labels)} labels for {len(images)} images")
    except Exception as error:  # a broken pickle raises whatever its opcodes lead to
        raise GraderError(
            f"{path} is no python batch of CIFAR-10 (uint8 images of {CIFAR_ROW} bytes in 'data', labels from 0 to 9 "
            f"in 'labels'): {error}"
        ) from error
    return images / 255.0, labels.astype(np.int64)


@cache
def _load() -> tuple[Floats, Ints]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise GraderError(
            "the digits come with scikit-learn, which is missing here: pip install scikit-learn"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.float64), labels.astype(np.int64)
