"""An outside package, really installed: the parts of `markov.py` under entry points of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "outside-parts"
version = "1.0"

[project.entry-points."dokimasia.models"]
"outside.markov" = "outside_parts.markov:MarkovText"

[project.entry-points."dokimasia.probes"]
"outside.repeats" = "outside_parts.markov:Repeats"

[project.entry-points."dokimasia.reports"]
titles = "outside_parts.markov:titles"

[project.entry-points."dokimasia.commands"]
broken = "outside_parts.missing:command"
"""


def install(folder: Path) -> Path:
    """Build the package and install it into a folder of its own; returns that folder."""
    source, target = folder / "source", folder / "site"
    (source / "outside_parts").mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "outside_parts" / "__init__.py").write_text('"""Parts from outside."""\n')
    shutil.copyfile(Path(__file__).parent / "markov.py", source / "outside_parts" / "markov.py")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(source)], check=True)
    return target


@dataclass(frozen=True)
class Command:
    """The installed command `dokimasia`, seeing the outside package, run in a folder."""

    folder: Path
    site: Path

    @property
    def arguments(self) -> dict[str, object]:
        env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{self.site}", "NO_COLOR": "1"}
        return {"cwd": self.folder, "env": env, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def __call__(self, *words: str, code: int | None = 0, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run and expect an exit code; None takes any."""
        done = subprocess.run([*self.program, *words], timeout=timeout, check=False, **self.arguments)
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start and do not wait."""
        return subprocess.Popen([*self.program, *words], **self.arguments)

    @property
    def program(self) -> list[str]:
        return [str(Path(sys.executable).with_name("dokimasia"))]
