"""Runs in a container of the stack: asks URLs, and prints a line for each that does not answer 200."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def main() -> None:
    """Ask the URLs that are given as arguments."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for url in sys.argv[1:]:
        try:
            with opener.open(url, timeout=5) as answer:
                status = answer.status
        except urllib.error.HTTPError as refusal:
            status = refusal.code
        except OSError as fault:
            status = type(fault).__name__
        if status != 200:
            print(f"GET {url} is answered {status}, not 200")


main()
