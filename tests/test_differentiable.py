"""A submission differentiates through functions of the checks, as it does at a desk, where they are torch's own."""

import pytest
import torch

from grader.errors import WireError
from grader.model import Cell, Limits
from grader.remote import Session
from grader.remote.pull import pull
from grader.sandbox.differentiable import through
from grader.sandbox.foretold import may_be_foretold, unforetold

SOURCE = """
import torch
from torch.nn import Module, Parameter


class Scaled(Module):
    def __init__(self):
        super().__init__()
        self.w = Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, x, f):
        return f(x, f(x=self.w, y=x)).sum()


def named(x):
    w = torch.ones(2, requires_grad=True)
    piece(w * 2, x).sum().backward()
    return w.grad


def mapped(x, many):
    rows = torch.ones(many, requires_grad=True)
    torch.vmap(lambda row, factor: piece(row * factor, y=row), in_dims=(None, 0))(x, rows).sum().backward()
    return rows.grad


def mapped_twice(x):
    with torch.no_grad():
        return torch.vmap(torch.vmap(piece))(x, x + 1)


def within(f, x):
    with torch.no_grad():
        return f(x.requires_grad_(), x).requires_grad
"""
X = torch.tensor([3.0, 5.0])


def product(x, y):
    return x * x * y


@pytest.fixture
def session():
    session = Session("vectors", (Cell(filename="vectors.py", source=SOURCE),), Limits())
    yield session
    session.close()


def test_gradients_go_through_a_function_by_place_and_by_name(session):
    module = session.module.Scaled()
    loss = module(X, product)
    loss.backward()
    # x² (w² x) = w² x³ summed over the entries: 2 w x³
    assert loss.detach().item() == 27 * 1 + 125 * 4
    (w,) = module.parameters()
    assert w.grad.tolist() == [2 * 27.0, 2 * 2 * 125.0]


def test_gradients_go_through_a_stand_in(session):
    with session.stand_in({"piece": product}):
        assert session.module.named(X).tolist() == [24.0, 40.0]  # (2 w)² x


def test_a_stand_in_may_be_mapped_over_parts_of_tensors(session):
    with session.stand_in({"piece": product}):
        assert session.module.mapped(X, 3).tolist() == [2 * (27.0 + 125.0)] * 3  # (factor x)² x, summed over x
        cube = torch.arange(12.0).reshape(2, 3, 2)
        assert session.module.mapped_twice(cube).tolist() == product(cube, cube + 1).tolist()


def test_without_a_graph_there_is_none_afterwards(session):
    assert session.module.within(product, X.clone()) is False


def test_the_gradients_of_a_function_are_those_by_each_argument():
    grads = pull(lambda n, x, *, y, unused: n * x * y)(torch.tensor([1.0, 1.0]), 2, X, y=X + 1, unused=torch.ones(1))
    assert grads[0] is None
    assert grads[1].tolist() == [8.0, 12.0]
    assert grads[2].tolist() == [6.0, 10.0]
    assert grads[3] is None
    assert not X.requires_grad


def test_what_may_not_be_foretold_may_not_be_in_its_gradients():
    assert may_be_foretold(pull(product))
    assert not may_be_foretold(pull(unforetold(product)))


@pytest.mark.parametrize("number", ["'", "7'", "piece''", "1''", "9" * 5000 + "'", "²'", 4, None])
def test_only_functions_that_were_passed_are_differentiated(session, number):
    session.module.Scaled()
    assert session._numbers._functions.name(product) == 0
    with pytest.raises(WireError, match="it calls a function that it was not given"):
        session._numbers.function(number)
    assert session._numbers.function("0'")(torch.ones(2), X, X)[1].tolist() == [9.0, 25.0]


def test_a_call_is_made_with_what_has_no_graph():
    asked = []

    def ask(number, args, kwargs):
        asked.append((number, [value.requires_grad for value in (*args, *kwargs.values())]))
        return torch.ones(2) if number == 5 else [torch.ones(2), torch.ones(2)]

    w = torch.ones(2, requires_grad=True)
    through(ask, 5, (w,), {"y": 2 * w}).sum().backward()
    assert asked == [(5, [False, False]), ("5'", [False, False, False])]
    assert w.grad.tolist() == [3.0, 3.0]
