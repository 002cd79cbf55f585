"""Hidden checks of assignment 5: difficult inputs, dtypes, unchanged arguments, and how training reads a text."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.explain import (
    NUMERICAL_RTOL,
    Mismatch,
    assert_array,
    assert_close,
    assert_dict,
    assert_drawn,
    assert_list,
    assert_scalar,
    unchanged,
    unpack,
)
from grader.oracles import recurrent, tensor
from grader.oracles.cells import GRU, LSTM, RNN
from grader.oracles.optimisers import EPS_RTOL, adagrad, adam, check_manners, check_path
from grader.oracles.reading import check_losses, taught
from grader.strategies import Lesson, descents, lessons, readings, rngs, seeds, steps

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count

DOUBLE, SINGLE = [np.float64], [np.float32]
few = settings(max_examples=5)
rare = settings(max_examples=2)  # of what draws hundreds of characters, each of them a step of the network
FLOAT32 = {"rtol": 1e-3, "atol": 1e-5}
STEPS = {
    "one_hot": recurrent.one_hot,
    "rnn_step_forward": recurrent.rnn_step_forward,
    "rnn_step_backward": recurrent.rnn_step_backward,
}


# 1 · From text to arrays


@pytest.mark.task("build_vocab")
class TestBuildVocab:
    @given(text=st.text(min_size=1, max_size=30))
    def test_any_unicode_text_comes_back(self, hw, text):
        """A text of any script, encoded character by character, is the same after decoding"""
        call = f"build_vocab({text!r})"
        chars, char_to_ind, ind_to_char = unpack(hw.build_vocab(text), 3, what=call)
        if len(chars) != len(set(text)):
            raise Mismatch(
                f"{call} → chars has {len(chars)} entries; the text has {len(set(text))} distinct characters."
            )
        assert_dict(char_to_ind, set(text), what=f"{call} → char_to_ind", exactly=True)
        back = ind_to_char if type(ind_to_char) is dict else dict(enumerate(assert_list(ind_to_char, what=call)))
        if [back.get(char_to_ind[char]) for char in text] != list(text):
            raise Mismatch(f"{call}: the text, encoded and decoded again, is another one.")


@pytest.mark.task("one_hot")
class TestOneHot:
    @given(case=readings(T=1), K=st.integers(6, 30))
    def test_one_character_of_many(self, hw, case, K):
        """A single index gives a single row, whatever K; the indices stay as they are"""
        with unchanged("one_hot(indices, K)", indices=case.indices):
            rows = hw.one_hot(case.indices, K)
        assert_close(rows, recurrent.one_hot(case.indices, K), what=f"one_hot([{case.indices[0]}], {K})")


@pytest.mark.task("init_rnn")
class TestInitRnn:
    @few
    @given(seed=seeds())
    def test_weights_are_independent_normal_numbers_from_rng(self, hw, seed):
        """Weights are normally distributed and independent; the same rng gives the same ones"""
        call = "init_rnn(50, 60, rng, 0.5)"
        first, again = (hw.init_rnn(50, 60, np.random.default_rng(seed), 0.5) for _ in range(2))
        for params in (first, again):
            assert_dict(params, recurrent.NAMES, what=call)
            for name, shape in (("U", (50, 60)), ("W", (60, 60)), ("V", (60, 50))):
                assert_array(params[name], shape=shape, dtype=np.float64, what=f"{call}[{name!r}]")
        for name in "UWV":
            assert_close(again[name], first[name], what=f"init_rnn with an rng of the same seed → {name!r}")
            values = np.sort(np.asarray(first[name]), axis=None) / 0.5
            levels = torch.special.ndtr(tensor(values)).numpy()
            # Kolmogorov-Smirnov: P(√n D > 3.2) = 2 exp(-2 · 3.2²) = 3e-9
            distance = np.abs(levels - (np.arange(values.size) + 0.5) / values.size).max()
            if distance * values.size**0.5 > 3.2:
                raise Mismatch(f"{call}[{name!r}] is not normally distributed with deviation 0.5.")
        U, W, V = (np.asarray(first[name]) for name in "UWV")
        pairs = [(U, V.T), (U, W[:50]), (W[1:], W[:-1]), (W[:, 1:], W[:, :-1])]
        for left, right in pairs:
            # the mean of n products of independent normal numbers has deviation 1/√n; seven: once in 10¹¹
            if abs(np.mean(left * right)) / 0.25 > 7 / left.size**0.5:
                raise Mismatch(f"{call}: the weights are not drawn one by one from rng.")


# 2 · One step


@pytest.mark.task("rnn_step_forward")
class TestRnnStepForward:
    @given(case=steps(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give h in float32"""
        RNN.check_forward(hw, case)

    @given(case=steps(dtypes=DOUBLE, scale=1e3))
    def test_large_sums_are_1_or_minus_1(self, hw, case):
        """Sums far from 0 give states near 1 and -1, and no overflow"""
        RNN.check_forward(hw, case)

    @given(case=readings(T=1))
    def test_other_parameters_do_not_matter(self, hw, case):
        """params may hold V and c as well; it, x and h_prev stay as they are"""
        x, h_prev = case.X, case.h0[None]
        with unchanged("rnn_step_forward(x, h_prev, params)", x=x, h_prev=h_prev, params=case.params):
            result = hw.rnn_step_forward(x, h_prev, case.params)
        h, _ = unpack(result, ("h", "cache"), what="rnn_step_forward(x, h_prev, params)")
        expected, _ = recurrent.rnn_step_forward(x, h_prev, case.params)
        assert_close(h, expected, what="rnn_step_forward(x, h_prev, params) → h")


@pytest.mark.task("rnn_step_backward")
class TestRnnStepBackward:
    @given(case=steps(dtypes=SINGLE, max_side=4))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give gradients in float32, right to the digits that float32 has"""
        RNN.check_backward(hw, case, **FLOAT32)

    @given(case=steps())
    def test_may_be_called_twice(self, hw, case):
        """The same cache gives the same gradients again; no argument is changed"""
        RNN.check_manners(hw, case)

    @given(case=steps(dtypes=DOUBLE, min_side=2))
    def test_a_loss_on_the_last_step_alone(self, hw, case):
        """Chained over five steps, dh_prev carries the gradient of the last state back to the first step"""
        RNN.check_through_time(hw, case, 5)


# 3 · A whole sequence


def read(hw, X, Y, h0, params):
    return unpack(hw.rnn_forward(X, Y, h0, params), ("loss", "h_T", "cache"), what="rnn_forward(X, Y, h0, params)")


@pytest.mark.task("rnn_forward")
@pytest.mark.stand_in(**recurrent.STEPS)
class TestRnnForward:
    @staticmethod
    def check(hw, case, what, **tolerance):
        loss, h, _ = read(hw, case.X, case.Y, case.h0, case.params)
        right, h_T, _ = recurrent.rnn_forward(case.X, case.Y, case.h0, case.params)
        call = f"rnn_forward(X, Y, h0, params), {what},"
        assert_scalar(loss, right, what=f"the loss of {call}", given=case.given, dtype=case.h0.dtype, **tolerance)
        assert_close(h, h_T, what=f"h_T of {call}", given=case.given)

    @given(case=readings(T=1))
    def test_a_single_character(self, hw, case):
        """A sequence of one character"""
        self.check(hw, case, "with T = 1")

    @few
    @given(case=readings(T=40, memory=1.5))
    def test_a_long_sequence(self, hw, case):
        """A sequence of 40 characters"""
        self.check(hw, case, "with T = 40")

    @given(case=readings(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give h_T in float32, and the loss to the digits that it has"""
        self.check(hw, case, "in float32")

    @given(case=readings(), size=st.sampled_from([1e3, 1e5]))
    def test_large_scores(self, hw, case, size):
        """Scores near 1,000, or 1,000 apart, give the right loss: no overflow, no log of 0"""
        shifted, apart = case.params | {"c": case.params["c"] + size}, case.params | {"V": size * case.params["V"]}
        for params in (shifted, apart):
            loss, _, _ = read(hw, case.X, case.Y, case.h0, params)
            right, _, _ = recurrent.rnn_forward(case.X, case.Y, case.h0, params)
            what = "rnn_forward(X, Y, h0, params) → loss, with large scores,"
            assert_scalar(loss, right, what=what, given=case.given | params, rtol=1e-6)

    @given(case=readings())
    def test_arguments_stay_as_they_are(self, hw, case):
        """rnn_forward and rnn_backward change none of the arguments"""
        X, Y, h0 = case.X, case.Y, case.h0
        with unchanged("rnn_forward(X, Y, h0, params)", X=X, Y=Y, h0=h0, params=case.params):
            read(hw, X, Y, h0, case.params)


def certain_before(case, size=300.0):
    """A network and targets such that every time but the last has its right character for sure, and the last not."""
    params = case.params | {"V": size * case.params["V"]}
    S = recurrent.read(case.X, case.h0, {name: tensor(array) for name, array in params.items()})[0].numpy()
    sizes = np.sort(S, axis=1)
    if (sizes[:, -1] - sizes[:, -2]).min() < 40:
        return None
    targets = S.argmax(axis=1)
    targets[-1] = S[-1].argmin()
    return params, recurrent.one_hot(targets, case.K)


@pytest.mark.task("rnn_backward")
@pytest.mark.stand_in(**recurrent.STEPS)
class TestRnnBackward:
    @staticmethod
    def check(hw, case, Y, params, what, h=2.0**-17, rtol=NUMERICAL_RTOL, atol=1e-8):
        """Each gradient along a random direction is the slope of the submission's own loss, measured in float64."""
        loss, _, cache = read(hw, case.X, Y.astype(case.h0.dtype), case.h0, params)
        grads = assert_dict(hw.rnn_backward(cache), recurrent.NAMES, what="rnn_backward(cache)", exactly=True)
        wide, rng = case.astype(np.float64), np.random.default_rng(case.seed)
        exact = {name: array.astype(np.float64) for name, array in params.items()}
        for name, array in exact.items():
            assert_array(grads[name], shape=array.shape, dtype=case.h0.dtype, what=f"rnn_backward(cache)[{name!r}]")
            way = rng.standard_normal(array.shape)
            losses = [float(read(hw, wide.X, Y, wide.h0, exact | {name: array + side * way})[0]) for side in (h, -h)]
            slope, full = (
                (losses[0] - losses[1]) / (2 * h),
                f"rnn_backward(cache)[{name!r}], {what}, along a direction,",
            )
            assert_scalar(float(np.vdot(grads[name], way)), slope, what=full, given=case.given, rtol=rtol, atol=atol)
        return loss, grads

    @few
    @given(case=readings(T=30, memory=1.4))
    def test_a_long_sequence(self, hw, case):
        """Over 30 characters, with a W that makes gradients grow, all of them come back to the first"""
        loss, grads = self.check(hw, case, case.Y, case.params, "with T = 30")
        if np.isclose(loss, recurrent.rnn_forward(case.X, case.Y, case.h0, case.params)[0]):
            for name, right in recurrent.rnn_backward((case.X, case.Y, case.h0, case.params)).items():
                assert_close(grads[name], right, what=f"rnn_backward(cache)[{name!r}], with T = 30,", rtol=1e-7)

    @few
    @given(case=readings(T=5, memory=0.8).filter(certain_before))
    def test_a_loss_at_the_last_time_alone(self, hw, case):
        """Where only the last character is guessed wrong, its gradient reaches all times before it"""
        params, Y = certain_before(case)
        self.check(hw, case, Y, params, "with a loss at the last time alone", h=2.0**-20, atol=1e-5)

    @given(case=readings(T=1))
    def test_a_single_character(self, hw, case):
        """With T = 1 there is nothing to go back to, and dW is the outer product with h0"""
        self.check(hw, case, case.Y, case.params, "with T = 1")

    @few
    @given(case=readings(dtypes=SINGLE, T=4))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give gradients in float32, right to the digits that float32 has"""
        Y = recurrent.one_hot(case.targets, case.K)
        self.check(hw, case, Y, case.params, "in float32", rtol=1e-3, atol=1e-4)

    @given(case=readings())
    def test_may_be_called_twice(self, hw, case):
        """The same cache gives the same gradients again"""
        _, _, cache = read(hw, case.X, case.Y, case.h0, case.params)
        what = "rnn_backward(cache)"
        first, again = (assert_dict(hw.rnn_backward(cache), recurrent.NAMES, what=what) for _ in range(2))
        for name in recurrent.NAMES:
            assert_array(first[name], shape=case.params[name].shape, dtype=np.float64, what=f"{what}[{name!r}]")
            assert_close(again[name], first[name], what=f"{what}[{name!r}], called again with the same cache,")


# 4 · Clipping


@st.composite
def two_arrays(draw, dtype=np.float32):
    """Gradients under names that are not those of a recurrent network."""
    left, right = 6 * np.random.default_rng(draw(seeds())).standard_normal((2, 3, 4))
    return {"gamma": left.astype(dtype), "beta": right[0].astype(dtype)}


@pytest.mark.task("clip_gradients")
class TestClipGradients:
    @given(grads=two_arrays())
    def test_any_names_in_float32(self, hw, grads):
        """Whatever the names of the arrays, in float32, each value is cut to ±5, and float32 stays"""
        clipped = assert_dict(hw.clip_gradients(grads), list(grads), what="clip_gradients(grads)", exactly=True)
        for name, right in recurrent.clip_gradients(grads).items():
            assert_close(clipped[name], right, what=f"clip_gradients(grads)[{name!r}]")


@pytest.mark.task("clip_by_global_norm")
class TestClipByGlobalNorm:
    @staticmethod
    def call(hw, grads, max_norm):
        what = "clip_by_global_norm(grads, max_norm)"
        clipped, norm = unpack(hw.clip_by_global_norm(grads, max_norm), ("grads", "norm"), what=what)
        return assert_dict(clipped, list(grads), what=f"{what} → grads", exactly=True), norm

    @given(grads=two_arrays(), share=st.sampled_from([0.5, 2.0]))
    def test_any_names_in_float32(self, hw, grads, share):
        """Whatever the names of the arrays, in float32, and float32 stays"""
        norm = sum(float(np.square(grad.astype(float)).sum()) for grad in grads.values()) ** 0.5
        clipped, found = self.call(hw, grads, share * norm)
        assert_scalar(found, norm, what="clip_by_global_norm(grads, max_norm) → norm", dtype=np.float32)
        for name, grad in grads.items():
            right, what = grad * np.float32(min(1.0, share)), f"clip_by_global_norm(grads, max_norm) → grads[{name!r}]"
            assert_close(clipped[name], right, what=what)

    @given(max_norm=st.sampled_from([5.0, 7.0, 0.1]))
    def test_gradients_of_0_and_a_norm_that_is_just_right(self, hw, max_norm):
        """Gradients of 0 stay 0, no 0/0; a norm of exactly max_norm changes nothing"""
        for grads, norm in (
            ({"a": np.zeros((2, 3)), "b": np.zeros(2)}, 0.0),
            ({"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}, 5.0),
        ):
            clipped, found = self.call(hw, grads, max(max_norm, norm))
            assert_scalar(found, norm, what="clip_by_global_norm(grads, max_norm) → norm", given=grads)
            for name, grad in grads.items():
                assert_close(clipped[name], grad, what=f"clip_by_global_norm(grads, max_norm) → grads[{name!r}]")


# 5 · Optimisers


@pytest.mark.task("adagrad")
class TestAdagrad:
    @given(case=descents(dtypes=SINGLE))
    def test_two_parameters_in_float32(self, hw, case):
        """float32 stays float32, w and dw stay as they are, two parameters have a state each"""
        check_manners(hw.adagrad, "adagrad", case, adagrad)

    @given(case=descents(dtypes=DOUBLE))
    def test_a_gradient_of_0_changes_nothing(self, hw, case):
        """Where dw is 0 from the start, w stays: no 0/0"""
        w, state = case.w, None
        for _ in range(2):
            w, state = unpack(hw.adagrad(w, np.zeros_like(case.w), state, case.eta), ("w", "state"), what="adagrad(…)")
            assert_close(w, case.w, what="adagrad(w, 0, state, eta) → w")


@pytest.mark.task("adam")
class TestAdam:
    @given(case=descents(dtypes=DOUBLE), betas=st.sampled_from([(0.5, 0.9), (0.8, 0.99), (0.95, 0.9)]))
    def test_betas_are_those_given(self, hw, case, betas):
        """beta1 and beta2 may have other values than 0.9 and 0.999"""
        check_path(hw.adam, "adam", case, adam, rtol=EPS_RTOL, n_steps=6, beta1=betas[0], beta2=betas[1])

    @given(case=descents(dtypes=SINGLE))
    def test_two_parameters_in_float32(self, hw, case):
        """float32 stays float32, w and dw stay as they are, two parameters have a state each"""
        check_manners(hw.adam, "adam", case, adam)


# 6 · Writing


def constant(p, m=3):
    """A network that predicts p (K,) whatever it reads, by its biases alone; and a state for it."""
    K = len(p)
    params = {"U": np.zeros((K, m)), "W": np.zeros((m, m)), "V": np.zeros((m, K)), "b": np.zeros(m)}
    return params | {"c": np.log(p)}, np.zeros(m)


TIES = {  # probabilities, top_p, size of the nucleus: of the equal ones at its border one belongs to it, the rest not
    "one of three": (np.array([0.2, 0.4, 0.2, 0.2]), 0.5, 2),
    "one of four": (np.array([0.18, 0.18, 0.28, 0.18, 0.18]), 0.4, 2),
}


@pytest.mark.task("synthesize")
@pytest.mark.stand_in(one_hot=recurrent.one_hot, rnn_step_forward=recurrent.rnn_step_forward)
class TestSynthesize:
    @pytest.mark.weight(2)
    @settings(max_examples=3)
    @given(name=st.sampled_from(sorted(TIES)), rng=rngs())
    def test_equal_probabilities_at_the_border_of_the_nucleus(self, hw, name, rng):
        """The nucleus is the smallest set: of characters with equal probability only as many as it takes are in it

        Which ones is free, but for those that are more probable. A false alarm has probability 10⁻⁹.
        """
        p, top_p, size = TIES[name]
        params, h0 = constant(p)
        what = f"synthesize(params, h0, 0, 300, rng, top_p={top_p})"
        written = hw.synthesize(params, h0, 0, 300, rng, top_p=top_p)
        assert_array(written, shape=(300,), dtype=np.int64, what=what)
        border = np.sort(p)[-size]
        surely = np.flatnonzero(p > border)
        group = np.where(p > border, np.arange(p.size), p.size)  # those at the border count as one
        group[p < border] = p.size + 1
        mass = np.zeros(p.size + 2)
        mass[surely] = p[surely]
        mass[p.size] = border * (size - surely.size)
        if np.min(written) < 0 or np.max(written) >= p.size:
            raise Mismatch(f"{what} holds an index that is not in 0 … {p.size - 1}.")
        given_ = {"probabilities": p, "top_p": top_p}
        what = f"{what}, those at the border taken together,"
        assert_drawn(group[np.asarray(written)], mass / mass.sum(), n=300, what=what, given=given_)

    @rare
    @given(seed=seeds(), top_p=st.sampled_from([1.0, None]))
    def test_all_characters_with_a_top_p_of_1(self, hw, seed, top_p):
        """top_p = 1 leaves all characters, as None does, though rounded probabilities may sum to less"""
        rng = np.random.default_rng(seed)
        p = rng.dirichlet(np.full(6, 3.0))
        params, h0 = constant(p)
        written = hw.synthesize(params, h0, 0, 300, rng, top_p=top_p)
        what = f"synthesize(params, h0, 0, 300, rng, top_p={top_p})"
        assert_drawn(written, p, n=300, what=what, given={"probabilities": p})

    @given(case=readings(T=1, max_side=6), n=st.sampled_from([1, 8]))
    def test_a_tiny_nucleus_is_the_most_probable_character(self, hw, case, n):
        """With top_p near 0 one character is left: the text is known"""
        h, index, expected, gaps = case.h0, int(case.indices[0]), [], []
        for _ in range(n):
            p, h = recurrent.next_probabilities(case.params, h, index)
            index = int(p.argmax())
            expected.append(index)
            gaps.append(np.diff(np.sort(p))[-1])
        if min(gaps) < 1e-6:
            return
        written = hw.synthesize(case.params, case.h0, int(case.indices[0]), n, np.random.default_rng(0), top_p=1e-6)
        what = f"synthesize(params, h0, x0, {n}, rng, top_p=1e-6)"
        assert_close(written, np.array(expected), what=what, given=case.given)

    @rare
    @given(rng=rngs(), temperature=st.sampled_from([0.4, 3.0]))
    def test_temperature_comes_before_the_nucleus(self, hw, rng, temperature):
        """The nucleus is that of the probabilities at the temperature"""
        c = np.array([0.0, 1.0, 2.0, 2.8, -1.0])
        params, h0 = constant(np.exp(c))
        p = torch.softmax(tensor(c / temperature), dim=0).numpy()
        written = hw.synthesize(params, h0, 0, 300, rng, temperature=temperature, top_p=0.7)
        right = recurrent.nucleus(p, 0.7)
        after = recurrent.nucleus(torch.softmax(tensor(c), dim=0).numpy(), 0.7)
        warmed = np.where(after > 0, p, 0)
        related = {"draws from the nucleus at temperature 1: the temperature comes first": warmed / warmed.sum()}
        what = f"synthesize(params, h0, 0, 300, rng, temperature={temperature}, top_p=0.7)"
        assert_drawn(written, right, n=300, what=what, given={"scores": c}, related=related)

    @given(dtype=st.sampled_from([np.float64, np.float32]), size=st.sampled_from([100.0, 1e4]))
    def test_large_scores_in_either_precision(self, hw, dtype, size):
        """Scores of 10,000, divided by a small temperature, give no nan: the text is known"""
        params, h0 = constant(np.ones(4))
        params = {name: array.astype(dtype) for name, array in params.items()}
        params["c"] = np.array([0, size, -size, size / 2], dtype)
        rng = np.random.default_rng(0)
        written = hw.synthesize(params, h0.astype(dtype), 2, 5, rng, temperature=0.01)
        assert_close(written, np.full(5, 1), what="synthesize(params, h0, 2, 5, rng, temperature=0.01)", given=params)

    @rare
    @given(seed=seeds())
    def test_the_rng_decides_and_nothing_is_changed(self, hw, seed):
        """The same rng gives the same text, an rng that goes on another one; params and h0 stay"""
        params, h0 = constant(np.full(5, 0.2))
        rng, texts = np.random.default_rng(seed), []
        with unchanged("synthesize(params, h0, x0, n, rng)", params=params, h0=h0):
            for source in (rng, rng, np.random.default_rng(seed)):
                texts.append(hw.synthesize(params, h0, 0, 40, source))
        for text in texts:
            assert_array(text, shape=(40,), dtype=np.int64, what="synthesize(params, h0, 0, 40, rng)")
        assert_close(texts[2], texts[0], what="synthesize with an rng of the same seed")
        if np.array_equal(texts[0], texts[1]):  # by chance with probability 5⁻⁴⁰
            raise Mismatch("synthesize gives the same text twice with one rng: is it drawn from rng?")

    @rare
    @given(rng=rngs())
    def test_characters_are_independent_draws(self, hw, rng):
        """With constant probabilities, the pairs of neighbours are drawn like two characters, each by itself"""
        p = np.array([0.5, 0.3, 0.2])
        params, h0 = constant(p)
        written = hw.synthesize(params, h0, 0, 400, rng)
        assert_drawn(written, p, n=400, what="synthesize(params, h0, 0, 400, rng)")
        pairs = 3 * np.asarray(written)[::2] + np.asarray(written)[1::2]
        what = "the pairs of neighbours (3 · first + second) of synthesize(params, h0, 0, 400, rng)"
        assert_drawn(pairs, np.outer(p, p).ravel(), n=200, what=what)


# 7 · Training


@pytest.mark.task("train")
@pytest.mark.stand_in(**recurrent.TRAINING)
class TestTrain:
    @few
    @given(lesson=lessons(seq_lengths=(1, 5)), whole=st.booleans())
    def test_windows_that_just_fit_and_others(self, hw, lesson, whole):
        """Whole windows and one character more are read to the end; with one character less, a window fewer"""
        L = lesson.seq_length
        text = (lesson.text + lesson.text)[: 3 * L + (1 if whole else 0)]
        if set(text) != set(lesson.text):
            return
        cut = Lesson(text=text, seq_length=L, params=lesson.params, seed=lesson.seed)
        _, history = taught(hw, cut, 7, 0.0)
        check_losses(history["loss"], cut, 0.0, {}, rtol=1e-6)

    @few
    @given(lesson=lessons())
    def test_the_parameters_are_those_after_the_last_update(self, hw, lesson):
        """After six updates the returned parameters are where AdaGrad has taken them; the given ones stay"""
        with unchanged("train(…)", params=lesson.params):
            params, history = taught(hw, lesson, 6, 0.1)
        order = check_losses(history["loss"], lesson, 0.1, {}, rtol=1e-3)
        expected, _ = recurrent.trained(lesson.text, lesson.params, lesson.seq_length, 6, 0.1, order)
        for name, right in expected.items():
            # an eps of 1e-8 inside the root holds back the few weights whose gradients are tiny
            assert_close(
                params[name], right, what=f"train(…) → params[{name!r}]", given=lesson.given, rtol=0.1, atol=0.02
            )

    @few
    @given(lesson=lessons(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, lesson):
        """Parameters in float32 stay float32, though one_hot gives float64"""
        _, history = taught(hw, lesson, 3, 0.0)
        check_losses(history["loss"], lesson, 0.0, {}, rtol=1e-3)

    @few
    @given(alphabet=st.sampled_from(["aé日", "x\n ", "ab🙂"]), log_every=st.sampled_from([1, 2]))
    def test_samples_are_written_in_the_characters_of_the_text(self, hw, alphabet, log_every):
        """A network that always goes on to the next of three characters writes all three of them, in turn"""
        K, eye = 3, np.eye(3)
        params = {"U": 20 * eye, "W": np.zeros((K, K)), "V": 60 * np.roll(eye, 1, axis=1), "b": np.zeros(K)}
        lesson = Lesson(text=4 * alphabet, seq_length=3, params=params | {"c": np.zeros(K)}, seed=0)
        _, history = taught(hw, lesson, 4, 0.0, log_every)
        samples = assert_list(history["samples"], what="history['samples']", length=-(-4 // log_every))
        for sample in samples:
            _, written = unpack(sample, ("update", "text"), what="history['samples'][i]")
            if type(written) is not str or len(written) != 200 or set(written[:3]) != set(alphabet):
                raise Mismatch(f"A sample is {written!r:.60}; expected 200 characters, {alphabet!r} in turn.")
            if written[3:] != written[:-3]:
                raise Mismatch(f"A sample is {written!r:.60}…; each character decides the next one in this network.")

    def test_the_rng_decides_the_samples(self, hw):
        """The same rng gives the same samples, another one others; the losses do not depend on it"""
        params, _ = constant(np.full(3, 1 / 3))
        lesson = Lesson(text="abcacbabc", seq_length=2, params=params, seed=0)
        runs = [taught(hw, lesson, 2, 0.0, 1, seed=seed)[1] for seed in (1, 1, 2)]
        samples = [list(map(tuple, assert_list(run["samples"], what="history['samples']", length=2))) for run in runs]
        if samples[0] != samples[1]:
            raise Mismatch("train with an rng of the same seed gives other samples.")
        if samples[0] == samples[2] or samples[0][0][1] == samples[0][1][1]:  # by chance with probability 3⁻²⁰⁰
            raise Mismatch("All samples are the same: are they drawn from the rng that is passed in?")
        assert_close(runs[2]["loss"], runs[0]["loss"], what="history['loss'], with another rng,")


# 8 · LSTM and GRU


@pytest.mark.task("lstm_step_forward")
class TestLstmStepForward:
    @given(case=steps(gates=4, dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give h and c in float32"""
        LSTM.check_forward(hw, case)

    @given(case=steps(gates=4, scale=1e4))
    def test_large_sums_stay_finite(self, hw, case):
        """Sums of ±10,000 open and close the gates, and nothing overflows"""
        LSTM.check_forward(hw, case)


@pytest.mark.task("lstm_step_backward")
class TestLstmStepBackward:
    @few
    @given(case=steps(gates=4, dtypes=SINGLE, max_side=4))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give gradients in float32, right to the digits that float32 has"""
        LSTM.check_backward(hw, case, **FLOAT32)

    @given(case=steps(gates=4))
    def test_may_be_called_twice(self, hw, case):
        """The same cache gives the same gradients again; no argument is changed"""
        LSTM.check_manners(hw, case)

    @given(case=steps(gates=4, dtypes=DOUBLE, min_side=2))
    def test_a_loss_on_the_last_step_alone(self, hw, case):
        """Chained over five steps, dh_prev and dc_prev carry the gradient of the last states back to the first step"""
        LSTM.check_through_time(hw, case, 5)


@pytest.mark.task("gru_step_forward")
class TestGruStepForward:
    @given(case=steps(gates=3, dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give h in float32"""
        GRU.check_forward(hw, case)

    @given(case=steps(gates=3, scale=1e4))
    def test_large_sums_stay_finite(self, hw, case):
        """Sums of ±10,000 open and close the gates, and nothing overflows"""
        GRU.check_forward(hw, case)


@pytest.mark.task("gru_step_backward")
class TestGruStepBackward:
    @few
    @given(case=steps(gates=3, dtypes=SINGLE, max_side=4))
    def test_float32_stays_float32(self, hw, case):
        """Arrays in float32 give gradients in float32, right to the digits that float32 has"""
        GRU.check_backward(hw, case, **FLOAT32)

    @given(case=steps(gates=3))
    def test_may_be_called_twice(self, hw, case):
        """The same cache gives the same gradients again; no argument is changed"""
        GRU.check_manners(hw, case)

    @given(case=steps(gates=3, dtypes=DOUBLE, min_side=2))
    def test_a_loss_on_the_last_step_alone(self, hw, case):
        """Chained over five steps, dh_prev carries the gradient of the last state back to the first step"""
        GRU.check_through_time(hw, case, 5)
