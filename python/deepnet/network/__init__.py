"""Whole networks: :class:`Network` creates, trains and applies them.

`network` holds the class, `training` runs epochs on an engine, `many` trains several networks side by side,
`parameters` is the mapping ``net.parameters``, `history` and `progress` record and show a run, `metrics`
scores it, and `files` writes and reads networks.
"""

from .history import History as History
from .many import fit_many as fit_many
from .network import Network as Network
from .network import load as load

__all__ = ["History", "Network", "fit_many", "load"]
