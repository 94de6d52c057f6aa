"""The C++ extension, as :mod:`deepnet.backends` sees it.

All parameters are positional. For arguments that cannot be used as given the result is None, and nothing has
changed. The exceptions are KeyboardInterrupt and MemoryError, and of training Busy and NonFinite.

Plan, EngineFloat32 and EngineFloat64 are functions that return objects with the methods below. X of an engine
may also be a CSC matrix.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

from .activations import Array
from .caches import LayerCache, Parameters
from .engine_errors import Busy as Busy
from .engine_errors import NonFinite as NonFinite

def activation_forward(Z: Array, name: str, /) -> Array | None: ...
def activation_backward(dA: Array, Z: Array, name: str, /) -> Array | None: ...
def linear_forward(A: Array, W: Array, b: Array, /) -> Array | None: ...
def linear_backward(
    dZ: Array, A_prev: Array, W: Array, b: Array, wants_dA_prev: bool = True
) -> tuple[Array, Array, Array] | None: ...
def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: str, /
) -> tuple[Array, LayerCache] | None: ...
def linear_activation_backward(
    dA: Array, cache: LayerCache, activation: str, /
) -> tuple[Array, Array, Array] | None: ...
def L_model_forward(
    X: Array, parameters: Parameters, activations: str | Sequence[str], output: str | None, /
) -> tuple[Array, list[LayerCache]] | None: ...
def L_model_backward(
    AL: Array,
    Y: Array,
    caches: Sequence[LayerCache],
    activations: str | Sequence[str] | None,
    compute_dA0: bool,
    out: Parameters | None,
    /,
) -> Parameters | None: ...
def compute_cost(AL: Array, Y: Array, loss: str | None, /) -> Array | None: ...
def update_parameters(
    parameters: Parameters, grads: Parameters, learning_rate: float, out: Parameters | None, /
) -> Parameters | None: ...
def shuffle_as_numpy(bit_generator: object, order: Array, /) -> bool | None: ...
def config() -> dict[str, object]: ...
def activation_names() -> list[str]: ...
def loss_names() -> list[str]: ...
def optimizer_names() -> list[str]: ...
def get_num_threads() -> int: ...
def set_num_threads(threads: int, /) -> None: ...
def measure_peak(dtype: str, threads: int, /) -> float: ...

class Plan:
    def __init__(self, settings: dict[str, Any], /) -> None: ...

class _TrainingHold:
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

class _Engine:
    def __init__(self, units: Sequence[int], activations: Sequence[str], /) -> None: ...
    def parameters(self) -> list[Array]: ...
    def copy_parameters(self) -> list[Array]: ...
    def optimizer_state(self, plan: Plan, /) -> tuple[int, list[Array]] | None: ...
    def set_optimizer_state(
        self, hold: _TrainingHold, plan: Plan, updates: int, arrays: list[Array], /
    ) -> bool | None: ...
    def predict(self, X: Array, out: Array | None, scale: float, threads: int, /) -> Array | None: ...
    def evaluate(
        self,
        X: Array,
        Y: Array,
        weights: Array | None,
        plan: Plan,
        scale: float,
        threads: int,
        chosen: Array | None = None,
    ) -> float | None: ...
    def loss_and_grads(
        self,
        X: Array,
        Y: Array,
        weights: Array | None,
        plan: Plan,
        scale: float,
        threads: int,
        out: Parameters | None = None,
    ) -> tuple[float, Parameters] | None: ...
    def forward(
        self, X: Array, out: Array | None, plan: Plan, scale: float, threads: int, /
    ) -> Array | None: ...
    def backward(
        self,
        X: Array | None,
        slope: Array,
        of_Z: bool,
        out: Parameters | None,
        plan: Plan,
        scale: float,
        threads: int,
        /,
    ) -> Parameters | int | None: ...
    def apply_gradients(self, grads: Parameters, plan: Plan, rate: float, threads: int, /) -> bool | None: ...
    def blend(self, other: _Engine, tau: float, /) -> bool | None: ...
    def copy(self) -> Self: ...
    def train_on_batch(
        self,
        X: Array,
        Y: Array,
        weights: Array | None,
        plan: Plan,
        rate: float,
        seed: int,
        scale: float,
        threads: int,
        /,
    ) -> float | None: ...
    def begin_training(self) -> _TrainingHold: ...
    def fit(
        self,
        hold: _TrainingHold,
        X: Array,
        Y: Array,
        weights: Array | None,
        plan: Plan,
        options: dict[str, Any],
        report: Callable[[int], object] | None,
        /,
    ) -> tuple[Array, Array] | None: ...

def fit_many(
    trainings: list[tuple[Any, ...]], threads: int, report: Callable[[int], object] | None, /
) -> None: ...

class EngineFloat32(_Engine): ...
class EngineFloat64(_Engine): ...
