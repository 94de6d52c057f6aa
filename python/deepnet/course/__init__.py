"""The functions of the deep learning course, one module per module of the course, under the course's names.

`step_by_step` and `dnn_app_utils` are week 4 of *Neural Networks and Deep Learning*. `init_utils`,
`reg_utils` and `gc_utils` are week 1, `opt_utils` is week 2 of *Improving Deep Neural Networks*; their code
is in `improving`. A name may mean different things in two modules, so this package imports none of them.
"""

import importlib
from types import ModuleType

_MODULES = ("dnn_app_utils", "gc_utils", "init_utils", "opt_utils", "reg_utils", "step_by_step")


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
