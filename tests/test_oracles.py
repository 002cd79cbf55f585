from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import find, given, settings

from grader.explain import Mismatch
from grader.oracles import Layer, softmax, tensor
from grader.oracles import convolution as oracle
from grader.strategies import conv_networks, convolutions, poolings, residuals

CUBE = Layer(name="cube", inputs=("x",), operation=lambda x, scale=1.0: scale * x**3)


def case(**options):
    x, dout = np.array([1.0, -2.0, 3.0]), np.array([1.0, 0.5, -1.0])
    arguments = ", ".join(["x", *(f"{name}={value}" for name, value in options.items())])
    return SimpleNamespace(inputs=(x,), options=options, arguments=arguments, dout=dout, given={"x": x}, sizes={})


def test_a_layer_gives_the_gradients_of_torch_as_often_as_it_is_asked():
    x, dout = np.array([1.0, -2.0]), np.array([1.0, 0.5])
    out, cache = CUBE.forward(x, scale=2.0)
    for _ in range(2):
        np.testing.assert_allclose(CUBE.backward(dout, cache), 6 * x**2 * dout)
    np.testing.assert_allclose(out, 2 * x**3)
    x[:] = 0
    np.testing.assert_allclose(CUBE.backward(dout, cache), [6, 12])


@settings(deadline=None)
@given(case=convolutions())
def test_several_arrays_give_several_gradients_of_their_dtype(case):
    out, cache = oracle.CONV2D.forward(*case.inputs, **case.options)
    assert (out.shape, out.dtype) == (case.dout.shape, case.dout.dtype)
    gradients = oracle.CONV2D.backward(case.dout, cache)
    assert [part.shape for part in gradients] == [part.shape for part in case.inputs]
    assert {part.dtype for part in gradients} == {case.x.dtype}


def test_mixed_precision_gives_the_higher_one():
    out, _ = oracle.CONV2D.forward(np.ones((1, 1, 2, 2), np.float32), np.ones((1, 1, 1, 1)), np.zeros(1, np.float32))
    assert out.dtype == np.float64


def hw(forward=None, backward=None):
    return SimpleNamespace(cube_forward=forward or CUBE.forward, cube_backward=backward or CUBE.backward)


def test_right_halves_pass():
    for tried in (case(), case(scale=2.0)):
        CUBE.check_forward(hw(), tried)
        CUBE.check_backward(hw(), tried, times=2)


def test_a_wrong_forward_pass_costs_itself_only():
    wrong = hw(forward=lambda x: (0.5 * x**3, CUBE.forward(x)[1]))
    with pytest.raises(Mismatch, match=r"cube_forward\(x\) → out(.|\n)*half"):
        CUBE.check_forward(wrong, case(), {"half of it": 0.5 * case().inputs[0] ** 3})
    CUBE.check_backward(wrong, case())
    also = hw(wrong.cube_forward, backward=lambda dout, cache: 0.5 * CUBE.backward(dout, cache))
    CUBE.check_backward(also, case())


def test_a_wrong_backward_pass_is_told():
    with pytest.raises(Mismatch, match=r"cube_backward\(dout, cache\) → dx: wrong values(.|\n)*negative"):
        CUBE.check_backward(hw(backward=lambda dout, cache: -CUBE.backward(dout, cache)), case())


def test_a_backward_pass_that_spends_its_cache_is_told():
    def spends(dout, cache):
        found = CUBE.backward(dout, cache)
        cache[0][0] *= 2
        return found

    CUBE.check_backward(hw(backward=spends), case())
    with pytest.raises(Mismatch, match="called again with the same cache, → dx"):
        CUBE.check_backward(hw(backward=spends), case(), times=2)


def test_changed_arguments_are_told():
    def changes(x):
        x += 1
        return CUBE.forward(x - 1)

    with pytest.raises(Mismatch, match=r"cube_forward\(x\) changed x in place"):
        CUBE.check_forward(hw(forward=changes), case())


@given(case=poolings(dtypes=[np.float64]))
def test_the_pools_have_the_sizes_that_windows_have_places(case):
    sizes = tuple(oracle.conv_output_size(n, case.k, case.stride, 0) for n in case.x.shape[2:])
    for layer in (oracle.MAXPOOL, oracle.AVGPOOL):
        assert layer.forward(*case.inputs, **case.options)[0].shape[2:] == sizes == case.dout.shape[2:]
        assert set(layer.stand_ins) == {f"{layer.name}_forward", f"{layer.name}_backward"}


@settings(deadline=None, max_examples=20)
@given(case=conv_networks(good=oracle.away_from_kinks))
def test_a_network_is_away_from_its_kinks(case):
    params, A = oracle.hidden(case)
    assert A.abs().min() > 1e-3
    S = oracle.scores(case)[1]
    assert S.shape == (case.N, case.K)
    gradients = oracle.gradients(case, case.lam)
    assert {name: part.shape for name, part in gradients.items()} == {name: p.shape for name, p in params.items()}
    step = {name: p - 1e-6 * gradients[name] for name, p in case.params.items()}
    moved = type(case)(**{**vars(case), "params": step})
    assert oracle.cost(moved, case.lam)[1] < oracle.cost(case, case.lam)[1]
    np.testing.assert_allclose(softmax(S.detach().numpy()).sum(axis=1), 1)


def test_a_residual_block_sees_numbers_of_either_sign():
    found = find(residuals(good=oracle.smooth), lambda case: True)
    out, _ = oracle.RESIDUAL.forward(*found.inputs)
    assert out.shape == found.x.shape
    assert (out == 0).any()
    assert torch.equal(tensor(found.x), torch.tensor(found.x))
