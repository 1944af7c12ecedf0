"""What some tests need beside Python packages: its path where present, otherwise a skip with the reason.

Under `CI=true` an absent part fails the test instead, so that nothing goes unnoticed. Run as a script, it prints the
Debian packages that are missing; `make test` installs those.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[1]


def needs_chromium() -> str:
    """Path of Debian's browser, for Playwright's `executable_path`."""
    return _present("chromium")


def needs_korean_font() -> str:
    """Path of a font file that has the Hangul glyphs."""
    return _present("fonts-nanum")


def needs_systemd() -> str:
    """Path of the program that reads units as systemd does."""
    return _present("systemd")


def needs_library(name: str) -> ModuleType:
    """The module of a library of which ours does without, and which our extra `dev` brings."""
    try:
        return import_module(name)
    except ImportError:
        _absent(f"{name} is not installed; our extra `dev` brings it")


def needs_pango() -> None:
    """The libraries that lay out and embed the text of a PDF; WeasyPrint opens them by name."""
    for package in PANGO:
        _present(package)


def needs_postgresql() -> Path:
    """Folder of the programs of a PostgreSQL server; the driver comes with our extra `postgres`."""
    return Path(_present("postgresql"))


def needs_data(name: str) -> Path:
    """Path of a published data set, in a folder beside this checkout; tests with it are marked `shared`."""
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    return path


def needs_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built once for all workers, by the build tool that is installed for the tests."""
    from once import once

    folder = once(tmp_path_factory, "wheel", lambda folder: _pip(
        "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT))
    return next(folder.glob("dokimasia-*.whl"))


def needs_download(requirement: str, folder: Path) -> Path:
    """The wheel of somebody else's distribution, fetched by pip from whatever index it is set up for."""
    _pip("download", "--no-deps", "--dest", folder, requirement)
    return next(folder.glob(f"{requirement}-*.whl"))


def _chromium() -> str | None:
    return shutil.which("chromium")


def _korean_font() -> str | None:
    return next(map(str, Path("/usr/share/fonts").rglob("Nanum*.ttf")), None)


def _systemd() -> str | None:
    return shutil.which("systemd-analyze")


def _postgresql() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(found[-1].parent) if found and find_spec("psycopg") else None


PANGO = {
    "libpango-1.0-0": lambda: find_library("pango-1.0"),
    "libpangoft2-1.0-0": lambda: find_library("pangoft2-1.0"),
    "libharfbuzz-subset0": lambda: find_library("harfbuzz-subset"),
}
PARTS = {
    "chromium": _chromium, "fonts-nanum": _korean_font, "postgresql": _postgresql, "systemd": _systemd, **PANGO,
}
"""Debian package -> where what we use of it lies, or None."""


def _present(package: str) -> str:
    return PARTS[package]() or _absent(f"{package} is not installed; as root, `make test` does it")


def _pip(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True)
    if "No matching distribution found" in done.stderr:
        _absent("pip reaches no package index")
    assert done.returncode == 0, done.stderr


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


if __name__ == "__main__":
    print(*(package for package, find in PARTS.items() if not find()))
