"""Networks in files: a header and arrays in the safetensors format, written all at once or not at all.

The file's metadata hold two texts: "deepnet", the header in JSON, and "deepnet_checksum", a BLAKE2b digest
of that text and of every array with its name, dtype and shape. Arrays are W1, b1, ..., WL, bL. Nothing in a
file is executed. What of a network goes into a file, and what makes a network of one, is
:mod:`deepnet.network`'s to say.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from deepnet._extras import needs
from deepnet.activations import ACTIVATIONS, Array

FORMAT_VERSION = 1  # raise it where an older deepnet would misread a file
HEADER, CHECKSUM = "deepnet", "deepnet_checksum"
_LENGTH = 8  # bytes, little-endian, of the length of the safetensors header that follows
_LONGEST_HEADER = 100_000_000  # safetensors' own limit

# How files of other kinds start, and what they are.
_OTHERS = {
    b"PK\x03\x04": "a zip archive, as .npz files and PyTorch's are",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89HDF": "an HDF5 file, as Keras writes them",
    b"\x80": "a pickle",
    b"GGUF": "a GGUF file",
}


@dataclass(slots=True)
class ModelFile:
    """What a file holds: the shape of a network, its parameters, and settings by name."""

    layer_dims: tuple[int, ...]
    activations: tuple[str, ...]
    dtype: str
    arrays: dict[str, Array]
    extra: dict[str, Any] = field(default_factory=dict)  # whatever JSON has room for

    def header(self) -> str:
        """The header's text."""
        from importlib.metadata import version

        return json.dumps(
            {
                "format_version": FORMAT_VERSION,
                "deepnet_version": version("deepnet"),
                "layer_dims": [int(units) for units in self.layer_dims],
                "activations": list(self.activations),
                "dtype": self.dtype,
                "extra": self.extra,
            },
            ensure_ascii=False,
            allow_nan=False,
        )


def write_model(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Write a file, or leave the one that was there: a new one is written beside it, then takes its place."""
    with needs("files", "saving a network"):
        from safetensors.numpy import save
    # Copies: another thread may be training the network, and the checksum must be that of what is written.
    arrays = {key: np.array(array, order="C") for key, array in model.arrays.items()}
    header = model.header()
    content = save(arrays, metadata={HEADER: header, CHECKSUM: _digest(header, arrays)})
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    folder, name = os.path.split(target)
    beside = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(8)}.part")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        if isinstance(error, OSError) and error.errno is not None:
            raise type(error)(error.errno, os.strerror(error.errno), os.fspath(path)) from error
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Have the new name on the disk, too, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read a file, every array of it checked; a ValueError says what is wrong with it."""
    with needs("files", "loading a network"):
        from safetensors import SafetensorError
        from safetensors.numpy import load
    content = Path(path).read_bytes()
    try:
        described = _described(content)
        texts = _texts(described)
        model = _header(texts[HEADER])
        try:
            model.arrays = load(content)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"its arrays cannot be read: {error}") from None
        _check_arrays(model)
        if texts.get(CHECKSUM) != _digest(texts[HEADER], model.arrays):
            raise ValueError("its parameters do not fit their checksum: the file was damaged or altered")
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
    return model


def _described(content: bytes) -> dict[str, Any]:
    """The safetensors header, which says what the file holds and where."""
    first = content[_LENGTH : _LENGTH + 1]  # a length may start like a file of another kind, but { follows it
    for start, kind in _OTHERS.items():
        if content.startswith(start) and first not in (b"{", b""):
            raise ValueError(f"is {kind}; deepnet.load reads what net.save wrote")
    if len(content) < _LENGTH:
        raise ValueError(f"has {len(content)} bytes: cut off, or no safetensors file")
    length = int.from_bytes(content[:_LENGTH], "little")
    if not 2 <= length <= _LONGEST_HEADER or first not in (b"{", b""):
        raise ValueError(
            "is no safetensors file: it does not start with the length of a header, and the header"
        )
    if len(content) - _LENGTH < length:
        raise ValueError(
            f"is cut off within its header, of which {len(content) - _LENGTH} of {length} bytes are there"
        )
    try:
        described = json.loads(content[_LENGTH : _LENGTH + length].decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("its header is damaged: it is no JSON") from None
    if not isinstance(described, dict):
        raise ValueError("its header is damaged: it is no JSON object")
    ends = [entry.get("data_offsets", [0, 0]) for key, entry in described.items() if isinstance(entry, dict)]
    try:
        end = max((int(offsets[1]) for offsets in ends), default=0)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        raise ValueError("its header is damaged: it does not say where the arrays are") from None
    there = len(content) - _LENGTH - length
    if there != end:
        raise ValueError(
            f"{'is cut off' if there < end else 'is too long'}: "
            f"its arrays are {end} bytes, and {there} are there"
        )
    return described


def _texts(described: dict[str, Any]) -> dict[str, str]:
    metadata = described.get("__metadata__")
    if isinstance(metadata, dict) and isinstance(metadata.get(HEADER), str):
        return metadata
    names = sorted(str(key) for key in described if key != "__metadata__")
    listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    raise ValueError(
        f"was not written by deepnet; it holds {listed or 'no arrays'}. safetensors.numpy.load_file reads it "
        "and deepnet.Network.from_parameters makes a network of W1, b1, ..., WL, bL and the activations"
    )


def _header(text: str) -> ModelFile:
    """What deepnet's own header says, checked."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("deepnet's header is damaged: it is no JSON") from None
    if not isinstance(header, dict):
        raise ValueError("deepnet's header is damaged: it is no JSON object")
    version = header.get("format_version")
    if not _is_whole(version) or version is None:
        raise ValueError(f"format_version is {version!r}, but must be a whole number from 1")
    if version > FORMAT_VERSION:
        from importlib.metadata import version as installed

        raise ValueError(
            f"has format version {version}, written by deepnet {header.get('deepnet_version')}; this is "
            f"deepnet {installed('deepnet')}, which reads up to {FORMAT_VERSION}: a newer deepnet reads it"
        )
    dims, names, extra = (header.get(key) for key in ("layer_dims", "activations", "extra"))
    if not isinstance(dims, list) or len(dims) < 2 or not all(map(_is_whole, dims)):
        raise ValueError(f"layer_dims is {dims!r}, but must be two or more whole numbers from 1")
    if not isinstance(names, list) or len(names) != len(dims) - 1:
        raise ValueError(f"activations is {names!r}, but must be {len(dims) - 1} names, one for each layer")
    for name in names:
        if not isinstance(name, str) or name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {name!r}: this deepnet knows {', '.join(ACTIVATIONS)}")
    if header.get("dtype") not in ("float32", "float64"):
        raise ValueError(f"dtype is {header.get('dtype')!r}, but must be float32 or float64")
    if not isinstance(extra, dict):
        raise ValueError(f"extra is {extra!r}, but must be a JSON object")
    return ModelFile(tuple(dims), tuple(names), header["dtype"], {}, extra)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_arrays(model: ModelFile) -> None:
    shapes: dict[str, tuple[int, int]] = {}
    for layer, (n_prev, n) in enumerate(pairwise(model.layer_dims), start=1):
        shapes |= {f"W{layer}": (n, n_prev), f"b{layer}": (n, 1)}
    for key in model.arrays:
        if key not in shapes:
            raise ValueError(f"holds {key!r}, which no layer of {'-'.join(map(str, model.layer_dims))} uses")
    for key, shape in shapes.items():
        if key not in model.arrays:
            raise ValueError(f"lacks {key}, which a network {'-'.join(map(str, model.layer_dims))} has")
        array = model.arrays[key]
        if array.shape != shape:
            raise ValueError(f"{key} has shape {array.shape}, but layer_dims make it {shape}")
        if array.dtype != model.dtype:
            raise ValueError(f"{key} is {array.dtype}, but the header says {model.dtype}")


def _digest(header: str, arrays: dict[str, Array]) -> str:
    """What the checksum is: the header, then each array by name, with what it is and its bytes."""
    digest = hashlib.blake2b(header.encode(), digest_size=32)
    for key in sorted(arrays):
        array = arrays[key]
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"\0{key} {array.dtype.name} {array.shape}\0".encode())
        digest.update(plain.data)
    return f"blake2b:{digest.hexdigest()}"
