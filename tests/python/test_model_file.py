"""Networks in files: what is loaded, what is left when writing fails, and how bad files are refused."""

import copy
import errno
import io
import itertools
import json
import os
import pathlib
import pickle
import re
import stat
import struct
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from safetensors.numpy import load_file, save_file

import deepnet
from deepnet import _files
from deepnet.io import model_file
from deepnet.network import files
from networks import Unchanged
from peak_memory import peak_memory
from problems import assert_same_bits, parameters_of

X = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)


ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "model_file.schema.json").read_text()))


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
    part = {"layer_dims": [3, 4, 5, 2], "activations": ["relu", "tanh", "sigmoid"], "dtype": "float32"}
    assert header == {
        "format_version": 2,
        "deepnet_version": deepnet.__version__,
        "kind": "network",
        "networks": [part],
    }
    assert deepnet.describe(saved) == header


def test_settings_of_a_later_version_are_refused(tmp_path):
    """They are in the file, and `describe` shows them; `load` does not know what they mean."""
    net, path = network(), tmp_path / "net"
    extra = {"rate": 0.1, "name": "猫", "layers": [None, {"p": 0.5}]}
    for part_settings, about, words in [
        (extra, {}, "know: 'rate', 'name'"),
        ({}, extra, "know: 'rate', 'name'"),
    ]:
        part = model_file.NetworkPart(net.layer_dims, net.activations, net.dtype.name, part_settings)
        model_file.write_model(path, model_file.ModelFile("network", [part], net.parameters, about))
        description = deepnet.describe(path)
        assert {**description["networks"][0], **description}.items() >= extra.items()
        with pytest.raises(ValueError, match=words):
            deepnet.load(path)


def test_class_names_and_metrics_are_saved(tmp_path):
    net, path = network(), tmp_path / "net"
    net.class_names = ["cat", "猫"]
    net.save(path, metrics={"accuracy": np.float32(0.5), "loss": np.inf}, target="kind")
    assert deepnet.load(path).class_names == ("cat", "猫")
    description = deepnet.describe(path)
    assert description["metrics"] == {"accuracy": 0.5, "loss": "inf"}
    assert description["target"] == "kind"
    SCHEMA.validate(description)
    assert copy.deepcopy(net).class_names == net.astype("float64").class_names == ("cat", "猫")


@pytest.mark.parametrize(
    ("names", "kind", "words"),
    [
        ("cat", TypeError, "'cat', but must be a list of strings"),
        ([1, 2], TypeError, "has 1, but"),
        (["cat"], ValueError, "2 different names for 2 outputs"),
        (["cat", "cat"], ValueError, "2 different names for 2 outputs"),
    ],
)
def test_class_names_that_do_not_fit_are_refused(names, kind, words):
    net = network()
    with pytest.raises(kind, match=f"^class_names .*{words}"):
        net.class_names = names
    assert net.class_names is None


@pytest.mark.parametrize("metrics", [{"accuracy": "high"}, {1: 0.5}, [0.5]])
def test_metrics_that_are_no_numbers_are_refused(saved, metrics):
    before = saved.read_bytes()
    with pytest.raises(TypeError, match=r"^metrics has |^metrics is "):
        network().save(saved, metrics=metrics)
    with pytest.raises(TypeError, match=r"^target is 3, but must be a str"):
        network().save(saved, target=3)
    assert saved.read_bytes() == before


def test_the_scale_of_inputs_is_saved_and_files_without_one_mean_1(tmp_path, saved):
    net = deepnet.Network([3, 4, 2], input_scale=1 / 255, seed=1)
    net.save(tmp_path / "scaled")
    same = deepnet.load(tmp_path / "scaled")
    assert same.input_scale == 1 / 255
    assert same.predict(X).tobytes() == net.predict(X).tobytes()
    assert "input_scale" not in texts_of(saved)["deepnet"]
    assert deepnet.load(saved).input_scale == 1


@pytest.mark.parametrize("description", [{}, {"kind": "network"}, {"layers": []}, {"networks": []}])
def test_the_schema_refuses_what_is_no_description(saved, description):
    assert SCHEMA.is_valid(deepnet.describe(saved))
    assert not SCHEMA.is_valid(description)
    assert not SCHEMA.is_valid(deepnet.describe(saved) | {"layers": []})


def test_the_golden_network_of_format_1_is_read():
    """Written by the first version of deepnet, before format 2."""
    path = ROOT / "tests" / "data" / "network.1.safetensors"
    net = deepnet.load(path)
    layers = [3, deepnet.Dense(4, "relu", dropout=0.25, l2=0.001), deepnet.Dense(2, "softmax")]
    same = deepnet.Network(layers, input_dropout=0.125, input_scale=1 / 255, seed=1)
    assert (net.layers, net.input_dropout, net.input_scale) == (same.layers, 0.125, 1 / 255)
    assert_same_bits(net, parameters_of(same))
    assert SCHEMA.is_valid(json.loads(texts_of(path)["deepnet"]))
    assert SCHEMA.is_valid(deepnet.describe(path))


def test_the_golden_networks_of_format_2_are_read():
    """One without an optimizer, and the same one after three batches, with Adam's memory."""
    layers = [3, deepnet.Dense(4, "gelu", dropout=0.25, l1=0.001), deepnet.Dense(2, "softmax")]
    same = deepnet.Network(layers, input_scale=0.5, seed=1)
    for name in ("network", "optimizer"):
        path = ROOT / "tests" / "data" / f"{name}.2.safetensors"
        net = deepnet.load(path)
        assert (net.layers, net.input_scale, net.class_names) == (same.layers, 0.5, ("cat", "dog"))
        assert SCHEMA.is_valid(deepnet.describe(path))
        if name == "network":
            assert_same_bits(net, parameters_of(same))
    assert net.optimizer == deepnet.Adam(0.01, clip_norm=1.0)
    batch = np.random.default_rng(0).normal(size=(3, 32)), np.arange(32) % 2
    losses = [net.train_on_batch(*batch) for _ in range(2)]
    # What the engine that wrote the file computed next: sums of 32 terms in float32.
    np.testing.assert_allclose(losses, [0.6871243719360791, 0.6985496951383539], rtol=32 * 2**-23)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["network.1", "network.2", "optimizer.2", "table.2"])
def test_golden_files_with_any_byte_changed_or_cut_off_are_refused_or_the_same(name, tmp_path):
    whole = (ROOT / "tests" / "data" / f"{name}.safetensors").read_bytes()
    path = tmp_path / "model"
    path.write_bytes(whole)
    expected, outcomes = pickle.dumps(deepnet.load(path, seed=0)), {"refused": 0, "same": 0}
    flipped = (
        whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :]
        for place in range(len(whole))
        for flip in (1, 255)
    )
    for content in itertools.chain(flipped, (whole[:length] for length in range(len(whole)))):
        path.write_bytes(content)
        try:
            loaded, message = deepnet.load(path, seed=0), None
        except ValueError as error:
            message = str(error)
            outcomes["refused"] += 1
            assert message.startswith(f"{path}: ")
            assert len(message) < 1000
        if message is None:
            outcomes["same"] += 1
            assert pickle.dumps(loaded) == expected
    assert outcomes["refused"] > 2.9 * len(whole)


# --- writing ------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_replaced(saved):
    network(seed=2).save(saved)
    assert_same_bits(deepnet.load(saved), parameters_of(network(seed=2)))


def test_a_new_file_has_the_usual_mode_and_a_replaced_one_keeps_its_own(saved):
    (saved.parent / "other").write_text("")
    assert saved.stat().st_mode == (saved.parent / "other").stat().st_mode
    saved.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(saved, 12345, 54321)
    owner = saved.stat().st_uid, saved.stat().st_gid
    network(seed=2).save(saved)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert (saved.stat().st_uid, saved.stat().st_gid) == owner


def test_a_link_stays_a_link(saved):
    link = saved.parent / "link"
    link.symlink_to(saved)
    network(seed=2).save(link)
    assert link.is_symlink()
    assert_same_bits(deepnet.load(saved), parameters_of(network(seed=2)))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
def test_a_disk_that_takes_no_more_leaves_the_old_file_and_nothing_else(saved, number, monkeypatch):
    """Full, over a quota, broken, or a file beyond a limit."""
    before = saved.read_bytes()

    class Broken(io.FileIO):
        def write(self, content):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(_files, "open", lambda handle, mode, buffering: Broken(handle, mode), raising=False)
    with pytest.raises(OSError, match=re.escape(f"{os.strerror(number)}: '{saved}'")) as caught:
        network(seed=2).save(saved)
    assert caught.value.errno == number
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize(("number", "raises"), [(errno.EIO, True), (errno.EINVAL, False)])
def test_a_folder_that_is_not_written_to_the_disk_is_an_error_where_it_could_be(
    saved, number, raises, monkeypatch
):
    """The new file is there, but may not be after a power cut; EINVAL: the system never does it."""
    real = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        real(handle)

    monkeypatch.setattr("os.fsync", fsync)
    if raises:
        with pytest.raises(OSError, match=re.escape(f"Input/output error: '{saved}'")):
            network(seed=2).save(saved)
    else:
        network(seed=2).save(saved)
    assert_same_bits(deepnet.load(saved), parameters_of(network(seed=2)))
    assert os.listdir(saved.parent) == [saved.name]


LIMITED = """
import os, resource, sys
import deepnet
net, path = deepnet.Network([300, 300, 1], seed=1), sys.argv[1]
net.save(path + "2")  # so that all modules are loaded
os.unlink(path + "2")
{limit}
try:
    net.save(path)
except OSError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))", "[Errno 27] File too large"),
        (
            "os.chmod(os.path.dirname(path), 0o555); os.geteuid() or os.seteuid(65534)",
            "[Errno 13] Permission",
        ),
        ("import shutil; shutil.rmtree(os.path.dirname(path))", "[Errno 2] No such file or directory"),
    ],
    ids=["a limit", "a read-only folder", "a vanished folder"],
)
def test_limits_of_the_system_leave_the_old_file_and_nothing_else(limit, message, tmp_path):
    """Real ones, in a process of their own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for place in (tmp_path, *tmp_path.parents[:3]):
        place.chmod(place.stat().st_mode | 0o055)  # another user may come here
    path = folder / "net"
    network().save(path)
    before = path.read_bytes()
    result = subprocess.run(
        [sys.executable, "-c", LIMITED.format(limit=limit), str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.startswith(message), result.stderr
    assert str(path) in result.stdout
    if folder.exists():
        folder.chmod(0o755)
        assert path.read_bytes() == before
        assert os.listdir(folder) == ["net"]


class FullDisk(io.FileIO):
    """A file that has room for a few bytes."""

    def write(self, content):
        if self.tell() > 100:
            raise OSError(28, "No space left on device")
        return super().write(content[:7])


def no_space(*_):
    raise OSError(28, "No space left on device", "somewhere")


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "broken", "kind"),
    [
        ("open", lambda handle, mode, buffering: FullDisk(handle, mode), OSError),
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
            patch.setattr(_files, "open", broken, raising=False)
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
    (left,) = set(os.listdir(saved.parent)) - {saved.name}
    assert re.fullmatch(rf"\.{saved.name}\.[0-9a-f]{{8}}\.part", left)
    network(seed=2).save(saved)
    assert_same_bits(deepnet.load(saved), parameters_of(network(seed=2)))
    assert os.listdir(saved.parent) == [saved.name]


def test_saves_to_one_name_at_a_time_follow_each_other(saved):
    """Four threads, 25 saves each: always one whole network or another, and nothing is left."""
    networks = [network(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(net.save, saved) for net in networks * 25]:
            done.result()
            deepnet.load(saved)
    assert os.listdir(saved.parent) == [saved.name]


def test_without_memory_the_old_file_stays(saved, monkeypatch):
    before = saved.read_bytes()

    def no_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(files.copy, "deepcopy", no_memory)
    with pytest.raises(MemoryError):
        network(seed=2).save(saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


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


def test_no_other_package_is_needed(saved):
    program = (
        "import sys; sys.modules['safetensors'] = None; import deepnet; net = deepnet.load(sys.argv[1]);"
        "net.save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", program, str(saved)], check=True)
    assert_same_bits(deepnet.load(saved), parameters_of(network()))


# --- damage -------------------------------------------------------------------------------------------------


def texts_of(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])["__metadata__"]


def test_a_file_cut_anywhere_is_refused(saved):
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        with pytest.raises(ValueError, match=rf"^{re.escape(str(saved))}: .*cut off"):
            deepnet.load(saved)
    saved.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match=r"212 bytes.*213"):
        deepnet.load(saved)


@pytest.mark.parametrize("flip", [1, *(pytest.param(bits, marks=pytest.mark.slow) for bits in (32, 255))])
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


def altered(path, settings=None, arrays=None, checksum=None):
    """Write the file again with other settings or arrays, and a checksum that matches them."""
    texts, found = texts_of(path), load_file(path)
    text = settings
    if not isinstance(settings, str):
        given, description = settings or {}, json.loads(texts["deepnet"])
        of_network = {
            key: given[key] for key in given if key in ("layer_dims", "activations", "dtype", "layers")
        }
        description["networks"][0] |= of_network
        text = json.dumps(description | {key: given[key] for key in given if key not in of_network})
    found = {key: array for key, array in (found | (arrays or {})).items() if array is not None}
    digest = model_file._digest(text, found) if checksum is None else checksum
    save_file(found, path, {"deepnet": text, "deepnet_checksum": digest})


HUGE = "[" * 100_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arrays": {"W2": None}}, "W2.*3-4-5-2"),
        ({"arrays": {"b3": None}}, "b3.*3-4-5-2"),
        ({"arrays": {"W4": np.zeros((2, 2), "f4")}}, "'W4'.*3-4-5-2"),
        ({"arrays": {"\n" + "W" * 10**6: np.zeros((2, 2), "f4")}}, r"'\\nWWW.{0,100}W'.*3-4-5-2"),
        ({"arrays": {"W2": np.zeros((4, 5), "f4")}}, r"W2 .*\(4, 5\).*layer_dims.*\(5, 4\)"),
        ({"arrays": {"b1": np.zeros(4, "f4")}}, r"b1 .*\(4,\).*layer_dims.*\(4, 1\)"),
        ({"arrays": {"b1": np.zeros((4, 1))}}, "b1 .*float64.*float32"),
        ({"arrays": {"b1": np.zeros((4, 1), "f2")}}, "b1 .*float16.*float32"),
        ({"settings": {"layer_dims": [3, 4, 6, 2]}}, r"W2 .*\(5, 4\).*layer_dims.*\(6, 4\)"),
        ({"settings": {"layer_dims": [3]}}, r"layer_dims .*\[3\]"),
        ({"settings": {"layer_dims": [3, 4, 5, -2]}}, r"layer_dims .*\[3, 4, 5, -2\]"),
        ({"settings": {"layer_dims": [3, 4, 5, True]}}, r"layer_dims .*\[3, 4, 5, True\]"),
        ({"settings": {"layer_dims": None}}, "layer_dims .*None"),
        ({"settings": {"layer_dims": [3, 4, 10**4000, 2]}}, r"W2 .*\(5, 4\).*layer_dims.{0,100}$"),
        ({"settings": {"activations": ["relu", "warp", "sigmoid"]}}, "activation 'warp'.* relu, leaky_relu"),
        ({"settings": {"activations": ["relu", ["tanh"], "sigmoid"]}}, r"activation \['tanh'\]"),
        ({"settings": {"activations": ["relu"]}}, r"activations .*\['relu'\].* 3 "),
        ({"settings": {"dtype": "float16"}}, "dtype .*'float16'.*float32.*float64"),
        ({"settings": {"format_version": 1}}, "extra is None"),
        ({"settings": {"kind": 3}}, "kind is 3, but must be 'network'"),
        ({"settings": {"kind": "Perceptron", "networks": []}}, r"networks is \[\]"),
        ({"settings": {"networks": [3]}}, r"networks has 3,"),
        ({"settings": {"networks": [{}, {}]}}, r"must be a list of one network"),
        ({"settings": {"layers": [{}]}}, "layers is .* 3 objects"),
        ({"settings": {"layers": [{"dropout": 2}, {}, {}]}}, "valid network: .*dropout is 2"),
        ({"settings": {"estimator": {}}}, "entries that this deepnet does not know: 'estimator'"),
        (
            {"settings": {"format_version": 3, "deepnet_version": "9.0"}},
            rf"version 3.*'9.0'.* {re.escape(deepnet.__version__)},.* 2:",
        ),
        ({"settings": {"format_version": 3, "deepnet_version": HUGE}}, "version 3.{0,200}$"),
        ({"settings": {"format_version": "1"}}, "format_version .*'1'"),
        ({"settings": {"format_version": 0}}, "format_version .*0"),
        ({"settings": "{"}, "JSON"),
        ({"settings": HUGE}, "JSON"),
        ({"settings": "[]"}, "JSON object"),
        ({"checksum": "blake2b:00"}, "checksum"),
    ],
)
def test_what_does_not_fit_is_named(saved, change, words):
    altered(saved, **change)
    with pytest.raises(ValueError, match=f"^{re.escape(str(saved))}: .*{words}"):
        deepnet.load(saved)


def with_header(path, text, length=None):
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)


def write_npy(path):
    with path.open("wb") as file:
        np.save(file, X)


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")


LYING = b'{"W1":{"dtype":"F32","shape":[4,3],"data_offsets":[null,"x"]}}'


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_bytes(b""), "0 bytes"),
        (lambda path: path.write_bytes(b"\x80\x05abcdefgh" * 9), "a pickle"),
        (lambda path: path.write_bytes(pickle.dumps(X)), "a pickle"),
        (write_npy, r"\.npy"),
        (write_zip, "zip archive"),
        (lambda path: path.write_text("W1 = 3, b1 = 4"), "not a safetensors file"),
        (lambda path: path.write_bytes(b"\xff" * 100), "not a safetensors file"),
        (lambda path: with_header(path, b"{nonsense}"), "JSON"),
        (lambda path: with_header(path, b'{"a":' * 60_000), "JSON"),
        (lambda path: with_header(path, b'{"a":1' + b"0" * 5000 + b"}"), "JSON"),
        (lambda path: with_header(path, LYING), "not written by deepnet; it holds 'W1'"),
        (lambda path: with_header(path, b"{}"), "not written by deepnet; it holds no arrays"),
    ],
)
def test_files_of_other_kinds_are_refused(tmp_path, write, words):
    path = tmp_path / "file"
    write(path)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{words}"):
        deepnet.load(path)


def test_a_safetensors_file_of_another_program_is_refused_with_a_hint(tmp_path):
    path = tmp_path / "file"
    save_file({f"layer{i}.weight": X for i in range(8)}, path, {"format": "pt"})
    with pytest.raises(ValueError, match=r"it holds 'layer0.weight', .* and 2 more\. .*from_parameters"):
        deepnet.load(path)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"data_offsets": [None, "x"]}, "header"),
        ({"data_offsets": [0.0, 48.0]}, "header"),
        ({"data_offsets": [0, 48, 96]}, "header"),
        ({"data_offsets": [4, 52]}, "header.*W1"),
        ({"data_offsets": [0, 2**70]}, "header.*W1"),
        ({"data_offsets": [-48, 0]}, "header.*W1"),
        ({"dtype": ["F32"]}, r"W1 .*\['F32'\].*float32"),
        ({"shape": {"a": 1}}, r"W1 .*\{'a': 1\}.*\(4, 3\)"),
        ({"shape": [10**9, 10**9]}, r"W1 .*\(1000000000, 1000000000\).*\(4, 3\)"),
    ],
)
def test_a_header_that_misplaces_an_array_is_refused_before_anything_is_read(saved, entry, words):
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["W1"] |= entry
    with_header(saved, json.dumps(header).encode() + content[8 + length :], len(json.dumps(header)))
    with pytest.raises(ValueError, match=words):
        deepnet.load(saved)


def test_a_large_file_is_refused_without_reading_it(tmp_path):
    """Sparse files of 64 GB: one with a header of 32 MB, one with more bytes than arrays."""
    path = tmp_path / "file"
    path.write_bytes(struct.pack("<Q", 2**25) + b"{")
    os.truncate(path, 2**36)
    with peak_memory() as peak, pytest.raises(ValueError, match=f"{2**25} bytes.*{model_file.MAX_HEADER}"):
        deepnet.load(path)
    assert peak.bytes < 2**20
    network().save(path.with_name("net"))
    os.truncate(path.with_name("net"), 2**36)
    with peak_memory() as peak, pytest.raises(ValueError, match="212 bytes"):
        deepnet.load(path.with_name("net"))
    assert peak.bytes < 2**20


@pytest.mark.slow
@pytest.mark.parametrize("part", [b"[],", b"{},"])
def test_the_worst_header_takes_less_than_64_mb(tmp_path, part):
    """Empty lists and objects take the most memory for their length, 64 bytes and a pointer."""
    path = tmp_path / "file"
    start, end = b'{"a":[', part[:2] + b"]}"
    text = start + part * ((model_file.MAX_HEADER - len(start + end)) // 3) + end
    with_header(path, text)
    with peak_memory() as peak, pytest.raises(ValueError, match="was not written by deepnet"):
        deepnet.load(path)
    assert peak.bytes < 2**26 + len(text)


def test_only_regular_files_are_read_and_replaced(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("fifo", "link"):
        with pytest.raises(ValueError, match=f"{name}: .*regular"):
            deepnet.load(tmp_path / name)
        with pytest.raises(ValueError, match=f"{name}: .*regular"):
            network().save(tmp_path / name)
    assert stat.S_ISFIFO(os.stat(tmp_path / "fifo").st_mode)
    assert sorted(os.listdir(tmp_path)) == ["fifo", "link"]
    with pytest.raises(IsADirectoryError):
        deepnet.load(tmp_path)
