"""The child process in which a tokenizer's chat template runs; started by `audit.models.text.chat`, never imported.

in:   {"template": ..., "tokens": {...}, "system": ...}, then a JSON string a line: a prompt
out:  "ready", then a line an answer: {"text": rendered} or {"problem": why not}
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import datetime, tzinfo
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

MEMORY = 512 << 20
"""Bytes that a template may take beyond what the process has when it is ready."""
LONGEST = 1_000_000
"""Characters that a template may add to a prompt."""


class _Stopped(datetime):
    """A clock that stands still: some templates write today's date, and an audit must come out the same tomorrow."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _Stopped:
        """Return the date that templates fall back on where they are given no clock."""
        return cls(2024, 7, 26, tzinfo=tz)


def _templates() -> Any:
    """Return the module of transformers that renders templates, with what it imports and nothing else.

    Packages begin with an import of all else that they have, two thirds of a second here: these two never begin, unless
    a release has the module need what they begin with.
    """
    module = "transformers.utils.chat_template_utils"
    for package in ("transformers", "transformers.utils"):
        if (spec := find_spec(package)) is not None:
            sys.modules[package] = module_from_spec(spec)
    with suppress(ImportError, AttributeError):
        return import_module(module)
    for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
        del sys.modules[name]
    return import_module(module)


def _main() -> None:
    chat_template_utils = _templates()
    chat_template_utils.datetime = _Stopped
    _limit_memory()
    print(json.dumps("ready"), flush=True)
    setup = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        try:
            answer = {"text": _render(chat_template_utils.render_jinja_template, setup, json.loads(line))}
        except Exception as error:
            answer = {"problem": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answer), flush=True)


def _limit_memory() -> None:
    """Limit the address space where the system tells how much is taken."""
    with suppress(ImportError, OSError):
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _render(render: Any, setup: dict[str, Any], prompt: str) -> str:
    messages = [{"role": "user", "content": prompt}]
    if setup["system"] is not None:
        messages.insert(0, {"role": "system", "content": setup["system"]})
    (text,), _ = render([messages], chat_template=setup["template"], add_generation_prompt=True, **setup["tokens"])
    if len(text) > len(prompt) + len(setup["system"] or "") + LONGEST:
        raise ValueError(f"{len(text):,} characters; a template may add {LONGEST:,}")
    return str(text)


if __name__ == "__main__":
    _main()
