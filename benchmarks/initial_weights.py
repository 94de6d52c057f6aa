"""Compare rules for the first weights by the test scores that they lead to, on tables.

Every rule trains the same networks on the same splits: five scikit-learn sets, two generated ones, and the
tables of the data folder (``DEEPNET_DATA``, else ``../shared/data``) if there is one. The score is accuracy,
or R2 for regression. Differences to the first rule are paired over splits. The log loss is that of the
classification tables. `Network`'s default rests on this comparison, see docs/performance.md.

    python benchmarks/initial_weights.py --splits 8
"""

import argparse
import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

import deepnet

RULES = ["he_normal", "he_uniform", "glorot_uniform", "glorot_normal", "lecun_normal", "lecun_uniform"]


def pytorch(rng, n, n_prev):
    """Draw from U(-a, a) with a = 1 / sqrt(n_prev), as torch.nn.Linear does."""
    return rng.uniform(-1, 1, (n, n_prev)) / np.sqrt(n_prev)


# rule: how the hidden layers and how the last layer are drawn
CANDIDATES = {
    **{rule: (rule, rule.replace("he_", "glorot_")) for rule in RULES},
    "PyTorch": (pytorch, pytorch),
    "he_normal, last layer 0": ("he_normal", "zeros"),
    "glorot_uniform, last layer 0": ("glorot_uniform", "zeros"),
}
# name: hidden layers, optimizer, epochs
SETTINGS = {
    "100, Adam(0.001)": ([100], deepnet.Adam(0.001), 100),
    "64-64, Adam(0.001)": ([64] * 2, deepnet.Adam(0.001), 100),
    "64-64, Adam(0.01)": ([64] * 2, deepnet.Adam(0.01), 60),
    "64-64, Momentum(0.005)": ([64] * 2, deepnet.Momentum(0.005), 60),
    "6 x 32, Adam(0.001)": ([32] * 6, deepnet.Adam(0.001), 60),
}
DEEP_SETTINGS = {
    f"{depth} x 64, {type(optimizer).__name__}": ([64] * depth, optimizer, 40)
    for depth in (6, 10, 15, 20)
    for optimizer in (deepnet.Adam(0.001), deepnet.Momentum(0.01))
}
REGRESSION = {"abalone", "auto_imports", "housing", "diabetes", "friedman1"}


def tables():
    """Return {name: (features, targets)}."""
    found = {name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("digits", "breast_cancer")}
    found |= {
        name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("wine", "iris", "diabetes")
    }
    found["friedman1"] = datasets.make_friedman1(500, noise=1, random_state=0)
    found["five classes"] = datasets.make_classification(
        1000, 20, n_informative=10, n_classes=5, random_state=0
    )
    folder = Path(os.environ.get("DEEPNET_DATA", "../shared/data")) / "tables"
    for path in sorted(folder.glob("*.csv")):
        table = pd.read_csv(
            path, header=None, skipinitialspace=True, na_values="?", sep=None, engine="python"
        )
        if path.stem == "horse-colic":  # column 24 is the target; the last four describe the outcome, too
            table = table[[*(c for c in range(24) if c not in (2, 23)), 23]]
        if path.stem == "winequality-red":
            table = table.apply(pd.to_numeric, errors="coerce").dropna()
        table = table.sample(min(len(table), 5000), random_state=0)
        target = table.pop(table.columns[-1])
        features = pd.get_dummies(table, dtype=float)
        found[path.stem] = features.fillna(features.median()).to_numpy(float), target.to_numpy()
    return found


def score(X, y, regression, rule, setting, seed):
    """Train on 70 % of the rows; return the score and the log loss (nan for regression) on the others."""
    hidden, optimizer, epochs = setting
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = np.split(order, [int(0.7 * len(y))])
    deviation = X[train].std(axis=0)
    X = ((X - X[train].mean(axis=0)) / np.where(deviation == 0, 1, deviation)).T.astype(np.float32)
    if regression:
        Y = ((y - y[train].mean()) / y[train].std())[np.newaxis].astype(float)
    else:
        Y = np.unique(y, return_inverse=True)[1]
    units, output = (1, "identity") if regression else (int(Y.max()) + 1, "softmax")
    first, last = CANDIDATES[rule]
    layers = [deepnet.Dense(n, "relu", initializer=first) for n in hidden]
    net = deepnet.Network([len(X), *layers, deepnet.Dense(units, output, initializer=last)], seed=seed)
    try:
        net.fit(X[:, train], Y[..., train], epochs=epochs, batch_size=32, optimizer=optimizer, seed=seed)
    except FloatingPointError:  # diverged: as good as the mean, or the most frequent class
        return (0.0 if regression else np.mean(Y[test] == np.bincount(Y[train]).argmax())), np.nan
    A = net.predict(X[:, test])
    if regression:
        return 1 - np.sum((A - Y[:, test]) ** 2) / np.sum((Y[:, test] - Y[:, test].mean()) ** 2), np.nan
    log_loss = -np.mean(np.log(np.maximum(A[Y[test], np.arange(len(test))], 1e-12)))
    return np.mean(A.argmax(axis=0) == Y[test]), log_loss


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=4, help="random splits of each table")
    parser.add_argument("--deep", action="store_true", help="networks of 6 to 20 layers on five tables")
    args = parser.parse_args()
    found, settings = tables(), DEEP_SETTINGS if args.deep else SETTINGS
    if args.deep:
        found = {name: found[name] for name in ("digits", "five classes", "friedman1", "diabetes", "wine")}
    results = np.empty((len(CANDIDATES), len(settings), len(found), args.splits, 2))
    cells = itertools.product(*map(enumerate, (CANDIDATES, settings.values(), found, range(args.splits))))
    for (i, rule), (j, setting), (k, name), (s, seed) in cells:
        results[i, j, k, s] = score(*found[name], name in REGRESSION, rule, setting, seed)
    scores, log_losses = np.moveaxis(results, -1, 0)
    print(f"{len(found)} tables, {args.splits} splits; 100 x (score - that of he_normal)\n")
    print("| rule |", *(f"{name} |" for name in settings), "all, standard error | log loss |")
    print("| --- |", "---: |" * (len(settings) + 2))
    for rule, gain, log_loss in zip(CANDIDATES, 100 * (scores - scores[0]), log_losses, strict=True):
        by_split = gain.mean(axis=(0, 1))
        error = by_split.std(ddof=1) / np.sqrt(args.splits) if args.splits > 1 else np.nan
        columns = (f"{x:+.2f} |" for x in gain.mean(axis=(1, 2)))
        total = f"{by_split.mean():+.2f}, {error:.2f} | {np.nanmean(log_loss - log_losses[0]):+.3f} |"
        print(f"| {rule} |", *columns, total)


if __name__ == "__main__":
    main()
