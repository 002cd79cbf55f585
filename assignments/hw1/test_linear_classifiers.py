"""Public checks of assignment 1. Read them: each says in its first line what must hold, and how it is found out.

`hw` is your module. Expected values come from torch, which must not be imported in your module. Hypothesis draws the
inputs, small ones first, and shows the smallest that fails.
"""

import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.explain import (
    EPSILON_RTOL,
    Mismatch,
    assert_array,
    assert_close,
    assert_dict,
    assert_finite,
    assert_list,
    assert_scalar,
    unchanged,
    unpack,
)
from grader.strategies import Classification, binary_hinge, classification, hinge, images, matrices, rngs

pytestmark = [
    pytest.mark.by_hand,  # NumPy only
    pytest.mark.filterwarnings("ignore"),  # only results count: log(0) may warn and be right
]

DOUBLE, SINGLE = [np.float64], [np.float32]
few = settings(max_examples=5)  # of what trains a model, whose steps are examples in themselves
HALF_PENALTY = "the gradient with lam * W for the regulariser; the derivative of lam * W² is 2 * lam * W"


# Correct versions of earlier pieces, which stand in for yours where a task builds on them.


def tensor(array):
    return torch.tensor(np.array(array))


def softmax(S):
    return torch.softmax(tensor(S), dim=-1).numpy()


def cross_entropy(P, Y):
    return -torch.xlogy(tensor(Y), tensor(P)).sum(dim=-1).mean().item()


def cost(X, Y, W, b, lam):
    scores = tensor(X) @ tensor(W) + tensor(b)
    return (torch.nn.functional.cross_entropy(scores, tensor(Y)) + lam * tensor(W).square().sum()).item()


def accuracy(P, y):
    return (tensor(P).argmax(dim=-1) == tensor(y)).double().mean().item()


def gradients(X, Y, P, W, lam):
    """Of the cost at scores whose softmax is P, by automatic differentiation."""
    weights, moved = tensor(W), tensor(W).requires_grad_()
    biases = torch.zeros_like(weights[0]).requires_grad_()
    tiny = torch.finfo(weights.dtype).tiny
    scores = tensor(P).clamp(min=tiny).log() + tensor(X) @ (moved - weights) + biases
    loss = torch.nn.functional.cross_entropy(scores, tensor(Y)) + lam * moved.square().sum()
    return tuple(part.numpy() for part in torch.autograd.grad(loss, (moved, biases)))


def hinge_oracle(case):
    """Loss, dW and db of the multi-class hinge with its regulariser (torch has the mean over classes, we the sum)."""
    W, b = tensor(case.W).double().requires_grad_(), tensor(case.b).double().requires_grad_()
    scores = tensor(case.X).double() @ W + b
    data = case.K * torch.nn.functional.multi_margin_loss(scores, tensor(case.y), margin=case.delta)
    loss = data + case.lam * W.square().sum()
    return loss.item(), *(part.numpy() for part in torch.autograd.grad(loss, (W, b)))


def hinge_mistakes(case):
    """What common mistakes make of dW."""
    _, dW, _ = hinge_oracle(case)
    penalty = 2 * case.lam * case.W.astype(float)
    data = dW - penalty
    violated = case.S - case.S[np.arange(case.N), case.y][:, None] + case.delta > 0
    once = violated.astype(float)
    once[np.arange(case.N), case.y] = -1
    return {
        "the gradient without its regulariser": data,
        HALF_PENALTY: dW - penalty / 2,
        "the gradient of the sum over the samples: the mean needs 1/N": case.N * data + penalty,
        "the gradient with the mean taken twice": data / case.N + penalty,
        "what comes out if the column of the right class gets -x once for a sample, "
        "not once for each violation": case.X.T.astype(float) @ once / case.N + penalty,
    }


# 1 · Data


def python2_batch(pixels, labels):
    """A CIFAR-10 batch as Python 2 pickled it: all strings are the byte strings that Python 3 needs an encoding for."""

    def string(text):
        return b"T" + struct.pack("<i", len(text)) + text

    def number(value):
        return b"J" + struct.pack("<i", value)

    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + string(b"b") + b"\x87R"
    uint8 = b"cnumpy\ndtype\n" + string(b"u1") + number(0) + number(1) + b"\x87R"
    uint8 += b"(" + number(3) + string(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    shape = number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86"
    data = empty + b"(" + number(1) + shape + uint8 + b"\x89" + string(pixels.tobytes()) + b"tb"
    names = [b"img_%d.png" % i for i in range(len(labels))]
    entries = {
        b"data": data,
        b"labels": b"](" + b"".join(map(number, labels)) + b"e",
        b"batch_label": string(b"testing batch 1 of 1"),
        b"filenames": b"](" + b"".join(map(string, names)) + b"e",
    }
    return b"\x80\x02}(" + b"".join(string(key) + value for key, value in entries.items()) + b"u."


@pytest.mark.task("load_cifar_batch", points=4)
class TestLoadCifarBatch:
    @staticmethod
    def load(hw, folder, labels):
        """(pixels, X, Y, y) of a small batch file."""
        pixels = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        pixels[0, :3] = 0, 128, 255
        path = folder / "test_batch"
        path.write_bytes(python2_batch(pixels, labels))
        return pixels, *unpack(hw.load_cifar_batch(path), ("X", "Y", "y"), what="load_cifar_batch(path)")

    def test_pixels_become_floats_from_0_to_1(self, hw, tmp_path):
        """X holds the bytes of the file divided by 255, one image a row, in float64"""
        pixels, X, _, _ = self.load(hw, tmp_path, [3, 9, 0, 3, 1])
        expected = (torch.tensor(pixels).double() / 255).numpy()
        related = {"made of the bytes as they are: the division by 255 is missing": pixels}
        assert_close(X, expected, what="load_cifar_batch(path) → X", related=related)

    def test_labels_come_as_integers_and_one_hot(self, hw, tmp_path):
        """y holds the labels as integers, Y the same as one-hot rows in float64"""
        labels = [3, 9, 0, 3, 1]
        _, _, Y, y = self.load(hw, tmp_path, labels)
        assert_close(y, np.array(labels), what="load_cifar_batch(path) → y")
        assert_close(Y, torch.eye(10).double()[labels].numpy(), what="load_cifar_batch(path) → Y")

    def test_ten_columns_also_if_classes_are_absent(self, hw, tmp_path):
        """Y has ten columns even if the file holds a few classes only"""
        labels = [2, 0, 1]
        _, X, Y, y = self.load(hw, tmp_path, labels)
        assert_array(X, shape=(3, 3072), dtype=np.float64, what="load_cifar_batch(path) → X")
        assert_close(y, np.array(labels), what="load_cifar_batch(path) → y")
        assert_close(Y, torch.eye(10).double()[labels].numpy(), what="load_cifar_batch(path) → Y")


def standardized(hw, X_train, X):
    """X after your standardisation, fitted on X_train."""
    mean, std = unpack(hw.fit_standardizer(X_train), ("mean", "std"), what="fit_standardizer(X)")
    assert_array(mean, shape=X.shape[1:], dtype=X.dtype, what="fit_standardizer(X) → mean")
    assert_array(std, shape=X.shape[1:], dtype=X.dtype, what="fit_standardizer(X) → std")
    return hw.standardize(X, mean, std)


@pytest.mark.task("standardize", points=5, covers=("fit_standardizer", "standardize"))
class TestStandardize:
    @given(X=matrices(min_side=3, max_side=8, scale=2.0, offset=3.0, dtypes=DOUBLE))
    def test_training_set_gets_mean_0_and_deviation_1(self, hw, X):
        """Each feature of the training set is shifted to mean 0 and scaled to population standard deviation 1"""
        x = tensor(X)
        centred = x - x.mean(dim=0)
        expected = centred / x.std(dim=0, correction=0)
        related = {
            "what dividing by N − 1 in the standard deviation gives": centred / x.std(dim=0, correction=1),
            "what dividing by the variance gives": centred / x.var(dim=0, correction=0),
            "what mean and deviation over all features together give": (x - x.mean()) / x.std(correction=0),
            "centred, but not scaled": centred,
        }
        what, Z = "standardize(X, *fit_standardizer(X))", standardized(hw, X, X)
        assert_close(Z, expected.numpy(), what=what, given={"X": X}, related=related, rtol=EPSILON_RTOL)

    @given(X=matrices(min_side=3, max_side=8, scale=2.0, offset=3.0, dtypes=DOUBLE))
    def test_other_data_is_measured_by_the_training_set(self, hw, X):
        """A test set goes through the map of the training set, not one of its own"""
        X_test = 3 - 0.5 * X[:2]
        x, x_test = tensor(X), tensor(X_test)
        expected = (x_test - x.mean(dim=0)) / x.std(dim=0, correction=0)
        own = (x_test - x_test.mean(dim=0)) / x_test.std(dim=0, correction=0)
        related = {"X_test by its own mean and deviation, not by those of the training set": own}
        what, inputs = "standardize(X_test, *fit_standardizer(X))", {"X_test": X_test, "X": X}
        Z = standardized(hw, X, X_test)
        assert_close(Z, expected.numpy(), what=what, given=inputs, related=related, rtol=EPSILON_RTOL)

    def test_a_constant_feature_becomes_0(self, hw):
        """A feature that is constant in the training set becomes 0, not 0/0"""
        X = np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 0.0], [8.0, 5.0, 0.0]])
        Z = standardized(hw, X, X)
        what = "standardize(X, *fit_standardizer(X))"
        assert_finite(Z, what=what, given={"X": X})
        assert_close(Z[:, 1:], np.zeros((3, 2)), what=f"the constant columns of {what}", given={"X": X}, atol=1e-6)


@pytest.mark.task("init_params", points=3)
class TestInitParams:
    def test_shapes_dtypes_and_zero_biases(self, hw):
        """W is (D, K), b is (K,) and zero, both float64"""
        W, b = unpack(hw.init_params(5, 3, np.random.default_rng(0)), ("W", "b"), what="init_params(5, 3, rng)")
        assert_array(W, shape=(5, 3), dtype=np.float64, what="init_params(5, 3, rng) → W")
        assert_close(b, np.zeros(3), what="init_params(5, 3, rng) → b")

    @given(rng=rngs())
    def test_weights_have_the_deviation_sigma(self, hw, rng):
        """The weights have mean 0 and standard deviation sigma: 0.01 unless said otherwise"""
        for sigma, options in ((0.01, {}), (0.3, {"sigma": 0.3})):
            call = f"init_params(80, 50, rng{', sigma=0.3' if options else ''})"
            W, _ = unpack(hw.init_params(80, 50, rng, **options), ("W", "b"), what=call)
            assert_array(W, shape=(80, 50), dtype=np.float64, what=f"{call} → W")
            # 4,000 numbers; seven standard errors: a false alarm once in 10¹¹
            off_mean, off_std = 7 * sigma / 4000**0.5, 7 * sigma / 8000**0.5
            if abs(W.mean()) > off_mean:
                raise Mismatch(
                    f"{call}: the weights have mean {W.mean():.3g}; expected 0, give or take {off_mean:.1g}."
                )
            if abs(W.std() - sigma) > off_std:
                squared = abs(W.std() / sigma**2 - 1) < 0.1
                hint = " That is sigma²: the deviation is asked, not the variance." if squared else ""
                text = f"{call}: the weights have standard deviation {W.std():.3g}; expected {sigma}, within 8 %."
                raise Mismatch(text + hint)


# 2 · Scores, probabilities, cost


@pytest.mark.task("softmax", points=6)
class TestSoftmax:
    @given(S=matrices(scale=2.0, dtypes=DOUBLE))
    def test_matches_the_definition(self, hw, S):
        """Each row is exp(s) divided by the row's sum"""
        E = np.exp(S)
        related = {
            "normalised over the samples (axis 0); each row must sum to 1": E / E.sum(axis=0),
            "normalised over the whole batch; each row must sum to 1": E / E.sum(),
            "exp(S), not divided by the sums of its rows": E,
        }
        assert_close(hw.softmax(S), softmax(S), what="softmax(S)", given={"S": S}, related=related)

    @given(S=matrices(scale=2.0, dtypes=DOUBLE), offset=st.sampled_from([1e3, -1e3, 1e5]))
    def test_large_scores_stay_finite(self, hw, S, offset):
        """Scores near 1,000 or -1,000 give the probabilities that their differences say"""
        S = S + offset
        P = hw.softmax(S)
        assert_finite(P, what="softmax(S)", given={"S": S})
        assert_close(P, softmax(S), what="softmax(S)", given={"S": S})

    @given(S=matrices(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, S):
        """Scores in float32 give probabilities in float32"""
        assert_close(hw.softmax(S), softmax(S), what="softmax(S)", given={"S": S})


@pytest.mark.task("cross_entropy", points=5)
class TestCrossEntropy:
    @given(case=classification(dtypes=DOUBLE))
    def test_is_the_mean_of_minus_ln_of_the_right_probability(self, hw, case):
        """The loss is -ln of the probability of the right class, averaged over the samples"""
        P, Y = softmax(case.S), case.Y
        related = {"the loss in bits: log2 in place of the natural logarithm": cross_entropy(P, Y) / np.log(2)}
        assert_scalar(
            hw.cross_entropy(P, Y),
            cross_entropy(P, Y),
            what="cross_entropy(P, Y)",
            given={"P": P, "Y": Y},
            related=related,
            sizes=case.sizes,
            rtol=1e-5,
        )

    def test_a_wrong_class_may_have_probability_0(self, hw):
        """A wrong class with probability exactly 0 does no harm"""
        P = np.array([[0.5, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0], [0.25, 0.75, 0.0, 0.0]])
        Y = np.eye(4)[[0, 3, 1]]
        expected = cross_entropy(P, Y)
        assert_scalar(hw.cross_entropy(P, Y), expected, what="cross_entropy(P, Y)", given={"P": P, "Y": Y}, rtol=1e-5)


@pytest.mark.task("cost", points=4)
@pytest.mark.stand_in(softmax=softmax, cross_entropy=cross_entropy)
class TestCost:
    @given(case=classification(dtypes=DOUBLE))
    def test_is_cross_entropy_plus_regulariser(self, hw, case):
        """The cost is the cross-entropy of softmax(X W + b) plus lam * sum(W**2)"""
        expected = cost(case.X, case.Y, case.W, case.b, case.lam)
        penalty = case.lam * np.square(case.W).sum()
        related = {
            "the cost without its regulariser": expected - penalty,
            "the cost with half the regulariser": expected - penalty / 2,
            "the cost with the biases regularised too": expected + case.lam * np.square(case.b).sum(),
            "the cost without the biases in the scores": cost(case.X, case.Y, case.W, 0 * case.b, case.lam),
            "the cost with the square root of sum(W**2)": expected - penalty + case.lam * np.linalg.norm(case.W),
        }
        assert_scalar(
            hw.cost(case.X, case.Y, case.W.copy(), case.b.copy(), case.lam),
            expected,
            what="cost(X, Y, W, b, lam)",
            given=case.given,
            related=related,
            sizes=case.sizes,
            rtol=1e-5,
        )


@pytest.mark.task("accuracy", points=2)
class TestAccuracy:
    @given(case=classification(dtypes=DOUBLE, max_side=9))
    def test_is_the_share_of_right_predictions(self, hw, case):
        """The share of rows whose largest probability is that of the right class"""
        P = softmax(case.S)
        share = accuracy(P, case.y)
        related = {
            "the number of right predictions, not their share": case.N * share,
            "a percentage; expected is a number from 0 to 1": 100 * share,
            "the share of wrong predictions": 1 - share,
        }
        inputs = {"P": P, "y": case.y}
        assert_scalar(hw.accuracy(P, case.y), share, what="accuracy(P, y)", given=inputs, related=related)


# 3 · The gradient


@pytest.mark.task("gradients", points=9)
class TestGradients:
    @staticmethod
    def call(hw, case, P):
        result = hw.gradients(case.X.copy(), case.Y, P.copy(), case.W.copy(), case.lam)
        return unpack(result, ("dW", "db"), what="gradients(X, Y, P, W, lam)")

    @pytest.mark.weight(2)
    @given(case=classification(dtypes=DOUBLE))
    def test_weights_match_automatic_differentiation(self, hw, case):
        """dW is the gradient of the cost, regulariser included"""
        P = softmax(case.S)
        dW, _ = self.call(hw, case, P)
        expected, _ = gradients(case.X, case.Y, P, case.W, case.lam)
        penalty = 2 * case.lam * case.W
        data = expected - penalty
        related = {
            "the gradient without its regulariser": data,
            HALF_PENALTY: data + penalty / 2,
            "the gradient of the sum over the samples: the mean needs 1/N": case.N * data + penalty,
            "the gradient with the mean taken twice": data / case.N + penalty,
            "the gradient with the regulariser divided by N too": data + penalty / case.N,
            "what comes out with Y - P for P - Y": penalty - data,
        }
        inputs = {"X": case.X, "y": case.y, "P": P, "W": case.W, "lam": case.lam}
        what = "gradients(X, Y, P, W, lam) → dW"
        assert_close(dW, expected, what=what, given=inputs, related=related, sizes=case.sizes)

    @given(case=classification(dtypes=DOUBLE))
    def test_biases_match_automatic_differentiation(self, hw, case):
        """db is the gradient of the cost with respect to the biases"""
        P = softmax(case.S)
        _, db = self.call(hw, case, P)
        _, expected = gradients(case.X, case.Y, P, case.W, case.lam)
        inputs = {"y": case.y, "P": P, "lam": case.lam}
        assert_close(db, expected, what="gradients(X, Y, P, W, lam) → db", given=inputs, sizes=case.sizes)

    @given(case=classification(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give gradients in float32"""
        P = softmax(case.S)
        dW, db = self.call(hw, case, P)
        assert_array(dW, shape=case.W.shape, dtype=np.float32, what="gradients(X, Y, P, W, lam) → dW")
        assert_array(db, shape=case.b.shape, dtype=np.float32, what="gradients(X, Y, P, W, lam) → db")


# 4 · Training


def train(hw, case, *, eta, n_batch, n_epochs, lam=None):
    """(W, b, history) of your minibatch_gd, types and shapes checked."""
    lam = case.lam if lam is None else lam
    copies = case.X.copy(), case.Y, case.W.copy(), case.b.copy()
    result = hw.minibatch_gd(*copies, lam, eta, n_batch, n_epochs, case.rng())
    W, b, history = unpack(result, ("W", "b", "history"), what="minibatch_gd(…)")
    assert_array(W, shape=case.W.shape, dtype=case.dtype, what="minibatch_gd(…) → W")
    assert_array(b, shape=case.b.shape, dtype=case.dtype, what="minibatch_gd(…) → b")
    return W, b, assert_dict(history, ("train_cost", "train_accuracy"), what="minibatch_gd(…) → history")


def descend(case, eta, n_steps):
    """(W, b) after each of n_steps steps down the gradient of the whole cost."""
    path = [(case.W, case.b)]
    for _ in range(n_steps):
        W, b = path[-1]
        dW, db = gradients(case.X, case.Y, softmax(case.X @ W + b), W, case.lam)
        path.append((W - eta * dW, b - eta * db))
    return path[1:]


@pytest.mark.task("minibatch_gd", points=9)
@pytest.mark.stand_in(softmax=softmax, cross_entropy=cross_entropy, cost=cost, accuracy=accuracy, gradients=gradients)
class TestMinibatchGd:
    @few
    @given(case=classification(dtypes=DOUBLE))
    def test_one_batch_of_all_samples_is_gradient_descent(self, hw, case):
        """With n_batch = N each epoch is one step down the gradient of the whole cost"""
        eta = 0.3
        W, b = descend(case, eta, 3)[-1]
        actual_W, actual_b, _ = train(hw, case, eta=eta, n_batch=case.N, n_epochs=3)
        inputs = case.given | {"eta": eta, "n_batch": case.N, "n_epochs": 3}
        assert_close(actual_W, W, what="minibatch_gd(…) → W", given=inputs, related={"the given W, unchanged": case.W})
        assert_close(actual_b, b, what="minibatch_gd(…) → b", given=inputs, related={"the given b, unchanged": case.b})

    @few
    @given(case=classification(dtypes=DOUBLE, max_side=5))
    def test_the_history_is_measured_after_each_epoch(self, hw, case):
        """history has cost (with lam) and accuracy on the whole training set after each epoch, and no other entries"""
        eta, n_epochs = 0.3, 3
        _, _, history = train(hw, case, eta=eta, n_batch=case.N, n_epochs=n_epochs)
        for key in ("val_cost", "val_accuracy"):
            if key in history:
                raise Mismatch(f"history has the key {key!r}, but no validation data were given.")
        costs = assert_list(history["train_cost"], what="history['train_cost']", length=n_epochs)
        accuracies = assert_list(history["train_accuracy"], what="history['train_accuracy']", length=n_epochs)
        before = cost(case.X, case.Y, case.W, case.b, case.lam)
        for epoch, (W, b) in enumerate(descend(case, eta, n_epochs)):
            after, bare = cost(case.X, case.Y, W, b, case.lam), cost(case.X, case.Y, W, b, 0.0)
            related = {"the cost before the epoch's updates": before, "the cost without its regulariser": bare}
            what = f"history['train_cost'][{epoch}]"
            assert_scalar(costs[epoch], after, what=what, related=related, sizes=case.sizes, rtol=1e-5)
            share = accuracy(softmax(case.X @ W + b), case.y)
            related = {"a percentage; expected is a number from 0 to 1": 100 * share}
            assert_scalar(accuracies[epoch], share, what=f"history['train_accuracy'][{epoch}]", related=related)
            before = after

    def test_every_sample_counts_once_an_epoch(self, hw):
        """An epoch uses each sample once; the last, shorter batch is used too, with the mean over its own samples

        Sample i is the i-th unit vector, so that row i of W tells how much sample i has counted: 1/(size of its batch).
        """
        case = unit_vectors(N=7, K=3)
        eta = 1e-7
        W, _, _ = train(hw, case, eta=eta, n_batch=3, n_epochs=1, lam=0.0)
        step = eta * (case.Y - 1 / case.K)
        counted = np.sort((W * step).sum(axis=1) / (step * step).sum(axis=1))
        third = 1 / 3
        related = {
            "what an epoch gives that drops the last, shorter batch": np.array([0] + [third] * 6),
            "what comes out if the last batch of 1 is divided by n_batch = 3": np.array([third] * 7),
            "what comes out if n_batch is the number of batches; it is their size": np.array([third] * 3 + [0.5] * 4),
            "what comes out if only the first batch is used": np.array([0] * 4 + [third] * 3),
            "what one batch of all samples gives": np.array([1 / 7] * 7),
        }
        what = "minibatch_gd(…) with N = 7 and n_batch = 3 → sorted 1/(size of its batch) of each sample"
        assert_close(counted, np.array([third] * 6 + [1]), what=what, related=related, rtol=1e-4)

    @few
    @given(case=classification(dtypes=DOUBLE, max_side=5))
    def test_the_given_parameters_stay(self, hw, case):
        """minibatch_gd returns new W and b; X, Y and the W and b that it was given stay as they are"""
        X, Y = case.X, case.Y
        with unchanged("minibatch_gd(…)", W=case.W, b=case.b, X=X, Y=Y):
            hw.minibatch_gd(X, Y, case.W, case.b, case.lam, 0.1, 2, 2, case.rng())


def unit_vectors(N, K):
    """A case whose sample i is the i-th unit vector, with W = 0 and b = 0."""
    return Classification(X=np.eye(N), y=np.arange(N) % K, W=np.zeros((N, K)), b=np.zeros(K), lam=0.1, seed=N)


# 5 · The hinge


def check_hinge_loss(loss, case, name):
    expected, _, _ = hinge_oracle(case)
    penalty = case.lam * float(np.square(case.W).sum())
    related = {
        "the loss without its regulariser": expected - penalty,
        "the loss with the right class counted as a violation: delta too large": expected + case.delta,
        "the sum over the samples: the mean needs 1/N": case.N * (expected - penalty) + penalty,
        "the mean over samples and classes; the sum over the classes is asked": (expected - penalty) / case.K + penalty,
        "the loss with delta = 1, whatever delta says": hinge_oracle(replace(case, delta=1.0))[0],
    }
    what = f"{name}(W, b, X, y, lam) → loss"
    given_ = case.given | {"delta": case.delta}
    assert_scalar(loss, expected, what=what, given=given_, related=related, sizes=case.sizes, dtype=case.dtype)


def check_hinge_gradient(dW, db, case, name):
    _, expected_dW, expected_db = hinge_oracle(case)
    related, given_ = hinge_mistakes(case), case.given | {"delta": case.delta}
    what = f"{name}(W, b, X, y, lam) → dW"
    assert_close(dW, expected_dW, what=what, given=given_, related=related, sizes=case.sizes, dtype=case.dtype)
    related = {"the gradient with the biases regularised": expected_db + 2 * case.lam * case.b}
    what = f"{name}(W, b, X, y, lam) → db"
    assert_close(db, expected_db, what=what, given=given_, related=related, sizes=case.sizes, dtype=case.dtype)


def call_hinge(function, case, name):
    """(loss, dW, db); delta is left out where it has its default."""
    options = {} if case.delta == 1.0 else {"delta": case.delta}
    result = function(case.W.copy(), case.b.copy(), case.X.copy(), case.y.copy(), case.lam, **options)
    return unpack(result, ("loss", "dW", "db"), what=f"{name}(…)")


@pytest.mark.task("svm_loss_naive", points=6)
class TestSvmLossNaive:
    @given(case=hinge(dtypes=DOUBLE))
    def test_loss_matches_the_formula(self, hw, case):
        """The loss is the mean over samples of the sum over wrong classes of max(0, margin), plus lam * sum(W**2)"""
        loss, _, _ = call_hinge(hw.svm_loss_naive, case, "svm_loss_naive")
        check_hinge_loss(loss, case, "svm_loss_naive")

    @pytest.mark.weight(2)
    @given(case=hinge(dtypes=DOUBLE))
    def test_gradient_matches_automatic_differentiation(self, hw, case):
        """dW and db are the gradient of the loss"""
        _, dW, db = call_hinge(hw.svm_loss_naive, case, "svm_loss_naive")
        check_hinge_gradient(dW, db, case, "svm_loss_naive")


@pytest.mark.task("svm_loss", points=7)
class TestSvmLoss:
    @given(case=hinge(dtypes=DOUBLE))
    def test_loss_matches_the_formula(self, hw, case):
        """The loss is the same as that of the loops"""
        loss, _, _ = call_hinge(hw.svm_loss, case, "svm_loss")
        check_hinge_loss(loss, case, "svm_loss")

    @pytest.mark.weight(2)
    @given(case=hinge(dtypes=DOUBLE))
    def test_gradient_matches_automatic_differentiation(self, hw, case):
        """dW and db are the gradient of the loss"""
        _, dW, db = call_hinge(hw.svm_loss, case, "svm_loss")
        check_hinge_gradient(dW, db, case, "svm_loss")


def binary_oracle(case):
    """Loss, dw and db, by automatic differentiation."""
    w, b = tensor(case.w).double().requires_grad_(), torch.tensor(case.b, dtype=torch.float64, requires_grad=True)
    margins = 1 - tensor(case.y) * (tensor(case.X).double() @ w + b)
    loss = margins.clamp(min=0).mean() + case.lam * w.square().sum()
    dw, db = torch.autograd.grad(loss, (w, b))
    return loss.item(), dw.numpy(), db.item()


@pytest.mark.task("binary_svm_loss", points=5)
class TestBinarySvmLoss:
    @staticmethod
    def call(hw, case):
        result = hw.binary_svm_loss(case.w.copy(), case.b, case.X.copy(), case.y.copy(), case.lam)
        return unpack(result, ("loss", "dw", "db"), what="binary_svm_loss(w, b, X, y, lam)")

    @given(case=binary_hinge(dtypes=DOUBLE))
    def test_loss_matches_the_formula(self, hw, case):
        """The loss is the mean of max(0, 1 - y (x w + b)) plus lam * sum(w**2)"""
        loss, _, _ = self.call(hw, case)
        expected, _, _ = binary_oracle(case)
        scores, penalty = case.X @ case.w + case.b, case.lam * float(np.square(case.w).sum())
        related = {
            "the loss without its regulariser": expected - penalty,
            "the loss with half the regulariser": expected - penalty / 2,
            "the loss with a margin of 0: a hinge asks for 1": np.maximum(0, -case.y * scores).mean() + penalty,
        }
        what = "binary_svm_loss(w, b, X, y, lam) → loss"
        assert_scalar(loss, expected, what=what, given=case.given, related=related, sizes=case.sizes)

    @given(case=binary_hinge(dtypes=DOUBLE))
    def test_gradient_matches_automatic_differentiation(self, hw, case):
        """dw and db are the gradient of the loss; db is a number"""
        _, dw, db = self.call(hw, case)
        _, expected_dw, expected_db = binary_oracle(case)
        penalty = 2 * case.lam * case.w
        data = expected_dw - penalty
        related = {
            "the gradient without its regulariser": data,
            HALF_PENALTY: data + penalty / 2,
            "the gradient of the sum over the samples: the mean needs 1/N": case.N * data + penalty,
        }
        what = "binary_svm_loss(w, b, X, y, lam)"
        assert_close(dw, expected_dw, what=f"{what} → dw", given=case.given, related=related, sizes=case.sizes)
        assert_scalar(db, expected_db, what=f"{what} → db", given=case.given, sizes=case.sizes)


# 6 · Several labels at once


def bce_oracle(S, Y):
    """Loss and dS, by automatic differentiation of torch's own loss."""
    logits = tensor(S).double().requires_grad_()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, tensor(Y).double())
    (dS,) = torch.autograd.grad(loss, (logits,))
    return loss.item(), dS.numpy()


def several_labels(S):
    """Zeros and ones of the shape and dtype of S, any number of ones in a row, that do not depend on signs in S."""
    rng = np.random.default_rng(S.size)
    return (rng.random(S.shape) < 0.5).astype(S.dtype)


@pytest.mark.task("multi_bce", points=5)
class TestMultiBce:
    @given(S=matrices(scale=2.0, min_side=2, dtypes=DOUBLE))
    def test_loss_is_the_mean_over_samples_and_classes(self, hw, S):
        """The loss is the binary cross-entropy of sigmoid(S), averaged over all N * K entries"""
        Y = several_labels(S)
        loss, _ = unpack(hw.multi_bce(S.copy(), Y), ("loss", "dS"), what="multi_bce(S, Y)")
        expected, _ = bce_oracle(S, Y)
        sizes = {"N": S.shape[0], "K": S.shape[1]}
        what = "multi_bce(S, Y) → loss"
        assert_scalar(loss, expected, what=what, given={"S": S, "Y": Y}, sizes=sizes, rtol=1e-5)

    @given(S=matrices(scale=2.0, min_side=2, dtypes=DOUBLE))
    def test_gradient_matches_automatic_differentiation(self, hw, S):
        """dS is the gradient of the loss with respect to the logits"""
        Y = several_labels(S)
        _, dS = unpack(hw.multi_bce(S.copy(), Y), ("loss", "dS"), what="multi_bce(S, Y)")
        _, expected = bce_oracle(S, Y)
        related = {
            "the gradient with softmax(S) in the place of the sigmoid": (softmax(S) - Y) / S.size,
            "the gradient with respect to the probabilities, which still lacks the sigmoid's slope": expected
            / (torch.sigmoid(tensor(S)) * torch.sigmoid(-tensor(S))).numpy(),
        }
        sizes = {"N": S.shape[0], "K": S.shape[1]}
        what = "multi_bce(S, Y) → dS"
        assert_close(dS, expected, what=what, given={"S": S, "Y": Y}, related=related, sizes=sizes)


# 7 · Two tricks of training


@pytest.mark.task("flip_images", points=3)
class TestFlipImages:
    @given(case=images(dtypes=DOUBLE))
    def test_masked_images_are_mirrored_left_right(self, hw, case):
        """The images in the mask are mirrored left-right, the others are as they were"""
        pictures = tensor(case.X).reshape(-1, *case.image_shape)
        mask = tensor(case.mask)[:, None]
        flipped, other = pictures.flip(3).flatten(1), tensor(case.X)
        C, H, W = case.image_shape
        wrong_axes = torch.where(mask, other.reshape(-1, H, W, C).flip(2).flatten(1), other)
        related = {
            "what mirroring top to bottom gives": torch.where(mask, pictures.flip(2).flatten(1), other),
            "what mirroring every image gives, also those outside the mask": flipped,
            "X with the images outside the mask mirrored": torch.where(mask, other, flipped),
            "X as it was": other,
            "what reversing the whole row of pixels gives": torch.where(mask, other.flip(1), other),
        }
        if C > 1:
            related["what comes out if the pixels are taken in the order (H, W, C); they are (C, H, W)"] = wrong_axes
        actual = hw.flip_images(case.X.copy(), case.image_shape, case.mask)
        expected = torch.where(mask, flipped, other).numpy()
        assert_close(actual, expected, what="flip_images(X, image_shape, mask)", given=case.given, related=related)


@pytest.mark.task("step_decay", points=2)
class TestStepDecay:
    def test_the_examples_of_the_handout(self, hw):
        """eta0 is multiplied by factor once after each `every` epochs, counted from 0"""
        for epoch, expected in ((0, 0.1), (9, 0.1), (10, 0.05), (19, 0.05), (25, 0.025)):
            what = f"step_decay(0.1, 0.5, 10, {epoch})"
            assert_scalar(hw.step_decay(0.1, 0.5, 10, epoch), expected, what=what)
