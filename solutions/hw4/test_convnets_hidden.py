"""Hidden checks of assignment 4: difficult shapes, dtypes, unchanged arguments, and how training behaves."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from grader.data import one_hot
from grader.explain import (
    Mismatch,
    assert_array,
    assert_close,
    assert_dict,
    assert_finite,
    assert_scalar,
    number,
    numbers,
    unchanged,
    unpack,
)
from grader.oracles import tensor
from grader.oracles.convolution import (
    AVGPOOL,
    CONV,
    CONV1D,
    CONV2D,
    MAXPOOL,
    NETWORK,
    RESIDUAL,
    SIZE,
    away_from_kinks,
    cost,
    gradients,
    scores,
    smooth,
)
from grader.strategies import (
    classification,
    conv_networks,
    convolutions,
    patched,
    poolings,
    residuals,
    seeds,
    transposed_convolutions,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count

DOUBLE, SINGLE = [np.float64], [np.float32]
LARGE = {"sides": [4, 5], "pads": [2, 3], "room": 2, "dilations": [1]}  # longer than a side, with padding only

# 1 · Convolution


@pytest.mark.task("conv_output_size")
class TestConvOutputSize:
    @given(k=st.integers(1, 6), stride=st.integers(1, 5), dilation=st.sampled_from([1, 2, 3]))
    def test_a_window_that_just_fits_has_one_place(self, hw, k, stride, dilation):
        """A window as long as the axis has one place, whatever the stride; a longer one needs padding"""
        span = dilation * (k - 1) + 1
        for n, pad in ((span, 0), (1, span // 2)):
            expected = len(range(span, n + 2 * pad + 1, stride))
            call = f"conv_output_size({n}, {k}, {stride}, {pad}, dilation={dilation})"
            assert_scalar(hw.conv_output_size(n, k, stride, pad, dilation=dilation), expected, what=call)


@pytest.mark.task("conv2d_forward")
@pytest.mark.stand_in(**SIZE)
class TestConv2dForward:
    @given(case=convolutions(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give out in float32, and none of them is changed"""
        CONV2D.check_forward(hw, case)

    @given(case=convolutions(dtypes=DOUBLE, **LARGE))
    def test_filters_larger_than_the_image(self, hw, case):
        """Filters that are longer than a side of the image fit into it with its padding"""
        CONV2D.check_forward(hw, case)

    @given(case=convolutions(dtypes=DOUBLE, sides=[1], strides=[1, 2, 4], room=6))
    def test_filters_of_one_pixel(self, hw, case):
        """1 × 1 filters mix the channels of each pixel, with any stride and padding"""
        CONV2D.check_forward(hw, case)


@pytest.mark.task("conv2d_backward")
@pytest.mark.stand_in(**SIZE)
class TestConv2dBackward:
    @given(case=convolutions(dtypes=SINGLE))
    def test_float32_twice(self, hw, case):
        """In float32; the same cache gives the same gradients again, and dout stays as it is"""
        CONV2D.check_backward(hw, case, times=2)

    @given(case=convolutions(dtypes=DOUBLE, **LARGE))
    def test_filters_larger_than_the_image(self, hw, case):
        """Filters that are longer than a side of the image fit into it with its padding"""
        CONV2D.check_backward(hw, case)

    @given(case=convolutions(dtypes=DOUBLE, sides=[1, 2], strides=[3, 4], room=7, dilations=[1]))
    def test_strides_that_leave_pixels_out(self, hw, case):
        """Between windows that are far apart dx is 0"""
        CONV2D.check_backward(hw, case)


# 2 · Along one axis, and back to a larger image


@pytest.mark.task("conv1d_forward")
@pytest.mark.stand_in(**CONV)
class TestConv1dForward:
    @given(case=convolutions(ndim=1, dtypes=SINGLE, dilations=[1], room=6))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give out in float32, and none of them is changed"""
        CONV1D.check_forward(hw, case)


@pytest.mark.task("conv1d_backward")
@pytest.mark.stand_in(**CONV)
class TestConv1dBackward:
    @given(case=convolutions(ndim=1, dtypes=SINGLE, dilations=[1], room=6))
    def test_float32_twice(self, hw, case):
        """In float32; the same cache gives the same gradients again, and dout stays as it is"""
        CONV1D.check_backward(hw, case, times=2)


@pytest.mark.task("conv_transpose2d_forward")
@pytest.mark.stand_in(**CONV)
class TestConvTranspose2dForward:
    @given(case=transposed_convolutions(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give out in float32, and none of them is changed"""
        what = f"conv_transpose2d_forward({case.arguments})"
        with unchanged(what, **case.given):
            out = hw.conv_transpose2d_forward(*case.inputs, **case.options)
        expected = functional.conv_transpose2d(*map(tensor, case.inputs), case.stride, case.pad)
        assert_close(out, expected.numpy(), what=what, given=case.given)


# 3 · Pooling


@pytest.mark.task("maxpool_forward")
@pytest.mark.stand_in(**SIZE)
class TestMaxpoolForward:
    @given(case=poolings(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """x in float32 gives out in float32, and is not changed"""
        MAXPOOL.check_forward(hw, case)

    @given(case=poolings(dtypes=DOUBLE))
    def test_windows_of_negative_numbers(self, hw, case):
        """Where all entries are negative, so is the largest"""
        x, what = case.x - 10, f"maxpool_forward({case.arguments})"
        out, _ = unpack(hw.maxpool_forward(x, case.k, case.stride), ("out", "cache"), what=what)
        expected, _ = MAXPOOL.forward(x, case.k, case.stride)
        assert_close(out, expected, what=f"{what} → out", given={**case.given, "x": x})


@pytest.mark.task("maxpool_backward")
@pytest.mark.stand_in(**SIZE)
class TestMaxpoolBackward:
    @given(case=poolings(dtypes=SINGLE))
    def test_float32_twice(self, hw, case):
        """In float32; the same cache gives the same gradient again, and dout stays as it is"""
        MAXPOOL.check_backward(hw, case, times=2)


@pytest.mark.task("avgpool_forward")
@pytest.mark.stand_in(**SIZE)
class TestAvgpoolForward:
    @given(case=poolings(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """x in float32 gives out in float32, and is not changed"""
        AVGPOOL.check_forward(hw, case)


@pytest.mark.task("avgpool_backward")
@pytest.mark.stand_in(**SIZE)
class TestAvgpoolBackward:
    @given(case=poolings(dtypes=SINGLE))
    def test_float32_twice(self, hw, case):
        """In float32; the same cache gives the same gradient again, and dout stays as it is"""
        AVGPOOL.check_backward(hw, case, times=2)


# 4 · Patches, labels and measures


@pytest.mark.task("patchify")
class TestPatchify:
    @given(case=patched(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """X in float32 gives patches in float32, and is not changed"""
        X, f = case
        with unchanged(f"patchify(X, {f})", X=X):
            actual = hw.patchify(X, f)
        expected = functional.unfold(tensor(X), f, stride=f).transpose(1, 2).numpy()
        assert_close(actual, expected, what=f"patchify(X, {f})")


@pytest.mark.task("label_smoothing")
class TestLabelSmoothing:
    @given(case=classification(dtypes=SINGLE), eps=st.sampled_from([0.1, 0.3]))
    def test_float32_and_an_unchanged_argument(self, hw, case, eps):
        """Y in float32 gives rows in float32 that sum to 1, and is not changed; two classes are enough"""
        for Y in (case.Y, case.Y[:, :2] if (case.Y[:, :2].sum(axis=1) == 1).all() else case.Y[:1]):
            with unchanged(f"label_smoothing(Y, {eps})", Y=Y):
                actual = hw.label_smoothing(Y, eps)
            expected = np.where(Y == 1, 1 - eps, eps / (Y.shape[1] - 1)).astype(np.float32)
            assert_close(actual, expected, what=f"label_smoothing(Y, {eps})", given={"Y": Y})


@pytest.mark.task("class_weights")
class TestClassWeights:
    @given(K=st.integers(1, 6), n=st.integers(1, 4), last=st.booleans())
    def test_labels_of_one_class(self, hw, K, n, last):
        """If only one class occurs it weighs 1/(K n), and the others 0; the result has K entries and is finite"""
        present = K - 1 if last else 0
        y, expected = np.full(n, present), np.zeros(K)
        expected[present] = 1 / (K * n)
        with unchanged(f"class_weights(y, {K})", y=y):
            actual = hw.class_weights(y, K)
        assert_close(actual, expected, what=f"class_weights(y, {K})", given={"y": y})


@pytest.mark.task("confusion_matrix")
class TestConfusionMatrix:
    @given(K=st.integers(2, 6), seed=seeds())
    def test_classes_that_never_occur(self, hw, K, seed):
        """The matrix is K × K, also if the last classes occur nowhere; pairs that occur often count as often"""
        y_true, y_pred = np.random.default_rng(seed).integers(0, max(K - 2, 1), (2, 30))
        expected = np.histogram2d(y_true, y_pred, bins=np.arange(K + 1))[0].astype(np.int64)
        what = f"confusion_matrix(y_true, y_pred, {K})"
        with unchanged(what, y_true=y_true, y_pred=y_pred):
            actual = hw.confusion_matrix(y_true, y_pred, K)
        assert_close(actual, expected, what=what, given={"y_true": y_true, "y_pred": y_pred})


@pytest.mark.task("receptive_field")
class TestReceptiveField:
    @pytest.mark.parametrize(
        ("layers", "extent"),
        [
            ([], 1),
            ([(3, 1)] * 10, 21),
            ([(7, 2), (3, 2), *[(3, 1)] * 4, (3, 2), *[(3, 1)] * 3], 99),  # ResNet-18 to the end of its second stage
            ([(3, 1, 1), (3, 1, 2), (3, 1, 4), (3, 1, 8)], 31),
            ([(1, 4), (3, 1, 5)], 41),
        ],
    )
    def test_networks_that_are_known(self, hw, layers, extent):
        """No layers, ten layers of 3, a ResNet's first stages, dilations that double, a stride without a window"""
        assert_scalar(hw.receptive_field(layers), extent, what=f"receptive_field({layers})")


# 5 · A ConvNet


def build(hw, case):
    """Your network with the parameters of a case."""
    net = hw.ConvNet(case.image_shape, case.F, case.k, case.K, np.random.default_rng(0), **case.options)
    net.params = case.copies()
    return net


@pytest.mark.task("ConvNet")
@pytest.mark.stand_in(**NETWORK)
class TestConvNet:
    def test_stride_pad_and_pool_have_their_defaults(self, hw):
        """Without further arguments stride is 1, pad 0 and pool 2"""
        params = hw.ConvNet((1, 7, 10), 3, 2, 4, np.random.default_rng(0)).params
        params = assert_dict(params, ("W1", "b1", "W2", "b2"), what="net.params")
        assert_array(params["W2"], shape=(3 * 3 * 4, 4), dtype=np.float64, what="net.params['W2']")

    @given(seed=seeds())
    def test_randomness_comes_from_rng_alone(self, hw, seed):
        """The same rng gives the same weights, another one others"""
        first, again, other = (
            assert_dict(
                hw.ConvNet((2, 4, 5), 3, 3, 2, np.random.default_rng(n)).params, ("W1", "W2"), what="net.params"
            )
            for n in (seed, seed, seed + 1)
        )
        for name, shape in (("W1", (3, 2, 3, 3)), ("W2", (3, 2))):
            for params in (first, again, other):
                assert_array(params[name], shape=shape, dtype=np.float64, what=f"net.params[{name!r}]")
            assert_close(again[name], first[name], what=f"net.params[{name!r}] with an rng of the same seed")
            if np.array_equal(other[name], first[name]):
                raise Mismatch(f"net.params[{name!r}] is the same with an rng of another seed.")

    @given(case=conv_networks(good=away_from_kinks, dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """With X and parameters in float32, probabilities and gradients are float32, and nothing is changed"""
        net = build(hw, case)
        with unchanged("ConvNet's forward, cost and gradients", X=case.X):
            P = net.forward(case.X)
            value = net.cost(case.X, case.Y, case.lam)
            grads = net.gradients(case.X, case.Y, case.lam)
        expected = torch.softmax(scores(case)[1].detach(), dim=1).numpy()
        assert_close(P, expected, what="net.forward(X)", dtype=np.float32, rtol=1e-3, atol=1e-4)
        right = cost(case, case.lam)[1].item()
        assert_scalar(value, right, what="net.cost(X, Y, lam)", dtype=np.float32, rtol=1e-3)
        grads, what = assert_dict(grads, list(case.params), what="net.gradients(X, Y, lam)"), "net.gradients(X, Y, lam)"
        for name, right in gradients(case, case.lam).items():
            full = f"{what}[{name!r}]"
            assert_close(grads[name], right, what=full, dtype=np.float32, rtol=5e-3, atol=1e-3)
        params = assert_dict(net.params, list(case.params), what="net.params")
        for name, array in case.params.items():
            assert_close(params[name], array, what=f"net.params[{name!r}], after forward, cost and gradients,")

    @given(case=conv_networks(good=away_from_kinks), size=st.sampled_from([1e3, 1e5]))
    def test_large_scores_stay_finite(self, hw, case, size):
        """Scores near 1,000 or far apart give probabilities and gradients, and a cost that is never nan"""
        net = build(hw, case)
        net.params = case.copies() | {"b2": case.params["b2"] + size}
        expected = torch.softmax(scores(case)[1].detach(), dim=1).numpy()  # a shift of all scores changes nothing
        assert_close(net.forward(case.X), expected, what="net.forward(X), with all scores shifted,", rtol=1e-7)
        net.params = case.copies() | {"W2": case.params["W2"] * size}
        P = net.forward(case.X)
        assert_array(P, shape=(case.N, case.K), dtype=np.float64, what="net.forward(X), with scores far apart,")
        value = number(net.cost(case.X, case.Y, 0.0))
        if value is None or not value >= 0:
            raise Mismatch(f"net.cost(X, Y, 0.0) is {value}, with scores far apart; expected a number, or inf.")
        grads = assert_dict(net.gradients(case.X, case.Y, 0.0), ["W1"], what="net.gradients(X, Y, 0.0)")
        assert_finite(grads["W1"], what="net.gradients(X, Y, 0.0)['W1'], with scores far apart,")


# 6 · Training


def linear(hw, N, K):
    """A network whose sample i is the i-th pixel, with filters of one pixel and all other parameters 0."""
    net = hw.ConvNet((1, 1, N), 1, 1, K, np.random.default_rng(0), pool=1)
    net.params = {"W1": np.ones((1, 1, 1, 1)), "b1": np.zeros(1), "W2": np.zeros((N, K)), "b2": np.zeros(K)}
    return net, np.eye(N).reshape(N, 1, 1, N), one_hot(np.arange(N) % K, K)


def weights(net, N, K):
    """W2 of the network of `linear`."""
    W2 = assert_dict(net.params, ("W1", "b1", "W2", "b2"), what="net.params, after train(…)")["W2"]
    assert_array(W2, shape=(N, K), dtype=np.float64, what="net.params['W2'], after train(…)")
    return np.array(W2)


@pytest.mark.task("train")
@pytest.mark.stand_in(**NETWORK)
class TestTrain:
    """Row i of W2 tells how much sample i has counted: 1/(size of its batch)."""

    def test_every_sample_counts_once_an_epoch(self, hw):
        """An epoch uses each sample once; the last, shorter batch is used too, with the mean over its own samples"""
        N, K, eta = 7, 3, 1e-7
        net, X, Y = linear(hw, N, K)
        hw.train(net, X, Y, 0.0, lambda t: eta, 3, 1, np.random.default_rng(1))
        step, third = eta * (Y - 1 / K), 1 / 3
        counted = np.sort((weights(net, N, K) * step).sum(axis=1) / (step * step).sum(axis=1))
        related = {
            "what an epoch gives that drops the last, shorter batch": np.array([0] + [third] * 6),
            "what comes out if the last batch of 1 is divided by n_batch = 3": np.array([third] * 7),
            "what comes out if n_batch is the number of batches; it is their size": np.array([third] * 3 + [0.5] * 4),
        }
        what = "train(…) with N = 7 and n_batch = 3 → sorted 1/(size of its batch) of each sample"
        assert_close(counted, np.array([third] * 6 + [1]), what=what, related=related, rtol=1e-4)

    def test_each_epoch_has_a_new_order(self, hw):
        """Samples are shuffled anew in each epoch: over 40 epochs each is alone in the last batch now and then

        N = 3 and n_batch = 2 leave one sample for the last batch, where it counts 1, not 1/2. Never to be last in 40
        fair shuffles has probability 3 · (2/3)⁴⁰ = 3e-7.
        """
        N, K, n_epochs, eta = 3, 3, 40, 1e-7
        net, X, Y = linear(hw, N, K)
        hw.train(net, X, Y, 0.0, lambda t: eta, 2, n_epochs, np.random.default_rng(5))
        step = eta * (Y - 1 / K)
        counted = (weights(net, N, K) * step).sum(axis=1) / (step * step).sum(axis=1)
        alone = np.rint(2 * counted - n_epochs)
        assert_scalar(float(alone.sum()), float(n_epochs), what="the number of epochs whose last batch is one sample")
        if alone.min() < 1:
            times = ", ".join(f"{n:g}" for n in alone)
            raise Mismatch(f"Over {n_epochs} epochs the {N} samples are alone in the last batch {times} times.")

    def test_the_rng_decides_the_order(self, hw):
        """The same rng gives the same result, another one another order"""
        found = []
        for seed in (3, 3, 4):
            net, X, Y = linear(hw, 8, 3)
            hw.train(net, X, Y, 0.1, lambda t: 0.5, 3, 3, np.random.default_rng(seed))
            found.append(weights(net, 8, 3))
        assert_close(found[1], found[0], what="train with an rng of the same seed → net.params['W2']")
        # two runs of three epochs agree by chance with probability (8!/(3!·3!·2!))⁻³ = 6e-9
        if np.abs(found[2] - found[0]).max() < 1e-9:
            raise Mismatch("train gives the same W2 with another rng: is the order drawn from rng?")

    @settings(max_examples=5)
    @given(case=conv_networks(good=away_from_kinks))
    def test_updates_are_counted_across_epochs(self, hw, case):
        """schedule is asked for t = 0, 1, 2, …, once an update, also when epochs have several batches"""
        asked, net = [], build(hw, case)

        def schedule(t):
            asked.append(t)
            return 0.01

        X, Y = (np.concatenate([part[:2]] * 3)[:5] for part in (case.X, case.Y))
        hw.train(net, X, Y, case.lam, schedule, 2, 2, case.rng())
        steps = sorted({int(t) for t in asked if number(t) is not None})
        if steps != list(range(6)):
            raise Mismatch(f"schedule was asked for t in {steps}; expected 0 to 5 in two epochs of three updates each.")

    @settings(max_examples=5)
    @given(case=conv_networks(good=away_from_kinks))
    def test_samples_keep_their_labels(self, hw, case):
        """An epoch of tiny steps adds up to the sum of its batches' gradients"""
        net, twin, eta = build(hw, case), build(hw, case), 1e-7
        X, Y = np.concatenate([case.X, case.X]), np.concatenate([case.Y, case.Y])  # an even number, in batches of two
        grads = twin.gradients(X, Y, case.lam)
        hw.train(net, X, Y, case.lam, lambda t: eta, 2, 1, case.rng())
        found = assert_dict(net.params, list(case.params), what="net.params, after train(…)")
        grads = assert_dict(grads, list(case.params), what="net.gradients(X, Y, lam)")
        for name, array in case.params.items():
            assert_array(found[name], shape=array.shape, dtype=np.float64, what=f"net.params[{name!r}], after train(…)")
            moved, expected = (array - np.asarray(found[name])) / eta, np.asarray(grads[name]) * case.N
            assert_close(moved, expected, what=f"how far net.params[{name!r}] went, over eta,", rtol=1e-4, atol=1e-5)

    @settings(max_examples=5)
    @given(case=conv_networks(good=away_from_kinks, dtypes=SINGLE))
    def test_validation_data_in_float32(self, hw, case):
        """Validation data have entries of their own, lam included; float32 stays float32, X and Y stay as they are"""
        net, X, Y, X_val = build(hw, case), case.X, case.Y, case.X[:2] / 2
        options = {"X_val": X_val, "Y_val": Y[:2]}
        with unchanged("train(…)", X=X, Y=Y):
            history = hw.train(net, X, Y, case.lam, lambda t: 0.01, 3, 2, case.rng(), **options)
        keys = ("train_cost", "train_accuracy", "val_cost", "val_accuracy")
        history = assert_dict(history, keys, what="train(…) → history", exactly=True)
        for part, images, labels in (("train", X, Y), ("val", X_val, Y[:2])):
            costs, shares = (
                numbers(history[f"{part}_{name}"], what=f"history['{part}_{name}']", length=2)
                for name in ("cost", "accuracy")
            )
            right = number(net.cost(images, labels, case.lam))
            assert_scalar(costs[-1], right, what=f"history['{part}_cost'][-1]", dtype=np.float32)
            hits = np.asarray(net.forward(images)).argmax(axis=1) == labels.argmax(axis=1)
            assert_scalar(shares[-1], hits.mean(), what=f"history['{part}_accuracy'][-1]", rtol=1e-6)
        params = assert_dict(net.params, list(case.params), what="net.params, after train(…)")
        for name, array in case.params.items():
            what = f"net.params[{name!r}], after train(…)"
            assert_array(params[name], shape=array.shape, dtype=np.float32, what=what)


# 7 · A residual block


@pytest.mark.task("residual_block_forward")
@pytest.mark.stand_in(**CONV)
class TestResidualBlockForward:
    @given(case=residuals(good=smooth, dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give out in float32, and none of them is changed"""
        what = "residual_block_forward(x, params)"
        with unchanged(what, x=case.x, params=case.params):
            out, _ = unpack(hw.residual_block_forward(case.x, case.params), ("out", "cache"), what=what)
        assert_close(out, RESIDUAL.forward(*case.inputs)[0], what=f"{what} → out")


@pytest.mark.task("residual_block_backward")
@pytest.mark.stand_in(**CONV)
class TestResidualBlockBackward:
    @given(case=residuals(good=smooth, dtypes=SINGLE))
    def test_float32_twice(self, hw, case):
        """In float32; the same cache gives the same gradients again, and dout stays as it is"""
        result = hw.residual_block_forward(case.x, case.params)
        _, cache = unpack(result, ("out", "cache"), what="residual_block_forward(x, params)")
        what, found = "residual_block_backward(dout, cache)", []
        for _ in range(2):
            with unchanged(what, dout=case.dout):
                dx, grads = unpack(hw.residual_block_backward(case.dout, cache), ("dx", "grads"), what=what)
            grads = assert_dict(grads, list(case.params), what=f"{what} → grads")
            found.append({"dx": dx, **{name: grads[name] for name in case.params}})
        for name, array in zip(found[0], case.inputs, strict=True):
            assert_array(found[0][name], shape=array.shape, dtype=np.float32, what=f"{what} → {name}")
            again = f"{what} → {name}, called again with the same cache,"
            assert_close(found[1][name], np.array(found[0][name]), what=again)
