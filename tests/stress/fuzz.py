"""Damaged model files, .npz files and folders of images: each is refused by one error, or loads.

No load takes over a second of the processor, or more memory than the file and 64 MB. Descriptions of models
are damaged with a checksum that is right, too.
"""

import json
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from children import room, run_child
from damaged_files import mutated

DATA = Path(__file__).resolve().parents[1] / "data"
SECONDS = 1.0
MEMORY = 64 * 2**20  # bytes beyond those in use and those of the file
TARGETS = {
    "models": 400_000,
    "archives": 300_000,
    "folders": 200_000,
    "tables": 100_000,
}  # inputs of the long form: a million
INPUTS_OF_CHILD = 10_000  # so that no child comes near its time limit, also on a busy machine


def plan(short):
    """Return the parts; the short form has a tenth of the inputs."""
    return [
        partial(run_child, "fuzz", "mutations", target, min(inputs, INPUTS_OF_CHILD), seed)
        for target, inputs in ((name, count // (10 if short else 1)) for name, count in TARGETS.items())
        for seed in range(-(-inputs // INPUTS_OF_CHILD))
    ]


def mutations(result, target, inputs, seed):
    """Give a target so many mutations of its first inputs."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        load, seeds = globals()[target](Path(folder))
        give = watched(result, load)
        for number in range(inputs):
            give(mutated(seeds[number % len(seeds)], rng))


def watched(result, load):
    """Return a function that loads an input and counts what happens; the process gets little memory."""
    page = resource.getpagesize()

    def give(content):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * page
        resource.setrlimit(resource.RLIMIT_AS, (used + len(content) + MEMORY, resource.RLIM_INFINITY))
        begin = time.process_time()
        try:
            outcome = load(content)
        except BaseException as error:
            outcome = None
            result.fault("foreign exceptions", f"{error!r}: {content[:200]!r}"[:600])
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        seconds = time.process_time() - begin
        result.trial(outcome)
        if seconds > SECONDS:
            result.fault("hangs", f"{seconds:.1f} s: {content[:200]!r}")

    return give


# --- targets: each returns a function that loads an input and says what came of it, and first inputs --------


def models(place):
    """Model files; inputs that start with a J are descriptions, which get a checksum that is right."""
    import deepnet
    import deepnet.sklearn._saving  # so that it is watched, too
    from deepnet.io import model_file
    from deepnet.network import files

    path, arrays, seeds = place / "model", {}, []
    for golden in sorted(DATA.glob("*.safetensors")):
        content = golden.read_bytes()
        length = int.from_bytes(content[:8], "little")
        text = json.loads(content[8 : 8 + length])["__metadata__"]["deepnet"]
        arrays[len(seeds)] = files.read(golden).arrays
        seeds += [content, b"J" + bytes([len(seeds)]) + text.encode()]

    def load(content):
        if content[:1] == b"J":
            text = content[2:].decode("utf-8", "replace")
            own = arrays[list(arrays)[content[1] % len(arrays) if len(content) > 1 else 0]]
            content = with_checksum(model_file, text, own)
        path.write_bytes(content)
        try:
            deepnet.load(path)
        except ValueError as error:
            return said(error, path)
        return "loaded"

    return load, seeds


def with_checksum(model_file, text, arrays):
    """Return a model file with any description, and the checksum that belongs to it."""
    end, header = 0, {}
    for key, array in arrays.items():
        start, end = end, end + array.nbytes
        kind = model_file._NAMES[array.dtype.name]
        header[key] = {"dtype": kind, "shape": array.shape, "data_offsets": [start, end]}
    header["__metadata__"] = {"deepnet": text, "deepnet_checksum": model_file._digest(text, arrays)}
    content = json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + b"".join(a.tobytes() for a in arrays.values())


def archives(place):
    """Files of arrays."""
    import io as bytes_io

    from deepnet import io

    random, seeds = np.random.default_rng(0), []
    arrays = {
        "train_x": random.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8),
        "train_y": np.arange(6) % 2,
        "test_x": random.integers(0, 256, (4, 4, 4, 3), dtype=np.uint8),
        "test_y": np.arange(4) % 2,
        "classes": np.array(["cat", "dog"]),
    }
    for save in (np.savez, np.savez_compressed):
        file = bytes_io.BytesIO()
        save(file, **arrays)
        seeds.append(file.getvalue())
    path = place / "data.npz"

    def load(content):
        path.write_bytes(content)
        try:
            io.load(path)
        except io.DataError as error:
            return said(error, path)
        return "loaded"

    return load, seeds


def folders(place):
    """A folder of images, one of which is the input."""
    import io as bytes_io

    from PIL import Image

    from deepnet import io

    ramp = np.linspace(0, 255, 16).astype(np.uint8)
    photo = Image.fromarray(np.stack([*np.meshgrid(ramp, ramp), np.full((16, 16), 60, np.uint8)], axis=-1))
    seeds = []
    for kind in ("png", "jpeg", "gif", "bmp"):
        file = bytes_io.BytesIO()
        photo.save(file, kind)
        seeds.append(file.getvalue())
    for label in ("cat", "dog"):
        (place / label).mkdir()
        for number in range(2):
            photo.save(place / label / f"{number}.png")

    def load(content):
        (place / "cat" / "2.png").write_bytes(content)
        data = io.load(place, size=8)
        return "skipped" if data.skipped else "loaded"

    return load, seeds


def tables(place):
    """CSV files, as the command reads them, and a target in them."""
    from deepnet.cli.reading import read_table
    from deepnet.cli.targets import target_of
    from deepnet.io import DataError

    rows = [f"{i},{i / 7:.3f},{'red' if i % 3 else 'blue'},{'?' if i % 5 else i},{i % 2}" for i in range(30)]
    head = "number,share,colour,some,class"
    seeds = ["\n".join([head, *rows]), "\n".join(rows), "\n".join([head, *rows]).replace(",", ";")]
    seeds.append("\r\n".join([head, *rows]).replace("red", '"a, ""quoted"" b"'))
    path = place / "t.csv"

    def load(content):
        path.write_bytes(content)
        try:
            table = read_table(path)
            target_of(table, "-1", None)
        except DataError as error:
            if len(str(error)) > 1000:
                raise AssertionError(f"an unclear message of {len(str(error))} characters") from error
            return "refused"
        return "loaded"

    for seed in seeds:  # pandas is imported before the memory is limited
        assert load(seed.encode()) == "loaded"
    return load, [seed.encode() for seed in seeds]


def said(error, path):
    """Return the outcome for a file that is refused; the message must be clear."""
    message = str(error)
    if not message.startswith(f"{path}: ") or len(message) > 1000:
        raise AssertionError(f"an unclear message of {len(message)} characters: {message[:300]}")
    return "refused"
