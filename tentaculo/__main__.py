"""`python -m tentaculo`, the same as the command `tentaculo`."""

from __future__ import annotations

from tentaculo.cli import main

if __name__ == "__main__":
    main()
