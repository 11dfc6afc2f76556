"""Everything at once for as long as one likes: calls, streams, tokens, reloads and upstream restarts.

Knows the gateway only from outside, by its command line, its YAML, its ports and what the system tells.
"""
