"""All that must hold before a version goes out: what it is called, what is built of it, and what that does.

Knows the gateway only from outside, as those who install it do: by its files, its commands and its ports.
"""
