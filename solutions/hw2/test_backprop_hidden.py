"""Hidden checks of assignment 2: every shape, dtypes, deep and tangled graphs, unchanged arguments, and training."""

from contextlib import suppress

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
    assert_finite,
    assert_list,
    assert_scalar,
    describe,
    number,
    unchanged,
    unpack,
)
from grader.properties import Misuse, assert_tells
from grader.strategies import (
    TwoLayer,
    arrays,
    one_hot,
    operands,
    products,
    reductions,
    seeds,
    shapes,
    two_layer,
)
from grader.strategies.graphs import PRODUCTS

pytestmark = pytest.mark.filterwarnings("ignore")  # only results count

DOUBLE, SINGLE = [np.float64], [np.float32]
PARAMS = ("W1", "b1", "W2", "b2")
DEPTH = 400  # operations; 800 nodes, if an operation makes a helper node


# The earlier pieces, for stand-ins and as oracles.


def tensor(array):
    return torch.tensor(np.array(array))


def unbroadcast(grad, shape):
    if np.broadcast_shapes(np.shape(grad), shape) != np.shape(grad):
        text = f"Your code calls unbroadcast(grad, {shape}) with grad of shape {np.shape(grad)}"
        raise Mismatch(f"{text}, but {shape} does not broadcast to that.")
    leaf = torch.zeros(shape, dtype=tensor(grad).dtype, requires_grad=True)
    return torch.autograd.grad(leaf.broadcast_to(np.shape(grad)), leaf, tensor(grad))[0].numpy()


def network(params, X, Y, lam):
    """(P, cost, gradients) of a two-layer net, in float64."""
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
    """A net of the submission whose forward, cost and gradients are ours, of the parameters that it has at the time."""

    def forward(X):
        Y = one_hot(np.zeros(len(X), int), net.params["b2"].size)
        return network(net.params, X, Y, 0.0)[0].astype(X.dtype)

    def cost(X, Y, lam):
        return network(net.params, X, Y, lam)[1]

    def gradients(X, Y, lam):
        return {name: slope.astype(X.dtype) for name, slope in network(net.params, X, Y, lam)[2].items()}

    for name, function in (("forward", forward), ("cost", cost), ("gradients", gradients)):
        with suppress(AttributeError, TypeError):
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


@pytest.mark.task("numeric_gradient")
class TestNumericGradient:
    @settings(max_examples=10)
    @given(x=arrays(st.sampled_from([(3,), (1, 4), (2, 3, 2)]), dtypes=DOUBLE), h=st.sampled_from([0.25, 0.5]))
    def test_the_quotient_has_the_width_that_is_asked(self, hw, x, h):
        """With a large h the result is (f(x + h) − f(x − h)) / 2h itself, for any shape; other entries stay at x"""
        weights = 1 + np.arange(x.size).reshape(x.shape)

        def f(x):
            return np.float64(np.sum(weights * x**3) + np.sum(x) ** 2)

        expected = weights * (3 * x**2 + h**2) + 2 * np.sum(x)  # exact: f is a cubic
        related = {"what the default h gives": weights * 3 * x**2 + 2 * np.sum(x)}
        what = f"numeric_gradient(f, x, h={h})"
        assert_close(hw.numeric_gradient(f, x.copy(), h), expected, what=what, related=related)

    @settings(max_examples=10)
    @given(x=arrays(ndim=2, max_side=4, dtypes=DOUBLE), size=st.sampled_from([1e-7, 1.0, 1e6]))
    def test_x_is_back_whatever_its_size(self, hw, x, size):
        """Entries near 0 and entries near a million are as they were, bit for bit"""
        x = x * size
        before = x.copy()
        hw.numeric_gradient(lambda x: np.array(0.5 * x.flat[0]), x)
        check_restored(x, before)


@pytest.mark.task("relative_error")
class TestRelativeError:
    @given(a=arrays(ndim=2, dtypes=DOUBLE), seed=seeds())
    def test_the_largest_over_all_entries(self, hw, a, seed):
        """The maximum of |a − n| / max(eps, |a| + |n|), for gradients that are close and for some that are not"""
        rng = np.random.default_rng(seed)
        for n in (a * (1 + 1e-6 * rng.standard_normal(a.shape)), rng.standard_normal(a.shape)):
            terms = [abs(x - y) / max(1e-8, abs(x) + abs(y)) for x, y in zip(a.flat, n.flat, strict=True)]
            inputs = {"a": a, "n": n}
            with unchanged("relative_error(a, n)", a=a, n=n):
                actual = hw.relative_error(a, n)
            assert_scalar(actual, float(max(terms)), what="relative_error(a, n)", given=inputs, rtol=1e-6)

    def test_entries_near_0_count_by_eps(self, hw):
        """Where |a| + |n| is below eps, eps divides: 0 and 0 agree, and eps may be given"""
        zero, tiny = np.zeros(3), np.array([0.0, 3e-9, 0.0])
        assert_scalar(hw.relative_error(zero, zero), 0.0, what="relative_error(0, 0)")
        assert_scalar(hw.relative_error(tiny, zero), 0.3, what="relative_error(3e-9, 0)", rtol=1e-6)
        what = "relative_error(3e-9, 0, eps=1e-6)"
        assert_scalar(hw.relative_error(tiny, zero, 1e-6), 0.003, what=what, rtol=1e-6)


# 2 · A machine that differentiates


@pytest.mark.task("unbroadcast")
class TestUnbroadcast:
    @given(case=operands(max_ndim=4))
    def test_every_way_of_broadcasting(self, hw, case):
        """Axes in front and stretched axes at once, down to the shape (), in float32 and float64; grad stays"""
        for array in (case.a, case.b):
            grad = case.like(case.a + case.b)
            with unchanged("unbroadcast(grad, shape)", grad=grad):
                actual = hw.unbroadcast(grad, array.shape)
            what = f"unbroadcast(grad, {array.shape}) with grad of shape {grad.shape}"
            expected = unbroadcast(grad.astype(float), array.shape)
            check_values(actual, expected, what=what, dtype=grad.dtype, given={"grad": grad})

    @given(n=st.integers(2, 5), m=st.integers(2, 5), seed=seeds())
    def test_axes_that_always_had_length_1(self, hw, n, m, seed):
        """An axis of length 1 that was not stretched stays as it is"""
        grad = np.random.default_rng(seed).standard_normal((n, 1, m))
        for shape in ((n, 1, m), (1, 1, m), (1, m), (1, 1, 1)):
            what = f"unbroadcast(grad, {shape}) with grad of shape {grad.shape}"
            assert_close(hw.unbroadcast(grad.copy(), shape), unbroadcast(grad, shape), what=what)


def check_values(actual, expected, *, what, dtype, **clues):
    if expected.shape == ():
        assert_scalar(actual, float(expected), what=what, dtype=dtype, **clues)
    else:
        assert_close(actual, expected, what=what, dtype=dtype, **clues)


def random_rows(rng, n):
    """A graph of sums and products of two earlier nodes each, all of which the last one needs."""
    rows, unused = [], {0, 1}
    for i in range(n):
        left = sorted(unused)[0] if rng.random() < 0.7 else int(rng.integers(0, 2 + i))
        right = int(rng.integers(0, 2 + i))
        unused -= {left, right}
        unused.add(2 + i)
        rows.append(("+" if rng.random() < 0.6 else "*", left, right))
    while len(unused) > 1:
        left, right, *_ = sorted(unused)
        unused -= {left, right}
        unused.add(2 + len(rows))
        rows.append(("+", left, right))
    return rows


def told(rows):
    """A graph as a student would write it: "c = a + b, d = c * a"."""
    return ", ".join(f"{chr(99 + i)} = {chr(97 + a)} {sign} {chr(97 + b)}" for i, (sign, a, b) in enumerate(rows))


def run(rows, nodes):
    """All nodes of a graph, of Tensors of either kind."""
    nodes = list(nodes)
    for operation, left, right in rows:
        nodes.append(nodes[left] + nodes[right] if operation == "+" else nodes[left] * nodes[right])
    return nodes


def check_order(order, nodes, rows, what):
    items = assert_list(order, what=what)
    if not items or items[-1] is not nodes[-1]:
        raise Mismatch(f"{what}: root must be the last entry of the list.")
    place = {id(item): position for position, item in enumerate(items)}
    if len(place) != len(items):
        raise Mismatch(f"{what} holds {len(items) - len(place)} entries more than different nodes.")
    missing = sum(id(node) not in place for node in nodes)
    if missing:
        raise Mismatch(f"{what} lacks {missing} of the {len(nodes)} Tensors that root was computed from.")
    for i, (_, *pair) in enumerate(rows):
        if any(place[id(nodes[operand])] >= place[id(nodes[2 + i])] for operand in pair):
            raise Mismatch(f"{what}: a result stands before one of its operands; operands come first.")


def deep(function, what):
    """function(), with a word on recursion where that is what failed."""
    try:
        return function()
    except RecursionError:
        text = f"{what} needs more of Python's stack than there is (1,000 calls) for a chain of {DEPTH} operations"
        reason = "One call for each node is enough: a comprehension or a generator around the recursive call is another"
        raise Mismatch(f"{text}.\n{reason}. A list as a stack of your own has no limit.") from None


def check_operation(hw, text, inputs, like, function, oracle=None):
    """The value of an operation, and its gradient for a random upstream gradient, are those of torch in float64."""
    dtype = next(iter(inputs.values())).dtype
    nodes = {name: hw.Tensor(value.copy()) for name, value in inputs.items()}
    out = function(*nodes.values())
    leaves = [tensor(value).double().requires_grad_() for value in inputs.values()]
    right = (oracle or function)(*leaves)
    check_values(out.data, right.detach().numpy(), what=f"({text}).data", given=inputs, dtype=dtype)
    g = like(np.zeros(tuple(right.shape), dtype))
    out.backward(g.copy())
    slopes = torch.autograd.grad(right, leaves, tensor(g).double())
    for name, slope in zip(nodes, slopes, strict=True):
        what = f"{name}.grad after ({text}).backward(g)"
        check_values(nodes[name].grad, slope.numpy(), what=what, given=inputs | {"g": g}, dtype=dtype)


SYMBOLS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "@": lambda a, b: a @ b,
}
every_product = st.tuples(*[products(kinds=[kind], dtypes=DOUBLE) for kind in PRODUCTS])


def sides(case, symbols, numbers):
    """(text, function of a Tensor, oracle) with a constant on the left and on the right."""
    b, b_torch = case.b, tensor(case.b).double()
    for symbol in symbols:
        f = SYMBOLS[symbol]
        yield f"a {symbol} array", lambda a, f=f: f(a, b), lambda a, f=f: f(a, b_torch)
        if numbers:
            yield f"a {symbol} 3.5", lambda a, f=f: f(a, 3.5), None
            yield f"3.5 {symbol} a", lambda a, f=f: f(3.5, a), None


@pytest.mark.task("Tensor")
@pytest.mark.stand_in(unbroadcast=unbroadcast)
class TestTensor:
    @settings(max_examples=8)
    @given(seed=seeds(), n=st.integers(6, 14))
    def test_topo_sort_of_tangled_graphs(self, hw, seed, n):
        """In graphs of a dozen nodes, some of equal value, every operand comes before every result"""
        rows = random_rows(np.random.default_rng(seed), n)
        nodes = run(rows, [hw.Tensor(np.array([1.0, 2.0])), hw.Tensor(np.array([1.0, 2.0]))])  # equal, and not the same
        what = f"topo_sort({chr(96 + len(nodes))}) of the graph {told(rows)}"
        check_order(hw.topo_sort(nodes[-1]), nodes, rows, what)

    def test_topo_sort_of_a_deep_chain(self, hw):
        """A chain of 400 sums is sorted"""
        rows = [("+", 0, 1)] + [("+", i, 1) for i in range(2, DEPTH + 1)]
        nodes = run(rows, [hw.Tensor(np.array([1.0])), hw.Tensor(np.array([3.0]))])
        check_order(deep(lambda: hw.topo_sort(nodes[-1]), "topo_sort"), nodes, rows, "topo_sort(root)")

    def test_topo_sort_of_a_ladder_visits_each_node_once(self, hw):
        """60 doublings, b = a + a, c = b + b, …, are 61 nodes, though 2⁶⁰ paths lead from the root to the leaf"""
        rows = [("+", 0, 1)] + [("+", i, i) for i in range(2, 61)]
        nodes = run(rows, [hw.Tensor(np.array([1.0])), hw.Tensor(np.array([3.0]))])
        check_order(hw.topo_sort(nodes[-1]), nodes, rows, "topo_sort(root)")

    @settings(max_examples=30)
    @given(case=operands())
    def test_every_operator_broadcasts(self, hw, case):
        """+ - * / of operands of all shapes that broadcast, down to no axes, in float32 and float64"""
        for symbol in "+-*/":
            check_operation(hw, f"a {symbol} b", case.given, case.like, SYMBOLS[symbol])

    @pytest.mark.weight(2)
    @settings(max_examples=2)
    @given(cases=every_product)
    def test_every_matrix_product(self, hw, cases):
        """@ of vectors, matrices and stacks of matrices whose leading axes are alike, 1 or missing"""
        for case in cases:
            check_operation(hw, "a @ b", case.given, case.like, SYMBOLS["@"])

    @settings(max_examples=3)
    @given(case=operands(alike=True, min_ndim=1), product=products(kinds=[("in", "nj")]))
    def test_constants_in_either_dtype(self, hw, case, product):
        """Numbers on either side, and arrays on the right, keep the dtype of the Tensor; array @ t works, too"""
        for text, function, oracle in sides(case, "+-*/", numbers=True):
            check_operation(hw, text, {"a": case.a}, case.like, function, oracle)
        left, right = product.a, tensor(product.a).double()
        inputs = {"b": product.b}
        check_operation(hw, "array @ b", inputs, product.like, lambda b: left @ b, lambda b: right @ b)

    @given(case=reductions())
    def test_sums_and_means_over_any_axes(self, hw, case):
        """sum and mean over all, one or several axes, counted from either end, in float32 and float64"""
        options = {"axis": case.axis, "keepdims": case.keepdims}
        check_operation(hw, f"x.sum({case.arguments})", case.given, case.like, lambda x: x.sum(**options))
        check_operation(hw, f"x.mean({case.arguments})", case.given, case.like, lambda x: x.mean(**options))

    @given(
        shape=shapes(3, min_side=2, max_side=5),
        order=st.permutations(range(3)),
        signs=st.tuples(*[st.sampled_from([0, 3])] * 3),
        seed=seeds(),
    )
    def test_reshape_and_transpose_of_stacks(self, hw, shape, order, signs, seed):
        """transpose to any order of three axes, counted from either end, and reshape in between"""
        rng = np.random.default_rng(seed)
        x, like = rng.standard_normal(shape), lambda array: np.random.default_rng(seed + 1).standard_normal(array.shape)
        axes = [axis - sign for axis, sign in zip(order, signs, strict=True)]
        text = f"x.transpose({', '.join(map(str, axes))})"
        check_operation(hw, text, {"x": x}, like, lambda x: x.transpose(*axes), lambda x: x.permute(*axes))
        check_operation(hw, "x.transpose()", {"x": x}, like, lambda x: x.transpose(), lambda x: x.permute(2, 1, 0))
        n = shape[0]
        check_operation(hw, f"x.reshape({n}, -1)", {"x": x}, like, lambda x: x.reshape(n, -1))
        check_operation(hw, f"x.reshape(-1, {n})", {"x": x}, like, lambda x: x.reshape((-1, n)))

    @settings(max_examples=10)
    @given(case=operands(dtypes=SINGLE, alike=True))
    def test_functions_keep_float32(self, hw, case):
        """exp, log, relu, tanh, sigmoid and powers in float32 give values and gradients in float32"""
        for name in ("exp", "relu", "tanh", "sigmoid", "log"):
            a = np.abs(case.a) if name == "log" else case.a
            call = lambda x, name=name: getattr(x, name)()  # noqa: E731
            check_operation(hw, f"a.{name}()", {"a": a}, case.like, call)
        check_operation(hw, "a ** 3", {"a": case.a}, case.like, lambda a: a**3)
        check_operation(hw, "a ** 1.5", {"a": np.abs(case.a)}, case.like, lambda a: a**1.5)

    @settings(max_examples=10)
    @given(case=reductions(min_ndim=1, max_ndim=3), size=st.sampled_from([1.0, 50.0, 1e4]))
    def test_logsumexp_of_large_entries(self, hw, case, size):
        """logsumexp along any axis of entries of any size, rows of very different size among them"""
        x = (case.x * size + size * np.arange(case.x.shape[0]).reshape(-1, *[1] * (case.x.ndim - 1))).astype(
            case.x.dtype
        )
        for axis in range(-x.ndim, x.ndim):
            call, oracle = (lambda x, axis=axis: x.logsumexp(axis)), (lambda x, axis=axis: torch.logsumexp(x, axis))
            check_operation(hw, f"x.logsumexp({axis})", {"x": x}, case.like, call, oracle)

    @settings(max_examples=6)
    @given(case=operands(alike=True, min_ndim=1), size=st.sampled_from([40.0, 1e3, 1e5]))
    def test_sigmoid_and_tanh_of_large_entries(self, hw, case, size):
        """sigmoid and tanh of entries of any size and sign are finite, and so are their gradients"""
        x = (case.a * size).astype(case.a.dtype)
        for name in ("sigmoid", "tanh"):
            call = lambda x, name=name: getattr(x, name)()  # noqa: E731
            check_operation(hw, f"a.{name}()", {"a": x}, case.like, call)

    @pytest.mark.weight(2)
    @settings(max_examples=8)
    @given(case=operands(dtypes=DOUBLE, alike=True, max_ndim=1), n=st.integers(6, 14))
    def test_tangled_graphs(self, hw, case, n):
        """Graphs of a dozen sums and products, whose nodes are used here and there, and every node's own gradient"""
        rows = random_rows(np.random.default_rng(case.seed), n)
        nodes = run(rows, [hw.Tensor(case.a / 2), hw.Tensor(case.b / 2)])
        leaves = [tensor(array / 2).double().requires_grad_() for array in (case.a, case.b)]
        right = run(rows, leaves)
        g = case.like(case.a)
        nodes[-1].backward(g)
        slopes = torch.autograd.grad(right[-1], right, tensor(g))
        for i, (node, slope) in enumerate(zip(nodes, slopes, strict=True)):
            what = f"{chr(97 + i)}.grad in the graph {told(rows)} after {chr(96 + len(nodes))}.backward(g)"
            check_values(node.grad, slope.numpy(), what=what, dtype=np.float64)

    @settings(max_examples=8)
    @given(case=operands(dtypes=DOUBLE, alike=True))
    def test_backward_from_another_root(self, hw, case):
        """backward clears and fills what its root was computed from, and leaves all other Tensors alone"""
        a, b = hw.Tensor(case.a), hw.Tensor(case.b)
        product, total = a * b, a + 2.0 * a
        product.backward()
        total.backward()
        what = "a.grad after (a * b).backward(), then (a + 2 * a).backward()"
        related = {"the sum of both calls": 3 + case.b}
        check_values(a.grad, np.full_like(case.a, 3), what=what, related=related, dtype=np.float64)
        check_values(b.grad, case.a, what=f"b.grad {what[7:]}: not part of the second graph", dtype=np.float64)

    @settings(max_examples=8)
    @given(case=operands(alike=True, min_ndim=1))
    def test_nothing_that_is_given_changes(self, hw, case):
        """Neither the arrays that Tensors are made of change nor the upstream gradient, in several calls of backward"""
        A, B, g = case.a, case.b, case.like(case.a)
        with unchanged("operators and backward", A=A, B=B, g=g):
            a, b = hw.Tensor(A), hw.Tensor(B)
            inner = a + b
            out = inner + a * b + a
            out.backward(g)
            out.backward(g)
        first, second = np.array(out.grad), np.array(inner.grad)
        dtype = A.dtype
        check_values(first, g, what="the root's own .grad", dtype=dtype)
        check_values(second, g, what="the .grad of a node that adds g to both of its operands", dtype=dtype)
        expected, what = g.astype(float) * (2 + B.astype(float)), "a.grad after (a + b + a * b + a).backward(g)"
        related = {"what comes out if a and b share one array, in which both add up": g * (3 + A + B)}
        check_values(a.grad, expected, what=what, related=related, dtype=dtype)
        check_values(a.data, A.astype(float), what="a.data afterwards", dtype=dtype)

    def test_a_deep_chain(self, hw):
        """backward works through a chain of 400 operations"""
        x, step = hw.Tensor(np.array([1.0, -2.0])), hw.Tensor(np.array([0.01, 0.02]))
        out = x
        for i in range(DEPTH):
            out = out - step if i % 2 else out + step * x
        g = np.array([0.5, 3.0])
        deep(lambda: out.backward(g), "backward")
        assert_close(
            x.grad, g * (1 + DEPTH / 2 * np.array([0.01, 0.02])), what="x.grad after a chain of 400 operations"
        )
        expected = g * DEPTH / 2 * (np.array([1.0, -2.0]) - 1)
        assert_close(step.grad, expected, what="step.grad after a chain of 400 operations")

    @settings(max_examples=6)
    @given(case=two_layer())
    def test_a_whole_network(self, hw, case):
        """The cost of a two-layer net, written with Tensors, has the gradient that autograd and the hand find"""
        p = {name: hw.Tensor(value) for name, value in case.params.items()}
        hidden = (case.X @ p["W1"] + p["b1"]).relu()
        scores = hidden @ p["W2"] + p["b2"]
        data = (scores.logsumexp(1) - (scores * case.Y).sum(axis=1)).mean()
        loss = data + case.lam * ((p["W1"] * p["W1"]).sum() + (p["W2"] ** 2).sum())
        loss.backward()
        _, expected, slopes = network(case.params, case.X, case.Y, case.lam)
        check_values(loss.data, np.array(expected), what="the cost of the net", dtype=case.dtype, sizes=case.sizes)
        for name in PARAMS:
            what = f"{name}.grad of the net's cost"
            check_values(p[name].grad, slopes[name], what=what, dtype=case.dtype, sizes=case.sizes)


# 3 · A network with one hidden layer


@pytest.mark.task("TwoLayerNet")
class TestTwoLayerNet:
    @staticmethod
    def net(hw, case):
        net = hw.TwoLayerNet(case.D, case.m, case.K, np.random.default_rng(0))
        net.params = case.copies()
        return net

    @settings(max_examples=10)
    @given(case=two_layer(dtypes=SINGLE))
    def test_float32_stays_float32(self, hw, case):
        """With parameters and samples in float32, probabilities and gradients are float32"""
        net, (P, loss, slopes) = self.net(hw, case), network(case.params, case.X, case.Y, case.lam)
        assert_close(net.forward(case.X), P, what="net.forward(X)", dtype=np.float32)
        assert_scalar(net.cost(case.X, case.Y, case.lam), loss, what="net.cost(X, Y, lam)", dtype=np.float32)
        found = assert_dict(net.gradients(case.X, case.Y, case.lam), PARAMS, what="net.gradients(X, Y, lam)")
        for name in PARAMS:
            what = f"net.gradients(X, Y, lam)[{name!r}]"
            assert_close(found[name], slopes[name], what=what, dtype=np.float32, sizes=case.sizes)

    @settings(max_examples=8)
    @given(case=two_layer(dtypes=DOUBLE, max_side=5), seed=seeds())
    def test_gradients_are_the_slope_of_its_own_cost(self, hw, case, seed):
        """The cost changes along random directions as gradients says"""
        net = self.net(hw, case)
        slopes = assert_dict(net.gradients(case.X, case.Y, case.lam), PARAMS, what="net.gradients(X, Y, lam)")
        rng, h = np.random.default_rng(seed), 1e-5
        for name in PARAMS:
            direction = rng.standard_normal(case.params[name].shape)
            assert_array(slopes[name], shape=direction.shape, dtype=np.float64, what=f"the gradient of {name}")
            sides = []
            for sign in (1, -1):
                net.params = case.copies() | {name: case.params[name] + sign * h * direction}
                cost = number(net.cost(case.X, case.Y, case.lam))
                if cost is None or not np.isfinite(cost):
                    raise Mismatch(f"net.cost(X, Y, lam) is {cost}; expected a finite number.")
                sides.append(cost)
            slope = (sides[0] - sides[1]) / (2 * h)
            what = f"the slope along a random direction in {name}"
            actual = float(np.vdot(np.asarray(slopes[name]), direction))
            assert_scalar(actual, slope, what=what, rtol=NUMERICAL_RTOL, atol=1e-7)

    @settings(max_examples=8)
    @given(case=two_layer(), offset=st.sampled_from([1e3, -1e3]))
    def test_large_scores_stay_finite(self, hw, case, offset):
        """Scores near 1,000 give the probabilities, the cost and the gradient that their differences say"""
        moved = TwoLayer(X=case.X, y=case.y, lam=case.lam, seed=case.seed,
                         params=case.params | {"b2": case.params["b2"] + case.dtype.type(offset)})  # fmt: skip
        net, (P, loss, slopes) = self.net(hw, moved), network(moved.params, case.X, case.Y, case.lam)
        result = net.forward(case.X)
        assert_finite(result, what="net.forward(X)")
        single = {"rtol": 1e-3} if case.dtype == np.float32 else {"rtol": 1e-9}
        assert_close(result, P, what="net.forward(X)", dtype=case.dtype, **single)
        assert_scalar(net.cost(case.X, case.Y, case.lam), loss, what="net.cost(X, Y, lam)", dtype=case.dtype, **single)
        found = assert_dict(net.gradients(case.X, case.Y, case.lam), PARAMS, what="net.gradients(X, Y, lam)")
        for name in PARAMS:
            what = f"net.gradients(X, Y, lam)[{name!r}]"
            assert_close(found[name], slopes[name], what=what, dtype=case.dtype, rtol=single["rtol"], atol=1e-6)

    @settings(max_examples=8)
    @given(case=two_layer())
    def test_nothing_changes_but_what_is_returned(self, hw, case):
        """forward, cost and gradients change neither their arguments nor the parameters"""
        X, Y = case.X, case.Y
        net = self.net(hw, case)
        with unchanged("forward, cost and gradients", X=X, Y=Y):
            net.forward(X)
            net.cost(X, Y, case.lam)
            net.gradients(X, Y, case.lam)
        params = assert_dict(net.params, PARAMS, what="net.params")
        for name in PARAMS:
            what = f"net.params[{name!r}] after forward, cost and gradients"
            assert_close(params[name], case.params[name], what=what, dtype=case.dtype)

    def test_randomness_comes_from_rng_alone(self, hw):
        """The same rng gives the same weights, and a generator that is used again gives others"""
        rng = np.random.default_rng(4)
        first, second, again = (
            assert_dict(hw.TwoLayerNet(5, 4, 3, source).params, PARAMS, what="net.params")
            for source in (rng, rng, np.random.default_rng(4))
        )
        for name, shape in (("W1", (5, 4)), ("W2", (4, 3))):
            for params in (first, second, again):
                assert_array(params[name], shape=shape, dtype=np.float64, what=f"net.params[{name!r}]")
            what = f"net.params[{name!r}] with an rng of the same seed"
            assert_close(again[name], first[name], what=what)
            if np.array_equal(first[name], second[name]) or np.unique(first[name]).size < first[name].size:
                raise Mismatch(f"net.params[{name!r}] is not drawn from rng, entry by entry.")


# 4 · Training


@pytest.mark.task("cyclical_lr")
class TestCyclicalLr:
    @given(
        cycle=st.integers(0, 4),
        n_s=st.integers(1, 12),
        part=st.floats(0, 1),
        low=st.sampled_from([1e-5, 0.0, 0.3]),
        high=st.sampled_from([0.1, 0.5]),
    )
    def test_rises_and_falls_linearly(self, hw, cycle, n_s, part, low, high):
        """From eta_min up to eta_max and back, in a straight line, in every cycle, for whole and broken t"""
        start = 2 * cycle * n_s
        expected = low + part * (high - low)
        for t in (start + part * n_s, start + (2 - part) * n_s):
            what = f"cyclical_lr({t:.6g}, {n_s}, {low}, {high})"
            assert_scalar(hw.cyclical_lr(t, n_s, low, high), expected, what=what, rtol=1e-7, atol=1e-9)


def train(hw, case, schedule, n_batch, n_steps, *, rng=None, lam=None, **validation):
    """(params, history) of a net after train, types and shapes checked."""
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


def unit_vectors(N, K):
    """A case whose sample i is the i-th unit vector, with every hidden unit at work."""
    rng = np.random.default_rng(N)
    W2 = rng.standard_normal((4, K))
    params = {"W1": np.zeros((N, 4)), "b1": np.full(4, 0.5), "W2": W2, "b2": np.zeros(K)}
    return TwoLayer(X=np.eye(N), y=np.arange(N) % K, lam=0.1, seed=N, params=params)


def times_counted(case, params, eta):
    """How often each unit vector was used, each time divided by the size of its batch; (N,)."""
    _, _, slopes = network(case.params, case.X, case.Y, 0.0)
    step = -eta * case.N * slopes["W1"]
    return ((params["W1"] - case.params["W1"]) * step).sum(axis=1) / (step * step).sum(axis=1)


@pytest.mark.task("train")
class TestTrain:
    @settings(max_examples=6)
    @given(case=two_layer(dtypes=DOUBLE, max_side=6))
    def test_tiny_steps_add_up_to_the_full_gradient(self, hw, case):
        """An epoch of tiny steps adds up to the sum of its batches' gradients: samples keep their labels"""
        rows, eta = np.resize(np.arange(case.N), 2 * case.N), 1e-7
        wide = TwoLayer(X=case.X[rows], y=case.y[rows], params=case.params, lam=case.lam, seed=case.seed)
        params, _ = train(hw, wide, lambda t: eta, 2, case.N)
        _, _, slopes = network(wide.params, wide.X, wide.Y, wide.lam)
        for name in PARAMS:
            moved = (case.params[name] - params[name]) / eta
            what = f"(net.params[{name!r}] before − after) / eta"
            assert_close(moved, case.N * slopes[name], what=what, rtol=1e-4, atol=1e-5)

    @settings(max_examples=6)
    @given(case=two_layer(dtypes=DOUBLE, max_side=5), n_steps=st.integers(4, 7))
    def test_the_schedule_counts_updates_across_epochs(self, hw, case, n_steps):
        """With N copies of one sample, step t is a full step of size schedule(t), in whichever epoch"""
        N, etas = 5, 0.05 + 0.3 * np.random.default_rng(case.seed).random(10)
        y = np.repeat(case.y[:1], N)
        copies = TwoLayer(X=np.repeat(case.X[:1], N, axis=0), y=y, params=case.params, lam=case.lam, seed=case.seed)

        def after(sizes):
            params = case.params
            for eta in sizes:
                _, _, slopes = network(params, copies.X, copies.Y, copies.lam)
                params = {name: params[name] - eta * slopes[name] for name in PARAMS}
            return params

        params, _ = train(hw, copies, lambda t: float(etas[min(int(t), 9)]), 2, n_steps)
        others = {
            "what comes out if t starts anew in each epoch": after(etas[t % 3] for t in range(n_steps)),
            "what comes out if t is the epoch, not the update": after(etas[t // 3] for t in range(n_steps)),
            "what comes out after all batches of the last epoch": after(etas[: 3 * -(-n_steps // 3)]),
        }
        expected = after(etas[:n_steps])
        for name in PARAMS:
            related = {text: values[name] for text, values in others.items()}
            what = f"net.params[{name!r}] after {n_steps} steps, 3 an epoch"
            assert_close(params[name], expected[name], what=what, related=related, rtol=1e-7)

    def test_each_epoch_has_a_new_order(self, hw):
        """Samples are shuffled anew in each epoch: over 40 epochs each is alone in the last batch now and then

        N = 3 and n_batch = 2 leave one sample for the last batch, where it counts 1, not 1/2. Never to be last in 40
        fair shuffles has probability 3 · (2/3)⁴⁰ = 3e-7.
        """
        case, n_epochs, eta = unit_vectors(N=3, K=3), 40, 1e-8
        params, _ = train(hw, case, lambda t: eta, 2, 2 * n_epochs, rng=np.random.default_rng(5), lam=0.0)
        alone = np.rint(2 * times_counted(case, params, eta) - n_epochs)
        assert_scalar(float(alone.sum()), float(n_epochs), what="the number of epochs whose last batch is one sample")
        if alone.min() < 1:
            times = ", ".join(f"{n:g}" for n in alone)
            raise Mismatch(f"Over {n_epochs} epochs the 3 samples are alone in the last batch {times} times.")

    def test_the_rng_decides_the_order(self, hw):
        """The same rng gives the same result, another one another order"""
        case = unit_vectors(N=8, K=3)
        first, again, other = (
            train(hw, case, lambda t: 0.5, 3, 9, rng=np.random.default_rng(seed))[0]["W1"] for seed in (3, 3, 4)
        )
        assert_close(again, first, what="net.params['W1'] after train with an rng of the same seed")
        # two runs of three epochs agree by chance with probability (8!/(3!·3!·2!))⁻³ = 6e-9
        if np.abs(other - first).max() < 1e-9:
            raise Mismatch("train gives the same parameters with another rng: is the order drawn from rng?")

    @settings(max_examples=6)
    @given(case=two_layer(dtypes=DOUBLE, max_side=5), seed=seeds())
    def test_no_step_size_changes_nothing(self, hw, case, seed):
        """With eta = 0 parameters and history stay at the start; validation data have entries of their own"""
        X_val = case.X[::-1] * 0.5
        params, history = train(hw, case, lambda t: 0.0, 2, 7, X_val=X_val, Y_val=case.Y)
        for name in PARAMS:
            assert_close(params[name], case.params[name], what=f"net.params[{name!r}] after train with eta = 0")
        epoch = -(-case.N // 2)
        entries = 7 // epoch + bool(7 % epoch)
        for part, X in (("train", case.X), ("val", X_val)):
            P, expected, _ = network(case.params, X, case.Y, case.lam)
            related = {"the cost without its regulariser": network(case.params, X, case.Y, 0.0)[1]}
            for entry in assert_list(history[f"{part}_cost"], what=f"history['{part}_cost']", length=entries):
                assert_scalar(entry, expected, what=f"history['{part}_cost'][i]", related=related, rtol=1e-7)
            for entry in assert_list(history[f"{part}_accuracy"], what=f"history['{part}_accuracy']", length=entries):
                assert_scalar(entry, accuracy(P, case.Y), what=f"history['{part}_accuracy'][i]")

    @settings(max_examples=6)
    @given(case=two_layer(dtypes=DOUBLE, max_side=5))
    def test_the_last_entry_belongs_to_the_trained_net(self, hw, case):
        """The last entries of the history are those of the net after its last update, in the middle of an epoch too"""
        X_val, Y_val = case.X[:1] + 0.3, case.Y[:1]
        epoch = -(-case.N // 2)
        n_steps = 3 * epoch - 1
        entries = -(-n_steps // epoch)
        params, history = train(hw, case, lambda t: 0.1, 2, n_steps, X_val=X_val, Y_val=Y_val)
        for part, X, Y in (("train", case.X, case.Y), ("val", X_val, Y_val)):
            P, expected, _ = network(params, X, Y, case.lam)
            costs = assert_list(history[f"{part}_cost"], what=f"history['{part}_cost']", length=entries)
            assert_scalar(costs[-1], expected, what=f"history['{part}_cost'][-1]", rtol=1e-7)
            accuracies = assert_list(history[f"{part}_accuracy"], what=f"history['{part}_accuracy']", length=entries)
            assert_scalar(accuracies[-1], accuracy(P, Y), what=f"history['{part}_accuracy'][-1]")

    @settings(max_examples=4)
    @given(case=two_layer(max_side=5))
    def test_a_batch_larger_than_the_set_and_unchanged_data(self, hw, case):
        """With n_batch > N there is one batch of N samples; float32 stays float32, X and Y stay as they are"""
        net = staffed(hw.TwoLayerNet(case.D, case.m, case.K, np.random.default_rng(0)))
        net.params = case.copies()
        X, Y = case.X, case.Y
        with unchanged("train(…)", X=X, Y=Y):
            hw.train(net, X, Y, case.lam, lambda t: 0.25, case.N + 3, 1, np.random.default_rng(1))
        _, _, slopes = network(case.params, X, Y, case.lam)
        params = assert_dict(net.params, PARAMS, what="net.params after train")
        for name in PARAMS:
            expected = case.params[name].astype(float) - 0.25 * slopes[name]
            assert_close(params[name], expected, what=f"net.params[{name!r}] after one step", dtype=case.dtype)


class Trainer:
    """Stands in for train: remembers how it was called, and makes each net predict one class, whatever it sees."""

    def __init__(self):
        self.begin({})

    def begin(self, classes):
        self.classes, self.calls = classes, []

    def train(self, net, X, Y, lam, schedule, n_batch, n_steps, rng, X_val=None, Y_val=None):
        params = assert_dict(net.params, PARAMS, what="net.params of the net that train is given")
        call = {"lam": lam, "n_batch": n_batch, "n_steps": n_steps, "X": np.array(X), "Y": np.array(Y)}
        self.calls.append(call | {name: np.array(params[name]) for name in PARAMS})
        self.calls[-1]["etas"] = [schedule(t) for t in range(7)]
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


def search(hw, classes, seed=5):
    """(best_lam, table, data) of lambda_search, where the net of each lam will always predict the class given here."""
    TRAINER.begin(classes)
    rng = np.random.default_rng(seed)
    data = {"X": rng.standard_normal((12, 4)), "X_val": rng.standard_normal((10, 4))}
    data |= {"Y": one_hot(np.repeat([0, 1, 2], [6, 5, 1]), 3), "Y_val": one_hot(np.repeat([0, 1, 2], [2, 4, 4]), 3)}
    options = {"m": 5, "n_s": 3, "eta_min": 0.1, "eta_max": 0.4, "n_batch": 4, "n_steps": 8}
    with unchanged("lambda_search(…)", **data):
        result = hw.lambda_search(data["X"], data["Y"], data["X_val"], data["Y_val"], list(classes), rng, **options)
    best, table = unpack(result, ("best_lam", "table"), what="lambda_search(…)")
    if len(TRAINER.calls) != len(classes):
        text = f"lambda_search called train {len(TRAINER.calls)} times for {len(classes)} values of lam"
        raise Mismatch(f"{text}; each value has one network, trained by `train`.")
    return best, assert_list(table, what="lambda_search(…) → table", length=len(classes)), data


@pytest.mark.task("lambda_search")
@pytest.mark.stand_in(train=TRAINER.train)
class TestLambdaSearch:
    @settings(max_examples=6)
    @given(order=st.permutations([1e-4, 1e-3, 1e-2, 0.1]))
    def test_the_first_of_equally_good_ones(self, hw, order):
        """Where several networks are equally good on the validation set, the first lam of the list is chosen"""
        classes = dict(zip(order, (0, 2, 1, 2), strict=True))
        best, _, _ = search(hw, classes)
        related = {"the last one of the equally good": order[3], "the best on the training set": order[0]}
        assert_scalar(best, order[1], what="lambda_search(…) → best_lam", related=related)

    def test_each_network_is_a_fresh_one(self, hw):
        """Each network has m hidden units and new random weights that no training has touched"""
        search(hw, {0.1: 0, 0.01: 1, 0.001: 2})
        for call in TRAINER.calls:
            for name, shape in (("W1", (4, 5)), ("b1", (5,)), ("W2", (5, 3)), ("b2", (3,))):
                what = f"net.params[{name!r}] before training with lam = {call['lam']}"
                assert_array(call[name], shape=shape, dtype=np.float64, what=what)
            if not call["W1"].any() or call["b2"].any():
                raise Mismatch(
                    f"The network for lam = {call['lam']} is not fresh: it was trained for another lam before."
                )
        if any(np.array_equal(call["W1"], TRAINER.calls[0]["W1"]) for call in TRAINER.calls[1:]):
            raise Mismatch("Two networks start from the same weights; each is drawn anew from rng.")

    def test_training_is_as_asked(self, hw):
        """train gets the training set, lam, the cyclical schedule, n_batch and n_steps"""
        _, _, data = search(hw, {0.1: 0, 0.01: 1})
        expected = [0.1, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1]
        for call, lam in zip(TRAINER.calls, (0.1, 0.01), strict=True):
            assert_scalar(call["lam"], lam, what="the lam that train is given")
            assert_scalar(call["n_batch"], 4, what="the n_batch that train is given")
            assert_scalar(call["n_steps"], 8, what="the n_steps that train is given")
            assert_close(call["X"], data["X"], what="the X that train is given")
            assert_close(call["Y"], data["Y"], what="the Y that train is given")
            for t, eta in enumerate(expected):
                what = f"schedule({t}) with n_s = 3, eta_min = 0.1, eta_max = 0.4"
                assert_scalar(call["etas"][t], eta, what=what, rtol=1e-7)


# 5 · Tests of your own


def guarded(function):
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
    return E / E.sum(axis=1, keepdims=True)


def loops(S):
    P = np.empty_like(S)
    for i, row in enumerate(S):
        P[i] = np.exp(row - row.max()) / sum(np.exp(row - row.max()))
    return P


RIGHT_SOFTMAX = {
    "goes through the rows in a loop": guarded(loops),
    "subtracts more than the maximum of each row": guarded(
        lambda S: rowwise(np.exp(S - S.max(axis=1, keepdims=True) - S.dtype.type(2)))
    ),
    "is torch's own, transposed twice": guarded(lambda S: torch.softmax(tensor(S.T.copy()), dim=0).numpy().T),
}


@pytest.mark.task("properties_of_softmax")
class TestPropertiesOfSoftmax:
    @staticmethod
    def check(hw, wrong):
        implementations = {text: guarded(function) for text, function in wrong.items()}
        name = "properties_of_softmax"
        assert_tells(hw.properties_of_softmax, right=RIGHT_SOFTMAX, wrong=implementations, what=name)

    def test_catches_side_effects_and_dtypes(self, hw):
        """Right ones pass; caught are a softmax that changes S, and one that makes float64 of float32"""

        def in_place(S):
            S -= S.max(axis=1, keepdims=True)
            return rowwise(np.exp(S))

        wrong = {
            "subtracts the maximum from S itself": in_place,
            "returns float64 for float32": lambda S: rowwise(exp_shifted(S.astype(np.float64))),
        }
        self.check(hw, wrong)

    def test_catches_distributions_that_ignore_the_scores(self, hw):
        """Right ones pass; caught are a uniform distribution, and one that gives all to the highest score"""
        wrong = {
            "gives every class the same probability": lambda S: np.full_like(S, 1 / S.shape[1]),
            "gives probability 1 to the highest score": lambda S: np.eye(S.shape[1], dtype=S.dtype)[S.argmax(axis=1)],
        }
        self.check(hw, wrong)

    def test_catches_shortcuts_against_overflow(self, hw):
        """Right ones pass; caught are scores that are clipped, and a shift by the mean"""
        wrong = {
            "clips the scores at -30 and 30": lambda S: rowwise(exp_shifted(np.clip(S, -30, 30))),
            "subtracts the mean of each row": lambda S: rowwise(np.exp(S - S.mean(axis=1, keepdims=True))),
        }
        self.check(hw, wrong)

    def test_catches_what_looks_like_a_softmax(self, hw):
        """Right ones pass; caught are exp(−s), a normalised sigmoid, and an ε in the denominator"""
        wrong = {
            "prefers low scores: exp(-s)": lambda S: rowwise(exp_shifted(-S)),
            "normalises the sigmoids of the scores": lambda S: rowwise(1 / (1 + np.exp(-S))),
            "adds 0.001 to the denominator": lambda S: (
                exp_shifted(S) / (exp_shifted(S).sum(axis=1, keepdims=True) + S.dtype.type(1e-3))
            ),
        }
        self.check(hw, wrong)


def refusing(function):
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


def splitter(choose):
    """A split made of choose(N, n_val, rng) → (training rows, validation rows), guarded."""

    def split(X, y, n_val, rng):
        training, validation = choose(len(X), n_val, rng)
        return X[training], y[training], X[validation], y[validation]

    return refusing(split)


def shuffled(N, n_val, rng):
    order = rng.permutation(N)
    return order[n_val:], order[:n_val]


def listed(N, n_val, rng):
    order = list(range(N))
    rng.shuffle(order)
    return np.array(order[: N - n_val], int), np.array(order[N - n_val :], int)


def one_by_one(N, n_val, rng):
    left, chosen = list(range(N)), []
    for _ in range(n_val):
        chosen.append(left.pop(int(rng.integers(len(left)))))
    return np.array(left, int), np.array(chosen, int)


RIGHT_SPLIT = {
    "shuffles a list of indices": splitter(listed),
    "draws the validation set one by one": splitter(one_by_one),
    "cuts a permutation": splitter(shuffled),
}


@pytest.mark.task("properties_of_split")
class TestPropertiesOfSplit:
    @staticmethod
    def check(hw, wrong):
        assert_tells(hw.properties_of_split, right=RIGHT_SPLIT, wrong=wrong, what="properties_of_split")

    def test_catches_an_rng_that_does_not_decide(self, hw):
        """Right ones pass; caught are one split for every rng, no shuffling, and randomness from elsewhere"""
        elsewhere = np.random.default_rng(11)
        wrong = {
            "makes a generator of its own, always with seed 0": splitter(
                lambda N, n_val, rng: shuffled(N, n_val, np.random.default_rng(0))
            ),
            "takes the last samples, without shuffling": splitter(
                lambda N, n_val, rng: (np.arange(N - n_val), np.arange(N - n_val, N))
            ),
            "draws from another generator than rng": splitter(lambda N, n_val, rng: shuffled(N, n_val, elsewhere)),
        }
        self.check(hw, wrong)

    def test_catches_side_effects_and_dtypes(self, hw):
        """Right ones pass; caught are X and y shuffled in place, and labels that become floats"""

        def in_place(X, y, n_val, rng):
            order = rng.permutation(len(X))
            X[:], y[:] = X[order], y[order]
            return X[n_val:].copy(), y[n_val:].copy(), X[:n_val].copy(), y[:n_val].copy()

        def floats(X, y, n_val, rng):
            training, validation = shuffled(len(X), n_val, rng)
            return X[training], y[training].astype(float), X[validation], y[validation].astype(float)

        self.check(hw, {"shuffles X and y themselves": refusing(in_place), "makes floats of labels": refusing(floats)})

    def test_catches_mistakes_in_special_cases(self, hw):
        """Right ones pass; caught are a slice that is wrong for an empty set, and equal samples that are dropped"""

        def cut_from_the_end(N, n_val, rng):
            order = rng.permutation(N)
            return order[:-n_val], order[-n_val:]

        def unique(X, y, n_val, rng):
            _, rows = np.unique(np.column_stack([X, y]), axis=0, return_index=True)
            training, validation = shuffled(len(rows), min(n_val, len(rows)), rng)
            return X[rows][training], y[rows][training], X[rows][validation], y[rows][validation]

        wrong = {
            "cuts at -n, also where n is 0": splitter(cut_from_the_end),
            "drops samples that are equal to another": refusing(unique),
        }
        self.check(hw, wrong)

    def test_catches_sets_that_overlap(self, hw):
        """Right ones pass; caught are a validation set drawn with replacement, and a training set with all samples"""

        def with_replacement(N, n_val, rng):
            chosen = rng.integers(0, N, n_val)
            rest = np.setdiff1d(np.arange(N), chosen)
            return np.resize(rest, N - n_val), chosen

        def everything(N, n_val, rng):
            _, validation = shuffled(N, n_val, rng)
            return rng.permutation(N), validation

        wrong = {
            "draws the validation set with replacement": splitter(with_replacement),
            "trains on all samples, those of the validation set too": splitter(everything),
        }
        self.check(hw, wrong)
