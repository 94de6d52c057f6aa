"""What the functions are given: axes, and models that they can draw."""

from typing import TYPE_CHECKING, Any

from deepnet._extras import needs
from deepnet._names import a

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_for(ax: "Axes | None", purpose: str) -> "Axes":
    """Return the axes to draw into: those given, or the current ones."""
    with needs("plot", purpose):
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax is {a(ax)}, but must be one Axes, as of plt.subplots(), or None")
    return plt.gca() if ax is None else ax


def is_network(model: Any) -> bool:
    """Return whether this is a Network."""
    is_object = not isinstance(model, type)
    return is_object and hasattr(model, "layer_dims") and hasattr(model, "parameters")


def network_of(name: str, model: Any) -> Any:
    """Return a network, or that of a fitted estimator."""
    net = getattr(model, "network_", model)
    if not is_network(net):
        raise TypeError(f"{name} is {a(model)}, but must be a Network or a fitted estimator with one")
    return net


def check_predicts(model: Any, method: str, kind: str) -> None:
    """Refuse what is neither a network nor an estimator with this method."""
    if isinstance(model, type) or not (is_network(model) or callable(getattr(model, method, None))):
        raise TypeError(f"model is {a(model)}, but must be a Network or a fitted {kind}, with {method}")
