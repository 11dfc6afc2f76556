"""The pages make a site: no link leads nowhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.pages import PAGES, ROOT

# What a browser fetches by itself.
_FETCHED = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(\S+?)["'\s>]|<link\b[^>]*>""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as scripts/docs does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    """Each page is one of the site."""
    assert {page.stem for page in PAGES} <= {page.stem for page in site.glob("*.html")}


def test_nothing_comes_from_elsewhere(site: Path) -> None:
    """Scripts, styles, fonts and images are the site's own."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = [found.group() for found in _FETCHED.finditer(text)]
        assert len(fetched) > 3
        assert [tag for tag in fetched if "//" in tag and 'rel="canonical"' not in tag] == []
    for style in site.rglob("*.css"):
        assert re.findall(r"url\(['\"]?(?:https?:)?//|@import", style.read_text(encoding="utf-8")) == []


def test_braces_are_kept(site: Path) -> None:
    """What stands in braces is text, and no attribute of anything."""
    assert "<code>{name}</code>" in (site / "configuration.html").read_text(encoding="utf-8")
