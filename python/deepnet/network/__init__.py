"""Whole networks: :class:`Network` creates, trains and applies them.

`network` holds the class, `examples` checks its data, `training` runs epochs on an engine, `many` trains
several networks side by side, `parameters` is the mapping ``net.parameters``, `history` and `progress` record
and show a run, `metrics` scores it, and `files`, `values` and `loading` write and read models.
"""

from .history import History as History
from .loading import describe as describe
from .loading import load as load
from .many import fit_many as fit_many
from .network import Network as Network

__all__ = ["History", "Network", "describe", "fit_many", "load"]
