"""Hidden checks of assignment 1: the difficult inputs, dtypes, unchanged arguments, and how training behaves."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.explain import (
    EPSILON_RTOL,
    NUMERICAL_RTOL,
    Mismatch,
    assert_array,
    assert_close,
    assert_dict,
    assert_finite,
    assert_list,
    assert_scalar,
    number,
    unchanged,
    unpack,
)
from grader.gradients import numerical_gradient
from grader.strategies import Classification, binary_hinge, classification, dtypes, hinge, images, matrices, seeds

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count: log(0) may warn and be right

DOUBLE, SINGLE = [np.float64], [np.float32]
few = settings(max_examples=5)  # of what trains a model, whose steps are examples in themselves


# The earlier pieces, for stand-ins and as oracles.


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
    G = (tensor(P) - tensor(Y)) / len(X)
    return (tensor(X).T @ G + 2 * lam * tensor(W)).numpy(), G.sum(dim=0).numpy()


# 1 · Data


def standardized(hw, X_train, X):
    mean, std = unpack(hw.fit_standardizer(X_train), ("mean", "std"), what="fit_standardizer(X)")
    return hw.standardize(X, mean, std)


@pytest.mark.task("standardize")
class TestStandardize:
    @given(X=matrices(min_side=3, scale=2.0, offset=3.0, dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, X):
        """Features in float32 give mean, std and standardised features in float32"""
        x = tensor(X).double()
        expected = ((x - x.mean(dim=0)) / x.std(dim=0, correction=0)).numpy()
        assert_close(standardized(hw, X, X), expected, what="standardize(X, *fit_standardizer(X))", dtype=np.float32)

    @given(X=matrices(min_side=3, scale=2.0, offset=3.0, dtypes=DOUBLE))
    def test_one_sample_alone(self, hw, X):
        """A single sample is standardised by the training set"""
        x = tensor(X)
        expected = ((x[:1] - x.mean(dim=0)) / x.std(dim=0, correction=0)).numpy()
        Z = standardized(hw, X, X[:1])
        assert_close(Z, expected, what="standardize(X[:1], *fit_standardizer(X))", rtol=EPSILON_RTOL)

    @given(value=st.sampled_from([0.0, 1.0, -2.5, 64.0]), dtype=dtypes())
    def test_other_values_of_a_constant_feature_stay_finite(self, hw, value, dtype):
        """A feature that was constant in training gives 0 there, and a finite number for other values"""
        X = np.array([[1, value], [2, value], [4, value], [7, value]], dtype=dtype)
        X_test = np.array([[3, value], [3, value + 1], [3, -7]], dtype=dtype)
        Z = standardized(hw, X, X_test)
        what = "standardize(X_test, *fit_standardizer(X))"
        assert_array(Z, shape=(3, 2), dtype=dtype, what=what)
        assert_finite(Z, what=what)
        assert_scalar(Z[0, 1], 0.0, what=f"the constant feature of {what}", atol=1e-6)

    @given(X=matrices(min_side=3))
    def test_arguments_stay_as_they_are(self, hw, X):
        """fit_standardizer and standardize change none of their arguments"""
        with unchanged("fit_standardizer(X)", X=X):
            mean, std = unpack(hw.fit_standardizer(X), ("mean", "std"), what="fit_standardizer(X)")
        with unchanged("standardize(X, mean, std)", X=X, mean=mean, std=std):
            hw.standardize(X, mean, std)


@pytest.mark.task("init_params")
class TestInitParams:
    @given(seed=seeds())
    def test_weights_are_independent_normal_numbers(self, hw, seed):
        """The weights are normally distributed, and no two are the same"""
        W, _ = unpack(hw.init_params(60, 40, np.random.default_rng(seed), 0.5), ("W", "b"), what="init_params(…)")
        assert_array(W, shape=(60, 40), dtype=np.float64, what="init_params(…) → W")
        W = np.asarray(W)
        if np.unique(W).size < 0.99 * W.size:
            raise Mismatch("init_params(60, 40, rng): many weights are equal; they must be drawn one by one.")
        # Kolmogorov-Smirnov: P(√n D > 3.2) = 2 exp(-2 · 3.2²) = 3e-9
        levels = torch.special.ndtr(tensor(np.sort(W, axis=None) / 0.5)).numpy()
        distance = np.abs(levels - (np.arange(W.size) + 0.5) / W.size).max()
        if distance * W.size**0.5 > 3.2:
            raise Mismatch(f"init_params(60, 40, rng): the weights are not normal (distance {distance:.3f}).")
        # neighbours are uncorrelated: a correlation of n pairs has standard deviation 1/√n; seven of them
        for left, right in ((W[1:], W[:-1]), (W[:, 1:], W[:, :-1])):
            correlation = np.mean(left * right) / 0.25
            assert_scalar(correlation, 0.0, what="the correlation of neighbouring weights", atol=7 / left.size**0.5)

    @given(seed=seeds())
    def test_randomness_comes_from_rng_alone(self, hw, seed):
        """The same rng gives the same weights, and a generator that is used again gives others"""
        rng = np.random.default_rng(seed)
        first, _ = unpack(hw.init_params(4, 3, rng), ("W", "b"), what="init_params(4, 3, rng)")
        second, _ = unpack(hw.init_params(4, 3, rng), ("W", "b"), what="init_params(4, 3, rng)")
        again, _ = unpack(hw.init_params(4, 3, np.random.default_rng(seed)), ("W", "b"), what="init_params(4, 3, rng)")
        for W in (first, second, again):
            assert_array(W, shape=(4, 3), dtype=np.float64, what="init_params(4, 3, rng) → W")
        assert_close(again, first, what="init_params with an rng of the same seed → W")
        if np.array_equal(first, second):
            raise Mismatch("init_params(4, 3, rng) gives the same W twice with one rng: is the rng used at all?")


# 2 · Scores, probabilities, cost


@pytest.mark.task("softmax")
class TestSoftmax:
    @pytest.mark.weight(2)
    @given(S=matrices(scale=2.0, min_side=3, dtypes=DOUBLE), size=st.sampled_from([1e3, 1e5]))
    def test_rows_of_very_different_size(self, hw, S, size):
        """A row of scores near -1,000 beside a row near 1,000 gives no 0/0"""
        S = S + size * (np.arange(len(S)) - 1)[:, None]
        P = hw.softmax(S)
        assert_finite(P, what="softmax(S)", given={"S": S})
        assert_close(P, softmax(S), what="softmax(S)", given={"S": S})

    @given(dtype=dtypes(), size=st.sampled_from([100.0, 1e3, 1e5, 1e30]))
    def test_scores_far_apart(self, hw, dtype, size):
        """Scores that are far apart within one row give 0 and 1"""
        S = np.array([[-size, size, 0], [size, -size, -size], [0, 0, 0], [-size, -2 * size, -size / 2]], dtype=dtype)
        assert_close(hw.softmax(S), softmax(S), what="softmax(S)", given={"S": S})

    @given(S=matrices(scale=50.0, min_side=2, dtypes=SINGLE))
    def test_float32_has_its_own_limits(self, hw, S):
        """Scores above 88 do not overflow in float32, and the dtype is kept"""
        S = S + np.float32(100)
        assert_close(hw.softmax(S), softmax(S), what="softmax(S)", given={"S": S})

    @given(S=matrices(scale=2.0))
    def test_arguments_stay_as_they_are(self, hw, S):
        """softmax does not change S"""
        with unchanged("softmax(S)", S=S):
            hw.softmax(S)


@pytest.mark.task("cross_entropy")
class TestCrossEntropy:
    @given(case=classification(), right=st.booleans())
    def test_probability_0_of_the_right_class_is_never_nan(self, hw, case, right):
        """If the right class has probability 0 the loss is inf or large, not nan"""
        P, Y = softmax(case.S), case.Y
        wrong = np.roll(Y, 1, axis=1)
        P[: case.N if right else 1] = wrong[: case.N if right else 1]
        loss = number(hw.cross_entropy(P, Y))
        if loss is None or not loss > 10 / case.N:
            raise Mismatch(f"cross_entropy(P, Y) is {loss}; expected inf or a large number: a right class has p = 0.")

    @given(case=classification())
    def test_certainty_costs_nothing(self, hw, case):
        """Probability 1 for every right class, and so 0 for all others, gives loss 0"""
        assert_scalar(hw.cross_entropy(case.Y, case.Y), 0.0, what="cross_entropy(Y, Y)", atol=1e-5)

    @given(case=classification(dtypes=SINGLE))
    def test_float32(self, hw, case):
        """Probabilities in float32 give the same loss"""
        P, Y = softmax(case.S), case.Y
        expected = cross_entropy(P.astype(float), Y.astype(float))
        assert_scalar(hw.cross_entropy(P, Y), expected, what="cross_entropy(P, Y)", dtype=np.float32)

    @given(case=classification())
    def test_arguments_stay_as_they_are(self, hw, case):
        """cross_entropy does not change P and Y, not even where P is 0"""
        P, Y = softmax(case.S), case.Y
        P[0] = Y[0]
        with unchanged("cross_entropy(P, Y)", P=P, Y=Y):
            hw.cross_entropy(P, Y)


@pytest.mark.task("cost")
@pytest.mark.stand_in(softmax=softmax, cross_entropy=cross_entropy)
class TestCost:
    @given(case=classification(lams=(10.0,)))
    def test_the_regulariser_leaves_out_the_biases(self, hw, case):
        """With a large lam the cost grows by lam * sum(W**2), and not by the biases; float32 and float64"""
        loss = hw.cost(case.X, case.Y, case.W.copy(), case.b.copy(), case.lam)
        wide = case.astype(np.float64)
        expected = cost(wide.X, wide.Y, wide.W, wide.b, case.lam)
        assert_scalar(loss, expected, what="cost(X, Y, W, b, lam)", given=case.given, dtype=np.float32)

    @given(case=classification(dtypes=DOUBLE), offset=st.sampled_from([1e3, -1e3]))
    def test_large_scores_stay_finite(self, hw, case, offset):
        """Scores near 1,000 give a finite cost"""
        b = case.b + offset
        expected = cost(case.X, case.Y, case.W, b, case.lam)
        assert_scalar(
            hw.cost(case.X, case.Y, case.W.copy(), b, case.lam), expected, what="cost(X, Y, W, b, lam)", rtol=1e-5
        )

    @given(case=classification())
    def test_arguments_stay_as_they_are(self, hw, case):
        """cost does not change its arguments"""
        X, Y, W, b = case.X, case.Y, case.W, case.b
        with unchanged("cost(X, Y, W, b, lam)", X=X, Y=Y, W=W, b=b):
            hw.cost(X, Y, W, b, case.lam)


@pytest.mark.task("accuracy")
class TestAccuracy:
    @given(case=classification(), hits=st.integers(0, 7))
    def test_counts_exactly(self, hw, case, hits):
        """From none right to all right, for one sample or many, in float32 and float64"""
        hits = min(hits, case.N)
        right = np.arange(case.N) < hits
        P = softmax(10 * np.where(right[:, None], case.Y, np.roll(case.Y, 1, axis=1)))
        with unchanged("accuracy(P, y)", P=P, y=case.y):
            share = hw.accuracy(P, case.y)
        assert_scalar(share, hits / case.N, what="accuracy(P, y)", rtol=1e-6)
        assert_scalar(hw.accuracy(P[:1], case.y[:1]), float(hits > 0), what="accuracy(P[:1], y[:1])", rtol=1e-6)


# 3 · The gradient


@pytest.mark.task("gradients")
class TestGradients:
    @staticmethod
    def call(hw, case, P):
        result = hw.gradients(case.X.copy(), case.Y, P.copy(), case.W.copy(), case.lam)
        return unpack(result, ("dW", "db"), what="gradients(X, Y, P, W, lam)")

    @given(case=classification(max_side=5))
    def test_matches_the_numerical_gradient_of_the_cost(self, hw, case):
        """dW and db match central differences of the cost, in float32 too"""
        wide = case.astype(np.float64)
        dW, db = self.call(hw, case, softmax(case.S))
        for name, actual, f, x in (
            ("dW", dW, lambda W: cost(wide.X, wide.Y, W, wide.b, case.lam), wide.W),
            ("db", db, lambda b: cost(wide.X, wide.Y, wide.W, b, case.lam), wide.b),
        ):
            rtol = NUMERICAL_RTOL if case.dtype == np.float64 else None
            expected = numerical_gradient(f, x)
            what = f"gradients(X, Y, P, W, lam) → {name}"
            assert_close(actual, expected, what=what, dtype=case.dtype, rtol=rtol, atol=1e-6)

    @given(case=classification(dtypes=DOUBLE))
    def test_certain_and_right_leaves_the_regulariser(self, hw, case):
        """With P = Y only the regulariser pulls: dW = 2 * lam * W, and db = 0"""
        dW, db = self.call(hw, case, case.Y)
        assert_close(dW, 2 * case.lam * case.W, what="gradients(X, Y, Y, W, lam) → dW", given={"W": case.W})
        assert_close(db, np.zeros(case.K), what="gradients(X, Y, Y, W, lam) → db")

    @given(case=classification())
    def test_arguments_stay_as_they_are(self, hw, case):
        """gradients does not change its arguments"""
        X, Y, P, W = case.X, case.Y, softmax(case.S), case.W
        with unchanged("gradients(X, Y, P, W, lam)", X=X, Y=Y, P=P, W=W):
            hw.gradients(X, Y, P, W, case.lam)


# 4 · Training


def train(hw, case, rng, *, eta, n_batch, n_epochs, lam=None, **validation):
    """(W, b, history) with types and shapes checked."""
    lam = case.lam if lam is None else lam
    copies = case.X.copy(), case.Y, case.W.copy(), case.b.copy()
    result = hw.minibatch_gd(*copies, lam, eta, n_batch, n_epochs, rng, **validation)
    W, b, history = unpack(result, ("W", "b", "history"), what="minibatch_gd(…)")
    assert_array(W, shape=case.W.shape, dtype=case.dtype, what="minibatch_gd(…) → W")
    assert_array(b, shape=case.b.shape, dtype=case.dtype, what="minibatch_gd(…) → b")
    keys = [f"{part}_{name}" for part in ("train", *(["val"] if validation else [])) for name in ("cost", "accuracy")]
    assert_dict(history, keys, what="minibatch_gd(…) → history")
    for key in keys:
        assert_list(history[key], what=f"history[{key!r}]", length=n_epochs)
    return np.array(W), np.array(b), history


@pytest.mark.task("minibatch_gd")
@pytest.mark.stand_in(softmax=softmax, cross_entropy=cross_entropy, cost=cost, accuracy=accuracy, gradients=gradients)
class TestMinibatchGd:
    @few
    @given(case=classification(dtypes=DOUBLE, max_side=6))
    def test_tiny_steps_add_up_to_the_full_gradient(self, hw, case):
        """An epoch of tiny steps adds up to the sum of its batches' gradients: samples keep their labels"""
        rows = np.resize(np.arange(case.N), 2 * case.N)  # an even number of samples, in batches of two
        wide = Classification(X=case.X[rows], y=case.y[rows], W=case.W, b=case.b, lam=case.lam, seed=case.seed)
        eta = 1e-7
        W, b, _ = train(hw, wide, case.rng(), eta=eta, n_batch=2, n_epochs=1)
        dW, db = gradients(wide.X, wide.Y, softmax(wide.S), wide.W, wide.lam)
        steps = wide.N / 2
        related = {"the sum of the steps without the regulariser": steps * (dW - 2 * case.lam * case.W)}
        assert_close(
            (case.W - W) / eta, steps * dW, what="(W given − W returned) / eta", related=related, rtol=1e-4, atol=1e-5
        )
        assert_close((case.b - b) / eta, steps * db, what="(b given − b returned) / eta", rtol=1e-4, atol=1e-5)

    @few
    @given(case=classification(dtypes=DOUBLE, max_side=5), n_batch=st.sampled_from([2, 3]))
    def test_each_step_starts_from_the_last(self, hw, case, n_batch):
        """With N copies of one sample every step is the same full step: ceil(N / n_batch) of them in each epoch"""
        N, n_epochs, eta = 7, 2, 0.2
        copies = Classification(
            X=np.repeat(case.X[:1], N, axis=0),
            y=np.repeat(case.y[:1], N),
            W=case.W,
            b=case.b,
            lam=case.lam,
            seed=case.seed,
        )
        W, b = case.W, case.b
        for _ in range(n_epochs * -(-N // n_batch)):
            dW, db = gradients(copies.X, copies.Y, softmax(copies.X @ W + b), W, case.lam)
            W, b = W - eta * dW, b - eta * db
        actual_W, actual_b, _ = train(hw, copies, case.rng(), eta=eta, n_batch=n_batch, n_epochs=n_epochs)
        assert_close(actual_W, W, what="minibatch_gd(…) → W")
        assert_close(actual_b, b, what="minibatch_gd(…) → b")

    def test_each_epoch_has_a_new_order(self, hw):
        """Samples are shuffled anew in each epoch: it is not always the same one that is alone in the last batch

        N = 9 and n_batch = 8 leave one sample for the last batch, where it counts 1, not 1/8. The same one in 8 fair
        shuffles has probability 9⁻⁷ = 2e-7.
        """
        N, K, n_epochs, eta = 9, 3, 8, 1e-7
        case = Classification(X=np.eye(N), y=np.arange(N) % K, W=np.zeros((N, K)), b=np.zeros(K), lam=0.1, seed=0)
        W, _, _ = train(hw, case, np.random.default_rng(5), eta=eta, n_batch=N - 1, n_epochs=n_epochs, lam=0.0)
        step = eta * (case.Y - 1 / K)
        counted = (W * step).sum(axis=1) / (step * step).sum(axis=1)
        alone = np.rint((counted - n_epochs / 8) * 8 / 7)
        assert_scalar(float(alone.sum()), float(n_epochs), what="the number of epochs whose last batch is one sample")
        if alone.max() == n_epochs:
            raise Mismatch(f"In each of {n_epochs} epochs the same one of {N} samples is alone in the last batch.")

    @few
    @given(case=classification(dtypes=DOUBLE, max_side=5), seed=seeds())
    def test_no_step_size_changes_nothing(self, hw, case, seed):
        """With eta = 0 parameters and history stay at the start; validation data have entries of their own"""
        other = Classification(X=case.X[::-1] * 0.5, y=case.y, W=case.W, b=case.b, lam=case.lam, seed=seed)
        rng = np.random.default_rng(seed)
        W, b, history = train(hw, case, rng, eta=0.0, n_batch=2, n_epochs=2, X_val=other.X, Y_val=other.Y)
        assert_close(W, case.W, what="minibatch_gd(…, eta=0, …) → W")
        assert_close(b, case.b, what="minibatch_gd(…, eta=0, …) → b")
        for part, data in (("train", case), ("val", other)):
            bare = cost(data.X, data.Y, case.W, case.b, 0.0)
            expected = cost(data.X, data.Y, case.W, case.b, case.lam)
            for entry in history[f"{part}_cost"]:
                related = {"the cost without its regulariser": bare}
                assert_scalar(entry, expected, what=f"history['{part}_cost'][i]", related=related, rtol=1e-5)
            share = accuracy(softmax(data.X @ case.W + case.b), data.y)
            for entry in history[f"{part}_accuracy"]:
                assert_scalar(entry, share, what=f"history['{part}_accuracy'][i]")

    @few
    @given(case=classification(dtypes=DOUBLE, max_side=5))
    def test_the_last_entry_belongs_to_what_is_returned(self, hw, case):
        """The last entries of the history are those of the returned W and b, on training and validation set"""
        X_val, y_val = case.X[:1] + 0.3, case.y[:1]
        Y_val = case.Y[:1]
        rng = case.rng()
        W, b, history = train(hw, case, rng, eta=0.2, n_batch=2, n_epochs=2, X_val=X_val, Y_val=Y_val)
        for part, X, Y, y in (("train", case.X, case.Y, case.y), ("val", X_val, Y_val, y_val)):
            expected = cost(X, Y, W, b, case.lam)
            assert_scalar(history[f"{part}_cost"][-1], expected, what=f"history['{part}_cost'][-1]", rtol=1e-5)
            share = accuracy(softmax(X @ W + b), y)
            assert_scalar(history[f"{part}_accuracy"][-1], share, what=f"history['{part}_accuracy'][-1]")

    @few
    @given(case=classification(dtypes=SINGLE, max_side=5))
    def test_float32_and_a_batch_larger_than_the_set(self, hw, case):
        """With n_batch > N there is one batch of N samples; arrays in float32 stay float32"""
        W, b, _ = train(hw, case, case.rng(), eta=0.3, n_batch=case.N + 3, n_epochs=1)
        dW, db = gradients(case.X, case.Y, softmax(case.S), case.W, case.lam)
        assert_close(W, case.W - 0.3 * dW, what="minibatch_gd(…) → W", dtype=np.float32)
        assert_close(b, case.b - 0.3 * db, what="minibatch_gd(…) → b", dtype=np.float32)

    def test_the_rng_decides_the_order(self, hw):
        """The same rng gives the same result, another one another order"""
        N, K = 8, 3
        case = Classification(X=np.eye(N), y=np.arange(N) % K, W=np.zeros((N, K)), b=np.zeros(K), lam=0.1, seed=1)
        first, again, other = (
            train(hw, case, np.random.default_rng(seed), eta=0.5, n_batch=3, n_epochs=3)[0] for seed in (3, 3, 4)
        )
        assert_close(again, first, what="minibatch_gd with an rng of the same seed → W")
        # two runs of three epochs agree by chance with probability (8!/(3!·3!·2!))⁻³ = 6e-9
        if np.abs(other - first).max() < 1e-9:
            raise Mismatch("minibatch_gd gives the same W with another rng: is the order drawn from rng?")


# 5 · The hinge


def brute_force_hinge(W, b, case):
    """The formula, in float64, one term at a time."""
    X, total = case.X.astype(float), 0.0
    for x, right in zip(X, case.y, strict=True):
        scores = [float(np.dot(x, W[:, k])) + float(b[k]) for k in range(case.K)]
        total += sum(max(0.0, scores[k] - scores[right] + case.delta) for k in range(case.K) if k != right)
    return total / case.N + case.lam * float(np.square(W).sum())


def check_hinge(function, case, name):
    """Loss and gradient against the formula and its central differences."""
    result = function(case.W.copy(), case.b.copy(), case.X.copy(), case.y.copy(), case.lam, case.delta)
    loss, dW, db = unpack(result, ("loss", "dW", "db"), what=f"{name}(…)")
    W, b = case.W.astype(float), case.b.astype(float)
    assert_scalar(loss, brute_force_hinge(W, b, case), what=f"{name}(…) → loss", given=case.given, dtype=case.dtype)
    rtol = NUMERICAL_RTOL if case.dtype == np.float64 else None
    for part, actual, f, x in (
        ("dW", dW, lambda w: brute_force_hinge(w, b, case), W),
        ("db", db, lambda c: brute_force_hinge(W, c, case), b),
    ):
        expected = numerical_gradient(f, x)
        assert_close(actual, expected, what=f"{name}(…) → {part}", dtype=case.dtype, rtol=rtol, atol=1e-6)


def check_satisfied(function, case, name):
    """No violation: only the regulariser is left."""
    X = np.eye(case.K, dtype=case.dtype)[case.y]
    W, b = 9 * np.eye(case.K, dtype=case.dtype), np.zeros(case.K, case.dtype)
    result = function(W.copy(), b, X, case.y, case.lam, delta=2.0)
    loss, dW, db = unpack(result, ("loss", "dW", "db"), what=f"{name}(…)")
    what = f"{name} without a violation"
    assert_scalar(loss, case.lam * 81 * case.K, what=f"{what} → loss", dtype=case.dtype)
    assert_close(dW, 2 * case.lam * W, what=f"{what} → dW", dtype=case.dtype)
    assert_close(db, np.zeros(case.K), what=f"{what} → db", dtype=case.dtype)


def check_arguments_stay(function, case, name):
    with unchanged(f"{name}(W, b, X, y, lam)", W=case.W, b=case.b, X=case.X, y=case.y):
        function(case.W, case.b, case.X, case.y, case.lam)


@pytest.mark.task("svm_loss_naive")
class TestSvmLossNaive:
    @given(case=hinge(max_side=5, min_side=3))
    def test_matches_brute_force(self, hw, case):
        """Loss and gradient match the formula and its central differences, for any delta, in float32 too"""
        check_hinge(hw.svm_loss_naive, case, "svm_loss_naive")

    @given(case=classification())
    def test_without_violations_the_regulariser_is_left(self, hw, case):
        """If every margin is kept, the loss is the regulariser and dW = 2 * lam * W"""
        check_satisfied(hw.svm_loss_naive, case, "svm_loss_naive")

    @given(case=hinge())
    def test_arguments_stay_as_they_are(self, hw, case):
        """svm_loss_naive does not change its arguments"""
        check_arguments_stay(hw.svm_loss_naive, case, "svm_loss_naive")


@pytest.mark.task("svm_loss")
class TestSvmLoss:
    @given(case=hinge(max_side=5, min_side=3))
    def test_matches_brute_force(self, hw, case):
        """Loss and gradient match the formula and its central differences, for any delta, in float32 too"""
        check_hinge(hw.svm_loss, case, "svm_loss")

    @given(case=classification())
    def test_without_violations_the_regulariser_is_left(self, hw, case):
        """If every margin is kept, the loss is the regulariser and dW = 2 * lam * W"""
        check_satisfied(hw.svm_loss, case, "svm_loss")

    @given(case=hinge())
    def test_arguments_stay_as_they_are(self, hw, case):
        """svm_loss does not change its arguments"""
        check_arguments_stay(hw.svm_loss, case, "svm_loss")


@pytest.mark.task("binary_svm_loss")
class TestBinarySvmLoss:
    @given(case=binary_hinge(max_side=5))
    def test_matches_brute_force(self, hw, case):
        """Loss and gradient match the formula and its central differences, in float32 too"""
        X, N = case.X.astype(float), case.N

        def loss_at(parameters):
            w, b = parameters[:-1], parameters[-1]
            terms = (max(0.0, 1 - int(y) * (float(np.dot(x, w)) + b)) for x, y in zip(X, case.y, strict=True))
            return sum(terms) / N + case.lam * float(np.square(w).sum())

        result = hw.binary_svm_loss(case.w.copy(), case.b, case.X.copy(), case.y.copy(), case.lam)
        loss, dw, db = unpack(result, ("loss", "dw", "db"), what="binary_svm_loss(…)")
        point = np.append(case.w.astype(float), case.b)
        expected = numerical_gradient(loss_at, point)
        rtol = NUMERICAL_RTOL if case.dtype == np.float64 else None
        assert_scalar(loss, loss_at(point), what="binary_svm_loss(…) → loss", dtype=case.dtype)
        assert_close(dw, expected[:-1], what="binary_svm_loss(…) → dw", dtype=case.dtype, rtol=rtol, atol=1e-6)
        assert_scalar(db, float(expected[-1]), what="binary_svm_loss(…) → db", dtype=case.dtype, rtol=rtol, atol=1e-6)

    @given(case=binary_hinge())
    def test_arguments_stay_as_they_are(self, hw, case):
        """binary_svm_loss does not change its arguments"""
        with unchanged("binary_svm_loss(w, b, X, y, lam)", w=case.w, X=case.X, y=case.y):
            hw.binary_svm_loss(case.w, case.b, case.X, case.y, case.lam)


# 6 · Several labels at once


def bce_oracle(S, Y):
    logits = tensor(S).double().requires_grad_()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, tensor(Y).double())
    (dS,) = torch.autograd.grad(loss, (logits,))
    return loss.item(), dS.numpy()


@pytest.mark.task("multi_bce")
class TestMultiBce:
    @pytest.mark.weight(2)
    @given(S=matrices(min_side=2), size=st.sampled_from([100.0, 1e4]), seed=seeds())
    def test_large_logits_stay_finite(self, hw, S, size, seed):
        """Logits of any size give a finite loss and gradient, in the dtype that came in"""
        S = (S * size).astype(S.dtype)
        Y = (np.random.default_rng(seed).random(S.shape) < 0.5).astype(S.dtype)
        loss, dS = unpack(hw.multi_bce(S.copy(), Y), ("loss", "dS"), what="multi_bce(S, Y)")
        expected_loss, expected_dS = bce_oracle(S, Y)
        assert_scalar(loss, expected_loss, what="multi_bce(S, Y) → loss", given={"S": S, "Y": Y}, dtype=S.dtype)
        assert_close(dS, expected_dS, what="multi_bce(S, Y) → dS", given={"S": S, "Y": Y}, dtype=S.dtype)

    @given(S=matrices(min_side=2, scale=3.0, dtypes=SINGLE), full=st.sampled_from([0.0, 1.0]))
    def test_all_labels_or_none(self, hw, S, full):
        """Rows of zeros and rows of ones are as good as any, in float32 too"""
        Y = np.full_like(S, full)
        loss, dS = unpack(hw.multi_bce(S.copy(), Y), ("loss", "dS"), what="multi_bce(S, Y)")
        expected_loss, expected_dS = bce_oracle(S, Y)
        assert_scalar(loss, expected_loss, what="multi_bce(S, Y) → loss", dtype=S.dtype)
        assert_close(dS, expected_dS, what="multi_bce(S, Y) → dS", dtype=S.dtype)

    @given(S=matrices())
    def test_arguments_stay_as_they_are(self, hw, S):
        """multi_bce does not change S and Y"""
        Y = (S > 0.3).astype(S.dtype)
        with unchanged("multi_bce(S, Y)", S=S, Y=Y):
            hw.multi_bce(S, Y)


# 7 · Two tricks of training


@pytest.mark.task("flip_images")
class TestFlipImages:
    @given(case=images())
    def test_twice_is_the_original(self, hw, case):
        """Flipping the same images twice gives the original back, also with all or none of them, in float32 too"""
        for mask in (case.mask, np.ones_like(case.mask), np.zeros_like(case.mask)):
            once = hw.flip_images(case.X.copy(), case.image_shape, mask)
            assert_array(once, shape=case.X.shape, dtype=case.X.dtype, what="flip_images(X, image_shape, mask)")
            pictures = tensor(case.X).reshape(-1, *case.image_shape)
            expected = torch.where(tensor(mask)[:, None, None, None], pictures.flip(3), pictures).flatten(1).numpy()
            assert_close(once, expected, what="flip_images(X, image_shape, mask)")
            twice = hw.flip_images(np.array(once), case.image_shape, mask)
            assert_close(twice, case.X, what="flip_images(flip_images(X, …), …)")

    @given(case=images())
    def test_arguments_stay_as_they_are(self, hw, case):
        """flip_images does not change X and mask"""
        with unchanged("flip_images(X, image_shape, mask)", X=case.X, mask=case.mask):
            hw.flip_images(case.X, case.image_shape, case.mask)


@pytest.mark.task("step_decay")
class TestStepDecay:
    @given(
        eta0=st.sampled_from([1.0, 0.3, 0.01]),
        factor=st.sampled_from([0.5, 0.1, 0.9]),
        every=st.integers(1, 7),
        epoch=st.integers(0, 40),
    )
    def test_matches_the_formula(self, hw, eta0, factor, every, epoch):
        """eta0 * factor**(epoch // every)"""
        expected = eta0
        for _ in range(epoch // every):
            expected *= factor
        what = f"step_decay({eta0}, {factor}, {every}, {epoch})"
        assert_scalar(hw.step_decay(eta0, factor, every, epoch), expected, what=what)
