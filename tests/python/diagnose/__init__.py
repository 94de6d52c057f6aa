"""Tests of deepnet.diagnose."""
