"""Whole networks: :class:`Network` creates, trains and applies them.

`network` holds the class, `examples` checks its data, `training` runs epochs on an engine, `many` trains
several networks side by side, `parameters` is the mapping ``net.parameters``, `history` and `progress` record
and show a run, `metrics` scores it, and `files`, `values`, `loading` and `checkpoints` write and read models.
`rate_search` looks for a learning rate, `advice` for mistakes that a run shows.
"""

from .history import AdviceWarning as AdviceWarning
from .history import History as History
from .loading import describe as describe
from .loading import load as load
from .many import fit_many as fit_many
from .network import Network as Network
from .rate_search import RateSearch as RateSearch
from .rate_search import find_learning_rate as find_learning_rate

__all__ = [
    "AdviceWarning",
    "History",
    "Network",
    "RateSearch",
    "describe",
    "find_learning_rate",
    "fit_many",
    "load",
]
