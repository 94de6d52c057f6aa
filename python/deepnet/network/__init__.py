"""Whole networks that own their parameters: made, trained and used, each in one native call.

`_owner` is what a network is, `_predictor` what it tells and `_network` how it learns; `_fit` drives a
training run, epoch by epoch where somebody looks on; `_failures` has the words for one that went wrong.
`_files` saves networks and loads them.
"""

from ._files import load as load
from ._history import History as History
from ._network import Network as Network

__all__ = ["History", "Network", "load"]
