"""The stub of the extension, _core.pyi, declares what the extension has."""

import ast
from pathlib import Path

import deepnet
from deepnet import backends

STUB = ast.parse((Path(deepnet.__file__).parent / "_core.pyi").read_text())


def declared():
    """The functions of the stub, and its classes with their methods, those of their bases included."""
    functions, classes = set(), {}
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef):
            functions.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = {entry.name for entry in node.body if isinstance(entry, ast.FunctionDef)} - {"__init__"}
            classes[node.name] = methods.union(*(classes[base.id] for base in node.bases))
    return functions, classes


def methods(thing):
    return {*dir(type(thing))} - {*dir(object), "__module__"}


def test_the_stub_declares_what_the_extension_has():
    functions, classes = declared()
    own = {name for name in vars(backends.native) if name[0] != "_"} - {"Busy", "NonFinite"}  # imported
    assert functions | {name for name in classes if name[0] != "_"} == own
    for name in ("EngineFloat32", "EngineFloat64"):
        engine = getattr(backends.native, name)([2, 1], ["relu"], False)
        assert methods(engine) == classes[name]
        assert methods(engine.begin_training()) == classes["_TrainingHold"]
