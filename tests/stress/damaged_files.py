"""Files with random damage: each loads as it was, or is one error that names the file."""

import resource
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import deepnet
from children import room, run_child
from deepnet import io

MEMORY = 2**30  # bytes of addresses that loading may take beyond those in use
LONGEST = 1000  # characters of a message
IMAGES = ("png", "jpg", "gif", "tif", "bmp", "webp", "ppm")


def plan(short):
    parts, mutations = (1, 1000) if short else (4, 25_000)
    return [
        *(partial(run_child, "damaged_files", "models", mutations, seed) for seed in range(parts)),
        *(partial(run_child, "damaged_files", "archives", mutations, seed) for seed in range(parts)),
        *(partial(run_child, "damaged_files", "images", mutations, seed) for seed in range(parts)),
    ]


def mutated(whole, rng):
    """Return the bytes with one to four seeded changes: flips, overwrites, cuts, insertions, repetitions."""
    content = bytearray(whole)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(content))) if content else 0
        length = int(rng.integers(1, 20))
        kind = rng.integers(6)
        if kind == 0 and content:
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and content:
            content[at] = int(rng.integers(256))
        elif kind == 2:
            content[at : at + length] = rng.bytes(length)
        elif kind == 3:
            del content[at : at + length]
        elif kind == 4:
            content[at:at] = content[at : at + length] * int(rng.integers(1, 4))
        elif kind == 5 and rng.random() < 0.2:
            del content[at:]
    return bytes(content)


def models(result, mutations, seed):
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        path = Path(folder, "net")
        deepnet.Network([3, 4, 5, 2], ["relu", "tanh", "sigmoid"], seed=1).save(path)
        damage(result, path, mutations, seed, deepnet.load, ValueError, content_of_network)


def content_of_network(net):
    return net.activations, [array.tobytes() for array in net.parameters.values()]


def archives(result, mutations, seed):
    random = np.random.default_rng(0)
    arrays = {
        "train_x": random.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8),
        "train_y": np.arange(6) % 2,
        "test_x": random.integers(0, 256, (4, 4, 4, 3), dtype=np.uint8),
        "test_y": np.arange(4) % 2,
        "classes": np.array(["cat", "dog"]),
    }
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        path = Path(folder, "data.npz")
        (np.savez_compressed if seed % 2 else np.savez)(path, **arrays)
        damage(result, path, mutations, seed, io.load, io.DataError, content_of_data)


def content_of_data(data):
    arrays = (data.train_x, data.train_y, data.test_x, data.test_y)
    return data.classes, [array.tobytes() for array in arrays]


def images(result, mutations, seed):
    """Formats without checksums show other pixels; their shape is what was asked for."""
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    photo = Image.fromarray(np.stack([*np.meshgrid(ramp, ramp), np.full((64, 64), 60, np.uint8)], axis=-1))
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        for number, suffix in enumerate(IMAGES):
            path = Path(folder, f"photo.{suffix}")
            photo.save(path)
            count = (mutations + number) // len(IMAGES)
            damage(result, path, count, seed, io.load_image, io.UnreadableImage, lambda image: image.shape)


def damage(result, path, mutations, seed, load, refusal, content):
    """Load so many mutations of a file; `content` is compared with that of the whole file."""
    whole, expected, rng = path.read_bytes(), content(load(path)), np.random.default_rng(seed)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    for _ in range(mutations):
        damaged = mutated(whole, rng)
        path.write_bytes(damaged)
        try:
            loaded = load(path)
        except Exception as error:
            result.trial("refused")
            message = str(error)
            if type(error) is not refusal:
                result.fault("foreign exceptions", f"{path.name}: {error!r}"[:300])
            elif not is_clear(message, path):
                result.fault("wrong results", f"a message of {len(message)} characters: {message[:300]}")
            continue
        result.trial("loaded")
        if content(loaded) != expected:
            result.fault("wrong results", f"{path.name} with damage loads something else")


def is_clear(message, path):
    """A message of an image goes into a list beside the name of its file."""
    return len(message) < LONGEST and (path.suffix[1:] in IMAGES or message.startswith(f"{path}: "))
