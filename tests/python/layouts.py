"""Memory layouts of an array: each function returns its values laid out differently."""

import numpy as np


def c_order(A):
    return np.array(A, order="C")


class Subclass(np.ndarray):
    """An ndarray subclass, as other libraries define."""


def strided(A):
    wide = np.full([3 * n for n in A.shape], np.nan if A.dtype.kind == "f" else 1, A.dtype)
    part = wide[(slice(1, None, 3),) * A.ndim + (...,)]
    part[...] = A
    return part


def reversed_(A):
    back = (slice(None, None, -1),) * A.ndim + (...,)
    return c_order(A[back])[back]


def misaligned(A):
    raw = np.empty(A.nbytes + 1, np.uint8)[1:]
    array = raw.view(A.dtype).reshape(A.shape)
    array[...] = A
    return array


def read_only(A):
    A = A.copy()
    A.flags.writeable = False
    return A


def field(A):
    """One field of packed records: neither its strides nor its address are multiples of its size."""
    records = np.zeros(A.shape, [("other", np.uint8), ("value", A.dtype)])
    records["value"] = A
    return records["value"]


def transposed(A):
    return c_order(A.T).T


def moved_axes(A):
    """The last axis first in memory: neither C nor Fortran order in three dimensions."""
    return np.moveaxis(c_order(np.moveaxis(A, -1, 0)), 0, -1) if A.ndim else A


def broadcast(A):
    """The first entry of each axis, at stride 0."""
    return np.broadcast_to(A[(slice(0, 1),) * A.ndim + (...,)].copy(), A.shape)


LAYOUTS = {
    "C": c_order,
    "strided": strided,
    "reversed": reversed_,
    "transposed": transposed,
    "moved axes": moved_axes,
    "broadcast": broadcast,
    "misaligned": misaligned,
    "swapped bytes": lambda A: A.astype(A.dtype.newbyteorder()),
    "field of records": field,
    "read-only": read_only,
    "subclass": lambda A: A.copy().view(Subclass),
    "strided subclass": lambda A: strided(A).view(Subclass),
}


def plain(array):
    return np.array(array, array.dtype.newbyteorder("="), order="C", subok=False)
