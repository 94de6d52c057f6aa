"""Networks in files: what comes back, what is left when writing fails, and what is said of bad files."""

import io
import json
import os
import pathlib
import pickle
import re
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import deepnet
from deepnet.io import model_file
from networks import Unchanged
from problems import assert_same_bits, parameters_of

X = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)


def network(seed=1, dtype="float32"):
    return deepnet.Network([3, 4, 5, 2], ["relu", "tanh", "sigmoid"], dtype=dtype, seed=seed)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "net.safetensors"
    network().save(path)
    return path


# --- there and back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_loaded_predicts_the_same_bits(tmp_path, dtype, backend):
    net = network(dtype=dtype)
    net.fit(X, X[:2] > 0, epochs=2, batch_size=8, seed=0)
    path = tmp_path / "net.safetensors"
    with Unchanged(net.parameters):
        net.save(path)
    same = deepnet.load(path)
    assert repr(same) == repr(net)
    assert_same_bits(same, parameters_of(net))
    assert same.predict(X).tobytes() == net.predict(X).tobytes()
    assert os.listdir(tmp_path) == ["net.safetensors"]


def test_special_numbers_keep_their_bits(tmp_path):
    net = network(dtype="float64")
    net.parameters["W1"].flat[:5] = [np.nan, -np.inf, -0.0, 5e-324, np.finfo(float).max]
    net.save(tmp_path / "net")
    assert [p.tobytes() for p in deepnet.load(tmp_path / "net").parameters.values()] == [
        p.tobytes() for p in net.parameters.values()
    ]


def test_what_is_loaded_is_a_network_of_its_own(saved):
    first, second = deepnet.load(saved), deepnet.load(saved)
    first.parameters["W1"][...] = 0
    saved.unlink()
    assert second.parameters["W1"].any()
    second.fit(X, X[:2] > 0, epochs=1, batch_size=8, seed=0)


def test_a_callback_may_save_the_network_in_training(tmp_path):
    net, seen = network(), []

    def keep(net, history):
        net.save(tmp_path / f"after {history.epochs}")
        seen.append(parameters_of(net))

    net.fit(X, X[:2] > 0, epochs=3, batch_size=8, seed=0, callbacks=[keep])
    for epoch, parameters in enumerate(seen, start=1):
        assert_same_bits(deepnet.load(tmp_path / f"after {epoch}"), parameters)


@pytest.mark.parametrize("name", ["net", "netz für Katzen 猫.safetensors", "a" * 250, ".hidden"])
@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_any_name_and_any_kind_of_path(tmp_path, name, kind):
    path = kind(tmp_path / name)
    network().save(path)
    assert os.listdir(tmp_path) == [name]
    assert_same_bits(deepnet.load(path), parameters_of(network()))


def test_a_name_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network().save("net")
    assert repr(deepnet.load("net")) == repr(network())


def test_other_programs_read_the_arrays(saved):
    arrays = load_file(saved)
    assert len(arrays) == 6
    for key, p in network().parameters.items():
        np.testing.assert_array_equal(arrays[key], p)


def test_the_header_says_what_is_in_the_file(saved):
    header = json.loads(texts_of(saved)["deepnet"])
    assert header == {
        "format_version": 1,
        "deepnet_version": deepnet.__version__,
        "layer_dims": [3, 4, 5, 2],
        "activations": ["relu", "tanh", "sigmoid"],
        "dtype": "float32",
        "extra": {},
    }


def test_settings_go_there_and_back(tmp_path):
    """Those that a later deepnet may add; this one's networks refuse what they would leave out."""
    net = network()
    extra = {"rate": 0.1, "name": "猫", "layers": [None, {"p": 0.5}]}
    file = model_file.ModelFile(net.layer_dims, net.activations, net.dtype.name, net.parameters, extra)
    path = tmp_path / "net"
    model_file.write_model(path, file)
    assert model_file.read_model(path).extra == extra
    with pytest.raises(ValueError, match="holds settings that this deepnet does not know: rate, name"):
        deepnet.load(path)


# --- writing ------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_replaced(saved):
    network(seed=2).save(saved)
    assert_same_bits(deepnet.load(saved), parameters_of(network(seed=2)))


def test_permissions_are_those_of_any_new_file(saved):
    (saved.parent / "other").write_text("")
    assert saved.stat().st_mode == (saved.parent / "other").stat().st_mode


def test_a_link_stays_a_link(saved):
    link = saved.parent / "link"
    link.symlink_to(saved)
    network(seed=2).save(link)
    assert link.is_symlink()
    assert_same_bits(deepnet.load(saved), parameters_of(network(seed=2)))


class Failing(io.FileIO):
    """A file whose writing breaks off in the middle."""

    def write(self, content):
        super().write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")


def no_space(*_):
    raise OSError(28, "No space left on device", "somewhere")


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "broken", "kind"),
    [
        ("open", Failing, OSError),
        ("os.fsync", no_space, OSError),
        ("os.fsync", interrupt, KeyboardInterrupt),
        ("os.replace", no_space, OSError),
        ("os.replace", interrupt, KeyboardInterrupt),
    ],
)
def test_where_writing_fails_the_old_file_stays(saved, monkeypatch, name, broken, kind):
    before = saved.read_bytes()
    with monkeypatch.context() as patch:
        if name == "open":
            patch.setattr(model_file, "open", broken, raising=False)
        else:
            patch.setattr(name, broken)
        with pytest.raises(kind) as caught:
            network(seed=2).save(saved)
    if kind is OSError:
        assert (caught.value.errno, caught.value.filename) == (28, str(saved))
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_process_that_is_killed_leaves_the_old_file(saved, moment):
    before = saved.read_bytes()
    program = (
        f"import os, signal, sys, deepnet; os.{moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "deepnet.Network([3, 1]).save(sys.argv[1])"
    )
    result = subprocess.run([sys.executable, "-c", program, str(saved)], check=False)
    assert result.returncode == -9
    assert saved.read_bytes() == before
    network(seed=2).save(saved)  # whatever it left does not stand in the way
    assert_same_bits(deepnet.load(saved), parameters_of(network(seed=2)))


@pytest.mark.parametrize(
    ("path", "kind"),
    [("", IsADirectoryError), ("missing/net", FileNotFoundError), ("file/net", NotADirectoryError)],
)
def test_paths_that_cannot_be_written(tmp_path, path, kind):
    (tmp_path / "file").write_text("")
    with pytest.raises(kind) as caught:
        network().save(tmp_path / path)
    assert caught.value.filename == str(tmp_path / path)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("call", [network().save, deepnet.load])
def test_what_is_no_path_is_refused(call):
    with pytest.raises(TypeError, match=r"^path is 3, but must be the name of a file, or a pathlib.Path$"):
        call(3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        deepnet.load(tmp_path / "nowhere")


@pytest.mark.parametrize(("call", "purpose"), [("save", "saving"), ("load", "loading")])
def test_without_safetensors_it_is_said_what_to_install(saved, monkeypatch, call, purpose):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ImportError, match=f"^{purpose} a network needs safetensors: pip install safetensors$"
    ):
        network().save(saved) if call == "save" else deepnet.load(saved)


# --- damage -------------------------------------------------------------------------------------------------


def texts_of(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])["__metadata__"]


def test_a_file_cut_anywhere_is_refused(saved):
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        with pytest.raises(ValueError, match=rf"^{re.escape(str(saved))}: (has \d+ bytes: |is )cut off"):
            deepnet.load(saved)
    saved.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="is too long: its arrays are 212 bytes, and 213 are there"):
        deepnet.load(saved)


@pytest.mark.parametrize("flip", [1, 32, 255])
def test_a_byte_changed_anywhere_is_noticed(saved, flip):
    content = bytearray(saved.read_bytes())
    for place in range(len(content)):
        content[place] ^= flip
        saved.write_bytes(content)
        with pytest.raises(ValueError, match=f"^{re.escape(str(saved))}: "):
            deepnet.load(saved)
        content[place] ^= flip
    saved.write_bytes(content)
    deepnet.load(saved)


def altered(path, header=None, arrays=None, checksum=None):
    """Write the file anew with another header or other arrays, and a checksum that fits them."""
    texts, there = texts_of(path), load_file(path)
    text = (
        json.dumps(json.loads(texts["deepnet"]) | (header or {})) if not isinstance(header, str) else header
    )
    there = {key: array for key, array in (there | (arrays or {})).items() if array is not None}
    digest = model_file._digest(text, there) if checksum is None else checksum
    save_file(there, path, {"deepnet": text, "deepnet_checksum": digest})


HUGE = "[" * 100_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arrays": {"W2": None}}, "lacks W2, which a network 3-4-5-2 has"),
        ({"arrays": {"b3": None}}, "lacks b3, which a network 3-4-5-2 has"),
        ({"arrays": {"W4": np.zeros((2, 2), "f4")}}, "holds 'W4', which no layer of 3-4-5-2 uses"),
        ({"arrays": {"W2": np.zeros((4, 5), "f4")}}, "W2 has shape (4, 5), but layer_dims make it (5, 4)"),
        ({"arrays": {"b1": np.zeros(4, "f4")}}, "b1 has shape (4,), but layer_dims make it (4, 1)"),
        ({"arrays": {"b1": np.zeros((4, 1))}}, "b1 is float64, but the header says float32"),
        ({"header": {"layer_dims": [3, 4, 6, 2]}}, "W2 has shape (5, 4), but layer_dims make it (6, 4)"),
        ({"header": {"layer_dims": [3]}}, "layer_dims is [3], but must be two or more whole numbers from 1"),
        ({"header": {"layer_dims": [3, 4, 5, -2]}}, "layer_dims is [3, 4, 5, -2], but must be two or more"),
        (
            {"header": {"layer_dims": [3, 4, 5, True]}},
            "layer_dims is [3, 4, 5, True], but must be two or more",
        ),
        (
            {"header": {"layer_dims": None}},
            "layer_dims is None, but must be two or more whole numbers from 1",
        ),
        (
            {"header": {"activations": ["relu", "warp", "sigmoid"]}},
            "unknown activation 'warp': this deepnet knows identity, relu, leaky_relu, ",
        ),
        ({"header": {"activations": ["relu", ["tanh"], "sigmoid"]}}, "unknown activation ['tanh']"),
        ({"header": {"activations": ["relu"]}}, "activations is ['relu'], but must be 3 names, one for each"),
        ({"header": {"dtype": "float16"}}, "dtype is 'float16', but must be float32 or float64"),
        ({"header": {"extra": []}}, "extra is [], but must be a JSON object"),
        (
            {"header": {"format_version": 2, "deepnet_version": "9.0"}},
            "has format version 2, written by deepnet 9.0; this is deepnet "
            f"{deepnet.__version__}, which reads up to 1",
        ),
        ({"header": {"format_version": "1"}}, "format_version is '1', but must be a whole number from 1"),
        ({"header": {"format_version": 0}}, "format_version is 0, but must be a whole number from 1"),
        ({"header": "{"}, "deepnet's header is damaged: it is no JSON"),
        ({"header": HUGE}, "deepnet's header is damaged: it is no JSON"),
        ({"header": "[]"}, "deepnet's header is damaged: it is no JSON object"),
        (
            {"checksum": "blake2b:00"},
            "its parameters do not fit their checksum: the file was damaged or altered",
        ),
    ],
)
def test_what_does_not_fit_is_named(saved, change, words):
    altered(saved, **change)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{saved}: {words}')}"):
        deepnet.load(saved)


def with_header(path, text):
    path.write_bytes(struct.pack("<Q", len(text)) + text)


def write_npy(path):
    with path.open("wb") as file:
        np.save(file, X)


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_bytes(b""), "has 0 bytes: cut off, or no safetensors file"),
        (
            lambda path: path.write_bytes(b"\x80\x05abcdefgh" * 9),
            "is a pickle; deepnet.load reads what net.save wrote",
        ),
        (
            lambda path: path.write_bytes(pickle.dumps(X)),
            "is a pickle; deepnet.load reads what net.save wrote",
        ),
        (write_npy, "is a NumPy array (.npy)"),
        (write_zip, "is a zip archive, as .npz files and PyTorch's are"),
        (lambda path: path.write_text("W1 = 3, b1 = 4"), "is no safetensors file"),
        (lambda path: path.write_bytes(b"\xff" * 100), "is no safetensors file"),
        (lambda path: with_header(path, b"{nonsense}"), "its header is damaged: it is no JSON"),
        (lambda path: with_header(path, b'{"a":' * 60_000), "its header is damaged: it is no JSON"),
        (
            lambda path: with_header(path, b'{"W1":{"data_offsets":[null,"x"]}}'),
            "its header is damaged: it does not",
        ),
        (
            lambda path: with_header(path, b"{}"),
            "was not written by deepnet; it holds no arrays. safetensors",
        ),
    ],
)
def test_files_of_other_kinds_are_refused(tmp_path, write, words):
    path = tmp_path / "file"
    write(path)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {words}')}"):
        deepnet.load(path)


def test_a_safetensors_file_of_another_program_is_refused_with_a_hint(tmp_path):
    path = tmp_path / "file"
    save_file({f"layer{i}.weight": X for i in range(8)}, path, {"format": "pt"})
    with pytest.raises(
        ValueError, match=r"was not written by deepnet; it holds layer0.weight, .* and 2 more\. safe"
    ):
        deepnet.load(path)
