"""The wheel holds the four packages and the pytest plug-in, nothing else, and every part announced opens from it."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from needs import ROOT, needs_wheel

PACKAGES = {"audit", "dashboard", "detectors", "reports"}
PLUG_IN = "pytest_dokimasia.py"
"""Imported by every pytest run of an environment, so it stands outside the packages and imports none of them."""
HEAVY = {"torch", "transformers", "sklearn", "scipy", "pandas", "streamlit"}
OPEN_ALL = """
import importlib.metadata, sys
for entry in importlib.metadata.distribution("dokimasia").entry_points:
    part = entry.load()
    print(entry.group, entry.name, sys.modules[entry.module].__file__, callable(part))
print("heavy", *sorted(set(sys.modules) & set(sys.argv[1:])))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return needs_wheel(tmp_path_factory)


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture(scope="module")
def distribution(unpacked: Path) -> importlib.metadata.Distribution:
    (found,) = importlib.metadata.distributions(path=[str(unpacked)])
    return found


def test_it_holds_the_four_packages_whole_and_the_plug_in_and_nothing_else(unpacked, distribution):
    about = f"dokimasia-{distribution.version}.dist-info"
    assert {entry.name for entry in unpacked.iterdir()} == {*PACKAGES, PLUG_IN, about}
    assert (unpacked / PLUG_IN).read_bytes() == (ROOT / PLUG_IN).read_bytes()
    for package in PACKAGES:
        assert _files(unpacked / package) == _files(ROOT / package)
        assert "py.typed" in _files(unpacked / package)


@pytest.mark.parametrize("folder", ["audit/data/sets", "reports/text/locale", "reports/templates"])
def test_data_travel_with_the_code(unpacked, folder):
    assert _files(unpacked / folder), f"{folder} is empty in the wheel"


def test_metadata(distribution):
    said = distribution.metadata
    assert (said["Name"], said["License-Expression"], said["Requires-Python"]) == ("dokimasia", "Apache-2.0", ">=3.11")
    assert "Apache License" in (distribution.read_text("licenses/LICENSE") or "")
    assert (said["Description-Content-Type"], said.get_payload().strip()) == (
        "text/markdown",
        (ROOT / "README.md").read_text("utf-8").strip(),
    )


NO_CALLS = ("pytest11", "dokimasia.figures", "dokimasia.frameworks", "dokimasia.importers", "dokimasia.sentences")
"""Entry points that name a module, and objects that hold what is called."""


def test_every_announced_part_opens_from_the_wheel_and_is_light(unpacked, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    announced = {(group, name) for group, parts in project["entry-points"].items() for name in parts}
    announced |= {("console_scripts", name) for name in project["scripts"]}

    done = subprocess.run(
        [sys.executable, "-c", OPEN_ALL, *HEAVY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *opened, heavy = [line.split(" ") for line in done.stdout.splitlines()]
    assert {(group, name) for group, name, _, _ in opened} == announced
    assert all(Path(file).is_relative_to(unpacked) for _, _, file, _ in opened)
    assert all(is_callable == "True" for group, *_, is_callable in opened if group not in NO_CALLS)
    assert heavy == ["heavy"]


def _files(folder: Path) -> set[str]:
    """Paths of all files under the folder, relative to it, without byte code."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
