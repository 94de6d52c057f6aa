"""PyTorch's nn.Sequential as a network, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deepnet._extras import needs
from deepnet._validation.arrays import a
from deepnet.activations import Array
from deepnet.network import Network

from ._chain import Chain, checked_network, network_of_weights
from ._matching import matching, no_match


def from_torch(model: Any, activations: Any, output: Any) -> Network:
    """Convert; see :func:`deepnet.exchange.from_torch`."""
    if isinstance(model, Mapping):
        return network_of_weights([*_pairs(model)], activations, output, "a state_dict")
    with needs("torch", "from_torch"):
        import torch
    if not _is(model, torch.nn.Sequential):
        raise TypeError(
            f"model is {a(model)}, but must be a torch.nn.Sequential, or the state_dict of linear layers"
        )
    if activations is not None or output is not None:
        raise TypeError("activations and output belong to a state_dict, but an nn.Sequential has its own")
    chain = Chain()
    with torch.no_grad():
        for where, module in _modules(model, "model"):
            _add(chain, where, module)
    return chain.network()


def _is(module: Any, kind: Any) -> bool:
    """Return whether a module is of this class and computes what the class does."""
    return isinstance(module, kind) and type(module).forward is kind.forward


def _modules(model: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield each module with its place: those of an nn.Sequential within an nn.Sequential, too."""
    from torch import nn

    for i, module in enumerate(model):
        if _is(module, nn.Sequential):
            yield from _modules(module, f"{where}[{i}]")
        else:
            yield f"{where}[{i}], {module!r},", module


def _add(chain: Chain, where: str, module: Any) -> None:
    from torch import nn

    if _is(module, nn.Linear):
        if isinstance(module.weight, nn.parameter.UninitializedParameter):
            raise ValueError(f"{where} has no weights before its first use")
        chain.linear(where, _array(module.weight), None if module.bias is None else _array(module.bias))
    elif isinstance(module, (nn.Dropout, nn.AlphaDropout)) and module.p:
        if isinstance(module, nn.AlphaDropout):
            raise ValueError(f"{where} is a dropout that deepnet does not have")
        chain.dropout(where, module.p)
    elif isinstance(module, nn.Softmax):
        if module.dim not in (1, -1):
            raise ValueError(
                f"{where} has dim={module.dim}, but deepnet's softmax is one over the units: dim=1"
            )
        chain.activation(where, "softmax")
    elif isinstance(module, nn.Flatten):
        if (module.start_dim, module.end_dim) != (1, -1):
            raise ValueError(f"{where} is not nn.Flatten(), which makes a row of each example")
    else:
        chain.activation(where, _activation(where, module))


def _activation(where: str, module: Any) -> str:
    """Return the activation that a module without parameters is."""
    import torch

    if any(True for _ in module.parameters()) or any(True for _ in module.buffers()):
        raise ValueError(
            f"{where} is not a layer of deepnet: nn.Linear, nn.Dropout, nn.Flatten or an activation"
        )

    def function(z: Array) -> Array:
        values: Array = module(torch.tensor(z, dtype=torch.float64)).numpy()
        return values

    try:
        name = matching(function)
    except (RuntimeError, IndexError, TypeError) as error:
        raise ValueError(f"{where} is not an activation: {error}") from None
    if name is None:
        raise ValueError(f"{where} {no_match(function, type(module).__name__)}")
    return name


def _array(tensor: Any) -> Array:
    """Return the values of a tensor, or of an array, as float64 if they are, else as float32."""
    if hasattr(tensor, "detach"):
        import torch

        tensor = tensor.detach().cpu()
        values: Array = (tensor if tensor.dtype == torch.float64 else tensor.float()).numpy()
        return values
    array = np.asarray(tensor)
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _pairs(state: Mapping[str, Any]) -> Iterator[tuple[Array, Array | None]]:
    """Yield weights and biases of a state_dict, in its order."""
    used = set[str]()
    for key in state:
        prefix, _, name = str(key).rpartition(".")
        if name == "weight" and np.ndim(state[key]) == 2:
            bias = f"{prefix}.bias" if prefix else "bias"
            used |= {key, bias}
            yield _array(state[key]), _array(state[bias]) if bias in state else None
    rest = [key for key in state if key not in used]
    if rest:
        raise ValueError(
            f"the state_dict has {rest[0]!r}, which is not the weight (n, n_prev) or bias (n,) of a linear "
            "layer"
        )


def to_torch(net: Any) -> Any:
    """Convert; see :func:`deepnet.exchange.to_torch`."""
    net = checked_network(net)
    with needs("torch", "to_torch"):
        import torch
        from torch import nn
    makers = {
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "elu": nn.ELU,
        "selu": nn.SELU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
        "mish": nn.Mish,
        "softplus": lambda: nn.Softplus(threshold=40),  # beyond it Z itself, whose error is e^-40
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "hard_swish": nn.Hardswish,
        "softmax": lambda: nn.Softmax(dim=1),
    }
    dtype = torch.float64 if net.dtype == np.float64 else torch.float32
    modules: list[Any] = [nn.Dropout(net.input_dropout)] if net.input_dropout else []
    n_prev, parameters = net.layer_dims[0], net.parameters
    for number, layer in enumerate(net.layers, start=1):
        linear = nn.Linear(n_prev, layer.units, dtype=dtype)
        W, b = parameters[f"W{number}"], parameters[f"b{number}"][:, 0]
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(W * net.dtype.type(net.input_scale) if number == 1 else W))
            linear.bias.copy_(torch.tensor(b))
        modules.append(linear)
        if layer.activation != "identity":
            modules.append(makers[str(layer.activation)]())
        if layer.dropout:
            modules.append(nn.Dropout(layer.dropout))
        n_prev = layer.units
    return nn.Sequential(*modules).eval()
