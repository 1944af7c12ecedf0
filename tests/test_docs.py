"""The pages under docs are made from the sources, and are those of today."""

import subprocess
import sys

from needs import ROOT


def test_the_pages_are_current():
    done = subprocess.run([sys.executable, ROOT / "docs" / "build.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "current\n"), f"{done.stdout}{done.stderr}: run python docs/build.py"
