"""The pages under docs are made from the sources, and are those of today."""

import os
import re
import subprocess
import sys

import pytest
from dashboard_fixtures import make_pictures, make_second
from needs import ROOT, needs_chromium
from PIL import Image


def test_the_pages_are_current():
    done = subprocess.run([sys.executable, ROOT / "docs" / "build.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "current\n"), f"{done.stdout}{done.stderr}: run python docs/build.py"


@pytest.mark.slow
def test_the_readmes_pictures_can_be_made_and_are_small(tmp_path):
    """By their script, from other audits than those that are here."""
    needs_chromium()
    make_pictures(tmp_path / "audits")
    make_second(tmp_path / "audits")
    subprocess.run([sys.executable, ROOT / "docs" / "pictures.py", tmp_path / "audits", tmp_path], check=True)
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in ("list.png", "decision.png", "finding.png"):
        assert f"](docs/{name})" in readme
        for path in (tmp_path / name, ROOT / "docs" / name):
            assert path.stat().st_size < 300_000
            with Image.open(path) as picture:
                assert picture.size == (1920, 1200)
                assert len(picture.convert("RGB").getcolors(1 << 16)) > 20, "a screen, not an empty page"


def test_the_own_parts_of_the_page_can_be_pasted(tmp_path):
    """All blocks of Python in a row, as a notebook runs them; what the page says they print is what they print."""
    page = (ROOT / "docs" / "own-parts.md").read_text("utf-8")
    (tmp_path / "pasted.py").write_text("\n\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.S)), "utf-8")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    run = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": path}, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "pasted.py"], **run)
    assert done.returncode == 0, done.stderr
    told = re.search(r"```\n\n((?:    .*\n)+)", page)[1]
    for promised, printed in zip(told.splitlines(), done.stdout.splitlines(), strict=False):
        assert printed.startswith(promised.strip().removesuffix("..."))
    report = tmp_path / done.stdout.splitlines()[-1].split("'")[1]
    assert report.read_text("utf-8").startswith("<!DOCTYPE html>")
