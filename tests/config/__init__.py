"""Tests of `tentaculo.config`."""
