"""An outside package, really installed: the parts of `markov.py` and `letters.py` under entry points of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from law import LAW
from warm import COMMAND

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
letters = "outside_parts.letters:Letters"

[project.entry-points."dokimasia.data"]
"letters.starts" = "outside_parts.letters:Starts"

[project.entry-points."dokimasia.importers"]
marks = "outside_parts.letters:MARKS"

[project.entry-points."dokimasia.probes"]
"outside.repeats" = "outside_parts.markov:Repeats"
"order.successors" = "outside_parts.letters:Order"

[project.entry-points."dokimasia.procedures"]
"letters.successions" = "outside_parts.letters:SUCCESSIONS"

[project.entry-points."dokimasia.trainers"]
"letters.counting" = "outside_parts.letters:Counting"

[project.entry-points."dokimasia.watermarks"]
"letters.successors" = "outside_parts.letters:Successors"

[project.entry-points."dokimasia.image_marks"]
"letters.corner" = "outside_parts.letters:Corner"

[project.entry-points."dokimasia.audio_marks"]
"letters.steps" = "outside_parts.letters:Steps"

[project.entry-points."dokimasia.video_marks"]
"letters.fades" = "outside_parts.letters:Fades"

[project.entry-points."dokimasia.reports"]
titles = "outside_parts.markov:titles"
letters = "outside_parts.letters:render_letters"

[project.entry-points."dokimasia.figures"]
"order.successors" = "outside_parts.letters:FIGURE"

[project.entry-points."dokimasia.comparisons"]
letters = "outside_parts.letters:render_letters_compared"

[project.entry-points."dokimasia.commands"]
broken = "outside_parts.missing:command"
count-audits = "outside_parts.letters:count_audits"

[project.entry-points."dokimasia.words"]
outside = "outside_parts.words"

[project.entry-points."dokimasia.frameworks"]
toy-law = "outside_parts.words"
"""
WORDS = {
    "en": {
        "letters": {"heading": "Letters: {title}", "compared": "Compared: {word}", "drawn": "At most {most}"},
        "dimension": {"order": "Order"},
        "gloss": {"order.successors:successor_share": "How often a letter is followed by the next one."},
        "meaning": {"order.successors:successor_share": "In {of} a letter is followed by the next one"},
        "count_of": {"order.successors items": {"one": "{count} word", "other": "{count} words"}},
    },
    "ko": {
        "gloss": {"order.successors:successor_share": "한 글자 뒤에 다음 글자가 오는 비율입니다."},
        "meaning": {"order.successors:successor_share": "{of}에서 한 글자 뒤에 다음 글자가 옵니다"},
        "count_of": {"order.successors items": "낱말 {count}개"},
        "letters": {"heading": "글자 보고서: {title}", "compared": "비교 결과: {word}", "drawn": "최대 {most}개"},
        "dimension": {"order": "순서"},
        "probe": {"order.successors": "다음 글자"},
        "measure": {"successor_share": "다음 글자 비율"},
        "column": {"successors": "다음 글자 수", "pairs": "이웃한 쌍"},
        "family": {"letters": "글자 모델"},
        "ability": {"letters.successions": "다음 글자 세기"},
        "cause": {"its letters have no order": "글자에 순서가 없음"},
        "verdict": {"failed": "합격"},  # ours stays
    },
}
"""Catalogues of the package."""


def install(folder: Path) -> Path:
    """Build the package and install it into a folder of its own; returns that folder."""
    source, target = folder / "source", folder / "site"
    (source / "outside_parts").mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "outside_parts" / "__init__.py").write_text('"""Parts from outside."""\n')
    for name in ("markov.py", "letters.py"):
        shutil.copyfile(Path(__file__).parent / name, source / "outside_parts" / name)
    (source / "outside_parts" / "words").mkdir()
    (source / "outside_parts" / "words" / "__init__.py").write_text('"""Words of the parts from outside."""\n')
    for lang, catalogue in WORDS.items():
        (source / "outside_parts" / "words" / f"{lang}.json").write_text(json.dumps(catalogue), "utf-8")
    (source / "outside_parts" / "words" / "toy-law.yaml").write_text(LAW, "utf-8")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(source)], check=True)
    return target


def seeing(site: Path) -> str:
    """The PYTHONPATH under which the command is ours and sees the package that is installed there."""
    return os.pathsep.join([str(ROOT), str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)


@dataclass(frozen=True)
class Command:
    """The installed command `dokimasia`, seeing the outside package, run in a folder."""

    folder: Path
    site: Path
    program: Path = COMMAND
    """What is run, and waited for; one of `warm` is sooner there."""

    @property
    def arguments(self) -> dict[str, object]:
        env = {**os.environ, "PYTHONPATH": seeing(self.site), "NO_COLOR": "1"}
        return {"cwd": self.folder, "env": env, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def __call__(self, *words: str, code: int | None = 0, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run and expect an exit code; None takes any."""
        done = subprocess.run([self.program, *words], timeout=timeout, check=False, **self.arguments)
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start and do not wait; it hears an interrupt also where the tests themselves run in the background."""
        hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen([self.program, *words], preexec_fn=hears, **self.arguments)
