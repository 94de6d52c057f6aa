"""Functions that call each other are led to others for a while, and back."""

import types

import pytest

from deepnet.diagnose._replacing import called_by, replaced

SOURCE = """
def inner(): return "theirs"
def outer(): return inner()
class Layers:
    def inner(self): return "theirs"
    def outer(self): return self.inner()
    @classmethod
    def of_class(cls): return "theirs"
    @classmethod
    def calls(cls): return cls.of_class()
"""


@pytest.fixture
def module():
    module = types.ModuleType("submission")
    exec(SOURCE, vars(module))
    return module


def ours():
    return "ours"


def test_functions_of_a_module(module):
    functions = {"inner": module.inner, "outer": module.outer, "absent": None}
    with replaced({k: f for k, f in functions.items() if f}, {"inner": ours, "absent": ours}):
        assert module.outer() == "ours"
    assert module.outer() == "theirs"


def test_methods_of_an_object(module):
    layers = module.Layers()
    with replaced({"inner": layers.inner, "outer": layers.outer}, {"inner": ours}):
        assert layers.outer() == "ours"
    assert layers.outer() == "theirs"
    assert vars(layers) == {}


def test_methods_of_a_class(module):
    functions = {"of_class": module.Layers.of_class, "calls": module.Layers.calls}
    before = vars(module.Layers)["of_class"]
    with replaced(functions, {"of_class": ours}):
        assert module.Layers.calls() == "ours"
    assert vars(module.Layers)["of_class"] is before
    assert module.Layers.calls() == "theirs"


def test_they_return_after_an_error(module):
    with pytest.raises(ZeroDivisionError), replaced({"inner": module.inner}, {"inner": ours}):
        raise ZeroDivisionError
    assert module.outer() == "theirs"


def test_names_that_a_function_looks_up(module):
    assert "inner" in called_by(module.outer)
    assert called_by(len) == set()
