"""Public checks of assignment 2. Read them: each says in its first line what must hold, and how it is found out.

`hw` is your module. Expected values come from torch, which must not be imported in your module. Hypothesis draws the
inputs, small ones first, and shows the smallest that fails.
"""

from contextlib import suppress

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
    assert_list,
    assert_scalar,
    describe,
    numbers,
    unchanged,
    unpack,
)
from grader.properties import Misuse, assert_tells
from grader.strategies import TwoLayer, arrays, matrices, one_hot, operands, products, reductions, seeds, two_layer

pytestmark = [
    pytest.mark.by_hand,  # NumPy only
    pytest.mark.filterwarnings("ignore"),  # only results count
]

DOUBLE, SINGLE = [np.float64], [np.float32]
PARAMS = ("W1", "b1", "W2", "b2")


# Correct versions of earlier pieces, which stand in for yours where a task builds on them.


def tensor(array):
    return torch.tensor(np.array(array))


def unbroadcast(grad, shape):
    """By automatic differentiation of torch's own broadcasting."""
    if np.broadcast_shapes(np.shape(grad), shape) != np.shape(grad):
        text = f"Your code calls unbroadcast(grad, {shape}) with grad of shape {np.shape(grad)}"
        raise Mismatch(f"{text}, but {shape} does not broadcast to that.")
    leaf = torch.zeros(shape, dtype=tensor(grad).dtype, requires_grad=True)
    return torch.autograd.grad(leaf.broadcast_to(np.shape(grad)), leaf, tensor(grad))[0].numpy()


def network(params, X, Y, lam):
    """(P, cost, gradients) of a two-layer net, by automatic differentiation in float64."""
    leaves = {name: tensor(params[name]).double().requires_grad_() for name in PARAMS}
    hidden = torch.relu(tensor(X).double() @ leaves["W1"] + leaves["b1"])
    scores = hidden @ leaves["W2"] + leaves["b2"]
    loss = torch.nn.functional.cross_entropy(scores, tensor(Y).double())
    loss = loss + lam * (leaves["W1"].square().sum() + leaves["W2"].square().sum())
    slopes = torch.autograd.grad(loss, list(leaves.values()))
    P = torch.softmax(scores, dim=1).detach().numpy()
    return P, loss.item(), {name: slope.numpy() for name, slope in zip(PARAMS, slopes, strict=True)}


def accuracy(P, Y):
    return float(np.mean(P.argmax(axis=1) == Y.argmax(axis=1)))


def staffed(net):
    """A net of yours whose forward, cost and gradients are ours, of the parameters that it has at the time."""

    def forward(X):
        Y = one_hot(np.zeros(len(X), int), net.params["b2"].size)
        return network(net.params, X, Y, 0.0)[0].astype(X.dtype)

    def cost(X, Y, lam):
        return network(net.params, X, Y, lam)[1]

    def gradients(X, Y, lam):
        return {name: slope.astype(X.dtype) for name, slope in network(net.params, X, Y, lam)[2].items()}

    for name, function in (("forward", forward), ("cost", cost), ("gradients", gradients)):
        with suppress(AttributeError, TypeError):  # a class that takes no new attributes keeps its own
            setattr(net, name, function)
    return net


# 1 · Checking gradients


def check_restored(x, before):
    """x is what it was before, to the last bit."""
    if np.array_equal(x, before):
        return
    index = tuple(int(i) for i in np.argwhere(x != before)[0])
    text = f"numeric_gradient(f, x) leaves x changed: x{list(index)} was {before[index]!s} and is now {x[index]!s}"
    raise Mismatch(f"{text}.\nKeep the old entry before you move it, and write it back afterwards.")


@pytest.mark.task("numeric_gradient", points=5)
class TestNumericGradient:
    @given(x=arrays(ndim=2, max_side=4, dtypes=DOUBLE))
    def test_central_differences_of_a_smooth_function(self, hw, x):
        """The result is the gradient of f, to nine digits: the quotient takes f on both sides of x"""
        slopes = 1 + np.arange(x.size).reshape(x.shape) / x.size

        def f(x):
            return float(np.sum(slopes * np.exp(x / 2)) + x.flat[0] * x.flat[-1])

        leaf = tensor(x).requires_grad_()
        value = (tensor(slopes) * torch.exp(leaf / 2)).sum() + leaf.flatten()[0] * leaf.flatten()[-1]
        expected = torch.autograd.grad(value, leaf)[0].numpy()
        related = {
            "twice as large: the quotient is divided by 2h, the distance of the two points": 2 * expected,
            "half as large: the two points are 2h apart, and not 4h": expected / 2,
            "what a forward difference gives, (f(x + h) − f(x)) / h": expected + 0.5e-5 * slopes / 4 * np.exp(x / 2),
        }
        actual = hw.numeric_gradient(f, x.copy())
        assert_close(actual, expected, what="numeric_gradient(f, x)", given={"x": x}, related=related, rtol=1e-8)

    @given(x=arrays(ndim=2, max_side=4, dtypes=DOUBLE, scale=3.0))
    def test_f_may_read_x_itself(self, hw, x):
        """f may ignore its argument: the entries of x itself are moved, one at a time"""
        weights = 2 + np.arange(x.size).reshape(x.shape)
        moved = x.copy()
        actual = hw.numeric_gradient(lambda _: float(np.sum(weights * moved)), moved)
        related = {"0, as if x had never been moved: is it a copy that moves?": 0 * x}
        assert_close(actual, weights.astype(float), what="numeric_gradient(f, x)", related=related, rtol=1e-7)

    @given(x=arrays(ndim=2, max_side=4, dtypes=DOUBLE, scale=3.0))
    def test_x_is_back_bit_for_bit(self, hw, x):
        """When it returns, x is exactly as it was"""
        before = x.copy()
        hw.numeric_gradient(lambda x: float(np.sum(x)), x)
        check_restored(x, before)


@pytest.mark.task("relative_error", points=2)
class TestRelativeError:
    def test_the_examples_of_the_handout(self, hw):
        """The largest of |a − n| / (|a| + |n|)"""
        a, n = np.array([1.0, 2.0, -4.0]), np.array([1.0, 2.5, -4.0])
        related = {
            "the mean over the entries; the maximum is asked": 1 / 27,
            "the largest |a − n| / |a|: both are in the denominator": 0.25,
            "the largest |a − n|, not divided by |a| + |n|": 0.5,
            "twice as large: |a| + |n| is asked, not their mean or the larger one": 2 / 9,
        }
        inputs = {"a": a, "n": n}
        assert_scalar(hw.relative_error(a, n), 1 / 9, what="relative_error(a, n)", given=inputs, related=related)
        what = "relative_error(a, n) for a = (3, 0) and n = (−3, 0)"
        assert_scalar(hw.relative_error(np.array([3.0, 0.0]), np.array([-3.0, 0.0])), 1.0, what=what)


# 2 · A machine that differentiates


@pytest.mark.task("unbroadcast", points=5)
class TestUnbroadcast:
    @staticmethod
    def check(hw, grad, shape):
        actual = hw.unbroadcast(grad.copy(), shape)
        expected = unbroadcast(grad, shape)
        what = f"unbroadcast(grad, {shape}) with grad of shape {grad.shape}"
        if shape == ():
            assert_scalar(actual, float(expected), what=what, given={"grad": grad})
            return
        related = {
            "the first of the copies, not their sum": grad[(0,) * (grad.ndim - len(shape))][
                tuple(slice(None) if n > 1 else slice(1) for n in shape)
            ],
            "the mean of the copies, not their sum": expected * expected.size / grad.size,
        }
        assert_close(actual, expected, what=what, given={"grad": grad}, related=related)

    @given(grad=arrays(ndim=3, min_side=2, max_side=5, dtypes=DOUBLE))
    def test_axes_in_front_are_summed(self, hw, grad):
        """Axes that broadcasting has added in front are summed away"""
        self.check(hw, grad, grad.shape[1:])
        self.check(hw, grad, grad.shape[2:])

    @given(grad=arrays(ndim=3, min_side=2, max_side=5, dtypes=DOUBLE))
    def test_stretched_axes_are_summed_and_stay(self, hw, grad):
        """Axes of length 1 that were stretched are summed, and stay with length 1"""
        a, b, c = grad.shape
        for shape in ((1, b, c), (a, 1, c), (a, b, 1), (1, b, 1)):
            self.check(hw, grad, shape)

    @given(grad=arrays(ndim=2, min_side=2, max_side=5, dtypes=DOUBLE))
    def test_what_was_not_broadcast_stays(self, hw, grad):
        """The gradient of an array that had the full shape is the gradient itself"""
        self.check(hw, grad, grad.shape)


# Graphs to be sorted: each row is (operation, operands by number); node 0 and 1 are leaves.
DIAMOND = [("+", 0, 0), ("*", 2, 1), ("+", 2, 3), ("*", 4, 2)]


def build(hw, rows, x, y):
    """The nodes of a graph, leaves first."""
    nodes = [hw.Tensor(x), hw.Tensor(y)]
    for operation, left, right in rows:
        nodes.append(nodes[left] + nodes[right] if operation == "+" else nodes[left] * nodes[right])
    return nodes


def check_order(order, nodes, edges, what):
    """Operands before results, each node once, the root last; nodes that the check does not know may be between."""
    items = assert_list(order, what=what)
    if not items or items[-1] is not nodes[-1]:
        raise Mismatch(f"{what}: root must be the last entry of the list.")
    place = {id(item): position for position, item in enumerate(items)}
    if len(place) != len(items):
        twice = len(items) - len(place)
        raise Mismatch(f"{what} holds {twice} entries more than different nodes: each node is there once.")
    missing = [number for number, node in enumerate(nodes) if id(node) not in place]
    if missing:
        raise Mismatch(f"{what} lacks {len(missing)} of the {len(nodes)} Tensors that root was computed from.")
    for operand, result in edges:
        if place[id(nodes[operand])] >= place[id(nodes[result])]:
            raise Mismatch(f"{what}: a result stands before one of its operands; operands come first.")


def edges_of(rows):
    return [(operand, 2 + i) for i, (_, *pair) in enumerate(rows) for operand in pair]


ONES = "the gradient for an upstream gradient of ones: is the argument of backward used?"


def check_values(actual, expected, *, what, dtype, **clues):
    """An array as expected; where that has no axes, any scalar."""
    if expected.shape == ():
        assert_scalar(actual, float(expected), what=what, dtype=dtype, **clues)
    else:
        assert_close(actual, expected, what=what, dtype=dtype, **clues)


def check_operation(hw, text, inputs, like, function, oracle=None, mistakes=None):
    """The value of an operation, and its gradient for a random upstream gradient, are those of torch in float64.

    inputs: the operands, by name; like(array) makes the upstream gradient; mistakes: what they make of the gradients,
    by name of the operand, each a function of the upstream gradient.
    """
    dtype = next(iter(inputs.values())).dtype
    nodes = {name: hw.Tensor(value.copy()) for name, value in inputs.items()}
    out = function(*nodes.values())
    leaves = [tensor(value).double().requires_grad_() for value in inputs.values()]
    right = (oracle or function)(*leaves)
    check_values(out.data, right.detach().numpy(), what=f"({text}).data", given=inputs, dtype=dtype)
    g = like(np.zeros(tuple(right.shape), dtype))
    out.backward(g.copy())
    slopes = torch.autograd.grad(right, leaves, tensor(g).double(), retain_graph=True)
    ones = torch.autograd.grad(right, leaves, torch.ones_like(right))
    for name, slope, plain in zip(nodes, slopes, ones, strict=True):
        related = {ONES: plain.numpy()} | {text: make(g) for text, make in (mistakes or {}).get(name, {}).items()}
        what = f"{name}.grad after ({text}).backward(g)"
        given_ = inputs | {"g": g}
        check_values(nodes[name].grad, slope.numpy(), what=what, given=given_, related=related, dtype=dtype)


@pytest.mark.task("Tensor", points=31, covers=("Tensor", "topo_sort"))
@pytest.mark.stand_in(unbroadcast=unbroadcast)
class TestTensor:
    def test_topo_sort_puts_operands_before_results(self, hw):
        """In c = a * b, d = c + c the order is a and b, then c, then d"""
        rows = [("*", 0, 1), ("+", 2, 2)]
        nodes = build(hw, rows, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        check_order(hw.topo_sort(nodes[-1]), nodes, edges_of(rows), "topo_sort(root)")

    def test_topo_sort_has_each_node_once_and_early_enough(self, hw):
        """A node stands once in the list, before everything that uses it, however near the root it is used as well"""
        nodes = build(hw, DIAMOND, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        check_order(hw.topo_sort(nodes[-1]), nodes, edges_of(DIAMOND), "topo_sort(root)")

    def test_topo_sort_has_only_what_root_was_computed_from(self, hw):
        """The list of an inner node ends with that node; the list of a leaf is the leaf alone"""
        nodes = build(hw, DIAMOND, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        what = "topo_sort(inner node)"
        inner = assert_list(hw.topo_sort(nodes[3]), what=what)
        check_order(inner, nodes[:4], edges_of(DIAMOND[:2]), what)
        if any(item is later for item in inner for later in nodes[4:]):
            raise Mismatch(f"{what} holds Tensors that were computed from the inner node, not it from them.")
        leaf = assert_list(hw.topo_sort(nodes[0]), what="topo_sort(leaf)", length=1)
        if leaf[0] is not nodes[0]:
            raise Mismatch("topo_sort(leaf) does not hold the leaf itself.")

    @settings(max_examples=8)
    @given(case=operands(dtypes=DOUBLE, alike=True))
    def test_plus_and_minus(self, hw, case):
        """a + b, a - b and -a: value, and gradient for both operands"""
        check_operation(hw, "a + b", case.given, case.like, lambda a, b: a + b)
        check_operation(hw, "a - b", case.given, case.like, lambda a, b: a - b)
        check_operation(hw, "-a", {"a": case.a}, case.like, lambda a: -a)

    @settings(max_examples=8)
    @given(case=operands(dtypes=DOUBLE, alike=True))
    def test_times_and_divided_by(self, hw, case):
        """a * b and a / b: value, and gradient for both operands"""
        a, b = case.a, case.b
        own = {"g times the operand itself; for a product it is the other one": lambda g: g * a}
        check_operation(hw, "a * b", case.given, case.like, lambda a, b: a * b, mistakes={"a": own})
        swapped = {
            "g / b, which is the gradient of a": lambda g: g / b,
            "g * a / b²; 1/b falls as b grows": lambda g: g * a / b**2,
            "-g / b²; the numerator is missing": lambda g: -g / b**2,
            "-g * a / b; the denominator of the slope is squared": lambda g: -g * a / b,
        }
        mistakes = {"b": swapped, "a": {"g * b; for a quotient it is g / b": lambda g: g * b}}
        check_operation(hw, "a / b", case.given, case.like, lambda a, b: a / b, mistakes=mistakes)

    @settings(max_examples=8)
    @given(case=operands(dtypes=DOUBLE, alike=True))
    def test_powers(self, hw, case):
        """a ** n for numbers n, whole or not: value and gradient"""
        for n, a in ((2, case.a), (3, case.a), (-2, case.a), (0.5, np.abs(case.a))):
            mistakes = {
                f"g * n * a ** n with n = {n}; the exponent falls by one": lambda g, a=a, n=n: g * n * a**n,
                "g * a ** (n - 1), without the factor n": lambda g, a=a, n=n: g * a ** float(n - 1),
            }
            text = f"a ** {n}"
            check_operation(hw, text, {"a": a}, case.like, lambda a, n=n: a**n, mistakes={"a": mistakes})

    @settings(max_examples=8)
    @given(case=operands(dtypes=DOUBLE, alike=True))
    def test_exp_log_tanh_and_sigmoid(self, hw, case):
        """exp, log, tanh and sigmoid of each entry: value and gradient"""
        a = case.a
        s, t = torch.sigmoid(tensor(a)).numpy(), np.tanh(a)
        mistakes = {
            "exp": {"g, without the slope of exp": lambda g: g},
            "tanh": {
                "g * (1 - a²): the slope of tanh is 1 - tanh²": lambda g: g * (1 - a**2),
                "g * (1 - tanh)": lambda g: g * (1 - t),
            },
            "sigmoid": {
                "g * a * (1 - a): the slope is that of the output, s * (1 - s)": lambda g: g * a * (1 - a),
                "g * s": lambda g: g * s,
            },
            "log": {"g * a": lambda g: g * np.abs(a)},
        }
        for name, wrong in mistakes.items():
            x = np.abs(a) if name == "log" else a
            call = lambda x, name=name: getattr(x, name)()  # noqa: E731
            check_operation(hw, f"a.{name}()", {"a": x}, case.like, call, mistakes={"a": wrong})

    @settings(max_examples=10)
    @given(case=operands(dtypes=DOUBLE, alike=True))
    def test_relu(self, hw, case):
        """relu of each entry: value, and gradient that passes where the entry is positive"""
        a = case.a
        mistakes = {
            "g everywhere: where the entry is negative nothing passes": lambda g: g,
            "g where g is positive: it is the sign of the operand that decides": lambda g: g * (g > 0),
            "g * a where a is positive: the slope there is 1": lambda g: g * np.maximum(a, 0),
        }
        check_operation(hw, "a.relu()", {"a": a}, case.like, lambda a: a.relu(), mistakes={"a": mistakes})
        scaled = {"a": a - 0.25}  # of the product's operands one is negative where the other is not
        check_operation(hw, "(a * -2.0).relu()", scaled, case.like, lambda a: (a * -2.0).relu())

    @settings(max_examples=10)
    @given(case=products(kinds=[("in", "nj")], dtypes=DOUBLE))
    def test_matrix_product(self, hw, case):
        """a @ b of two matrices: value, and gradient for both"""
        check_operation(hw, "a @ b", case.given, case.like, lambda a, b: a @ b)

    @given(case=reductions(dtypes=DOUBLE, min_ndim=2, max_ndim=3))
    def test_sum_and_mean(self, hw, case):
        """sum and mean over all axes, over one or over several, with keepdims or without: value and gradient"""
        options = {"axis": case.axis, "keepdims": case.keepdims}
        for name in ("sum", "mean"):
            call = lambda x, name=name: getattr(x, name)(**options)  # noqa: E731
            check_operation(hw, f"x.{name}({case.arguments})", case.given, case.like, call)

    @settings(max_examples=8)
    @given(x=arrays(ndim=2, min_side=2, max_side=5, dtypes=DOUBLE), seed=seeds())
    def test_reshape_and_transpose(self, hw, x, seed):
        """reshape to numbers or to a tuple, and transpose of a matrix: value and gradient"""
        like = lambda array: np.random.default_rng(seed).standard_normal(array.shape)  # noqa: E731
        n = x.size
        check_operation(hw, f"x.reshape({n})", {"x": x}, like, lambda x: x.reshape(n))
        check_operation(hw, f"x.reshape(({x.shape[1]}, -1))", {"x": x}, like, lambda a: a.reshape((x.shape[1], -1)))
        check_operation(hw, "x.transpose()", {"x": x}, like, lambda a: a.transpose(), lambda a: a.T)

    @settings(max_examples=8)
    @given(case=reductions(dtypes=DOUBLE, min_ndim=2, max_ndim=2))
    def test_logsumexp(self, hw, case):
        """logsumexp along either axis, which is removed: value and gradient"""
        for axis in (0, 1, -1):
            text, name = f"x.logsumexp({axis})", "x"
            call, oracle = (lambda x, axis=axis: x.logsumexp(axis)), (lambda x, axis=axis: torch.logsumexp(x, axis))
            spread = lambda g, axis=axis: np.broadcast_to(np.expand_dims(g, axis), case.x.shape)  # noqa: E731
            mistakes = {name: {"g, without softmax(x)": spread}}
            check_operation(hw, text, case.given, case.like, call, oracle, mistakes)

    @given(case=operands(dtypes=DOUBLE))
    def test_broadcasting(self, hw, case):
        """a + b and a * b of different shapes broadcast like NumPy, and each gradient has its operand's shape"""
        check_operation(hw, "a + b", case.given, case.like, lambda a, b: a + b)
        check_operation(hw, "a * b", case.given, case.like, lambda a, b: a * b)

    @settings(max_examples=4)
    @given(case=operands(dtypes=DOUBLE, alike=True, min_ndim=1))
    def test_numbers_and_arrays_on_either_side(self, hw, case):
        """2.5 - t, t / 2.5, array * t and the others: a number or an array may stand on either side of + - * /"""
        check_sides(hw, case, "+-")
        check_sides(hw, case, "*/")

    @given(x=arrays(ndim=1, min_side=2, dtypes=DOUBLE), seed=seeds())
    def test_a_node_that_is_used_twice(self, hw, x, seed):
        """b = a + a, c = b + b and d = a * a * b: what comes back along every use adds up"""
        like = lambda array: np.random.default_rng(seed).standard_normal(array.shape)  # noqa: E731
        mistakes = {
            "what one use of a alone gives: is .grad overwritten where it should be added to?": lambda g: g,
            "what comes out if b passes its gradient on whenever a share arrives; it waits for all": lambda g: 6 * g,
            "what two uses of four give": lambda g: 2 * g,
        }
        check_operation(hw, "b + b with b = a + a", {"a": x}, like, twice_doubled, mistakes={"a": mistakes})
        check_operation(hw, "a * a", {"a": x}, like, lambda a: a * a)
        check_operation(hw, "a * a * b with b = a + a", {"a": x}, like, lambda a: a * a * (a + a))

    @given(case=operands(dtypes=DOUBLE, alike=True))
    def test_a_second_backward_gives_the_same(self, hw, case):
        """backward clears what stood in .grad: a second call, with another gradient, does not add to the first"""
        a, b = hw.Tensor(case.a), hw.Tensor(case.b)
        out = a * b + a
        first, second = case.like(case.a), 0.5 + case.like(case.a) ** 2
        for g in (first, second):
            out.backward(g)
        expected = second * (case.b + 1)
        related = {
            "the sum of both calls": (first + second) * (case.b + 1),
            "that of the first call": first * (case.b + 1),
        }
        what = "a.grad after (a * b + a).backward(g), called twice"
        check_values(a.grad, expected, what=what, related=related, dtype=np.float64)
        what = "b.grad after (a * b + a).backward(g), called twice"
        related = {"the sum of both calls": (first + second) * case.a}
        check_values(b.grad, second * case.a, what=what, related=related, dtype=np.float64)

    @given(x=arrays(ndim=2, min_side=2, dtypes=DOUBLE))
    def test_without_an_argument_the_gradient_starts_with_ones(self, hw, x):
        """t.backward() is t.backward(ones), whatever the shape of t; .grad is None before"""
        a = hw.Tensor(x)
        if (before := a.grad) is not None:
            raise Mismatch(f"a.grad is {describe(before)} before any backward; expected None.")
        square = a * a
        square.backward()
        assert_close(square.grad, np.ones_like(x), what="the root's own .grad after (a * a).backward()")
        assert_close(a.grad, 2 * x, what="a.grad after (a * a).backward()", given={"a": x})
        (a * a).sum().backward()
        assert_close(a.grad, 2 * x, what="a.grad after (a * a).sum().backward()", given={"a": x})


def twice_doubled(a):
    b = a + a
    return b + b


SYMBOLS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "@": lambda a, b: a @ b,
}


def check_sides(hw, case, symbols):
    """A number and an array on the left and on the right of a Tensor."""
    constant = case.b
    for symbol in symbols:
        f = SYMBOLS[symbol]
        sides = [
            (f"a {symbol} array", lambda a, f=f: f(a, constant), lambda a, f=f: f(a, tensor(constant).double())),
            (f"array {symbol} a", lambda a, f=f: f(constant, a), lambda a, f=f: f(tensor(constant).double(), a)),
        ]
        if symbol != "@":
            sides += [
                (f"a {symbol} 2.5", lambda a, f=f: f(a, 2.5), None),
                (f"2.5 {symbol} a", lambda a, f=f: f(2.5, a), None),
            ]
        for text, function, oracle in sides:
            result = function(hw.Tensor(case.a))
            if not isinstance(result, hw.Tensor):
                reason = "If NumPy took the operator, __array_ufunc__ = None in the class prevents that."
                raise Mismatch(f"{text}, with a Tensor a, is {describe(result)}; expected a Tensor. {reason}")
            check_operation(hw, text, {"a": case.a}, case.like, function, oracle)


# 3 · A network with one hidden layer


@pytest.mark.task("TwoLayerNet", points=9)
class TestTwoLayerNet:
    @staticmethod
    def net(hw, case):
        net = hw.TwoLayerNet(case.D, case.m, case.K, np.random.default_rng(0))
        net.params = case.copies()
        return net

    def test_parameters_have_their_shapes_and_scale(self, hw):
        """W1 (D, m) and W2 (m, K) are random with mean 0 and variance near 2 / (number of inputs), biases are 0"""
        D, m, K = 40, 90, 30
        net = hw.TwoLayerNet(D, m, K, np.random.default_rng(3))
        params = assert_dict(net.params, PARAMS, what="net.params")
        for name, shape in (("W1", (D, m)), ("b1", (m,)), ("W2", (m, K)), ("b2", (K,))):
            assert_array(params[name], shape=shape, dtype=np.float64, what=f"net.params[{name!r}]")
            if name[0] == "b":
                assert_close(params[name], np.zeros(shape), what=f"net.params[{name!r}]")
                continue
            W, fan_in = params[name], shape[0]
            # 2,700 numbers or more: the deviation is known to 1.4 % (normal), the band is 20 σ wide on either side
            if not 0.8 < W.std() * fan_in**0.5 < 1.8:
                text = f"net.params[{name!r}] has standard deviation {W.std():.3g}; expected {(2 / fan_in) ** 0.5:.3g}"
                raise Mismatch(f"{text} for {fan_in} inputs, or not far from it (0.8 to 1.8 times 1/√inputs).")
            if abs(W.mean()) > 7 * W.std() / W.size**0.5:  # seven standard errors: a false alarm once in 10¹¹
                raise Mismatch(f"net.params[{name!r}] has mean {W.mean():.3g}; expected 0.")

    @given(case=two_layer(dtypes=DOUBLE))
    def test_forward_gives_probabilities(self, hw, case):
        """forward(X) is softmax(max(0, X W1 + b1) W2 + b2), of the params that were assigned last"""
        P, _, _ = network(case.params, case.X, case.Y, 0.0)
        flat = case.hidden @ case.params["W2"] + case.params["b2"]
        scores = np.maximum(case.hidden, 0) @ case.params["W2"] + case.params["b2"]
        related = {
            "what comes out without the ReLU": torch.softmax(tensor(flat), 1).numpy(),
            "what comes out without the last softmax": scores,
            "normalised over the samples (axis 0); each row must sum to 1": torch.softmax(tensor(scores), 0).numpy(),
        }
        what = "net.forward(X)"
        assert_close(self.net(hw, case).forward(case.X), P, what=what, given=case.given, related=related)

    @given(case=two_layer(dtypes=DOUBLE))
    def test_cost_is_cross_entropy_plus_regulariser(self, hw, case):
        """cost is the mean cross-entropy plus lam * (sum(W1**2) + sum(W2**2))"""
        _, expected, _ = network(case.params, case.X, case.Y, case.lam)
        first, second = (case.lam * float(np.square(case.params[name]).sum()) for name in ("W1", "W2"))
        biases = case.lam * sum(float(np.square(case.params[name]).sum()) for name in ("b1", "b2"))
        data = expected - first - second
        related = {
            "the cost without its regulariser": data,
            "the cost without the regulariser of W1": expected - first,
            "the cost without the regulariser of W2": expected - second,
            "the cost with half the regulariser": expected - (first + second) / 2,
            "the cost with the biases regularised too": expected + biases,
            "the sum over the samples: the mean needs 1/N": case.N * data + first + second,
        }
        actual = self.net(hw, case).cost(case.X, case.Y, case.lam)
        what = "net.cost(X, Y, lam)"
        assert_scalar(actual, expected, what=what, given=case.given, related=related, sizes=case.sizes, rtol=1e-7)

    @pytest.mark.weight(2)
    @given(case=two_layer(dtypes=DOUBLE))
    def test_gradients_match_automatic_differentiation(self, hw, case):
        """gradients is a dict with the gradient of the cost for W1, b1, W2 and b2"""
        result = self.net(hw, case).gradients(case.X, case.Y, case.lam)
        found = assert_dict(result, PARAMS, what="net.gradients(X, Y, lam)")
        _, _, bare = network(case.params, case.X, case.Y, 0.0)
        for name in PARAMS:
            penalty = 2 * case.lam * case.params[name] * (name[0] == "W")
            related = {
                "the gradient with lam * W for the regulariser; the derivative of lam * W² is 2 * lam * W": bare[name]
                + penalty / 2,
                "the gradient without its regulariser": bare[name],
                "the gradient of the sum over the samples: the mean needs 1/N": case.N * bare[name] + penalty,
                "the gradient with the mean taken twice": bare[name] / case.N + penalty,
                **hidden_mistakes(case, name, penalty),
            }
            what = f"net.gradients(X, Y, lam)[{name!r}]"
            expected = bare[name] + penalty
            assert_close(found[name], expected, what=what, given=case.given, related=related, sizes=case.sizes)


def hidden_mistakes(case, name, penalty):
    """What goes wrong on the way back through the ReLU."""
    p = case.params
    P, _, _ = network(p, case.X, case.Y, 0.0)
    dH = (P - case.Y) / case.N @ p["W2"].T
    masks = {
        "what comes out without the ReLU's mask": dH,
        "what comes out with the mask of another tensor than the input of the ReLU": dH * (dH > 0),
    }
    if name == "W1":
        return {text: case.X.T @ dA + penalty for text, dA in masks.items()}
    if name == "b1":
        return {text: dA.sum(axis=0) for text, dA in masks.items()}
    if name == "W2":
        return {"what comes out with X W1 + b1 before the ReLU": case.hidden.T @ ((P - case.Y) / case.N) + penalty}
    return {}


# 4 · Training


@pytest.mark.task("cyclical_lr", points=3)
class TestCyclicalLr:
    def test_the_examples_of_the_handout(self, hw):
        """eta_min at t = 0, eta_max at t = n_s, eta_min at t = 2 n_s, and halfway in the middle"""
        for t, expected in ((0, 0.1), (5, 0.3), (10, 0.5), (15, 0.3), (20, 0.1), (22, 0.18)):
            what = f"cyclical_lr({t}, 10, 0.1, 0.5)"
            related = {
                "what one step later gives: t counts from 0": 0.1 + 0.04 * (10 - abs((t + 1) % 20 - 10)),
                "what one step earlier gives: t counts from 0": 0.1 + 0.04 * (10 - abs((t - 1) % 20 - 10)),
            }
            assert_scalar(hw.cyclical_lr(t, 10, 0.1, 0.5), expected, what=what, related=related)

    @given(t=st.integers(0, 60), n_s=st.integers(1, 9))
    def test_every_cycle_is_like_the_first(self, hw, t, n_s):
        """The triangle repeats with period 2 n_s, and mirrors at t = n_s"""
        expected = float(np.interp(t % (2 * n_s), [0, n_s, 2 * n_s], [0.01, 0.2, 0.01]))
        assert_scalar(hw.cyclical_lr(t, n_s, 0.01, 0.2), expected, what=f"cyclical_lr({t}, {n_s}, 0.01, 0.2)")


def train(hw, case, schedule, n_batch, n_steps, *, rng=None, lam=None, **validation):
    """(params, history) of a net after your train, types and shapes checked; the net computes as it should."""
    net = staffed(hw.TwoLayerNet(case.D, case.m, case.K, np.random.default_rng(0)))
    net.params = case.copies()
    lam = case.lam if lam is None else lam
    rng = np.random.default_rng(case.seed) if rng is None else rng
    history = hw.train(net, case.X.copy(), case.Y, lam, schedule, n_batch, n_steps, rng, **validation)
    params = assert_dict(net.params, PARAMS, what="net.params after train")
    for name in PARAMS:
        shape = case.params[name].shape
        assert_array(params[name], shape=shape, dtype=case.dtype, what=f"net.params[{name!r}] after train")
    keys = [f"{part}_{name}" for part in ("train", *(["val"] if validation else [])) for name in ("cost", "accuracy")]
    return params, assert_dict(history, keys, what="train(…)")


def descend(case, etas):
    """The parameters after each step down the gradient of the whole cost."""
    path = [case.params]
    for eta in etas:
        _, _, slopes = network(path[-1], case.X, case.Y, case.lam)
        path.append({name: path[-1][name] - eta * slopes[name] for name in PARAMS})
    return path[1:]


@pytest.mark.task("train", points=7)
class TestTrain:
    @settings(max_examples=10)
    @given(case=two_layer(dtypes=DOUBLE, max_side=5))
    def test_one_batch_of_all_samples_is_gradient_descent(self, hw, case):
        """With n_batch = N each update is one step down the gradient of the whole cost, of size schedule(t)"""
        etas = [0.3, 0.1, 0.2]
        params, _ = train(hw, case, lambda t: etas[min(int(t), 2)], case.N, 3)
        expected = descend(case, etas)[-1]
        others = {
            "what comes out if every step has the size schedule(0): t counts the updates across epochs": [0.3] * 3,
            "what comes out if t counts from 1": [0.1, 0.2, 0.2],
        }
        for name in PARAMS:
            related = {text: descend(case, sizes)[-1][name] for text, sizes in others.items()}
            related["what it was before training: is the net updated?"] = case.params[name]
            what = f"net.params[{name!r}] after train with n_batch = N, n_steps = 3"
            assert_close(params[name], expected[name], what=what, related=related, sizes=case.sizes, rtol=1e-8)

    @settings(max_examples=10)
    @given(case=two_layer(dtypes=DOUBLE, max_side=5))
    def test_the_history_is_measured_after_each_epoch(self, hw, case):
        """history has cost (with lam) and accuracy on the whole training set after each epoch, and no other entries"""
        etas = [0.3, 0.2, 0.1]
        _, history = train(hw, case, lambda t: etas[min(int(t), 2)], case.N, 3)
        for key in ("val_cost", "val_accuracy"):
            if key in history:
                raise Mismatch(f"history has the key {key!r}, but no validation data were given.")
        costs = numbers(history["train_cost"], what="history['train_cost']", length=3)
        accuracies = numbers(history["train_accuracy"], what="history['train_accuracy']", length=3)
        before = network(case.params, case.X, case.Y, case.lam)[1]
        for i, params in enumerate(descend(case, etas)):
            P, after, _ = network(params, case.X, case.Y, case.lam)
            related = {"the cost before the epoch's updates": before}
            related["the cost without its regulariser"] = network(params, case.X, case.Y, 0.0)[1]
            assert_scalar(costs[i], after, what=f"history['train_cost'][{i}]", related=related, rtol=1e-7)
            assert_scalar(accuracies[i], accuracy(P, case.Y), what=f"history['train_accuracy'][{i}]")
            before = after

    def test_an_entry_for_each_epoch_and_one_at_the_end(self, hw):
        """With 3 batches an epoch, 7 steps give entries after 3, 6 and 7 steps; 6 steps give two, 2 steps one"""
        case = unit_vectors(N=7, K=3)
        for n_steps, entries in ((7, 3), (6, 2), (2, 1)):
            _, history = train(hw, case, lambda t: 0.1, 3, n_steps)
            found = len(assert_list(history["train_cost"], what="history['train_cost']"))
            if found != entries:
                text = f"history['train_cost'] has {found} entries after {n_steps} steps of 3 an epoch"
                raise Mismatch(f"{text}; expected {entries}: one after each full epoch, and one at the end.")

    def test_every_sample_counts_once_an_epoch(self, hw):
        """An epoch uses each sample once; the last, shorter batch is used too, with the mean over its own samples

        Sample i is the i-th unit vector, so row i of W1 tells how much sample i has counted: 1/(size of its batch).
        """
        case = unit_vectors(N=7, K=3)
        eta, third = 1e-7, 1 / 3
        params, _ = train(hw, case, lambda t: eta, 3, 3, lam=0.0)
        counted = np.sort(times_counted(case, params, eta))
        related = {
            "what an epoch gives that drops the last, shorter batch": np.array([0] + [third] * 6),
            "what comes out if the last batch of 1 is divided by n_batch = 3": np.array([third] * 7),
            "what one batch of all samples gives": np.array([1 / 7] * 7),
        }
        what = "train(…) with N = 7, n_batch = 3, n_steps = 3 → sorted 1/(size of its batch) of each sample"
        assert_close(counted, np.array([third] * 6 + [1]), what=what, related=related, rtol=1e-4)

    def test_learns_the_digits(self, hw):
        """400 steps of 100 digits, from 0.01 up to 0.5 and back, with 40 hidden units, reach 92 % on the validation set

        Your own net and train. In 500 runs of the reference with other seeds and scales of the first weights the last
        validation accuracy was 0.964 ± 0.005, never below 0.946, the training cost 0.112 ± 0.003, never above 0.122:
        both bands are eight standard deviations away, a false alarm once in 10¹⁴.
        """
        net = hw.TwoLayerNet(64, 40, 10, np.random.default_rng(7))
        from grader.data import digits

        data = digits()
        rng, triangle = np.random.default_rng(8), ([0, 200, 400], [0.01, 0.5, 0.01])
        arguments = data.X_train, data.Y_train, 1e-4, lambda t: float(np.interp(t, *triangle)), 100, 400, rng
        history = hw.train(net, *arguments, data.X_val, data.Y_val)
        keys = ("train_cost", "train_accuracy", "val_cost", "val_accuracy")
        assert_dict(history, keys, what="train(…)")
        last = {key: numbers(history[key], what=f"history[{key!r}]")[-1] for key in keys}
        for key, good, band in (("val_accuracy", last["val_accuracy"] >= 0.92, "0.92 or more"),
                                ("train_cost", last["train_cost"] <= 0.14, "0.14 or less")):  # fmt: skip
            if not good:
                raise Mismatch(f"history[{key!r}] ends with {last[key]:.3f}; expected {band}.")


def unit_vectors(N, K):
    """A case whose sample i is the i-th unit vector, with every hidden unit at work."""
    rng = np.random.default_rng(N)
    values = np.zeros((N, 4)), np.full(4, 0.5), rng.standard_normal((4, K)), np.zeros(K)
    params = dict(zip(PARAMS, values, strict=True))
    return TwoLayer(X=np.eye(N), y=np.arange(N) % K, lam=0.1, seed=N, params=params)


def times_counted(case, params, eta):
    """How often each unit vector was used, each time divided by the size of its batch; (N,)."""
    _, _, slopes = network(case.params, case.X, case.Y, 0.0)
    step = -eta * case.N * slopes["W1"]  # of one sample alone
    return ((params["W1"] - case.params["W1"]) * step).sum(axis=1) / (step * step).sum(axis=1)


class Trainer:
    """Stands in for train: remembers how it was called, and makes each net predict one class, whatever it sees."""

    def __init__(self):
        self.begin({})

    def begin(self, classes):
        """classes: by lam, the class that its network will predict."""
        self.classes, self.calls = classes, []

    def train(self, net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val=None, Y_val=None):
        params = assert_dict(net.params, PARAMS, what="net.params of the net that train is given")
        call = {"lam": lam, "n_batch": n_batch, "n_steps": n_steps, "X": np.array(X)}
        self.calls.append(call | {name: np.array(params[name]) for name in PARAMS})
        self.calls[-1]["etas"] = [schedule(t) for t in range(5)]
        b2 = 5.0 * (np.arange(Y.shape[1]) == self.classes.get(lam, 0))
        after = {name: 0.0 * self.calls[-1][name] for name in PARAMS} | {"b2": b2}
        staffed(net).params = after
        history = {}
        for part, (inputs, labels) in {"train": (X, Y), "val": (X_val, Y_val)}.items():
            if inputs is not None:
                P, cost, _ = network(after, inputs, labels, lam)
                history |= {f"{part}_cost": [cost], f"{part}_accuracy": [accuracy(P, labels)]}
        return history


TRAINER = Trainer()
TRAIN_SHARES, VAL_SHARES = (0.6, 0.3, 0.1), (0.2, 0.3, 0.5)  # of the classes 0, 1, 2


def search(hw, classes):
    """(best_lam, table) of your lambda_search, where the net of each lam will always predict the class given here."""
    TRAINER.begin(classes)
    rng = np.random.default_rng(5)
    X, X_val = rng.standard_normal((10, 4)), rng.standard_normal((10, 4))
    Y, Y_val = (
        one_hot(np.repeat([0, 1, 2], np.rint(10 * np.array(s)).astype(int)), 3) for s in (TRAIN_SHARES, VAL_SHARES)
    )
    options = {"m": 5, "n_s": 2, "eta_min": 0.1, "eta_max": 0.5, "n_batch": 4, "n_steps": 8}
    result = hw.lambda_search(X, Y, X_val, Y_val, list(classes), rng, **options)
    best, table = unpack(result, ("best_lam", "table"), what="lambda_search(…)")
    if len(TRAINER.calls) != len(classes):
        text = f"lambda_search called train {len(TRAINER.calls)} times for {len(classes)} values of lam"
        raise Mismatch(f"{text}; each value has one network, trained by `train`.")
    return best, assert_list(table, what="lambda_search(…) → table", length=len(classes))


@pytest.mark.task("lambda_search", points=4)
@pytest.mark.stand_in(train=TRAINER.train)
class TestLambdaSearch:
    def test_the_best_validation_accuracy_wins(self, hw):
        """best_lam is the lam whose network has the best validation accuracy"""
        best, _ = search(hw, {0.1: 0, 0.001: 2, 0.01: 1})
        related = {
            "the lam with the best accuracy on the training set: that would never choose any regulariser": 0.1,
            "the last lam of the list": 0.01,
        }
        assert_scalar(best, 0.001, what="lambda_search(…) → best_lam", related=related)

    def test_the_table_tells_all_in_order(self, hw):
        """table is a list of dicts with 'lam' and 'val_accuracy', in the order of lams"""
        classes = {0.1: 0, 0.001: 2, 0.01: 1}
        _, table = search(hw, classes)
        for i, (lam, k) in enumerate(classes.items()):
            row = assert_dict(table[i], ("lam", "val_accuracy"), what=f"table[{i}]")
            assert_scalar(row["lam"], lam, what=f"table[{i}]['lam']")
            related = {"the accuracy on the training set": TRAIN_SHARES[k]}
            what = f"table[{i}]['val_accuracy']"
            assert_scalar(row["val_accuracy"], VAL_SHARES[k], what=what, related=related)


# 5 · Tests of your own


def guarded(function):
    """A softmax that refuses what no softmax of the handout takes."""

    def softmax(S, *others, **options):
        if others or options:
            raise Misuse("A test calls softmax with more than one argument; it takes S only.")
        if not isinstance(S, np.ndarray) or S.ndim != 2 or S.dtype not in (np.float32, np.float64):
            raise Misuse(f"A test calls softmax with {describe(S)}; it takes a matrix of float32 or float64.")
        if S.size == 0 or not np.isfinite(S).all():
            reason = "no entries" if S.size == 0 else "entries that are nan or infinite"
            raise Misuse(f"A test calls softmax with a matrix that has {reason}; S is finite and has N, K >= 1.")
        with np.errstate(all="ignore"):
            return function(S)

    return softmax


def exp_shifted(S):
    return np.exp(S - S.max(axis=1, keepdims=True))


def rowwise(E):
    return E / E.sum(axis=1)[:, None]


RIGHT_SOFTMAX = {
    "subtracts the maximum of each row": guarded(lambda S: rowwise(exp_shifted(S))),
    "is torch's own": guarded(lambda S: torch.softmax(tensor(S), dim=1).numpy()),
    "takes the exponential of the log-softmax": guarded(lambda S: torch.log_softmax(tensor(S), dim=1).exp().numpy()),
}


@pytest.mark.task("properties_of_softmax", points=6)
class TestPropertiesOfSoftmax:
    @staticmethod
    def check(hw, wrong):
        implementations = {text: guarded(function) for text, function in wrong.items()}
        name = "properties_of_softmax"
        assert_tells(hw.properties_of_softmax, right=RIGHT_SOFTMAX, wrong=implementations, what=name)

    def test_catches_what_is_not_normalised_by_row(self, hw):
        """Right ones pass; caught are no normalisation at all, and one over the columns"""
        wrong = {
            "divides by the sums of the columns": lambda S: exp_shifted(S) / exp_shifted(S).sum(axis=0),
            "does not divide by any sum": exp_shifted,
        }
        self.check(hw, wrong)

    def test_catches_what_overflows(self, hw):
        """Right ones pass; caught are no shift at all, and one shift for all rows"""
        wrong = {
            "takes exp of the scores as they are": lambda S: rowwise(np.exp(S)),
            "subtracts one maximum, that of the whole batch, from all rows": lambda S: rowwise(np.exp(S - S.max())),
        }
        self.check(hw, wrong)

    def test_catches_another_function(self, hw):
        """Right ones pass; caught are powers of 2 in the place of e, and a temperature of 2"""
        wrong = {
            "takes powers of 2, not of e": lambda S: rowwise(exp_shifted(S * np.log(2).astype(S.dtype))),
            "divides the scores by 2 first": lambda S: rowwise(exp_shifted(S / 2)),
        }
        self.check(hw, wrong)


def splitter(choose):
    """A split made of choose(N, n_val, rng) → (training rows, validation rows), guarded."""
    return refusing(lambda X, y, n_val, rng: divide(X, y, *choose(len(X), n_val, rng)))


def divide(X, y, training, validation):
    return X[training], y[training], X[validation], y[validation]


def refusing(function):
    """A split(X, y, fraction, rng) that refuses what no split of the handout takes; function(X, y, n_val, rng)."""

    def split(X, y, fraction, rng):
        if not isinstance(X, np.ndarray) or X.ndim != 2 or len(X) == 0:
            raise Misuse(f"A test calls split with X = {describe(X)}; it takes a matrix (N, D) with N >= 1.")
        if not isinstance(y, np.ndarray) or y.shape != X.shape[:1]:
            raise Misuse(f"A test calls split with y = {describe(y)}; it takes a vector of {len(X)} labels.")
        if not isinstance(fraction, (int, float)) or not 0 <= fraction < 1:
            raise Misuse(f"A test calls split with fraction = {describe(fraction)}; it is a number, 0 <= fraction < 1.")
        if not isinstance(rng, np.random.Generator):
            raise Misuse(f"A test calls split with rng = {describe(rng)}; it takes a np.random.Generator.")
        return function(X, y, int(fraction * len(X)), rng)

    return split


def shuffled(N, n_val, rng):
    rows = rng.permutation(N)
    return rows[n_val:], rows[:n_val]


def masked(N, n_val, rng):
    chosen = np.isin(np.arange(N), rng.choice(N, n_val, replace=False))
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def by_keys(N, n_val, rng):
    order = np.argsort(rng.random(N))
    return order[: N - n_val], order[N - n_val :]


RIGHT_SPLIT = {
    "cuts a permutation": splitter(shuffled),
    "keeps the order of the samples in both sets": splitter(masked),
    "sorts random numbers": splitter(by_keys),
}


def label_mistake(relabel):
    """Right rows, and labels that relabel(y, rng) has moved."""

    def split(X, y, n_val, rng):
        training, validation = shuffled(len(X), n_val, rng)
        y = relabel(y, rng)
        return X[training], y[training], X[validation], y[validation]

    return refusing(split)


@pytest.mark.task("properties_of_split", points=6)
class TestPropertiesOfSplit:
    @staticmethod
    def check(hw, wrong):
        assert_tells(hw.properties_of_split, right=RIGHT_SPLIT, wrong=wrong, what="properties_of_split")

    def test_catches_labels_of_other_samples(self, hw):
        """Right ones pass; caught are labels that are shuffled apart from X, and labels that are not shuffled"""

        def unshuffled(X, y, n_val, rng):
            training, validation = shuffled(len(X), n_val, rng)
            return X[training], y[n_val:], X[validation], y[:n_val]

        wrong = {
            "shuffles X and y by two different permutations": label_mistake(lambda y, rng: y[rng.permutation(len(y))]),
            "shuffles X and forgets y": refusing(unshuffled),
        }
        self.check(hw, wrong)

    def test_catches_samples_lost_or_doubled(self, hw):
        """Right ones pass; caught are a sample that is in neither set, and one that is in both"""

        def lossy(N, n_val, rng):
            training, validation = shuffled(N, n_val, rng)
            return training[1:], validation

        def greedy(N, n_val, rng):
            training, validation = shuffled(N, n_val, rng)
            return np.concatenate([training, validation[:1]]), validation

        wrong = {"loses one sample": splitter(lossy), "has one sample in both sets": splitter(greedy)}
        self.check(hw, wrong)

    def test_catches_other_sizes(self, hw):
        """Right ones pass; caught are the two sets exchanged, and a validation set that is one too large"""
        wrong = {
            "exchanges the two sets": splitter(lambda N, n_val, rng: shuffled(N, N - n_val, rng)),
            "has one sample too many in the validation set": splitter(
                lambda N, n_val, rng: shuffled(N, n_val + 1, rng)
            ),
        }
        self.check(hw, wrong)
