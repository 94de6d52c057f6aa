"""What every example in the documentation can use, and which pages take long to run."""

import numpy as np
import pytest

import deepnet

SLOW_PAGES = {"tables.md", "from_scikit_learn.md"}


@pytest.fixture(autouse=True)
def _names_for_examples(doctest_namespace):
    doctest_namespace["np"] = np
    doctest_namespace["deepnet"] = deepnet


def pytest_collection_modifyitems(items):
    """Mark the pages that take seconds, since no mark can be written in them."""
    for item in items:
        if item.path.name in SLOW_PAGES:
            item.add_marker(pytest.mark.slow)
