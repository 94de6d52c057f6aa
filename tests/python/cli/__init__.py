"""Tests of the command: a package, since its fixtures have a conftest.py of their own."""
