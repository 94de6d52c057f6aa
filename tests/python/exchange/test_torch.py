"""Networks to PyTorch's nn.Sequential and back. Weights alone are arrays, and need no PyTorch."""

import doctest
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from exported_networks import ELEMENTWISE, bound, random_network

import deepnet
from deepnet import ACTIVATIONS

RNG = np.random.default_rng(0)


def arrays(*dims):
    """Return the state_dict of linear layers, as arrays."""
    state = {}
    for i, (n_prev, n) in enumerate(pairwise(dims)):
        state |= {
            f"net.{2 * i}.weight": RNG.normal(size=(n, n_prev)),
            f"net.{2 * i}.bias": RNG.normal(size=n),
        }
    return state


# --- weights alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_a_state_dict_of_arrays(dtype):
    state = {key: array.astype(dtype) for key, array in arrays(3, 4, 2).items()}
    net = deepnet.from_torch(state, ["tanh", "softmax"])
    assert net.activations == ("tanh", "softmax")
    assert net.dtype == ("float64" if dtype == "float64" else "float32")
    for key, array in zip(["W1", "b1", "W2", "b2"], state.values(), strict=True):
        np.testing.assert_array_equal(net.parameters[key].reshape(array.shape), array)
    state["net.0.weight"][...] = 0
    assert net.parameters["W1"].all()  # a copy


def test_a_layer_without_bias():
    net = deepnet.from_torch({"weight": np.ones((2, 3))}, output="identity", activations="relu")
    assert net.layer_dims == (3, 2)
    assert not net.parameters["b1"].any()


def test_state_dicts_that_are_none():
    state = arrays(3, 4, 2)
    with pytest.raises(
        ValueError, match="model is a state_dict, which has no activations: give them, such as"
    ):
        deepnet.from_torch(state)
    with pytest.raises(ValueError, match="model is a state_dict without weights"):
        deepnet.from_torch({}, "relu")
    with pytest.raises(
        ValueError, match=r"the state_dict has 'conv\.weight', which is not the weight \(n, n_prev\)"
    ):
        deepnet.from_torch({**state, "conv.weight": np.ones((1, 2, 3, 3))}, "relu")
    with pytest.raises(ValueError, match=r"the state_dict has 'norm\.running_mean', which is not"):
        deepnet.from_torch({**state, "norm.running_mean": np.ones(3)}, "relu")
    with pytest.raises(ValueError, match="layer 2 takes 5 inputs, but the layer before it has 4 units"):
        deepnet.from_torch({**state, "net.2.weight": np.ones((2, 5))}, "relu")
    with pytest.raises(ValueError, match=r"layer 2 has weights \(2, 4\) and biases \(3,\), but must have"):
        deepnet.from_torch({**state, "net.2.bias": np.ones(3)}, "relu")
    with pytest.raises(ValueError, match="unknown activation 'rleu': did you mean 'relu'"):
        deepnet.from_torch(state, "rleu")


# --- modules ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_a_network_goes_there_and_back(torch, output, dtype):
    for seed in range(3):
        net, X = random_network(seed, output if output in ELEMENTWISE else "tanh", output, dtype)
        model = deepnet.to_torch(net)
        assert not model.training
        theirs = model(torch.tensor(X.T)).detach().numpy().T
        assert theirs.dtype == net.dtype
        apart = np.abs(theirs - net.predict(X))
        # PyTorch's functions are exact to some u of 1 or of Z, deepnet's to some u of the result.
        units = 8 * np.finfo(dtype).eps * max(1, np.abs(theirs).max())
        assert (apart <= 2 * bound(net, X) + units).all()
        same = deepnet.from_torch(model)
        assert same.activations == net.activations
        assert same.dtype == net.dtype
        scaled = net.parameters["W1"] * net.dtype.type(net.input_scale)
        np.testing.assert_array_equal(same.parameters["W1"], scaled)


def test_dropout_and_nested_modules(torch):
    nn = torch.nn
    model = nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU(inplace=True), nn.Dropout(0.25)),
        nn.Sequential(nn.Linear(5, 4)),
        nn.Identity(),
        nn.Linear(4, 3),
        nn.Softmax(dim=-1),
    )
    net = deepnet.from_torch(model)
    assert net.layer_dims == (6, 5, 4, 3)
    assert net.activations == ("relu", "identity", "softmax")
    assert [layer.dropout for layer in net.layers] == [0.25, 0, 0]
    assert net.input_dropout == 0.1
    back = deepnet.to_torch(net)
    assert [type(module).__name__ for module in back] == [
        *("Dropout", "Linear", "ReLU", "Dropout", "Linear", "Linear", "Softmax")
    ]
    x = torch.randn(7, 2, 3)
    theirs = model.eval()(x).detach().numpy()
    np.testing.assert_allclose(net.predict(x.numpy().reshape(7, 6).T).T, theirs, rtol=0, atol=1e-6)


def test_modules_stay_as_they_were(torch):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(inplace=True))
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    net = deepnet.from_torch(model)
    net.parameters["W1"][...] = 7
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert model.training
    back = deepnet.to_torch(net)
    with torch.no_grad():
        back[0].weight.zero_()
    assert (net.parameters["W1"] == 7).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_floats_become_float32(torch, dtype):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2)).to(getattr(torch, dtype))
    net = deepnet.from_torch(model)
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.parameters["W1"], model[0].weight.detach().float().numpy())


def test_a_state_dict_of_tensors(torch):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    net = deepnet.from_torch(model.state_dict(), "tanh", "identity")
    np.testing.assert_array_equal(
        net.predict(np.eye(3, dtype=np.float32)),
        deepnet.from_torch(model).predict(np.eye(3, dtype=np.float32)),
    )


def test_modules_that_deepnet_does_not_have(torch):
    nn = torch.nn
    first, last = nn.Linear(3, 4), nn.Linear(4, 2)
    cases = [
        (
            [first, nn.LeakyReLU(0.2)],
            r"model\[1\], LeakyReLU\(negative_slope=0\.2\), computes none .* leaky_relu is",
        ),
        ([first, nn.GELU("tanh")], r"model\[1\], GELU\(approximate='tanh'\), computes none .* its gelu is"),
        ([first, nn.PReLU()], r"model\[1\], PReLU\(num_parameters=1\), is not a layer of deepnet"),
        ([first, nn.BatchNorm1d(4), last], r"model\[1\], BatchNorm1d\(.*\), is not a layer of deepnet"),
        ([nn.Conv1d(1, 1, 3)], r"model\[0\], Conv1d\(.*\), is not a layer of deepnet"),
        ([first, nn.LogSoftmax(dim=1)], r"model\[1\], LogSoftmax\(dim=1\), is not an activation"),
        ([first, nn.Softmax(dim=0)], r"model\[1\], Softmax\(dim=0\), has dim=0, but deepnet's softmax"),
        (
            [first, nn.ReLU(), nn.Tanh(), last],
            r"model\[2\], Tanh\(\), follows the activation 'relu', but a layer",
        ),
        ([first, nn.Dropout(), nn.ReLU(), last], r"model\[2\], ReLU\(\), follows model\[1\], Dropout"),
        ([nn.ReLU(), first], r"model\[0\], ReLU\(\), comes before the first layer of weights"),
        ([first, nn.Dropout(0.5)], r"model\[1\], Dropout\(.*\), comes after the last layer"),
        (
            [first, nn.ReLU(), first],
            r"model\[2\], Linear\(.*\), takes 3 inputs, but the layer before it has 4 units",
        ),
        ([nn.LazyLinear(3)], r"model\[0\], LazyLinear\(.*\), has no weights before its first use"),
        ([first, nn.Flatten(0)], r"model\[1\], Flatten\(.*\), is not nn\.Flatten\(\)"),
        ([], "model has no layer of weights"),
    ]
    for modules, message in cases:
        with pytest.raises(ValueError, match=message):
            deepnet.from_torch(nn.Sequential(*modules))
    with pytest.raises(
        TypeError, match=r"model is a Linear, but must be a torch\.nn\.Sequential, or the state_dict"
    ):
        deepnet.from_torch(first)
    with pytest.raises(TypeError, match="activations and output belong to a state_dict, but an"):
        deepnet.from_torch(nn.Sequential(first), "relu")


def test_classes_that_compute_something_else(torch):
    class Doubled(torch.nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    class Skipping(torch.nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    with pytest.raises(ValueError, match=r"model\[0\], Doubled\(.*\), is not a layer of deepnet"):
        deepnet.from_torch(torch.nn.Sequential(Doubled(3, 3)))
    with pytest.raises(TypeError, match=r"model is a Skipping, but must be a torch\.nn\.Sequential"):
        deepnet.from_torch(Skipping(torch.nn.Linear(3, 3)))
    with pytest.raises(ValueError, match=r"model\[0\], Skipping\((.|\n)*\), is not a layer of deepnet"):
        deepnet.from_torch(torch.nn.Sequential(Skipping(torch.nn.Linear(3, 3))))


def test_networks_that_pytorch_cannot_have(torch):
    bump = deepnet.Activation("bump", lambda Z: Z * np.exp(-Z * Z), lambda dA, Z: dA)
    with pytest.raises(ValueError, match="layer 1 has the custom activation 'bump'"):
        deepnet.to_torch(deepnet.Network([2, 3, 1], bump))
    with pytest.raises(TypeError, match=r"net is a list, but must be a deepnet\.Network"):
        deepnet.to_torch([2, 3, 1])


def test_the_example_in_the_documentation(torch):
    examples = doctest.DocTestParser().get_examples(deepnet.to_torch.__doc__.replace("# doctest: +SKIP", ""))
    names = {"deepnet": deepnet}
    exec(examples[0].source, names)
    assert repr(eval(examples[1].source, names)) == examples[1].want.rstrip()
    page = (Path(__file__).parents[3] / "docs" / "exchange.md").read_text()
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", page, re.S) if block.startswith("import torch")
    )
    exec(code, {"np": np, "deepnet": deepnet})


@pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")  # of its exporter
def test_what_torch_exports_is_read(torch, dynamo, tmp_path):
    pytest.importorskip("onnx")
    if dynamo:
        pytest.importorskip("onnxscript")
    nn, path = torch.nn, str(tmp_path / "model.onnx")
    activations = [nn.ReLU(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.SELU(), nn.Softplus()]
    modules = [nn.Flatten(), nn.Linear(6, 5), nn.BatchNorm1d(5)]
    for activation in activations:
        modules += [activation, nn.Dropout(0.1), nn.Linear(5, 5)]
    model = nn.Sequential(*modules, nn.Softmax(dim=1)).eval()
    x = torch.randn(9, 2, 3)
    torch.onnx.export(model, (x,), path, dynamo=dynamo, **({"verbose": False} if dynamo else {}))
    net = deepnet.from_onnx(path)
    names = ("relu", "gelu", "silu", "mish", "hard_swish", "selu", "softplus")
    assert net.activations == ("relu", *names[1:], "softmax")
    X = x.numpy().reshape(9, 6).T
    apart = np.abs(net.predict(X) - model(x).detach().numpy().T)
    assert (apart <= 8 * bound(net, X) + 8 * np.finfo(np.float32).eps).all()
