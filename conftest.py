"""The names that every example in the documentation can use."""

import numpy as np
import pytest

import deepnet


@pytest.fixture(autouse=True)
def _names_for_examples(doctest_namespace):
    doctest_namespace["np"] = np
    doctest_namespace["deepnet"] = deepnet
