"""Real clients of others, each through a real gateway to a real server."""
