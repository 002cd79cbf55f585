import sys

import pytest

from grader.withheld import BY_HAND, Withheld, builtins_without


@pytest.mark.parametrize(
    "name", ["grader.oracles", "grader.oracles.recurrent", "grader.gradients", "grader.strategies", "grader.wires"]
)
def test_what_knows_answers_is_withheld(name):
    with pytest.raises(ImportError, match=f"{name} is not for submissions"):
        Withheld().find_spec(name)


@pytest.mark.parametrize("name", ["grader", "grader.wire.tensors", "grader.data", "numpy", "graders", "torch"])
def test_what_knows_none_is_not_withheld(name):
    assert Withheld().find_spec(name) is None


@pytest.mark.parametrize("name", ["torch", "torch.nn", "jax.numpy", "autograd"])
def test_a_library_that_would_do_the_work_is_withheld_by_name(name):
    library = name.partition(".")[0]
    with pytest.raises(ImportError, match=f"^{library} is not to be used here: .* by hand, with NumPy$"):
        Withheld(BY_HAND).find_spec(name)
    with pytest.raises(ImportError, match=f"^{library} is not to be used here"):
        builtins_without(BY_HAND)["__import__"](name)


def test_a_name_that_begins_alike_is_another_library():
    assert Withheld(["torch"]).find_spec("torchaudio") is None


def test_withheld_is_asked_before_others(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    hook = Withheld()
    hook.install()
    assert sys.meta_path[0] is hook


def test_builtins_are_those_of_python_but_for_imports():
    code = "import json\nfrom os import path\nassert json.loads('[1]') == [1]\nassert path.sep and len('ab') == 2"
    exec(code, {"__builtins__": builtins_without(BY_HAND)})
    with pytest.raises(ImportError, match="torch is not to be used here"):
        exec("def f():\n    from torch import nn\nf()", {"__builtins__": builtins_without(BY_HAND)})
