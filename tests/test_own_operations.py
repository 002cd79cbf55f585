"""What a submission is to write itself, and may not have done by torch: isolated, in process and at a desk."""

import pytest
import torch
from torch.nn import functional

from grader.model import Cell, OwnWork
from grader.run import Run
from grader.sandbox.own_operations import OwnOperations

WORK = OwnWork(operations=("layer_norm", "gelu", "attention"), by_hand=("slope", "other_slope"))
SOURCE = """
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import gelu


def norm(x):
    return functional.layer_norm(x, x.shape[-1:])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(3)

    def forward(self, x):
        return self.norm(x)


def through_class(x):
    return nn.LayerNorm(3)(x)


def by_operation(x):
    return torch.ops.aten.gelu.default(x)


def imported(x):
    return gelu(x)


def attends(x):
    return functional.scaled_dot_product_attention(x, x, x)


def by_heads(x):
    return nn.MultiheadAttention(4, 2)(x, x, x)[0]


def executed(x):
    found = {"functional": functional, "x": x}
    exec("y = functional.gelu(x)", found)
    return found["y"]


def own(x):
    return torch.softmax(x - x.mean(-1, keepdim=True), dim=-1) * torch.linalg.vector_norm(x)


def loss(x):
    return (x.detach().requires_grad_() ** 2).sum()


def slope(x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad((x**2).sum(), x)[0]


def _backward(x):
    x = x.detach().requires_grad_()
    (x**2).sum().backward()
    return x.grad


def other_slope(x):
    return _backward(x)


def free_slope(x):
    return _backward(x)


def piece(x):
    return norm(x)


def asks(f, x):
    return f(x)
"""
USES = {
    "norm": "layer_norm",
    "through_class": "layer_norm",
    "by_operation": "gelu",
    "imported": "gelu",
    "executed": "gelu",
    "attends": "scaled_dot_product_attention",
    "by_heads": "multi_head_attention_forward",
}


@pytest.fixture(params=["desk", "notebook", "isolated", "in_process"])
def opened(request, tmp_path):
    """A run and its submission, in each of the ways there are."""
    folder = tmp_path / "hw1"
    folder.mkdir()
    checks = folder / "test_vectors.py"
    (folder / "vectors.py").write_text(SOURCE)
    options = {"isolated": {"isolate": True}, "in_process": {"in_process": True}}.get(request.param, {})
    if request.param == "in_process":
        options["cells"] = {"vectors": (Cell(filename="vectors.py", source=SOURCE),)}
    if request.param == "notebook":
        namespace = {}
        exec(compile(SOURCE, "cell 1", "exec"), namespace)
        options["namespace"] = namespace
    run = Run(**options, own_work={Run.subject(checks): WORK})
    yield run.submission(checks)
    run.close()


@pytest.mark.parametrize("name", USES)
def test_an_operation_that_is_to_be_written_is_refused_by_name_however_it_is_called(opened, name):
    with opened.stand_in({}), pytest.raises(Exception, match=f"{USES[name]} is the library's: this assignment asks"):
        getattr(opened.module, name)(torch.ones(2, 4 if name == "by_heads" else 3))


def test_an_object_of_the_submission_is_refused_it_as_well(opened):
    with opened.stand_in({}), pytest.raises(Exception, match="layer_norm is the library's"):
        opened.module.Block()(torch.ones(2, 3))


def test_all_else_works_and_so_does_what_the_checks_do_meanwhile(opened):
    x = torch.tensor([[1.0, 3.0]])
    with opened.stand_in({}):
        assert opened.module.own(x).shape == (1, 2)
        assert functional.layer_norm(x, (2,)).sum() == 0
        opened.module.loss(x).backward()


def test_a_stand_in_of_the_checks_may_use_it(opened):
    from grader.oracles.attention import layer_norm

    with opened.stand_in({"norm": lambda x: layer_norm(x, torch.ones(3), torch.zeros(3))}):
        assert opened.module.piece(torch.ones(2, 3)).shape == (2, 3)


@pytest.mark.parametrize("name", ["slope", "other_slope"])
def test_what_is_by_hand_has_no_automatic_differentiation(opened, name):
    with opened.stand_in({}), pytest.raises(Exception, match=f"{name} is to be written by hand: no automatic"):
        getattr(opened.module, name)(torch.ones(3))
    with opened.stand_in({}):
        assert opened.module.free_slope(torch.ones(3)).tolist() == [2.0] * 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # its forward mode loads what it calls deprecated
@pytest.mark.parametrize(
    "slope",
    [
        lambda f, x: torch.func.grad(f)(x),
        lambda f, x: torch.func.vjp(f, x)[1](torch.tensor(1.0)),
        lambda f, x: torch.func.jacfwd(f)(x),
        lambda f, x: torch.func.jvp(f, (x,), (x,)),
        lambda f, x: torch.autograd.functional.jacobian(f, x),
        lambda f, x: torch.autograd.backward(f(x.requires_grad_())),
    ],
    ids=["grad", "vjp", "jacfwd", "jvp", "jacobian", "backward"],
)
def test_every_way_of_automatic_differentiation_is_one(slope):
    own = OwnOperations(WORK)
    watched = own.watched("slope", lambda: slope(lambda x: (x**2).sum(), torch.ones(3)))
    with own, pytest.raises(RuntimeError, match="slope is to be written by hand"):
        watched()
    watched()


def test_a_function_that_is_not_by_hand_stays_what_it_is():
    assert OwnOperations(WORK).watched("norm", len) is len
    assert not OwnWork()
    assert OwnWork(by_hand=("slope",))


def test_a_call_from_nobody_we_know_is_not_the_submissions(tmp_path):
    from grader.local import Local

    assert not Local("vectors", {}, {})._has_called(None)
