"""Models in files of the safetensors format; docs/model_file.md describes it for readers and other programs.

A file starts with 8 bytes for the length of a JSON header (little-endian) and the header. The arrays follow,
little-endian and in C order. The header lists dtype, shape and offsets of each array. Its metadata hold two
texts: "deepnet", the description of the model in JSON, and "deepnet_checksum", a BLAKE2b digest of that text
and of every array with its name, dtype and shape. Nothing in a file is executed.

This module knows networks by their shape, and checks them and the file as a whole. What else a description
says is decided, and read, by :mod:`deepnet.network` and :mod:`deepnet.sklearn`.
Format: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

from deepnet._distribution import version as installed_version
from deepnet._files import chunks, open_regular, quoted, read_into, replace
from deepnet.activations import ACTIVATIONS, Array

FORMAT_VERSION = 2  # increase it when an older deepnet would misread a file
DESCRIPTION, CHECKSUM = "deepnet", "deepnet_checksum"
NETWORK = "network"  # the kind of a file with one network; other kinds are classes of estimators
# The header takes some 170 bytes per layer, so this allows 10,000 layers. The worst takes 0.3 s and 48 MB.
MAX_HEADER = 2 * 2**20
_LENGTH = 8  # bytes
_DTYPES = {
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}
_NAMES = {name: dtype for dtype, name in _DTYPES.items()}

# How files of other formats start.
_OTHERS = {
    b"PK\x03\x04": "a zip archive, like .npz files and those of PyTorch",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89HDF": "an HDF5 file, like those of Keras",
    b"\x80": "a pickle",
    b"GGUF": "a GGUF file",
}


@dataclass(slots=True)
class NetworkPart:
    """One network of a file: its shape, and further settings by name."""

    layer_dims: tuple[int, ...]
    activations: tuple[str, ...]
    dtype: str
    settings: dict[str, Any] = field(default_factory=dict)  # anything JSON can express

    def description(self) -> dict[str, Any]:
        """Return the network in the description of the file."""
        return {
            "layer_dims": [int(units) for units in self.layer_dims],
            "activations": list(self.activations),
            "dtype": self.dtype,
            **self.settings,
        }

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the shape of each of W1, b1, ..., WL, bL."""
        shapes: dict[str, tuple[int, int]] = {}
        for layer, (n_prev, n) in enumerate(pairwise(self.layer_dims), start=1):
            shapes |= {f"W{layer}": (n, n_prev), f"b{layer}": (n, 1)}
        return shapes


@dataclass(slots=True)
class ModelFile:
    """The content of a file."""

    kind: str
    networks: list[NetworkPart]
    arrays: dict[str, Array]  # those of network i start with prefix(i), all others with a name in `about`
    about: dict[str, Any] = field(default_factory=dict)  # further entries of the description
    written_by: str = ""  # the version of deepnet

    def prefix(self, i: int) -> str:
        """Return what the names of the arrays of network i start with."""
        return "" if self.kind == NETWORK else f"networks.{i}."

    def parameters(self, i: int) -> dict[str, Array]:
        """Return W1, b1, ..., WL, bL of network i."""
        return {key: self.arrays[self.prefix(i) + key] for key in self.networks[i].shapes()}

    def description(self) -> dict[str, Any]:
        """Return the description of the model, as this version writes it."""
        return {
            "format_version": FORMAT_VERSION,
            "deepnet_version": self.written_by,
            "kind": self.kind,
            "networks": [part.description() for part in self.networks],
            **self.about,
        }


def write_model(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Write a file whole, or leave the one that was there; see :func:`deepnet._files.replace`.

    The arrays must not change meanwhile, since their checksum is computed first.
    """
    arrays = {key: _little_endian(array) for key, array in model.arrays.items()}
    arrays = dict(sorted(arrays.items(), key=lambda entry: -entry[1].itemsize))  # which aligns each of them
    model.written_by = installed_version()
    description, end = json.dumps(model.description(), ensure_ascii=False, allow_nan=False), 0
    header: dict[str, Any] = {
        "__metadata__": {DESCRIPTION: description, CHECKSUM: _digest(description, arrays)}
    }
    for key, array in arrays.items():
        start, end = end, end + array.nbytes
        dtype = _NAMES[array.dtype.name]
        header[key] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays are aligned for readers that map the file
    if len(text) > MAX_HEADER:
        raise ValueError(f"layers and settings take {len(text)} bytes, but a file holds up to {MAX_HEADER}")
    replace(path, [len(text).to_bytes(_LENGTH, "little"), text, *arrays.values()])


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read a file and check it; a ValueError names the file and what is wrong with it.

    Before anything is allocated, the header is compared with the description and with the size of the file.
    """
    try:
        with open_regular(path) as file:
            header = _header(file)
            texts = _texts(header)
            model = _model(texts[DESCRIPTION])
            places = _places(header, model, os.fstat(file.fileno()).st_size - file.tell())
            for key, shape, dtype in places:
                array = np.empty(shape, dtype)
                read_into(file, array)
                model.arrays[key] = array if sys.byteorder == "little" else array.byteswap(inplace=True)
        if texts.get(CHECKSUM) != _digest(texts[DESCRIPTION], model.arrays):
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
    if isinstance(metadata, dict) and isinstance(metadata.get(DESCRIPTION), str):
        return metadata
    names = sorted(key for key in header if key != "__metadata__")
    listed = ", ".join(map(quoted, names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    raise ValueError(
        f"was not written by deepnet; it holds {listed or 'no arrays'}. Read it with "
        "safetensors.numpy.load_file, and pass its arrays as W1, b1, ..., WL, bL with the activations to "
        "deepnet.Network.from_parameters"
    )


# --- the description ----------------------------------------------------------------------------------------


def _model(text: str) -> ModelFile:
    """The description, checked as far as networks go; the arrays are still to be read."""
    try:
        text.encode()  # lone surrogates, which JSON can express, have no UTF-8
        description = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("deepnet's settings are damaged: they are not JSON") from None
    if not isinstance(description, dict):
        raise ValueError("deepnet's settings are damaged: they are not a JSON object")
    version, written_by = _versions(description)
    if version == 1:  # one network, whose settings lie beside it
        extra = description.get("extra")
        if not isinstance(extra, dict):
            raise ValueError(f"extra is {quoted(extra)}, but must be a JSON object")
        known = ("layer_dims", "activations", "dtype")
        part = _part({key: description.get(key) for key in known} | {"settings": extra})
        return ModelFile(NETWORK, [part], {}, written_by=written_by)
    kind, networks = description.get("kind"), description.get("networks")
    if not isinstance(kind, str):
        raise ValueError(f"kind is {quoted(kind)}, but must be 'network' or the name of an estimator's class")
    if not isinstance(networks, list) or not networks or (kind == NETWORK and len(networks) > 1):
        count = "one network" if kind == NETWORK else "one or more networks"
        raise ValueError(f"networks is {quoted(networks)}, but must be a list of {count}")
    parts = list[NetworkPart]()
    for entry in networks:
        if not isinstance(entry, dict):
            raise ValueError(f"networks has {quoted(entry)}, but must have JSON objects")
        settings = {key: entry[key] for key in entry if key not in ("layer_dims", "activations", "dtype")}
        parts.append(_part(entry | {"settings": settings}))
    taken = {"format_version", "deepnet_version", "kind", "networks"}
    about = {key: value for key, value in description.items() if key not in taken}
    return ModelFile(kind, parts, {}, about, written_by)


def _versions(description: dict[str, Any]) -> tuple[int, str]:
    version, written_by = description.get("format_version"), description.get("deepnet_version")
    if not isinstance(version, int) or not _is_count(version):
        raise ValueError(f"format_version is {quoted(version)}, but must be a whole number from 1")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"has format version {quoted(version)}, written by deepnet {quoted(written_by)}; this is deepnet "
            f"{installed_version()}, which reads up to {FORMAT_VERSION}: install a newer one"
        )
    return version, written_by if isinstance(written_by, str) else ""


def _part(entry: dict[str, Any]) -> NetworkPart:
    dims, names, dtype = (entry.get(key) for key in ("layer_dims", "activations", "dtype"))
    if not isinstance(dims, list) or len(dims) < 2 or not all(map(_is_count, dims)):
        raise ValueError(f"layer_dims is {quoted(dims)}, but must be two or more whole numbers from 1")
    if not isinstance(names, list) or len(names) != len(dims) - 1:
        raise ValueError(f"activations is {quoted(names)}, but must be {len(dims) - 1} names, one per layer")
    for name in names:
        if not isinstance(name, str) or name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {quoted(name)}: choose from {', '.join(ACTIVATIONS)}")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype is {quoted(dtype)}, but must be float32 or float64")
    return NetworkPart(tuple(dims), tuple(names), dtype, entry["settings"])


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


# --- the arrays ---------------------------------------------------------------------------------------------

Place = tuple[str, tuple[int, ...], str]  # an array's name, shape and dtype


def _places(header: dict[str, Any], model: ModelFile, n_bytes: int) -> Iterator[Place]:
    """The arrays in the order of the file, which has `n_bytes` of them."""
    found = {key: entry for key, entry in header.items() if key != "__metadata__"}
    wanted = dict[str, tuple[int, ...]]()
    dtypes = dict[str, str]()
    for i, part in enumerate(model.networks):
        shapes = {model.prefix(i) + key: shape for key, shape in part.shapes().items()}
        wanted |= shapes
        dtypes |= dict.fromkeys(shapes, part.dtype)
    network = quoted("-".join(map(str, model.networks[0].layer_dims)))[1:-1]
    network += "" if len(model.networks) == 1 else f" and {len(model.networks) - 1} more"
    for key, entry in found.items():
        if key in wanted:
            continue
        if key.partition(".")[0] not in model.about:
            raise ValueError(f"holds {quoted(key)}, which no layer of {network} uses")
        wanted[key], dtypes[key] = _stated(key, entry)
    spans = []
    for key, shape in wanted.items():
        if key not in found:
            raise ValueError(f"lacks {key}, which a network {network} has")
        entry = found[key] if isinstance(found[key], dict) else {}
        dtype, dims = entry.get("dtype"), entry.get("shape")
        if not isinstance(dims, list) or tuple(dims) != shape:
            raise ValueError(f"{key} has shape {_as_tuple(dims)}, but layer_dims make it {quoted(shape)}")
        if _DTYPES.get(dtype if isinstance(dtype, str) else "") != dtypes[key]:
            given = _DTYPES.get(dtype) if isinstance(dtype, str) else None
            raise ValueError(f"{key} is {given or quoted(dtype)}, but the settings say {dtypes[key]}")
        offsets = entry.get("data_offsets")
        if not isinstance(offsets, list) or [type(offset) for offset in offsets] != [int, int]:
            raise ValueError("its header is damaged: it does not say where the arrays are")
        spans.append((offsets[0], offsets[1], key))
    end = 0
    for start, stop, key in sorted(spans):
        size = math.prod(wanted[key]) * np.dtype(dtypes[key]).itemsize
        if start != end or stop - start != size:
            raise ValueError(f"its header is damaged: {quoted(key)[1:-1]} does not lie where it should")
        end = stop
    if n_bytes != end:
        problem = "is cut off" if n_bytes < end else "is too long"
        raise ValueError(f"{problem}: its arrays take {end} bytes, but {n_bytes} follow the header")
    return ((key, wanted[key], dtypes[key]) for _, _, key in sorted(spans))


def _stated(key: str, entry: object) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of an array that is no parameter, as the header states them."""
    entry = entry if isinstance(entry, dict) else {}
    dims, dtype = entry.get("shape"), entry.get("dtype")
    if not isinstance(dims, list) or not all(_is_count(n) for n in dims):
        raise ValueError(f"its header is damaged: {quoted(key)} has shape {_as_tuple(dims)}")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"its header is damaged: {quoted(key)} has dtype {quoted(dtype)}")
    return tuple(dims), _DTYPES[dtype]


def _as_tuple(dims: object) -> str:
    return quoted(tuple(dims) if isinstance(dims, list) else dims)


def _little_endian(array: Array) -> Array:
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def _digest(description: str, arrays: dict[str, Array]) -> str:
    """The checksum: of the description, then of each array by name, with its dtype, shape and bytes."""
    digest = hashlib.blake2b(description.encode(), digest_size=32)
    for key in sorted(arrays):
        array = arrays[key]
        digest.update(f"\0{key} {array.dtype.name} {array.shape}\0".encode())
        for part in chunks(_little_endian(array)):
            digest.update(part)
    return f"blake2b:{digest.hexdigest()}"
