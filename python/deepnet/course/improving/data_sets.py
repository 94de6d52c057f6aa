"""The data sets of the second course: two of scikit-learn's generators, spirals, football and cats.

They have the course's values. Unlike the course's functions, these plot nothing and do not reseed NumPy's
global generator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deepnet._extras import needs
from deepnet._numbers import real
from deepnet.activations import Array
from deepnet.caches import Real, Whole

from .seeding import seeded


def load_circles() -> tuple[Array, Array, Array, Array]:
    """The circles of the notebook on initialisation: 300 points to train with and 100 to test with.

    Returns
    -------
    train_X, train_Y, test_X, test_Y : ndarray
        Points as float64 (2, m), labels as integers (1, m).

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Notes
    -----
    ``make_circles`` with noise 0.05, seeds 1 and 2. pylessons draws its circles without a seed.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> train_X, train_Y, test_X, test_Y = load_circles()
    >>> train_X.shape, test_Y.shape
    ((2, 300), (1, 100))
    """
    with needs("data", "load_dataset"):
        from sklearn.datasets import make_circles
    (train_x, train_y), (test_x, test_y) = (
        make_circles(n_samples=m, noise=0.05, random_state=seed) for m, seed in ((300, 1), (100, 2))
    )
    return train_x.T, train_y.reshape(1, -1), test_x.T, test_y.reshape(1, -1)


def load_moons() -> tuple[Array, Array]:
    """The moons of the notebook on optimisation: 300 points.

    Returns
    -------
    train_X, train_Y : ndarray
        Points as float64 (2, 300), labels as integers (1, 300).

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Notes
    -----
    ``make_moons`` with noise 0.2 and seed 3.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> train_X, train_Y = load_moons()
    >>> train_X.shape, int(train_Y.sum())
    ((2, 300), 150)
    """
    with needs("data", "load_dataset"):
        from sklearn.datasets import make_moons
    x, y = make_moons(n_samples=300, noise=0.2, random_state=3)
    return x.T, y.reshape(1, -1)


def load_planar_dataset(randomness: Real, seed: Whole) -> tuple[Array, Array]:
    """Two spirals of 25 points each.

    Parameters
    ----------
    randomness : float
        Standard deviation of the noise along the radius.
    seed : int
        Draws the numbers that ``np.random.seed(seed)`` gives, without touching NumPy's global state.

    Returns
    -------
    X : ndarray of float64, shape (2, 50)
    Y : ndarray of uint8, shape (1, 50)

    Notes
    -----
    Radius 0.3 t^2 for t from 0 to 12.566, and 0.2 t^2 for t from 1 to 12.566. The course's `reg_utils`
    defines two functions of this name; this is the second, which replaces the first.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, Y = load_planar_dataset(0.0, seed=1)
    >>> X.shape, int(Y.sum())
    ((2, 50), 25)
    """
    noise = real("randomness", randomness, low=0)
    random = seeded(seed)
    arms = []
    for start, growth in ((0, 0.3), (1, 0.2)):
        t = np.linspace(start, 4 * 3.1415, 25)
        r = growth * t**2 + random.randn(25) * noise
        arms.append(np.vstack([r * np.cos(t), r * np.sin(t)]))
    return np.hstack(arms), np.repeat(np.array([[0, 1]], np.uint8), 25, axis=1)


def load_2D_dataset(path: str | Path = "datasets/data.mat") -> tuple[Array, Array, Array, Array]:
    """Read the football data of the notebook on regularisation: where players of two teams headed the ball.

    Parameters
    ----------
    path : path
        The course's ``data.mat``, or an ``.npz`` file that holds ``train_X``, ``train_Y``, ``test_X`` and
        ``test_Y``. Neither is part of deepnet.

    Returns
    -------
    train_X, train_Y, test_X, test_Y : ndarray
        Points as floats (2, m), labels as integers (1, m); in the course 211 and 200 of them.

    Raises
    ------
    FileNotFoundError
        If the file is missing; the message names it.
    ValueError
        If it lacks an array, for example ``data.mat lacks 'Xval'``.
    ImportError
        If scipy is not installed and the file is a ``.mat``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: load_2D_dataset reads the course's data.mat, which is not part of "
            "deepnet; name it with load_2D_dataset(path)"
        )
    if path.suffix == ".npz":
        with np.load(path) as data:
            train_X, train_Y, test_X, test_Y = _entries(
                path, dict(data), ("train_X", "train_Y", "test_X", "test_Y")
            )
        return train_X, train_Y, test_X, test_Y
    with needs("data", "load_2D_dataset"):
        from scipy.io import loadmat
    X, y, Xval, yval = _entries(path, loadmat(path), ("X", "y", "Xval", "yval"))
    return X.T, y.T, Xval.T, yval.T


def _entries(path: Path, data: dict[str, Any], names: tuple[str, ...]) -> list[Array]:
    missing = [repr(name) for name in names if name not in data]
    if missing:
        raise ValueError(f"{path.name} lacks {', '.join(missing)}")
    return [data[name] for name in names]


def load_cat_dataset(folder: str | Path = "datasets") -> tuple[Array, Array, Array, Array, Array]:
    """Read the course's cat images as columns of numbers in [0, 1].

    Parameters
    ----------
    folder : path
        Where ``train_catvnoncat.h5`` and ``test_catvnoncat.h5`` are. They are not part of deepnet.

    Returns
    -------
    train_set_x, train_set_y, test_set_x, test_set_y, classes : ndarray
        Images as float64 (12288, m), labels as integers (1, m), names of the classes as bytes.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message names it.
    ImportError
        If h5py is not installed.

    Notes
    -----
    :func:`deepnet.course.dnn_app_utils.load_data` returns the images themselves.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.
    """
    from deepnet.course.dnn_app_utils import load_data

    train_x, train_y, test_x, test_y, classes = load_data(folder)
    columns = [images.reshape(len(images), -1).T / 255 for images in (train_x, test_x)]
    return columns[0], train_y, columns[1], test_y, classes
