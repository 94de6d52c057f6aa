"""Networks in files of the safetensors format.

A file starts with 8 bytes for the length of a JSON header (little-endian) and the header. The arrays W1, b1,
..., WL, bL follow, little-endian and in C order. The header lists dtype, shape and offsets of each array. Its
metadata hold two texts: "deepnet", the network's settings in JSON, and "deepnet_checksum", a BLAKE2b digest
of that text and of every array with its name, dtype and shape. Nothing in a file is executed.

:mod:`deepnet.network` decides which settings of a network are saved, and creates the network from them.
Format: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

from deepnet._files import chunks, open_regular, quoted, read_into, replace
from deepnet.activations import ACTIVATIONS, Array

FORMAT_VERSION = 1  # increase it when an older deepnet would misread a file
SETTINGS, CHECKSUM = "deepnet", "deepnet_checksum"
# The header takes some 170 bytes per layer, so this allows 20,000 layers; parsing the worst one takes 0.2 s.
MAX_HEADER = 4 * 2**20
_LENGTH = 8  # bytes
_DTYPES = {"F32": "float32", "F64": "float64"}

# How files of other formats start.
_OTHERS = {
    b"PK\x03\x04": "a zip archive, like .npz files and those of PyTorch",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89HDF": "an HDF5 file, like those of Keras",
    b"\x80": "a pickle",
    b"GGUF": "a GGUF file",
}


@dataclass(slots=True)
class ModelFile:
    """The content of a file: the shape of a network, its parameters, and further settings by name."""

    layer_dims: tuple[int, ...]
    activations: tuple[str, ...]
    dtype: str
    arrays: dict[str, Array]
    extra: dict[str, Any] = field(default_factory=dict)  # anything JSON can express

    def settings(self) -> str:
        """The settings in JSON."""
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

    def shapes(self) -> dict[str, tuple[int, int]]:
        """The shape of each array, in the order of the file."""
        shapes: dict[str, tuple[int, int]] = {}
        for layer, (n_prev, n) in enumerate(pairwise(self.layer_dims), start=1):
            shapes |= {f"W{layer}": (n, n_prev), f"b{layer}": (n, 1)}
        return shapes


def write_model(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Write a file whole, or leave the one that was there; see :func:`deepnet._files.replace`.

    The arrays must not change meanwhile, since their checksum is computed first.
    """
    arrays = {
        key: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for key, array in model.arrays.items()
    }
    settings, end = model.settings(), 0
    header: dict[str, Any] = {"__metadata__": {SETTINGS: settings, CHECKSUM: _digest(settings, arrays)}}
    for key, array in arrays.items():
        start, end = end, end + array.nbytes
        dtype = f"F{8 * array.itemsize}"
        header[key] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays are aligned for readers that map the file
    if len(text) > MAX_HEADER:
        raise ValueError(f"layers and settings take {len(text)} bytes, but a file holds up to {MAX_HEADER}")
    replace(path, [len(text).to_bytes(_LENGTH, "little"), text, *arrays.values()])


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read a file and check it; a ValueError names the file and what is wrong with it.

    Before anything is allocated, the header is compared with the settings and with the size of the file.
    """
    try:
        with open_regular(path) as file:
            header = _header(file)
            texts = _texts(header)
            model = _model(texts[SETTINGS])
            places = _places(header, model, os.fstat(file.fileno()).st_size - file.tell())
            for key, shape in places:
                array = np.empty(shape, np.dtype(model.dtype).newbyteorder("<"))
                read_into(file, array)
                model.arrays[key] = array.astype(model.dtype, copy=False)
        if texts.get(CHECKSUM) != _digest(texts[SETTINGS], model.arrays):
            raise ValueError("its parameters do not match their checksum: the file was damaged or altered")
    except (ValueError, EOFError) as error:  # EOFError: the file became shorter meanwhile
        raise ValueError(f"{os.fspath(path)}: {error}") from None
    return model


def _header(file: BinaryIO) -> dict[str, Any]:
    """The safetensors header; the file is left at the first array."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(_LENGTH + 1)
    first = start[_LENGTH:]  # the length may start like another format, but { follows it
    for magic, kind in _OTHERS.items():
        if start.startswith(magic) and first not in (b"{", b""):
            raise ValueError(f"is {kind}; deepnet.load reads files written by net.save")
    if size < _LENGTH:
        raise ValueError(f"has {size} bytes: cut off, or not a safetensors file")
    length = int.from_bytes(start[:_LENGTH], "little")
    if first not in (b"{", b"") or length < 2:
        raise ValueError("is not a safetensors file: it does not start with the length of a header")
    if length > MAX_HEADER:
        raise ValueError(
            f"is not a saved network: its header has {length} bytes, but must have at most {MAX_HEADER}"
        )
    if size - _LENGTH < length:
        raise ValueError(f"is cut off within its header, after {size - _LENGTH} of {length} bytes")
    file.seek(_LENGTH)
    try:
        header = json.loads(file.read(length).decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("its header is damaged: it is not JSON") from None
    if not isinstance(header, dict):
        raise ValueError("its header is damaged: it is not a JSON object")
    return header


def _texts(header: dict[str, Any]) -> dict[str, str]:
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and isinstance(metadata.get(SETTINGS), str):
        return metadata
    names = sorted(key for key in header if key != "__metadata__")
    listed = ", ".join(map(quoted, names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    raise ValueError(
        f"was not written by deepnet; it holds {listed or 'no arrays'}. Read it with "
        "safetensors.numpy.load_file, and pass its arrays as W1, b1, ..., WL, bL with the activations to "
        "deepnet.Network.from_parameters"
    )


def _model(text: str) -> ModelFile:
    """The settings, checked; the arrays are still to be read."""
    try:
        text.encode()  # lone surrogates, which JSON can express, have no UTF-8
        settings = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("deepnet's settings are damaged: they are not JSON") from None
    if not isinstance(settings, dict):
        raise ValueError("deepnet's settings are damaged: they are not a JSON object")
    version = settings.get("format_version")
    if not isinstance(version, int) or not _is_count(version):
        raise ValueError(f"format_version is {quoted(version)}, but must be a whole number from 1")
    if version > FORMAT_VERSION:
        from importlib.metadata import version as installed

        raise ValueError(
            f"has format version {quoted(version)}, written by deepnet "
            f"{quoted(settings.get('deepnet_version'))}; this is deepnet {installed('deepnet')}, which reads "
            f"up to {FORMAT_VERSION}: install a newer one"
        )
    dims, names, extra = (settings.get(key) for key in ("layer_dims", "activations", "extra"))
    if not isinstance(dims, list) or len(dims) < 2 or not all(map(_is_count, dims)):
        raise ValueError(f"layer_dims is {quoted(dims)}, but must be two or more whole numbers from 1")
    if not isinstance(names, list) or len(names) != len(dims) - 1:
        raise ValueError(f"activations is {quoted(names)}, but must be {len(dims) - 1} names, one per layer")
    for name in names:
        if not isinstance(name, str) or name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {quoted(name)}: choose from {', '.join(ACTIVATIONS)}")
    dtype = settings.get("dtype")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype is {quoted(dtype)}, but must be float32 or float64")
    if not isinstance(extra, dict):
        raise ValueError(f"extra is {quoted(extra)}, but must be a JSON object")
    return ModelFile(tuple(dims), tuple(names), dtype, {}, extra)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _places(header: dict[str, Any], model: ModelFile, n_bytes: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name and shape of each array in the order of the file, which has `n_bytes` of them."""
    found = {key: entry for key, entry in header.items() if key != "__metadata__"}
    wanted, network = model.shapes(), quoted("-".join(map(str, model.layer_dims)))[1:-1]
    for key in found:
        if key not in wanted:
            raise ValueError(f"holds {quoted(key)}, which no layer of {network} uses")
    itemsize, spans = np.dtype(model.dtype).itemsize, []
    for key, shape in wanted.items():
        if key not in found:
            raise ValueError(f"lacks {key}, which a network {network} has")
        entry = found[key] if isinstance(found[key], dict) else {}
        dtype, dims = entry.get("dtype"), entry.get("shape")
        if not isinstance(dims, list) or tuple(dims) != shape:
            raise ValueError(f"{key} has shape {_as_tuple(dims)}, but layer_dims make it {quoted(shape)}")
        if _DTYPES.get(dtype if isinstance(dtype, str) else "") != model.dtype:
            given = _DTYPES.get(dtype) if isinstance(dtype, str) else None
            raise ValueError(f"{key} is {given or quoted(dtype)}, but the settings say {model.dtype}")
        offsets = entry.get("data_offsets")
        if not isinstance(offsets, list) or [type(offset) for offset in offsets] != [int, int]:
            raise ValueError("its header is damaged: it does not say where the arrays are")
        spans.append((offsets[0], offsets[1], key))
    end = 0
    for start, stop, key in sorted(spans):
        if start != end or stop - start != math.prod(wanted[key]) * itemsize:
            raise ValueError(f"its header is damaged: {key} does not lie where it should")
        end = stop
    if n_bytes != end:
        problem = "is cut off" if n_bytes < end else "is too long"
        raise ValueError(f"{problem}: its arrays take {end} bytes, but {n_bytes} follow the header")
    return ((key, wanted[key]) for _, _, key in sorted(spans))


def _as_tuple(dims: object) -> str:
    return quoted(tuple(dims) if isinstance(dims, list) else dims)


def _digest(settings: str, arrays: dict[str, Array]) -> str:
    """The checksum: of the settings, then of each array by name, with its dtype, shape and bytes."""
    digest = hashlib.blake2b(settings.encode(), digest_size=32)
    for key in sorted(arrays):
        array = arrays[key]
        digest.update(f"\0{key} {array.dtype.name} {array.shape}\0".encode())
        for part in chunks(np.ascontiguousarray(array, array.dtype.newbyteorder("<"))):
            digest.update(part)
    return f"blake2b:{digest.hexdigest()}"
