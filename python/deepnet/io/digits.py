"""The data set of the demo: 1,797 handwritten digits of 8 x 8 pixels, which scikit-learn ships."""

import numpy as np

from deepnet._extras import needs
from deepnet.io.dataset import Dataset, hold_out


def load_digits(*, seed: int = 1) -> Dataset:
    """Handwritten digits from scikit-learn, a fifth of them held out.

    Parameters
    ----------
    seed : int
        Chooses which images are held out.

    Returns
    -------
    Dataset
        Images of shape (8, 8) with values 0 to 16; ten classes.

    Raises
    ------
    ValueError
        For example ``seed is -1, but must be 0 or more``.
    ImportError
        If scikit-learn is not installed.

    Notes
    -----
    Source: E. Alpaydin and C. Kaynak, *Optical recognition of handwritten digits*, UCI Machine Learning
    Repository, 1998; the part that scikit-learn has is its test set.

    Examples
    --------
    >>> digits = load_digits()
    >>> digits.train_x.shape, digits.test_x.shape
    ((1438, 8, 8), (359, 8, 8))
    """
    with needs("data", "the digits data set"):
        from sklearn import datasets
    bunch = datasets.load_digits()
    images, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.intp)
    train, test = hold_out(labels, seed=seed)
    classes = tuple(str(name) for name in bunch.target_names)
    return Dataset(images[train], labels[train], images[test], labels[test], classes, scale=16.0)
