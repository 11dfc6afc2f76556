"""Puts new images in the place of those that run, one service after another, without a call that fails.

Knows the stack from outside, as its operator does: by compose, the engine, and what the gateway answers.
"""
