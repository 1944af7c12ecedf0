"""Every file that Dokimasia reads, mutated at random, through its commands: one line, a documented exit code, always.

    python benchmarks/fuzz.py --minutes 30 --seed 1

A small audit is run, reviewed, sealed and exported. Then, over and over, one of its files is changed (bytes, values of
JSON, words of YAML, and hostile values among them) and a command reads it, in this process. Found is: a traceback, an
internal error, an exit code that the command does not document, a control character or a log command on the terminal.
What was found is printed with the seed that makes it again; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from audit.cli.app import execute

__all__ = ["TARGETS", "make_site", "problem_of"]

PLAN = """\
title: Fuzz
model: {use: table, path: outputs.jsonl, prompt: prompt, output: output}
checks:
  - name: facts
    probe: {use: factuality.closed_book, mode: generate}
    data: {use: file, path: facts.jsonl}
    limit: {measure: accuracy, at_least: 0.5}
  - name: free
    probe: {use: factuality.closed_book, mode: generate}
    data: {use: file, path: facts.csv, list_separator: ";"}
"""
POLICY = """\
title: Gate
limits: [{check: facts, measure: accuracy, at_least: 0.4}]
required: {dimensions: [factuality], checks: [facts]}
waivers: {by: [Kim], longest_days: 90}
approval: one_person
level: 0.9
max_age_days: 9000
forbid: [crashed]
"""
HOSTILE: tuple[Any, ...] = (
    None, "", True, -1, 0, 1.5, 2**63, -(2**70), 1e308, float("nan"), float("inf"), "\x1b[2J\x1b[H", "::error::x",
    "\u202eabc\u2066", "\ud800", "a" * 5000, "a\0b", "../../x", "/dev/null", [], {}, [None],
    {"a": {"b": [1]}}, [[[[[[1]]]]]],
)
WORDS = (
    '!!int ""', "!!bool maybe", "!!timestamp x", "!!binary AAAA", "!!set {a}", "&a x", "*a", "1:59:59", "-1", "0", "[]",
    f"0x{'f' * 5000}", "9223372036854775808", ".nan", ".inf", "1e999", "''", '"\\e[2J"', '"\\u202e"', '"::error::x"',
    "{}", "? [a]\n: b", "|\n  x", "null", "true", "2001-99-99", "- - - -", "[" * 40, '"\\0"', "file", "endpoint", "vae",
    "/dev/zero",
)
_PIECES = (b"\0", b"\x1b[2J", b"\xff\xfe", b"[" * 2000, b"\r", b"\n::error::x\n", b"9" * 5000, b'"')
_TOKEN = re.compile(r"[A-Za-z_.0-9]+|[\[\]{}:,-]")


def make_site(folder: Path) -> Path:
    """Make an audit with all that can lie in it, and what it was made from; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"question": f"Q{at}?", "aliases": [f"a{at}"]} for at in range(40)]
    (folder / "facts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "facts.csv").write_text("question,aliases\n" + "".join(f"Q{at}?,a{at};b\n" for at in range(40)))
    answers = ({"prompt": form.format(f"Q{at}?"), "output": f"a{at}"} for at in range(40) for form in FORMS)
    (folder / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    (folder / "plan.yaml").write_text(PLAN)
    (folder / "policy.yaml").write_text(POLICY)
    with contextlib.chdir(folder):
        for words in (["run", "plan.yaml", "--quiet"], ["keygen", "key"]):
            code, told = _executed(words)
            if code not in (0, 1, 3):
                raise SystemExit(f"{words}: exit {code}\n{told}")
        name = next(Path("audits").glob("*/record.json")).parent.name
        for words in (
            ["review", name, "--author", "Kim", "--ask", "--comment", "x", "--key", "key"],
            ["review", name, "--author", "Lee", "--approve"],
            ["review", name, "--author", "Lee", "--rate", "high", "--check", "facts"],
            ["seal", name, "--author", "Kim", "--key", "key"], ["export", name, "--out", "audit.zip"],
        ):
            code, told = _executed(words)
            if code:
                raise SystemExit(f"{words}: exit {code}\n{told}")
        Path("audits", name).rename("audits/a")
    return folder


FORMS = ("{}", "Question: {}\nAnswer:")
"""How probes put a question to a model."""
_READ = [
    ["verify", "a"], ["verify", "a", "--recompute"], ["judge", "a", "--policy", "policy.yaml"],
    *(["judge", "a", "--format", one] for one in ("json", "junit", "summary", "sarif")),
    *(["report", "a", "--format", one] for one in ("json", "html", "markdown", "junit", "sarif")),
    ["report", "a", "--format", "summary", "--lang", "ko"], ["review", "a"], ["review", "a", "--list"],
    ["review", "a", "--comment", "y", "--author", "Kim"], ["compare", "a", "a"], ["index"], ["run", "plan.yaml"],
    ["seal", "a", "--again", "--key", "key"], ["export", "a", "--out", "again.zip"],
]
_PLAN = [
    ["check-plan", "plan.yaml"], ["run", "plan.yaml"], ["run", "plan.yaml", "--dry-run"], ["plan-size", "plan.yaml"],
    ["check-plan", "plan.yaml", "--confined"], ["run", "plan.yaml", "--json", "--limit", "3"],
]
_DATA = [["run", "plan.yaml", "--into", "new"], ["run", "plan.yaml", "--dry-run"]]
TARGETS: dict[str, list[list[str]]] = {
    "plan.yaml": _PLAN,
    "policy.yaml": [["judge", "a", "--policy", "policy.yaml", "--format", one] for one in ("text", "sarif", "summary")],
    "facts.jsonl": _DATA, "facts.csv": _DATA, "outputs.jsonl": _DATA, "facts.parquet": _DATA,
    "audit.zip": [["verify", "audit.zip"], ["import", "audit.zip", "--into", "new"]],
    "key": [["seal", "a", "--again", "--key", "key"]],
    "key.pub": [["verify", "a", "--public", "key.pub"]],
    "audits/plans.jsonl": [["run", "plan.yaml"], ["run", "plan.yaml", "--fresh"]],
    **{f"audits/a/{name}": _READ for name in (
        "record.json", "run.json", "plan.json", "plan.yaml", "reviews.jsonl", "seal.json", "deviations.json",
        "identity.json",        "items/facts.parquet", "observations/facts.items.parquet",
    )},
    "audits/a/journal.jsonl": [["run", "plan.yaml"], ["run", "plan.yaml", "--fresh"], ["verify", "a"]],
    "photos/a.png": [["image"]],
    "config.json": [["config"]],
}
_VERDICTS = {"run", "judge", "compare"}
"""Commands whose exit code can be 1 or 3."""


def problem_of(site: Path, scratch: Path, target: str, seed: int) -> str | None:
    """Change `target` in a copy of the site as the seed says, run one command on it, and return what went wrong."""
    rng = random.Random(seed)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(site, scratch)
    with contextlib.chdir(scratch):
        _prepare(target)
        words = rng.choice(TARGETS[target])
        path = Path(target)
        before = path.read_bytes() if path.is_file() else b""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutated(target, before, rng))
        begun = time.monotonic()
        code, told = _executed(words)
    took = time.monotonic() - begun
    what = _wrong(words[0], code, told) or (f"took {took:.0f} s" if took > 60 else None)
    return None if what is None else f"{target}, seed {seed}, {' '.join(words)}: {what}\n{told[-1500:]!r}"


def _prepare(target: str) -> None:
    """Make what only this target needs."""
    if target == "facts.parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [json.loads(line) for line in Path("facts.jsonl").read_text().splitlines()]
        pq.write_table(pa.Table.from_pylist(rows), "facts.parquet")
        Path("plan.yaml").write_text(PLAN.replace("facts.jsonl", "facts.parquet"))
    elif target == "photos/a.png":
        from PIL import Image

        Path("photos").mkdir()
        Image.effect_noise((9, 7), 50).save("photos/a.png")
    elif target == "config.json":
        Path("config.json").write_text(json.dumps({"family": "vae", "network": {"size": [8, 8], "hidden": 4}}))


def _wrong(command: str, code: int, told: str) -> str | None:
    allowed = {0, 2, 4, 5, *({1, 3} if command in _VERDICTS else set())}
    if code not in allowed:
        return f"exit code {code}"
    if "Traceback" in told or "internal error" in told:
        return "internal error"
    if any(unicodedata.category(char)[0] == "C" for char in told.replace("\n", "")):
        return "control character"
    if any(line.lstrip().startswith("::") for line in told.splitlines()):
        return "log command"
    return None


def _executed(words: list[str]) -> tuple[int, str]:
    """Return exit code and all that was printed."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = _DIRECT[words[0]]() if words[0] in _DIRECT else execute(words)
    out.flush()
    return code, out.buffer.getvalue().decode("utf-8", "surrogateescape")  # type: ignore[attr-defined]


def _direct(read: Callable[[], object]) -> Callable[[], int]:
    """Return a command of ours around a reader that no command reaches without torch."""
    from audit.errors import DokimasiaError

    def command() -> int:
        try:
            read()
        except DokimasiaError as error:
            return error.exit_code
        except Exception as error:
            print(f"Traceback: {type(error).__name__}: {error}")
        return 0

    return command


def _image() -> object:
    from audit.data.images import ImageFolder
    from audit.probe import Role

    return list(ImageFolder(Path("photos")).batches(Role({"image": "an image"})))


def _config() -> object:
    from audit.models.folder import read_json

    return read_json(Path("config.json"))


_DIRECT = {"image": _direct(_image), "config": _direct(_config)}


def mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    """Return other content for a file of this name."""
    if rng.random() < 0.25:
        return _bytes(data, rng)
    if name.endswith(".yaml"):
        return _yaml(data.decode(), rng).encode("utf-8", "surrogatepass")
    if name.endswith((".json", ".jsonl")):
        return _lines(data, rng, whole=name.endswith(".json"))
    return _bytes(data, rng)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    kept = bytearray(data or b"x")
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(kept) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(kept):
            kept[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del kept[at:]
        elif kind == 2:
            kept[at:at] = rng.choice(_PIECES)
        elif kind == 3:
            kept[at:at] = kept[at : at + rng.randrange(60)]
        elif kind == 4:
            del kept[at : at + rng.randrange(60)]
        else:
            kept[at : at + 4] = rng.randbytes(4)
        kept = kept or bytearray(b"x")
    return bytes(kept)


def _yaml(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        found = list(_TOKEN.finditer(text))
        one = rng.choice(found) if found else None
        start, end = (one.start(), one.end()) if one else (0, 0)
        text = text[:start] + rng.choice([*WORDS, *map(str, HOSTILE[:13])]) + text[rng.choice([start, end]) :]
    return text


def _lines(data: bytes, rng: random.Random, *, whole: bool) -> bytes:
    """Return JSON (lines) in which one value, key or line became another."""
    lines = [data] if whole else data.splitlines()
    at = rng.randrange(len(lines)) if lines else 0
    try:
        value = json.loads(lines[at]) if lines else {}
    except ValueError:
        return _bytes(data, rng)
    for _ in range(rng.choice([1, 1, 1, 3])):
        value = _changed(value, rng)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5, sort_keys=True, separators=(",", ":"))
    made = text.encode("utf-8", "surrogatepass")
    return b"\n".join([*lines[:at], made, *lines[at + 1 :]]) + b"\n"


def _changed(value: Any, rng: random.Random) -> Any:
    """Return JSON with one place in it changed."""
    places = list(_places(value))
    if not places:
        return _hostile(rng)
    holder, key = rng.choice(places)
    kind = rng.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[str(_hostile(rng))] = holder.pop(key)
    elif kind == 2:
        holder[key] = [holder[key]]
    else:
        holder[key] = _hostile(rng)
    return value


def _hostile(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(HOSTILE))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def main() -> int:
    """Fuzz for some minutes; print what was found and how much was tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="Targets whose name holds this.")
    given = parser.parse_args()
    os.environ["PATH"] = "/nowhere"
    found, tried = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        site, end = make_site(Path(place, "site")), time.monotonic() + 60 * given.minutes
        seed, names = given.seed * 1_000_000, [name for name in TARGETS if given.only in name]
        while time.monotonic() < end:
            name = names[seed % len(names)]
            what = problem_of(site, Path(place, "scratch"), name, seed)
            tried[name] += 1
            if what is not None:
                found[name] += 1
                print(what, flush=True)
            seed += 1
    for name, count in tried.items():
        print(f"{name:<40} {count:>7,} tried  {found[name]:>4} found")
    print(f"{sum(tried.values()):,} tried, {sum(found.values())} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
