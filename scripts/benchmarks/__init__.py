"""Benchmarks of the gateway beside its peers, measured in one run on one machine.

Knows the gateway only from outside, by its command line, its YAML and its ports; all but `token_steps`,
which measures single steps within it.
"""
