"""Chat templates are programs that came with a model: they run in a child process, and have two seconds for a prompt.

The template engine's sandbox keeps them from files and from Python, but not from looping for ever, and no signal or
thread stops a single long multiplication. A process can be killed.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from typing import Any

from audit.errors import ModelError

__all__ = ["ChatTemplate"]

SECONDS = 2.0
"""For one prompt."""
START_SECONDS = 60.0
"""For the child to import the template engine; it takes less than one on an idle machine."""


class ChatTemplate:
    """Renders a user's turn, after the system message if there is one, up to where the model's answer begins."""

    def __init__(self, template: str, tokens: Mapping[str, str], system: str | None) -> None:
        """Start the child; `tokens` are the special tokens that the template may name. Raises ModelError."""
        child = [sys.executable, "-P", str(Path(__file__).with_name("chat_child.py"))]
        self._child = subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        weakref.finalize(self, _end, self._child)
        if self._answer(START_SECONDS) != "ready":
            raise ModelError(f"chat template: its process did not start within {START_SECONDS:.0f} s")
        self._say({"template": template, "tokens": dict(tokens), "system": system})

    def render(self, prompt: str) -> str:
        """Return the text that the model is given; raises ModelError with the template's own complaint, or for time."""
        self._say(prompt)
        answer = self._answer(SECONDS)
        if answer is None:
            raise ModelError(f"chat template: not done with a prompt of {len(prompt):,} characters in {SECONDS:.0f} s")
        if "problem" in answer:
            raise ModelError(f"chat template: {answer['problem']}")
        return str(answer["text"])

    def _say(self, message: Any) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(message).encode() + b"\n")
            self._child.stdin.flush()
        except OSError:
            raise ModelError("chat template: its process has ended; open the model again") from None

    def _answer(self, seconds: float) -> Any:
        """Return the child's next line, None where it does not come in time; the child is then dead."""
        assert self._child.stdout is not None
        watchdog = Timer(seconds, self._child.kill)
        watchdog.start()
        try:
            line = self._child.stdout.readline()
        finally:
            watchdog.cancel()
        return json.loads(line) if line.endswith(b"\n") else None


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):  # what it was not told in its life it need not know
            pipe.close()  # type: ignore[union-attr]
