"""Public checks of assignment 4. Read them: each says in its first line what must hold, and how it is found out.

`hw` is your module. Expected values come from torch, which must not be imported in your module. Hypothesis draws the
inputs, small ones first, and shows the smallest that fails. A backward function may also give the gradients of your own
forward function, right or wrong: one mistake costs you one task. For the same reason correct versions stand in for your
own pieces where a task builds on them.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from grader.data import digits
from grader.explain import (
    Mismatch,
    assert_array,
    assert_close,
    assert_dict,
    assert_scalar,
    number,
    numbers,
    unpack,
)
from grader.gradients import assert_gradients
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
    avg_pool,
    away_from_kinks,
    conv1d,
    conv2d,
    cost,
    gradients,
    max_pool,
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
    transposed_convolutions,
)

pytestmark = [
    pytest.mark.by_hand,  # NumPy only
    pytest.mark.filterwarnings("ignore"),  # only results count
]

DOUBLE = [np.float64]


def refused(call, *args):
    """A call that must end in a ValueError which says why."""
    text = f"{call.__name__}({', '.join(str(arg) if np.ndim(arg) == 0 else 'X' for arg in args)})"
    try:
        value = call(*args)
    except ValueError as error:
        if not str(error).strip():
            raise Mismatch(f"{text} raises a ValueError without a message; say what does not fit.") from None
        return
    shown = f"the array of shape {np.shape(value)}" if np.ndim(value) else value
    raise Mismatch(f"{text} gives {shown}; expected a ValueError.")


def assert_count(actual, expected, what, related):
    """An int, or what known mistakes make of it."""
    found = [text for text, value in related.items() if number(actual) == value]
    if number(actual) != expected and found:
        raise Mismatch(f"{what} is {number(actual):g}; expected {expected}. It is {found[0]}.")
    assert_scalar(actual, expected, what=what)


# 1 · Convolution


@pytest.mark.task("conv_output_size", points=2)
class TestConvOutputSize:
    @given(
        k=st.integers(1, 5),
        room=st.integers(0, 9),
        stride=st.integers(1, 4),
        pad=st.integers(0, 2),
        dilation=st.sampled_from([1, 2, 3]),
    )
    def test_counts_the_places_of_the_window(self, hw, k, room, stride, pad, dilation):
        """The number of places that a window has, in steps of stride, with pad zeros on each side"""
        span = dilation * (k - 1) + 1
        n = max(1, span - 2 * pad + room)
        places = range(0, n + 2 * pad - span + 1, stride)
        related = {
            "the size without its padding": len(range(0, n - span + 1, stride)),
            "the size with pad zeros in all; there are pad on each side": len(range(0, n + pad - span + 1, stride)),
            "what comes out if the dilation is ignored": len(range(0, n + 2 * pad - k + 1, stride)),
            "one too few: a window at the very start is a place, too": len(places) - 1,
            "rounded up: a window that would stick out at the end does not count": len(places) + 1,
        }
        call = f"conv_output_size({n}, {k}, {stride}, {pad}, {dilation})"
        assert_count(hw.conv_output_size(n, k, stride, pad, dilation), len(places), call, related)

    @given(k=st.integers(2, 5), pad=st.integers(0, 1), dilation=st.sampled_from([1, 2]))
    def test_a_window_that_does_not_fit_is_a_value_error(self, hw, k, pad, dilation):
        """A window that is longer than the padded axis, by one or more, is a ValueError with a message"""
        n = dilation * (k - 1) - 2 * pad
        for shorter in {n, max(n - 3, 1)} if n > 0 else ():
            refused(hw.conv_output_size, shorter, k, 2, pad, dilation)


def filter_mistakes(case):
    """What common mistakes make of a convolution, in one or two dimensions."""
    x, w, b = map(tensor, case.inputs)
    operation = conv2d if x.ndim == 4 else conv1d
    flipped = w.flip(tuple(range(2, w.ndim)))
    return {
        "what flipped filters give: here nothing is flipped, it is a cross-correlation": operation(
            x, flipped, b, **case.options
        ),
        "what comes out without the bias": operation(x, w, 0 * b, **case.options),
        "that of the first channel alone: a filter sums over all channels": operation(
            x[:, :1], w[:, :1], b, **case.options
        ),
    }


@pytest.mark.task("conv2d_forward", points=8)
@pytest.mark.stand_in(**SIZE)
class TestConv2dForward:
    def test_the_example_of_the_handout(self, hw):
        """The example of the handout, worked out by hand there"""
        x, w = np.arange(1.0, 13).reshape(1, 1, 3, 4), np.array([[[[1.0, 0.0], [2.0, -1.0]]]])
        out, _ = unpack(hw.conv2d_forward(x, w, np.array([10.0])), ("out", "cache"), what="conv2d_forward(x, w, b)")
        expected = np.array([[[[15.0, 17, 19], [23, 25, 27]]]])
        flipped = "what a flipped filter gives: here nothing is flipped, it is a cross-correlation"
        related = {flipped: expected + 4, "what comes out without the bias": expected - 10}
        assert_close(out, expected, what="conv2d_forward(x, w, b) → out", given={"x": x, "w": w}, related=related)

    @given(case=convolutions(dtypes=DOUBLE, strides=[1], pads=[0], dilations=[1]))
    def test_slides_filters_over_images(self, hw, case):
        """With stride 1 and no padding, out is torch's conv2d for any shapes"""
        CONV2D.check_forward(hw, case, filter_mistakes(case))

    @pytest.mark.weight(2)
    @given(case=convolutions(dtypes=DOUBLE, dilations=[1]))
    def test_stride_and_padding(self, hw, case):
        """With any stride and padding, out is torch's conv2d"""
        CONV2D.check_forward(hw, case, filter_mistakes(case))

    @given(case=convolutions(dtypes=DOUBLE, dilations=[2, 3], sides=[2, 3, 1], room=3))
    def test_dilation(self, hw, case):
        """With dilation, the entries that a window sees lie that far apart"""
        CONV2D.check_forward(hw, case, filter_mistakes(case))


def gradient_mistakes(case):
    """What common mistakes make of the gradients of a convolution, in one or two dimensions."""
    layer = CONV2D if case.x.ndim == 4 else CONV1D
    sides = tuple(range(2, case.x.ndim))

    def pulled(x, w):
        return layer.backward(case.dout, layer.forward(x, w, case.b, **case.options)[1])

    _, dw, db = pulled(case.x, case.w)
    N = len(case.x)
    return {
        "dx": {
            "what flipped filters give: backward uses each weight where forward used it": pulled(
                case.x, np.flip(case.w, sides)
            )[0],
            "what comes out if a later window overwrites what an earlier one gave; they add up": scattered(
                case, case.stride, case.dilation, adds=False
            ),
            "what comes out if the stride is ignored: neighbouring windows are stride apart": scattered(
                case, 1, case.dilation
            ),
            "what comes out if the dilation is ignored: a window's pixels are dilation apart": scattered(
                case, case.stride, 1
            ),
        },
        "dw": {
            "what flipped filters would have": np.flip(dw, sides),
            "the mean over the samples: dout holds the 1/N of the loss already, so sum": dw / N,
        },
        "db": {
            "the mean over the samples: dout holds the 1/N of the loss already, so sum": db / N,
            "the mean over samples and places: b is added everywhere, so sum": db * case.b.size / case.dout.size,
        },
    }


def scattered(case, stride, dilation, adds=True):
    """dx where each place gives its gradient to a window that starts `stride` further than that of the place before."""
    width = [(0, 0), (0, 0), *[(case.pad, case.pad)] * (case.x.ndim - 2)]
    dx = np.zeros(np.pad(case.x, width).shape)
    window = np.tensordot(case.dout, case.w, axes=(1, 0))  # (N, places…, C, window…)
    for place in np.ndindex(case.dout.shape[2:]):
        starts = [stride * i for i in place]
        ends = [start + dilation * (k - 1) + 1 for start, k in zip(starts, case.w.shape[2:], strict=True)]
        seen = dx[(..., *(slice(start, end, dilation) for start, end in zip(starts, ends, strict=True)))]
        seen[:] = adds * seen + window[(slice(None), *place)]
    return dx[(..., *(slice(case.pad, n + case.pad) for n in case.x.shape[2:]))]


@pytest.mark.task("conv2d_backward", points=11)
@pytest.mark.stand_in(**SIZE)
class TestConv2dBackward:
    """The cache is your own, from your own conv2d_forward."""

    @pytest.mark.weight(2)
    @given(case=convolutions(dtypes=DOUBLE, strides=[1], pads=[0], dilations=[1]))
    def test_matches_automatic_differentiation(self, hw, case):
        """dx, dw and db are the gradients of sum(dout * out), with stride 1 and no padding"""
        CONV2D.check_backward(hw, case, lambda: gradient_mistakes(case))

    @pytest.mark.weight(2)
    @given(case=convolutions(dtypes=DOUBLE, dilations=[1]))
    def test_stride_and_padding(self, hw, case):
        """The same with any stride and padding; dx has no padding, and pixels that no window sees have gradient 0"""
        CONV2D.check_backward(hw, case, lambda: gradient_mistakes(case))

    @given(case=convolutions(dtypes=DOUBLE, dilations=[2, 3], sides=[2, 3, 1], room=3))
    def test_dilation(self, hw, case):
        """The same with dilation"""
        CONV2D.check_backward(hw, case, lambda: gradient_mistakes(case))


# 2 · Along one axis, and back to a larger image


SIGNALS = convolutions(ndim=1, dtypes=DOUBLE, dilations=[1], room=6)


@pytest.mark.task("conv1d_forward", points=2)
@pytest.mark.stand_in(**CONV)
class TestConv1dForward:
    @given(case=SIGNALS)
    def test_slides_filters_over_signals(self, hw, case):
        """With any stride and padding, out is torch's conv1d"""
        CONV1D.check_forward(hw, case, filter_mistakes(case))


@pytest.mark.task("conv1d_backward", points=3)
@pytest.mark.stand_in(**CONV)
class TestConv1dBackward:
    @given(case=SIGNALS)
    def test_matches_automatic_differentiation(self, hw, case):
        """dx, dw and db are the gradients of sum(dout * out)"""
        CONV1D.check_backward(hw, case, lambda: gradient_mistakes(case))


@pytest.mark.task("conv_transpose2d_forward", points=4)
@pytest.mark.stand_in(**CONV)
class TestConvTranspose2dForward:
    @given(case=transposed_convolutions(dtypes=DOUBLE))
    def test_filters_are_put_onto_the_output_and_add_up(self, hw, case):
        """With any stride and padding, out is torch's conv_transpose2d"""
        out = hw.conv_transpose2d_forward(*case.inputs, **case.options)
        x, w, b = map(tensor, case.inputs)
        expected = functional.conv_transpose2d(x, w, b, case.stride, case.pad)
        flipped = functional.conv_transpose2d(x, w.flip((2, 3)), b, case.stride, case.pad)
        related = {
            "what flipped filters give: each entry of x puts its filter as it is": flipped,
            "what comes out without the bias": expected - b[:, None, None],
        }
        what = f"conv_transpose2d_forward({case.arguments})"
        assert_close(out, expected.numpy(), what=what, given=case.given, related=related, sizes=case.sizes)

    @given(case=transposed_convolutions(dtypes=DOUBLE))
    def test_is_the_adjoint_of_conv2d(self, hw, case):
        """With b = 0, sum(conv_transpose2d(x, w) * y) is sum(x * conv2d(y, w)), for every y of the output's shape"""
        x, w, y, options = case.x, case.w, case.dout, case.options
        what = f"conv_transpose2d_forward({case.arguments}), with b = 0,"
        there = hw.conv_transpose2d_forward(x, w, 0 * case.b, **options)
        assert_array(there, shape=y.shape, dtype=np.float64, what=what)
        back = conv2d(tensor(y), tensor(w), tensor(np.zeros(len(w))), **options)
        expected = (tensor(x) * back).sum().item()
        actual = (tensor(there) * tensor(y)).sum().item()
        assert_scalar(actual, expected, what="sum(conv_transpose2d(x, w) * y)", given=case.given, rtol=1e-8, atol=1e-8)


# 3 · Pooling


@pytest.mark.task("maxpool_forward", points=3)
@pytest.mark.stand_in(**SIZE)
class TestMaxpoolForward:
    @given(case=poolings(dtypes=DOUBLE))
    def test_takes_the_largest_entry_of_each_window(self, hw, case):
        """out has the largest entry of each window; windows may overlap, and stay inside the image (floor mode)"""
        MAXPOOL.check_forward(hw, case, {"the mean of each window": avg_pool(tensor(case.x), case.k, case.stride)})


def pool_mistakes(case):
    """What common mistakes make of the gradient of max-pooling."""
    mean = AVGPOOL.backward(case.dout, AVGPOOL.forward(case.x, case.k, case.stride)[1])
    x = tensor(case.x).requires_grad_()
    _, where = functional.max_pool2d(x, case.k, case.stride, return_indices=True)
    flat = torch.zeros_like(x).flatten(2)
    overwritten = flat.scatter(2, where.flatten(2), tensor(case.dout).flatten(2)).reshape(x.shape)
    return {
        "dx": {
            "dout for every entry of its window: only the largest one has moved out": mean * case.k**2,
            "the gradient of the mean": mean,
            "what comes out if the last window to win at an entry overwrites the others; they add up": overwritten,
        }
    }


@pytest.mark.task("maxpool_backward", points=4)
@pytest.mark.stand_in(**SIZE)
class TestMaxpoolBackward:
    @given(case=poolings(dtypes=DOUBLE))
    def test_gives_each_gradient_to_the_largest_entry(self, hw, case):
        """dout goes to the largest entry of its window; what overlapping windows give to one entry adds up"""
        MAXPOOL.check_backward(hw, case, lambda: pool_mistakes(case))


@pytest.mark.task("avgpool_forward", points=2)
@pytest.mark.stand_in(**SIZE)
class TestAvgpoolForward:
    @given(case=poolings(dtypes=DOUBLE))
    def test_takes_the_mean_of_each_window(self, hw, case):
        """out has the mean of each window; windows may overlap, and stay inside the image (floor mode)"""
        AVGPOOL.check_forward(
            hw, case, {"the largest entry of each window": max_pool(tensor(case.x), case.k, case.stride)}
        )


@pytest.mark.task("avgpool_backward", points=2)
@pytest.mark.stand_in(**SIZE)
class TestAvgpoolBackward:
    @given(case=poolings(dtypes=DOUBLE))
    def test_gives_each_entry_its_share(self, hw, case):
        """Each entry of a window gets dout / (k * k); what overlapping windows give to one entry adds up"""
        AVGPOOL.check_backward(hw, case)


# 4 · Patches, labels and measures


@pytest.mark.task("patchify", points=2)
class TestPatchify:
    @given(case=patched(dtypes=DOUBLE))
    def test_cuts_images_into_patches(self, hw, case):
        """Patches come row by row; inside a patch channels, then rows, then columns"""
        X, f = case
        expected = functional.unfold(tensor(X), f, stride=f).transpose(1, 2).numpy()
        samples, channels, *sides = X.shape
        blocks = X.reshape(samples, channels, sides[0] // f, f, sides[1] // f, f)
        related = {
            "patches whose pixels are in the order row, column, channel": blocks.transpose(0, 2, 4, 3, 5, 1).reshape(
                expected.shape
            ),
            "patches whose pixels are in the order channel, column, row": blocks.transpose(0, 2, 4, 1, 5, 3).reshape(
                expected.shape
            ),
            "patches that come column by column": blocks.transpose(0, 4, 2, 1, 3, 5).reshape(expected.shape),
            "X in another shape: a patch is not a run of neighbours in memory": X.reshape(expected.shape),
        }
        assert_close(hw.patchify(X, f), expected, what=f"patchify(X, {f})", given={"X": X}, related=related)

    @given(shape=st.sampled_from([(1, 1, 3, 4), (2, 1, 4, 3), (1, 2, 5, 5)]))
    def test_patches_that_do_not_fit_are_a_value_error(self, hw, shape):
        """If f does not divide both H and W, that is a ValueError with a message"""
        refused(hw.patchify, np.zeros(shape), 2)


@pytest.mark.task("label_smoothing", points=2)
class TestLabelSmoothing:
    @given(case=classification(dtypes=DOUBLE), eps=st.sampled_from([0.1, 0.25, 0.0]))
    def test_shares_eps_among_the_other_classes(self, hw, case, eps):
        """The right class has 1 - eps, each of the others eps/(K - 1)"""
        K = case.K
        expected = np.where(case.Y == 1, 1 - eps, eps / (K - 1))
        related = {
            "what eps/K for every class gives; here only the others share eps": np.where(
                case.Y == 1, 1 - eps + eps / K, eps / K
            ),
            "what eps/K for the others gives: there are K - 1 of them": np.where(case.Y == 1, 1 - eps, eps / K),
            "Y, as it was": case.Y,
        }
        what = f"label_smoothing(Y, {eps})"
        assert_close(hw.label_smoothing(case.Y, eps), expected, what=what, given={"Y": case.Y}, related=related)


@pytest.mark.task("class_weights", points=2)
class TestClassWeights:
    @given(case=classification())
    def test_every_class_counts_the_same(self, hw, case):
        """Class k has the weight 1/(K n_k), so that all its samples together weigh 1/K; an absent class has 0"""
        N, K, labels = case.N, case.K, case.y.tolist()
        expected = np.array([1 / (K * labels.count(k)) if k in labels else 0.0 for k in range(K)])
        present = len(set(labels))
        related = {
            "N/(K n_k), as scikit-learn has it; here the weights of all samples add up to 1": N * expected,
            "1/n_k: every class then weighs 1, not 1/K": K * expected,
            "the share n_k/N of each class: rare classes must weigh more": np.array(
                [labels.count(k) / N for k in range(K)]
            ),
            "what comes out with the number of classes that occur for K": expected * K / present,
        }
        what, given_ = f"class_weights(y, {K})", {"y": case.y}
        assert_close(hw.class_weights(case.y, K), expected, what=what, given=given_, related=related)


def predictions(case):
    """Labels of which about half are right."""
    rng = case.rng()
    return np.where(rng.random(case.N) < 0.5, case.y, rng.integers(0, case.K, case.N))


@pytest.mark.task("confusion_matrix", points=2)
class TestConfusionMatrix:
    @given(case=classification())
    def test_counts_what_was_taken_for_what(self, hw, case):
        """Entry [i, j] counts the samples of class i that were taken for class j; integers"""
        y_pred = predictions(case)
        counts = list(zip(case.y.tolist(), y_pred.tolist(), strict=True))
        expected = np.array([[counts.count((i, j)) for j in range(case.K)] for i in range(case.K)])
        related = {
            "the transpose: rows are the true classes, columns the predicted ones": expected.T,
            "1 wherever a pair occurs: pairs that occur more often count as often": np.minimum(expected, 1),
        }
        given_ = {"y_true": case.y, "y_pred": y_pred}
        actual = hw.confusion_matrix(case.y, y_pred, case.K)
        what = f"confusion_matrix(y_true, y_pred, {case.K})"
        assert_close(actual, expected, what=what, given=given_, related=related)


def extent(layers):
    """The length of what one unit sends back through all layers, from the last to the first."""
    seen = torch.ones(1, 1, 1)
    for kernel, stride, *dilation in reversed(layers):
        seen = functional.conv_transpose1d(seen, torch.ones(1, 1, kernel), stride=stride, dilation=dilation or 1)
    return seen.shape[2]


LAYERS = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 5), st.integers(1, 3)),
        st.tuples(st.integers(2, 4), st.integers(1, 2), st.integers(1, 3)),
    ),
    max_size=4,
)


@pytest.mark.task("receptive_field", points=2)
class TestReceptiveField:
    @given(layers=LAYERS)
    def test_is_how_far_one_unit_reaches(self, hw, layers):
        """The extent is that of what one unit sends back through all layers, from the last to the first"""
        reaches = [(kernel - 1) * (dilation or [1])[0] for kernel, _, *dilation in layers]
        related = {
            "what comes out if strides are ignored": 1 + sum(reaches),
            "what comes out if dilations are ignored": extent([layer[:2] for layer in layers]),
            "the sum of all windows: where two meet they share a pixel": sum(reaches) + len(layers),
            "what comes out if the list is taken to begin at the output": extent(layers[::-1]),
        }
        assert_count(hw.receptive_field(layers), extent(layers), f"receptive_field({layers})", related)


# 5 · A ConvNet


def probabilities(S):
    return torch.softmax(S.detach(), dim=1).numpy()


def build(hw, case):
    """Your network with the parameters of a case."""
    net = hw.ConvNet(case.image_shape, case.F, case.k, case.K, np.random.default_rng(0), **case.options)
    net.params = case.copies()
    return net


@pytest.mark.task("ConvNet", points=7, covers=("softmax", "ConvNet"))
@pytest.mark.stand_in(**NETWORK)
class TestConvNet:
    @given(case=conv_networks(good=lambda case: True))
    def test_has_its_parameters(self, hw, case):
        """params has W1 (F, C, k, k), b1 (F,), W2 (D, K), b2 (K,) in float64; no weight is like another"""
        what = f"ConvNet({case.arguments}).params"
        net = hw.ConvNet(case.image_shape, case.F, case.k, case.K, np.random.default_rng(case.seed), **case.options)
        params = assert_dict(net.params, list(case.params), what=what, exactly=True)
        for name, array in case.params.items():
            assert_array(params[name], shape=array.shape, dtype=np.float64, what=f"{what}[{name!r}]")
            if name[0] == "W" and len(np.unique(params[name])) < array.size:
                raise Mismatch(f"{what}[{name!r}] has equal weights: units that start alike stay alike.")

    @given(case=conv_networks(good=away_from_kinks))
    def test_forward_matches_the_same_network_in_torch(self, hw, case):
        """net.forward(X) is the softmax of convolution, ReLU, max-pool and affine layer in torch"""
        S, laid_out = scores(case)[1], "what comes out if the pooled images are laid out as"
        related = {
            "the scores: a softmax is missing": S.detach(),
            f"{laid_out} row, column, F; F comes first": probabilities(scores(case, (0, 2, 3, 1))[1]),
            f"{laid_out} F, column, row; rows come before columns": probabilities(scores(case, (0, 1, 3, 2))[1]),
            "what comes out without the ReLU": probabilities(scores(case, relu=False)[1]),
        }
        expected = probabilities(S)
        what = f"net.forward(X) of ConvNet({case.arguments})"
        assert_close(build(hw, case).forward(case.X), expected, what=what, given=case.given, related=related)

    @given(case=conv_networks(good=away_from_kinks))
    def test_cost_is_cross_entropy_plus_regulariser(self, hw, case):
        """The cost is the mean cross-entropy plus lam * (sum(W1**2) + sum(W2**2))"""
        expected, bare = (cost(case, lam)[1].item() for lam in (case.lam, 0.0))
        filters = case.lam * float(np.square(case.params["W1"]).sum())
        related = {
            "the cost without its regulariser": bare,
            "the cost without the regulariser of the filters W1": expected - filters,
            "the cost with the regulariser of the filters W1 only": bare + filters,
            "the cost with half the regulariser": (expected + bare) / 2,
            "the sum over the samples: the mean needs 1/N": case.N * bare + expected - bare,
        }
        actual, what = (
            build(hw, case).cost(case.X, case.Y, case.lam),
            f"net.cost(X, Y, lam) of ConvNet({case.arguments})",
        )
        assert_scalar(actual, expected, what=what, given=case.given, related=related, sizes=case.sizes, rtol=1e-8)

    @pytest.mark.weight(2)
    @given(case=conv_networks(good=away_from_kinks))
    def test_gradients_match_automatic_differentiation(self, hw, case):
        """Every entry of the gradient of every parameter, regulariser included, is that of the same network in torch"""
        what = f"net.gradients(X, Y, lam) of ConvNet({case.arguments})"
        actual = build(hw, case).gradients(case.X, case.Y, case.lam)
        expected, without = gradients(case, case.lam), gradients(case, 0.0)
        actual = assert_dict(actual, list(expected), what=what, exactly=True)
        for name in reversed(expected):  # the way backward goes: the first that is wrong is nearest to the mistake
            bare, penalty = without[name], 2 * case.lam * case.params[name]
            related = {
                "the gradient without its regulariser": bare,
                "the gradient with lam * W for the regulariser; the derivative of lam * W² is 2 * lam * W": bare
                + penalty / 2,
                f"the gradient with {name} regularised, too": bare + penalty,
                "the gradient of the sum over the samples: the mean needs 1/N": case.N * bare + expected[name] - bare,
                "the gradient with the mean taken twice": bare / case.N + expected[name] - bare,
            }
            full = f"{what} → grads[{name!r}]"
            assert_close(actual[name], expected[name], what=full, related=related, sizes=case.sizes, given=case.given)


# 6 · Training


@pytest.mark.task("train", points=3)
@pytest.mark.stand_in(**NETWORK)
class TestTrain:
    """`net` is your own ConvNet; what is expected is worked out with its own gradients, costs and probabilities."""

    @settings(max_examples=5)
    @given(case=conv_networks(good=away_from_kinks))
    def test_one_batch_of_all_samples_is_gradient_descent(self, hw, case):
        """With n_batch = N each epoch is one update w - schedule(t) * dw, with t = 0 and 1, and history tells of it"""
        etas, net, twin = [0.3, 0.1], build(hw, case), build(hw, case)

        def schedule(t):
            if number(t) not in (0, 1):
                raise Mismatch(f"train(…) calls schedule({t}); expected are 0 and 1 in two updates.")
            return etas[int(t)]

        history = hw.train(net, case.X, case.Y, case.lam, schedule, case.N, 2, case.rng())
        history = assert_dict(history, ("train_cost", "train_accuracy"), what="train(…) → history", exactly=True)
        expected = case.params
        for epoch, eta in enumerate(etas):
            grads = twin.gradients(case.X, case.Y, case.lam)
            expected = {name: w - eta * np.asarray(grads[name]) for name, w in expected.items()}
            twin.params = {name: array.copy() for name, array in expected.items()}
            related = {"the cost without its regulariser": twin.cost(case.X, case.Y, 0.0)}
            costs = numbers(history["train_cost"], what="history['train_cost']", length=2)
            cost = number(twin.cost(case.X, case.Y, case.lam))
            assert_scalar(costs[epoch], cost, what=f"history['train_cost'][{epoch}]", related=related, rtol=1e-6)
            hits = np.asarray(twin.forward(case.X)).argmax(axis=1) == case.y
            shares = numbers(history["train_accuracy"], what="history['train_accuracy']", length=2)
            assert_scalar(shares[epoch], hits.mean(), what=f"history['train_accuracy'][{epoch}]", rtol=1e-6)
        found = assert_dict(net.params, list(expected), what="net.params, after train(…)")
        for name, array in expected.items():
            what = f"net.params[{name!r}], after two epochs of one update each,"
            related = {"as it was before training": case.params[name]}
            assert_close(found[name], array, what=what, related=related, given={"schedule": etas}, atol=1e-9)

    def test_learns_the_digits(self, hw):
        """From given weights, a ConvNet with 8 filters learns 250 digits in 5 epochs: over 70 % of 150 others are right

        Runs of a correct network in 100 other orders end at 88 % with a standard deviation of 2 %, the worst at 78 %; a
        false alarm is far rarer than once in 10⁶.
        """
        net = hw.ConvNet((1, 8, 8), 8, 3, 10, np.random.default_rng(0), pad=1)
        data, rng, n_epochs = digits(), np.random.default_rng(2), 5
        mean = data.X_train.mean(axis=0)
        X, X_val = ((part - mean).reshape(-1, 1, 8, 8) for part in (data.X_train[:250], data.X_val[:150]))
        net.params = {
            "W1": rng.standard_normal((8, 1, 3, 3)) * (2 / 9) ** 0.5,
            "b1": np.zeros(8),
            "W2": rng.standard_normal((128, 10)) * (2 / 128) ** 0.5,
            "b2": np.zeros(10),
        }
        options = {"X_val": X_val, "Y_val": data.Y_val[:150]}
        history = hw.train(net, X, data.Y_train[:250], 1e-4, lambda t: 0.2, 25, n_epochs, rng, **options)
        history = assert_dict(history, ("val_accuracy",), what="train(…) → history")
        share = numbers(history["val_accuracy"], what="history['val_accuracy']", length=n_epochs)[-1]
        if not share > 0.7:
            raise Mismatch(f"After {n_epochs} epochs {share:.0%} of the validation set are right; expected over 70 %.")


# 7 · A residual block


def residual(hw, x, params):
    result = hw.residual_block_forward(x, params)
    return unpack(result, ("out", "cache"), what="residual_block_forward(x, params)")


@pytest.mark.task("residual_block_forward", points=2)
@pytest.mark.stand_in(**CONV)
class TestResidualBlockForward:
    @given(case=residuals(good=smooth))
    def test_adds_to_its_input(self, hw, case):
        """out is relu(x + conv(relu(conv(x)))), with 3 × 3 filters and pad 1"""
        out, _ = residual(hw, case.x, case.params)
        x, w1, b1, w2, b2 = map(tensor, case.inputs)
        inner = conv2d(x, w1, b1, pad=1)
        added = conv2d(inner.relu(), w2, b2, pad=1)
        related = {
            "relu(conv(relu(conv(x)))): x is not added": added.relu(),
            "x + conv(relu(conv(x))): the last ReLU is missing": x + added,
            "x + relu(conv(relu(conv(x)))): x is added before the last ReLU": x + added.relu(),
            "relu(x + conv(conv(x))): the inner ReLU is missing": (x + conv2d(inner, w2, b2, pad=1)).relu(),
        }
        what = "residual_block_forward(x, params) → out"
        assert_close(out, RESIDUAL.forward(*case.inputs)[0], what=what, given=case.given, related=related)


@pytest.mark.task("residual_block_backward", points=3)
@pytest.mark.stand_in(**CONV)
class TestResidualBlockBackward:
    @given(case=residuals(good=smooth))
    def test_matches_automatic_differentiation(self, hw, case):
        """dx and the gradients of all parameters are those of sum(dout * out)"""
        what, names = "residual_block_backward(dout, cache)", list(case.params)
        cache = residual(hw, case.x, case.params)[1]
        dx, grads = unpack(hw.residual_block_backward(case.dout, cache), ("dx", "grads"), what=what)
        grads = assert_dict(grads, names, what=f"{what} → grads", exactly=True)
        out, own = RESIDUAL.forward(*case.inputs)
        right = RESIDUAL.backward(case.dout, own)
        past = right[0] - np.where(out > 0, case.dout, 0)
        related = {
            "the gradient through the convolutions alone: x is added to them, so it has a path past them": past,
            "the gradient whose path past the convolutions is not cut by the last ReLU": past + case.dout,
        }
        assert_gradients(
            [dx, *(grads[name] for name in names)],
            dict(zip(["dx", *(f"grads[{name!r}]" for name in names)], right, strict=True)),
            forward=lambda x, *arrays: residual(hw, x, dict(zip(names, arrays, strict=True)))[0],
            inputs=case.inputs,
            dout=case.dout,
            what=what,
            related=lambda: {"dx": related},
            given={"x": case.x, "dout": case.dout},
        )
