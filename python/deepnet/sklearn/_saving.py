"""Estimators in files: what is written of one, and the estimator that is read back.

The format itself is :mod:`deepnet.io.model_file`; docs/model_file.md describes what is added here.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn
from sklearn.utils.validation import check_is_fitted

from deepnet._files import quoted
from deepnet.activations import Array
from deepnet.io.model_file import ModelFile, write_model
from deepnet.network import Network, files
from deepnet.network.loading import network_of
from deepnet.network.values import Unsavable, decoded, encoded, restored, spilled

from ._classifier import MLPClassifier
from ._columns import Categories, Encoder, Numbers
from ._epochs import warn
from ._labels import Labels
from ._regressor import MLPRegressor
from ._tabular_classifier import TabularClassifier
from ._tabular_regressor import TabularRegressor

KINDS = {kind.__name__: kind for kind in (MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor)}

# Fitted attributes that are plain values. Networks, labels and columns have entries of their own.
_OF_EACH = ("n_features_in_", "feature_names_in_")
_OF_MLPS = (
    *("n_outputs_", "n_layers_", "out_activation_", "n_iter_", "t_", "loss_", "loss_curve_", "best_loss_"),
    *("validation_scores_", "best_validation_score_", "stopped_", "oof_"),
    *("_best", "_rate", "_is_over", "_no_improvement_count"),
)
_OF_TABLES = (
    *("best_epochs_", "validation_errors_", "loss_curves_", "_category_columns"),
    "linear_share_",
)
_OF_TARGETS = ("_mean", "_scale", "_range", "_is_1d")
RECORD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), (*_OF_EACH, *_OF_MLPS)),
    "TabularClassifier": (*_OF_EACH, *_OF_TABLES),
    "TabularRegressor": (*_OF_EACH, *_OF_TABLES, *_OF_TARGETS),
}


# --- writing ------------------------------------------------------------------------------------------------


def save(
    estimator: Any, path: str | os.PathLike[str], metrics: Mapping[str, float] | None, target: str | None
) -> None:
    """Write a fitted estimator; see :meth:`MLPClassifier.save`."""
    name, given = files.checked(path), files.given(metrics, target)
    kind = next((key for key, entry in KINDS.items() if entry is type(estimator)), None)
    if kind is None:
        known = next(key for key, entry in KINDS.items() if isinstance(estimator, entry))
        raise TypeError(
            f"a file holds estimators of deepnet.sklearn, but this {type(estimator).__name__} is a subclass "
            f"of {known}: pickle it"
        )
    check_is_fitted(estimator)
    writing = _Writing(kind)
    description = writing.described(estimator, "estimator")
    description["scikit_learn_version"] = sklearn.__version__
    model = ModelFile(kind, [], {}, {"estimator": description, **given})
    for i, net in enumerate(writing.networks):
        model.networks.append(files.described(net))
        parameters = copy.deepcopy(net.parameters)  # of one moment
        model.arrays |= {model.prefix(i) + key: array for key, array in parameters.items()}
    model.arrays |= writing.arrays
    write_model(name, model)


class _Writing:
    """What is collected of an estimator: its networks and arrays."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.networks, self.arrays = list[Network](), dict[str, Array]()

    def described(self, estimator: Any, name: str, of: Any = None) -> dict[str, Any]:
        """Return an estimator, or a member of one, as JSON; `name` starts the names of its arrays.

        Of a member, the parameters that are those of its estimator are left out.
        """
        state = vars(estimator)
        parameters: dict[str, Any] = {}
        for key, value in estimator.get_params(deep=False).items():
            if of is not None and value is getattr(of, key):
                continue
            try:
                parameters[key] = encoded(value, self.arrays, f"{name}.{key}")
            except Unsavable as error:
                warn(f"{key} is not saved: {error}. The loaded estimator will have its default")
        found = {key: state[key] for key in RECORD[self.kind] if key in state}
        result: dict[str, Any] = {
            "parameters": parameters,
            "fitted": {
                key: encoded(value, self.arrays, f"{name}.{key.strip('_')}") for key, value in found.items()
            },
        }
        if "_labels" in state:
            labels: Labels = state["_labels"]
            result["labels"] = {
                "classes": encoded(labels.classes, self.arrays, f"{name}.classes"),
                "multilabel": labels.multilabel,
                "sparse": labels.sparse,
            }
        if "_encoder" in state:
            result["columns"] = self._columns(state["_encoder"], name)
        networks = state.get("networks_", [state["network_"]] if "network_" in state else [])
        if state.get("linear_") is not None:
            networks = [*networks, state["linear_"]]
        result["networks"] = [len(self.networks) + i for i in range(len(networks))]
        self.networks += networks
        if "estimators_" in state:
            members = enumerate(state["estimators_"])
            result["members"] = [
                self.described(member, f"{name}.members.{i}", estimator) for i, member in members
            ]
        return result

    def _columns(self, encoder: Encoder, name: str) -> dict[str, Any]:
        """Return what was learnt of the columns of a table."""
        columns = []
        for j, part in enumerate(encoder.columns):
            if isinstance(part, Categories):
                codes = [[value, code] for value, code in part.codes.items()]
                stored = encoded(codes, self.arrays, f"{name}.columns.{j}")
                columns.append({"codes": stored, "width": part.width})
            else:
                edges = None if part.edges is None else part.edges.tolist()
                settings = {"fill": part.fill, "had_missing": part.had_missing, "seen": part.seen}
                columns.append({**settings, "edges": edges})
        return {
            "columns": spilled(columns, self.arrays, f"{name}.columns"),
            "center": encoded(encoder.center, self.arrays, f"{name}.center"),
            "factor": encoded(encoder.factor, self.arrays, f"{name}.factor"),
        }


# --- reading ------------------------------------------------------------------------------------------------


def estimator_of(model: ModelFile, path: str | os.PathLike[str]) -> Any:
    """Create the estimator of a file."""
    files.refuse_unknown(model, files.GIVEN | {"estimator"}, path)
    if model.kind not in KINDS:
        raise ValueError(
            f"{os.fspath(path)}: kind is {quoted(model.kind)}, but must be 'network' or one of "
            f"{', '.join(KINDS)}"
        )
    networks = [network_of(model, i, path, seed=0) for i in range(len(model.networks))]
    try:
        return _Reading(model, networks).estimator(model.about.get("estimator"))
    except (
        *(ValueError, TypeError, KeyError, IndexError, AttributeError),
        *(OverflowError, RecursionError),
    ) as error:
        raise files.invalid(path, error, model.kind) from None


class _Reading:
    """An estimator in the making, of a file whose checksum is right."""

    def __init__(self, model: ModelFile, networks: list[Network]) -> None:
        self.kind, self.arrays, self.networks = model.kind, model.arrays, networks

    def estimator(self, entry: Any, of: Any = None) -> Any:
        """Return the estimator that an entry describes, or a member of one."""
        parameters = {key: decoded(value, self.arrays) for key, value in entry["parameters"].items()}
        if of is not None:
            parameters = of.get_params(deep=False) | parameters
        estimator: Any = KINDS[self.kind](**parameters)
        for key, value in entry["fitted"].items():
            if key not in RECORD[self.kind]:
                raise ValueError(f"{quoted(key)} is no attribute of {self.kind} that this deepnet knows")
            setattr(estimator, key, decoded(value, self.arrays))
        if self.kind.endswith("Classifier"):
            labels = entry["labels"]
            classes = decoded(labels["classes"], self.arrays)
            if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 1:
                raise ValueError(f"classes is {quoted(classes)}, but must be an array of labels")
            estimator._labels = Labels(classes, bool(labels["multilabel"]), bool(labels["sparse"]))
        if self.kind.startswith("Tabular"):
            self._add_tables(estimator, entry)
        elif "members" in entry and of is None:
            estimator.estimators_ = [self.estimator(member, estimator) for member in entry["members"]]
        else:
            (i,) = entry["networks"]
            estimator.network_ = self.networks[i]
            inputs, outputs = estimator.network_.layer_dims[0], estimator.network_.layer_dims[-1]
            wanted = estimator._output()[0]
            if (inputs, outputs) != (estimator.n_features_in_, wanted):
                fit = f"{estimator.n_features_in_} columns and {wanted} outputs"
                raise ValueError(f"a network with {inputs} inputs and {outputs} outputs does not fit {fit}")
        return estimator

    def _add_tables(self, estimator: Any, entry: Any) -> None:
        columns = entry["columns"]
        estimator._encoder = encoder = Encoder(
            tuple(map(self._column, restored(columns["columns"], self.arrays))),
            decoded(columns["center"], self.arrays),
            decoded(columns["factor"], self.arrays),
        )
        if self.kind == "TabularClassifier":
            estimator.classes_ = estimator._labels.classes
        networks = [self.networks[i] for i in entry["networks"]]
        share = vars(estimator).setdefault("linear_share_", 0.0)
        estimator.networks_, estimator.linear_ = (networks[:-1], networks[-1]) if share else (networks, None)
        widths = {encoder.width, len(encoder.narrow)}
        wanted = sum(len(part.wide) for part in encoder.columns), len(encoder.columns)
        if (
            encoder.width,
            estimator.n_features_in_,
        ) != wanted or encoder.factor.shape != encoder.center.shape:
            raise ValueError(f"{len(encoder.columns)} columns, encoded as {wanted[0]}, do not fit the rest")
        outputs = estimator._output()[0]
        for net in networks:
            if net.layer_dims[0] not in widths or net.layer_dims[-1] != outputs:
                raise ValueError(f"{net!r} does not fit the columns and outputs")

    def _column(self, entry: Any) -> Numbers | Categories:
        if "codes" in entry:
            pairs = [(value, int(code)) for value, code in decoded(entry["codes"], self.arrays)]
            return Categories(dict(pairs), int(entry["width"]))
        edges = None if entry["edges"] is None else np.array(entry["edges"], np.float64)
        return Numbers(float(entry["fill"]), bool(entry["had_missing"]), edges, bool(entry["seen"]))
