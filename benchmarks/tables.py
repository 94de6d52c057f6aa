"""The estimators for tables against others with their defaults: accuracy and R^2 of 5 x 2-fold
cross-validation.

    python benchmarks/tables.py --results tables.json --write docs/tables.md [--smoke]

The tables are scikit-learn's, and the CSV files in the folder `tables` of DEEPNET_DATA, else of
../shared/data. Every score is stored in the file of results at once, so that a run can be stopped, also by
--seconds, and go on later. Contenders that are not installed are left out; those of an earlier run stay in
the file, so that an environment of its own may have added them. Everything runs on one thread; times are
those of the processor.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("DEEPNET_DATA") or ROOT.parent / "shared" / "data") / "tables"
MOST_ROWS = 2000  # of larger tables: that many rows, drawn at random
SPLITS, REPEATS = 2, 5
BEGIN, END = "<!-- benchmarks/tables.py: begin -->", "<!-- benchmarks/tables.py: end -->"


# --- tables -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """X, a frame whose columns of strings are categories, and y."""

    X: pd.DataFrame
    y: np.ndarray
    regression: bool


def _of_sklearn(load: Callable[..., Any], regression: bool = False) -> Table:
    X, y = load(return_X_y=True, as_frame=True)
    return Table(X, y.to_numpy(), regression)


def _of_file(name: str, regression: bool = False, target: int = -1, dropped: tuple[int, ...] = ()) -> Table:
    frame = pd.read_csv(DATA / f"{name}.csv", header=None, na_values="?", skipinitialspace=True)
    target %= frame.shape[1]
    y = frame[target].to_numpy()
    X = frame.drop(columns=[target, *dropped])
    X.columns = [f"c{j}" for j in X.columns]
    words = X.select_dtypes(exclude="number").columns
    return Table(X.astype(dict.fromkeys(words, "category")), y, regression)


TABLES: dict[str, Callable[[], Table]] = {
    "breast_cancer": partial(_of_sklearn, datasets.load_breast_cancer),
    "digits": partial(_of_sklearn, datasets.load_digits),
    "iris": partial(_of_sklearn, datasets.load_iris),
    "wine": partial(_of_sklearn, datasets.load_wine),
    "adult": partial(_of_file, "adult-train"),
    "banknote": partial(_of_file, "banknote_authentication"),
    "german": partial(_of_file, "german"),
    "glass": partial(_of_file, "glass"),
    "horse-colic": partial(_of_file, "horse-colic", target=23, dropped=(2, 24, 25, 26, 27)),
    "ionosphere": partial(_of_file, "ionosphere"),
    "pima": partial(_of_file, "pima-indians-diabetes"),
    "wheat-seeds": partial(_of_file, "wheat-seeds"),
    "wine quality": partial(_of_file, "winequality-red"),
    "diabetes": partial(_of_sklearn, datasets.load_diabetes, regression=True),
    "abalone": partial(_of_file, "abalone", regression=True),
    "auto imports": partial(_of_file, "auto_imports", regression=True),
    "housing": partial(_of_file, "housing", regression=True),
}


def table(name: str) -> Table:
    """Return one of TABLES, or MOST_ROWS of its rows."""
    whole = TABLES[name]()
    if len(whole.y) <= MOST_ROWS:
        return whole
    rows = np.random.default_rng(0).permutation(len(whole.y))[:MOST_ROWS]
    return Table(whole.X.iloc[rows].reset_index(drop=True), whole.y[rows], whole.regression)


def splits(t: Table) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of training and of the test."""
    kind = RepeatedKFold if t.regression else RepeatedStratifiedKFold
    yield from kind(n_splits=SPLITS, n_repeats=REPEATS, random_state=0).split(t.X, t.y)


# --- contenders ---------------------------------------------------------------------------------------------

OURS = "deepnet, tabular"


def _scaled(estimator: Any) -> Any:
    """Standardise the numbers, one-hot encode the categories, and fill in what is missing."""
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_include="category")),
    )
    return make_pipeline(columns, estimator)


def _ours(regression: bool, seed: int) -> Any:
    from deepnet.sklearn import TabularClassifier, TabularRegressor

    return (TabularRegressor if regression else TabularClassifier)(random_state=seed)


def _mlp(regression: bool, seed: int) -> Any:
    return _scaled((MLPRegressor if regression else MLPClassifier)(random_state=seed))


def _boosting(regression: bool, seed: int) -> Any:
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(random_state=seed)


def _forest(regression: bool, seed: int) -> Any:
    return _scaled((RandomForestRegressor if regression else RandomForestClassifier)(random_state=seed))


def _linear(regression: bool, seed: int) -> Any:
    return _scaled(RidgeCV(np.logspace(-3, 3, 13)) if regression else LogisticRegression(max_iter=1000))


def _realmlp(regression: bool, seed: int, ensemble: int = 1) -> Any:
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    kind = RealMLP_TD_S_Regressor if regression else RealMLP_TD_S_Classifier
    model = kind(random_state=seed, device="cpu", n_threads=1, n_cv=ensemble, verbosity=0)
    return _FilledIn(model)


class _FilledIn:
    """RealMLP takes categories as they are, but no missing numbers: they become the column's median."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> None:
        self.medians = X.select_dtypes("number").median().fillna(0)
        self.model.fit(X.fillna(self.medians), y)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.model.predict(X.fillna(self.medians)))


CONTENDERS: dict[str, tuple[str, Callable[[bool, int], Any]]] = {  # name: (what it needs, how it is made)
    OURS: ("deepnet", _ours),
    "RealMLP-TD-S": ("pytabkit", _realmlp),
    "RealMLP-TD-S, 5 in CV": ("pytabkit", partial(_realmlp, ensemble=5)),
    "linear": ("sklearn", _linear),
    "scaled MLP": ("sklearn", _mlp),
    "RandomForest": ("sklearn", _forest),
    "HistGradientBoosting": ("sklearn", _boosting),
}
NOT_RANKED = ("linear", "RealMLP-TD-S, 5 in CV")


def measure(name: str, t: Table, number: int, training: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Fit a contender on one split; return its score and the seconds of the processor."""
    model = CONTENDERS[name][1](t.regression, number)
    begin = time.process_time()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(t.X.iloc[training], t.y[training])
        fitted = time.process_time()
        score = r2_score if t.regression else accuracy_score
        value = float(score(t.y[test], model.predict(t.X.iloc[test])))
    return {"score": value, "fit": fitted - begin, "predict": time.process_time() - fitted}


# --- report -------------------------------------------------------------------------------------------------


def scores(results: dict[str, Any], name: str, contender: str) -> np.ndarray | None:
    """Return the scores of all splits, or None if some are missing."""
    found = results.get(name, {}).get(contender, {})
    return np.array([entry["score"] for entry in found.values()]) if len(found) == SPLITS * REPEATS else None


def report(results: dict[str, Any]) -> str:
    """Return the table in Markdown: means and standard errors, mean ranks, and the seconds of a fit."""
    names = [c for c in CONTENDERS if any(scores(results, t, c) is not None for t in TABLES)]
    ranked = [c for c in names if c not in NOT_RANKED]
    lines = ["| table | rows | " + " | ".join(names) + " |", "| --- | ---: |" + " ---: |" * len(names)]
    ranks, seconds = list[list[float]](), list[list[float]]()
    for t in TABLES:
        found = {c: scores(results, t, c) for c in names}
        if any(found[c] is None for c in names):
            continue  # not measured, or not by all
        means = np.array([found[c].mean() for c in ranked])
        cells = []
        for c in names:
            values = found[c]
            text = f"{values.mean():.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"
            cells.append(f"**{text}**" if c in ranked and values.mean() == means.max() else text)
        lines.append(f"| {t} | {results[t]['rows']} | " + " | ".join(cells) + " |")
        ranks.append([1 + (means > m).sum() + ((means == m).sum() - 1) / 2 for m in means])
        seconds.append([np.mean([entry["fit"] for entry in results[t][c].values()]) for c in names])
    rank = dict(zip(ranked, np.mean(ranks, axis=0), strict=True)) if ranks else {}
    cells = [f"**{rank[c]:.2f}**" if c in rank else "" for c in names]
    lines.append("| **mean rank** | | " + " | ".join(cells) + " |")
    cells = [f"{value:.1f}" for value in np.mean(seconds, axis=0)] if seconds else []
    lines.append("| seconds per fit | | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing in the file of results, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("tables.json"), help="a file that is added to")
    parser.add_argument(
        "--merge", type=Path, nargs="*", default=[], help="files of results to add to it first"
    )
    parser.add_argument("--only", nargs="*", help="these contenders")
    parser.add_argument("--tables", nargs="*", help="these tables")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    parser.add_argument(
        "--splits", type=int, default=SPLITS * REPEATS, help="of the splits, the first so many"
    )
    parser.add_argument("--write", type=Path, help="the file whose table is replaced")
    parser.add_argument("--smoke", action="store_true", help="only whether it runs; stores nothing")
    options = parser.parse_args()
    if options.smoke:
        options.tables, options.splits, options.results = ["iris", "diabetes"], 1, Path(os.devnull)
    begin = time.monotonic()
    results = json.loads(options.results.read_text()) if options.results.is_file() else {}
    for path in options.merge:
        for name, entries in json.loads(path.read_text()).items():
            results.setdefault(name, {}).update(entries)
    if options.merge:
        options.results.write_text(json.dumps(results))
    for contender, (needed, _) in CONTENDERS.items():
        if options.only is not None and contender not in options.only:
            continue
        if importlib.util.find_spec(needed) is None:
            continue
        for name in options.tables or TABLES:
            t = table(name)
            found = results.setdefault(name, {"rows": len(t.y)}).setdefault(contender, {})
            for number, (training, test) in enumerate(splits(t)):
                if number >= options.splits or str(number) in found:
                    continue
                if time.monotonic() - begin > options.seconds:
                    print("stopped: run it again to go on")
                    return
                found[str(number)] = measure(contender, t, number, training, test)
                options.results.write_text(json.dumps(results))
            values = [entry["score"] for entry in found.values()]
            if values:
                print(f"{contender}, {name}: {np.mean(values):.4f}", flush=True)
    if options.smoke:
        return
    text = report(results)
    print(text)
    if options.write is not None:
        page = options.write.read_text()
        before, _, rest = page.partition(BEGIN)
        options.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
