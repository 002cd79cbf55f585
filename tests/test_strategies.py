import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from grader import strategies as gs
from grader.strategies.basics import until


def falsify(strategy):
    """What Hypothesis prints for a case of a strategy on which a check fails."""

    @settings(database=None, phases=[Phase.generate, Phase.shrink], derandomize=True)
    @given(case=strategy)
    def check(case):
        raise AssertionError

    with pytest.raises(AssertionError) as caught:
        check()
    return "\n".join(caught.value.__notes__)


@given(rng=gs.rngs(), dtype=gs.dtypes(), side=gs.sides(2, 4), lam=gs.lams())
def test_the_building_blocks_are_what_they_say(rng, dtype, side, lam):
    assert isinstance(rng, np.random.Generator)
    assert dtype in (np.float64, np.float32)
    assert 2 <= side <= 4
    assert lam > 0
    assert lam != 0.5  # where 2·lam·W is W


def test_generators_print_their_seed():
    assert "default_rng(0)" in falsify(gs.rngs())


@given(st.data())
def test_axes_differ_in_length(data):
    ndim = data.draw(st.integers(1, 4))
    shape = data.draw(gs.shapes(ndim, min_side=2, max_side=6))
    assert len(set(shape)) == len(shape) == ndim
    assert all(2 <= n <= 6 for n in shape)


@given(a=gs.arrays(ndim=3), m=gs.matrices(scale=0.0, offset=3.0), f=gs.arrays((2, 5), dtypes=[np.float32]))
def test_arrays_have_the_shape_dtype_and_scale_asked_for(a, m, f):
    assert a.ndim == 3
    assert a.dtype in (np.float64, np.float32)
    assert (m == 3).all()
    assert m.ndim == 2
    assert (f.shape, f.dtype) == ((2, 5), np.float32)
    assert np.isfinite(a).all()


def test_a_shape_may_come_from_a_strategy():
    assert find(gs.arrays(st.just((3, 3))), lambda a: True).shape == (3, 3)


@given(st.data())
def test_all_labels_occur_or_all_but_one(data):
    N, K = data.draw(gs.sides(1, 9)), data.draw(gs.sides(1, 5))
    y = data.draw(gs.labels(N, K))
    assert (y.shape, y.dtype) == ((N,), np.int64)
    assert set(y) <= set(range(K))
    assert len(set(y)) >= min(N, max(K - 1, 1))


def test_absent_and_complete_classes_both_occur():
    find(gs.labels(6, 3), lambda y: len(set(y)) == 3)
    find(gs.labels(6, 3), lambda y: len(set(y)) == 2)


@given(case=gs.classification())
def test_a_classification_is_consistent(case):
    assert len({case.N, case.D, case.K}) == 3
    assert case.K >= 2
    assert (case.X.shape, case.W.shape, case.b.shape) == ((case.N, case.D), (case.D, case.K), (case.K,))
    assert case.y.shape == (case.N,)
    assert case.X.dtype == case.W.dtype == case.b.dtype == case.Y.dtype == case.S.dtype == case.dtype
    np.testing.assert_array_equal(case.Y.argmax(axis=1), case.y)
    np.testing.assert_allclose(case.S, case.X @ case.W + case.b)
    assert case.sizes == {"N": case.N, "K": case.K, "D": case.D}
    assert set(case.given) == {"X", "y", "W", "b", "lam"}
    assert case.rng().random() == case.rng().random()
    assert type(case.lam) is float


@given(case=gs.classification(dtypes=[np.float64]))
def test_a_case_can_be_had_in_another_precision(case):
    other = case.astype(np.float32)
    assert other.dtype == other.W.dtype == other.b.dtype == np.float32
    np.testing.assert_array_equal(other.X, case.X.astype(np.float32))


def margins_of(case):
    scores = case.S.astype(np.float64)
    margins = scores - np.take_along_axis(scores, case.y[:, None], axis=1) + case.delta
    return margins[case.Y == 0].reshape(case.N, case.K - 1)


@given(case=gs.hinge())
def test_hinge_cases_keep_away_from_kinks_and_have_both_sides(case):
    margins = margins_of(case)
    assert np.abs(margins).min() > 1e-3
    assert (margins > 0).any()
    assert (margins < 0).any()
    assert (margins > 0).sum(axis=1).max() >= min(2, case.K - 1)


@given(case=gs.binary_hinge())
def test_binary_hinge_cases_keep_away_from_kinks_and_have_both_sides(case):
    assert case.w.shape == (case.D,)
    assert type(case.b) is float
    assert case.w.dtype == case.X.dtype == case.dtype
    assert set(case.y) == {-1, 1}
    assert case.N != case.D
    margins = 1 - case.y * (case.X @ case.w + case.b)
    assert np.abs(margins).min() > 1e-3
    assert (margins > 0).any()
    assert (margins < 0).any()
    assert set(case.given) == {"X", "y", "w", "b", "lam"}


@given(case=gs.images())
def test_images_are_not_square_and_some_are_marked(case):
    C, H, W = case.image_shape
    assert H != W
    assert case.X.shape == (len(case.mask), C * H * W)
    assert case.mask.dtype == bool
    assert case.mask.any()
    assert not case.mask.all()
    assert set(case.given) == {"X", "image_shape", "mask"}


@pytest.mark.parametrize("name", ["classification", "hinge", "binary_hinge", "images"])
def test_a_failing_case_shrinks_to_the_smallest_sizes_and_prints_as_one_line(name):
    text = falsify(getattr(gs, name)())
    line = next(line for line in text.splitlines() if "case=" in line)
    assert len(line) < 110
    assert "N=2" in line
    assert "float64" in line
    assert "seed=0)" in line


def test_a_case_of_one_seed_is_the_same_again():
    first, second = (find(gs.hinge(), lambda case: case.K == 4) for _ in range(2))
    assert repr(first) == repr(second)
    np.testing.assert_array_equal(first.X, second.X)


def test_what_cannot_be_had_is_said():
    with pytest.raises(ValueError, match="no margin within 100 of 0 in 1000 attempts"):
        find(gs.hinge(gap=100), lambda case: True)


@given(n=st.integers(0, 20))
def test_until_takes_the_first_good_case(n):
    numbers = iter(range(100))
    assert until(lambda i: i >= n, lambda: next(numbers), "") == n


@given(case=gs.operands(), alike=gs.operands(alike=True, min_ndim=1, dtypes=[np.float32]))
def test_operands_broadcast_and_keep_away_from_zero(case, alike):
    assert np.broadcast_shapes(case.a.shape, case.b.shape) == (case.a + case.b).shape
    assert case.a.dtype == case.b.dtype
    for array in (case.a, case.b):
        assert np.all((np.abs(array) >= 0.5) & (np.abs(array) <= 2))
    assert alike.a.shape == alike.b.shape != ()
    assert alike.like(alike.a).dtype == np.float32
    assert np.array_equal(case.like(case.a), case.like(case.a))


def test_operands_broadcast_in_every_way():
    for wanted in (
        lambda c: c.a.ndim < c.b.ndim and c.a.ndim > 0,
        lambda c: c.a.ndim == c.b.ndim == 2 and 1 in c.a.shape and 1 not in c.b.shape,
        lambda c: c.a.shape == () and c.b.ndim == 3,
        lambda c: 1 in c.a.shape and 1 in c.b.shape and c.a.shape != c.b.shape,
    ):
        find(gs.operands(), wanted)


@given(case=gs.products())
def test_products_can_be_multiplied(case):
    assert (case.a @ case.b).ndim >= 0
    assert "Operands(a=(" in repr(case)


@given(case=gs.reductions())
def test_reductions_name_axes_that_exist(case):
    kept = case.x.sum(axis=case.axis, keepdims=case.keepdims)
    assert case.like(kept).shape == np.shape(kept)
    assert len(set(case.x.shape)) == case.x.ndim


def test_reductions_print_their_arguments():
    assert "Reduction(x=(2,), axis=None, keepdims=False, dtype=float64, seed=0)" in falsify(gs.reductions(max_ndim=1))


@given(case=gs.two_layer())
def test_two_layer_cases_keep_off_the_kinks(case):
    assert len({case.N, case.D, case.m, case.K}) == 4
    assert np.abs(case.hidden).min() > 0.009
    assert case.X.dtype == case.Y.dtype == case.dtype
    assert {value.dtype for value in case.params.values()} == {case.dtype}
    assert case.copies()["W1"] is not case.params["W1"]
    assert set(case.given) >= {"X", "y", "W1", "lam"}
    assert case.astype(np.float32).hidden.dtype == np.float32


@given(case=gs.affine())
def test_an_affine_layer_is_consistent(case):
    N, D, K = (case.sizes[name] for name in "NDK")
    assert len({N, D, K}) == 3
    assert (case.x.shape, case.W.shape, case.b.shape, case.dout.shape) == ((N, D), (D, K), (K,), (N, K))
    assert case.x.dtype == case.W.dtype == case.b.dtype == case.dout.dtype
    assert set(case.given) == {"x", "W", "b"}


@given(case=gs.features())
def test_features_are_consistent_and_no_gamma_is_special(case):
    assert case.N != case.D
    assert case.x.shape == case.dout.shape == (case.N, case.D)
    for vector in (case.gamma, case.beta, case.mean, case.var):
        assert vector.shape == (case.D,)
        assert vector.dtype == case.dtype
    assert ((np.abs(case.gamma) >= 0.49) & (np.abs(case.gamma) <= 2.01)).all()
    assert ((case.var >= 0.49) & (case.var <= 2.01)).all()
    assert case.sizes == {"N": case.N, "D": case.D}
    assert set(case.given) == {"x", "gamma", "beta"}


@given(case=gs.features(dtypes=[np.float64]))
def test_a_state_may_be_changed_and_features_be_had_in_another_precision(case):
    state = case.state()
    state["mean"][:] = 7
    assert (case.state()["mean"] == case.mean).all()
    assert case.astype(np.float32).dout.dtype == case.astype(np.float32).state()["var"].dtype == np.float32


@given(case=gs.features(N=1), far=gs.features(offset=1000.0, scale=1.0, min_side=5))
def test_the_number_and_the_size_of_features_can_be_asked_for(case, far):
    assert case.x.shape[0] == 1
    assert abs(far.x.mean() - 1000) < 3
    assert min(far.x.shape) >= 5


@given(case=gs.networks(good=lambda case: True))
def test_a_network_is_consistent(case):
    sizes = [case.N, *case.dims]
    assert len(set(sizes)) == len(sizes)
    assert case.N >= 3
    assert case.k in (2, 3)
    assert case.X.shape == (case.N, case.dims[0])
    assert case.Y.shape == (case.N, case.K)
    for i in range(1, case.k + 1):
        assert case.params[f"W{i}"].shape == (case.dims[i - 1], case.dims[i])
        assert case.params[f"b{i}"].shape == (case.dims[i],)
        assert (f"gamma{i}" in case.params) == (f"beta{i}" in case.params) == (case.norm is not None and i < case.k)
    assert case.sizes == {"N": case.N, "K": case.K, "D": case.dims[0]}
    assert set(case.given) == {"dims", "norm", "lam", "X", "y"}
    assert case.rng().random() == case.rng().random()
    assert case.astype(np.float32).params["W1"].dtype == np.float32


def test_a_network_is_drawn_until_it_is_good():
    case = find(gs.networks(good=lambda case: case.X[0, 0] > 1), lambda case: case.norm == "layer")
    assert case.X[0, 0] > 1


@given(case=gs.descents(dtypes=[np.float64]), rng=gs.rngs())
def test_gradients_of_a_descent_stay_near_1(case, rng):
    np.testing.assert_array_equal(case.gradient(case.w), case.g)
    size = np.abs(case.gradient(case.w + rng.uniform(-2, 2, case.w.size)))
    assert ((size >= 0.4) & (size <= 2.1)).all()
    assert set(case.given) == {"the first w", "the first dw", "eta"}


@given(case=gs.convolutions(), signal=gs.convolutions(ndim=1, dilations=[1]))
def test_a_convolution_fits_and_its_sides_differ(case, signal):
    assert len({len(case.x), case.x.shape[1], len(case.w)}) == 3
    assert case.x.shape[2] != case.x.shape[3]
    assert case.w.shape[2] != case.w.shape[3] or case.w.shape[2:] == (1, 1)
    for one in (case, signal):
        assert {part.dtype for part in (*one.inputs, one.dout)} == {one.x.dtype}
        assert one.dout.shape[:2] == (len(one.x), len(one.b))
        for n, k, places in zip(one.x.shape[2:], one.w.shape[2:], one.dout.shape[2:], strict=True):
            end = one.dilation * (k - 1) + one.stride * (places - 1)
            assert end < n + 2 * one.pad <= end + one.stride
        assert set(one.options) <= {"stride", "pad", "dilation"}
        assert one.arguments.startswith("x, w, b")
        assert set(one.given) == {"x", "w", "b", *one.options}


def test_windows_may_be_longer_than_the_image_or_leave_pixels_out():
    find(gs.convolutions(), lambda case: case.w.shape[2] > case.x.shape[2])
    find(gs.convolutions(), lambda case: case.stride > max(case.w.shape[2:]) and case.dout.shape[2] > 1)
    find(gs.convolutions(), lambda case: case.options == {})


@given(case=gs.transposed_convolutions())
def test_a_transposed_convolution_has_an_output(case):
    for n, k, side in zip(case.x.shape[2:], case.w.shape[2:], case.dout.shape[2:], strict=True):
        assert side == (n - 1) * case.stride - 2 * case.pad + k >= 1
    assert case.w.shape[:2] == (case.x.shape[1], len(case.b))


@given(case=gs.poolings())
def test_pooled_images_have_no_ties(case):
    assert np.diff(np.sort(case.x, axis=None)).min(initial=1) > 1 / 200
    assert case.x.shape[2] != case.x.shape[3]
    assert case.inputs[0] is case.x
    assert case.arguments == f"x, k={case.k}, stride={case.stride}"
    assert set(case.given) == {"x", "k", "stride"}


@given(case=gs.patched())
def test_patches_fill_the_image(case):
    X, f = case
    assert X.shape[2] % f == X.shape[3] % f == 0
    assert X.shape[2] != X.shape[3]


@given(case=gs.conv_networks(good=lambda case: True))
def test_a_conv_network_is_consistent(case):
    C, H, W = case.image_shape
    assert H != W
    assert case.params["W1"].shape == (case.F, C, case.k, case.k)
    rows, columns = ((n + 2 * case.pad - case.k) // case.stride // case.pool for n in (H, W))
    assert case.params["W2"].shape[0] % case.F == 0
    assert case.params["W2"].shape[0] >= case.F * rows * columns > 0
    assert case.Y.shape == (case.N, case.K)
    assert set(case.given) == {"X", "y", "lam", "W1", "b1", "W2", "b2"}
    assert case.sizes == {"N": case.N, "K": case.K, "F": case.F, "C": C}
    assert case.arguments.startswith(f"{case.image_shape}, {case.F}, {case.k}, {case.K}, rng, stride=")
    assert case.astype(np.float32).params["W1"].dtype == np.float32


@given(case=gs.residuals(good=lambda case: True))
def test_a_residual_block_is_consistent(case):
    N, C, H, W = case.x.shape
    assert len({N, C, H, W, len(case.params["b1"])}) == 5
    assert case.dout.shape == case.x.shape
    assert [part.shape for part in case.inputs[1:]] == [part.shape for part in case.params.values()]
    assert set(case.given) == {"x", "w1", "b1", "w2", "b2"}


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        (gs.affine(), "Affine(N="),
        (gs.features(), "Features(N=2, D=3, dtype=float64, alpha=0.9, seed=0)"),
        (gs.networks(good=lambda case: True), "dtype=float64, seed=0)"),
        (gs.descents(), "Descent(D=2, dtype=float64, eta=0.01, seed=0)"),
        (gs.convolutions(), "w=(3, 2, 1, 1), stride=1, pad=0, dilation=1, dtype=float64, seed=0)"),
        (gs.poolings(), "Pooling(x=(1, 2, 2, 3), k=2, stride=1, dtype=float64, seed=0)"),
        (gs.conv_networks(good=lambda case: True), "dtype=float64, lam=0.1, seed=0)"),
        (gs.residuals(good=lambda case: True), "Residual(x=(1, 2, 4, 5), w1=(3, 2, 3, 3), dtype=float64, seed=0)"),
    ],
)
def test_failing_layers_print_as_one_line(strategy, text):
    line = next(line for line in falsify(strategy).splitlines() if "case=" in line)
    assert text in line
    assert len(line) < 110


@given(case=gs.steps(gates=4), plain=gs.steps(min_side=2))
def test_a_step_has_unequal_axes_and_one_dtype(case, plain):
    (N, K), m = case.x.shape, case.h_prev.shape[1]
    assert case.sizes == {"N": N, "K": K, "m": m}
    assert len({N, K, m}) == 3
    assert {name: array.shape for name, array in case.params.items()} == {
        "U": (K, 4 * m),
        "W": (m, 4 * m),
        "b": (4 * m,),
    }
    assert case.h_prev.shape == case.c_prev.shape == case.dh.shape == case.dc.shape
    assert {array.dtype for array in (case.x, case.dh, case.c_prev, *case.params.values())} == {case.x.dtype}
    assert case.astype(np.float64).params["U"].dtype == np.float64
    assert set(case.given) == {"x", "h_prev", "U", "W", "b"}
    assert plain.params["U"].shape[1] == plain.h_prev.shape[1] >= 2


@given(case=gs.readings(max_side=6), one=gs.readings(T=1, dtypes=[np.float32]))
def test_a_reading_has_unequal_axes_and_one_hot_rows(case, one):
    assert len({case.T, case.K, case.h0.size}) == 3
    assert case.sizes == {"T": case.T, "K": case.K, "m": case.h0.size}
    assert case.X.shape == case.Y.shape == (case.T, case.K)
    np.testing.assert_array_equal(case.X.argmax(axis=1), case.indices)
    np.testing.assert_array_equal(case.Y.argmax(axis=1), case.targets)
    assert one.T == 1
    assert one.X.dtype == one.h0.dtype == one.copies()["V"].dtype == np.float32
    assert "the indices in X" in case.given


@given(lesson=gs.lessons(seq_lengths=(1, 3)))
def test_a_lesson_has_all_its_characters_and_two_windows_or_more(lesson):
    L = lesson.seq_length
    assert set(lesson.text) == set("abc")
    assert lesson.n_windows in (2, 3)
    assert lesson.n_windows * L + 1 <= len(lesson.text) < (lesson.n_windows + 1) * L + 1
    assert set(lesson.given) == {"text", "seq_length"}


def test_recurrent_cases_print_as_one_line():
    assert "Step(N=1, K=2, m=3, dtype=float64, seed=0)" in falsify(gs.steps())
    assert "Reading(T=2, K=3, m=4, dtype=float64, seed=0)" in falsify(gs.readings())
    assert "dtype=float64, seed=0)" in falsify(gs.lessons())
