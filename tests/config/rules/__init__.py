"""Tests of `tentaculo.config.rules`."""
