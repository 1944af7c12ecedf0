"""The house rules: what CONTRIBUTING.md asks of the code, kept by machine."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import needs
import pytest
from needs import ROOT

PACKAGES = ("audit", "dashboard", "detectors", "reports")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BIN = Path(sys.executable).parent
HEAVY = (
    "cryptography", "fairlearn", "httpx2", "jinja2", "numpy", "pandas", "PIL", "pyarrow", "scipy", "sklearn",
    "streamlit", "torch", "transformers", "yaml",
)
PLAIN_COMMANDS = {"--help": 340, "parts --json": 260}
"""Commands that only print, and how many modules of others each may import: the standard library, typer and what these
bring along. A thousand take about half a second. Ours are light, and more with every part, so they are not counted.
"""
TEXTS = {"", ".css", ".csv", ".html", ".json", ".jsonl", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
GENERATED = {".git", ".venv", ".hypothesis", "audits", "build", "dist", "__pycache__"}
FOREIGN_TO_THE_TREE = {
    "a path of one machine": r"(?<![\w.])/(?:home|root|work|Users|mnt|srv)/\w",
    "a package index or a CPU-only build": r"pypi\.org|pythonhosted|download\.pytorch|\+cpu\b|extra-index|find-links",
}


MYPY = "import gc; gc.disable(); gc.enable = gc.disable; from mypy.__main__ import console_entry; console_entry()"
"""mypy, which hardly lets go of anything before it ends, but collects garbage for a fifth of its time."""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "--output-format=concise"], id="ruff"),
        pytest.param(["lint-imports"], id="lint-imports"),
        pytest.param(["python", "-c", MYPY], id="mypy", marks=pytest.mark.slow),
    ],
)
def test_the_checkers_are_content(command):
    program, *arguments = command
    done = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_short():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}
    assert statistics.median(lengths.values()) < 200


def test_functions_are_short():
    beside = sorted(path for place in ("tests", "benchmarks", "docs") for path in (ROOT / place).rglob("*.py"))
    too_long = [
        f"{path.relative_to(ROOT)}:{name}: asked to be short; got {code} lines of code, {whole} in all; "
        f"allowed: {most_code} without signature and docstring, {most} in all"
        for paths, most_code, most in ((SOURCES, 35, 45), (beside, 50, 50))
        for path in paths
        for name, (code, whole) in _read(path)[1].items()
        if code > most_code or whole > most
    ]
    assert too_long == []


def test_every_module_says_what_it_is():
    assert [str(path.relative_to(ROOT)) for path in SOURCES if not _read(path)[0]] == []


def test_frozen_classes_are_made_by_the_decorator_that_is_quick():
    pythons = [str(path.relative_to(ROOT)) for path in SOURCES if "@dataclass(frozen" in path.read_text("utf-8")]
    assert pythons == ["detectors/immutable.py"]  # which tells what it stands for


def test_the_packages_carry_the_marker_of_the_sibling_check():
    for package in PACKAGES:
        assert (ROOT / package / "__init__.py").read_text("utf-8").startswith('"""Dokimasia '), package


def test_no_public_name_of_a_package_hides_one_of_its_modules():
    for init in (path for path in SOURCES if path.name == "__init__.py"):
        modules = {entry.stem for entry in init.parent.iterdir() if entry.suffix == ".py" or entry.is_dir()}
        assert modules.isdisjoint(_public(init)), init.relative_to(ROOT)


def test_no_module_is_named_like_a_dependency_or_the_standard_library():
    taken = {name.lower() for name in sys.stdlib_module_names | _dependencies() | set(PACKAGES)}
    modules = [path.parent if path.name == "__init__.py" else path for path in SOURCES]
    inner = [path for path in modules if path.parent != ROOT and not path.stem.startswith("_")]
    scripts = sorted((ROOT / "benchmarks").glob("*.py"))  # a script's folder comes first on the path
    assert [str(path.relative_to(ROOT)) for path in [*inner, *scripts] if path.stem.lower() in taken] == []


@pytest.mark.parametrize("what", FOREIGN_TO_THE_TREE)
def test_the_tree_holds_nothing_of_one_machine(what):
    foreign = re.compile(FOREIGN_TO_THE_TREE[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _texts()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if foreign.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("command", PLAIN_COMMANDS)
def test_the_command_answers_without_the_heavy_packages(command):
    """How long it takes is printed by `benchmarks/promises.py`; what makes it long is imports, and they are counted."""
    code = (
        "import atexit, json, sys\n"
        "before = set(sys.modules)\n"
        "atexit.register(lambda: print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr))\n"
        "from audit.cli.app import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *command.split()], capture_output=True, text=True)
    modules = json.loads(done.stderr)
    assert (done.returncode, set(modules) & set(HEAVY)) == (0, set())
    assert len([name for name in modules if name.partition(".")[0] not in PACKAGES]) < PLAIN_COMMANDS[command]


def test_a_check_of_a_language_model_waits_for_no_statistics_package():
    """SciPy's tests take half a second to import; what the quickstart asks of the real model needs none of them."""
    code = (
        "import sys\nfrom audit import plugins\nfrom audit.verdict import controls_of\n"
        "for name in ('factuality.closed_book', 'bias.stereotype_pairs'):\n"
        "    held = controls_of(plugins.load('probes', name)(), level=0.95, seed=0, check='x')\n"
        "    assert all(held.values()), held\n"
        "print(sorted({'scipy.stats', 'scipy.optimize', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_commands_of_the_pages_exist(page):
    text = (ROOT / page).read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))
    told = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`[^`]+`|```.*?```", text, flags=re.S))))
    assert {"audit", "test"} <= told <= targets


def test_an_absent_system_part_skips_here_and_fails_under_ci(monkeypatch):
    monkeypatch.setitem(needs.PARTS, "chromium", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="chromium is not installed"):
        needs.needs_chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="chromium is not installed"):
        needs.needs_chromium()


FACES = ("ask", "catalogue", "compare", "data", "database", "execute", "files", "fit", "integrity", "plan", "policy",
         "probe", "record", "reference", "review", "signing", "verdict")  # fmt: skip
"""Rooms of `audit` that others enter by the front door only; parts of the other rooms are named by entry points."""
OTHER_FACES = ("detectors.intervals", "reports.figures", "reports.pictures", "reports.text", "reports.views")
WITHIN = ("audit.data.sets", "audit.reference.training")
"""Rooms inside a room that are named file by file: data sets, and what trains the reference models."""


def test_other_rooms_are_entered_by_their_faces():
    rooms = [*(f"audit.{name}" for name in FACES), *OTHER_FACES]
    entered = [
        f"{importer} -> {module}"
        for importer, module in _imports()
        for room in rooms
        if module.startswith(f"{room}.") and not f"{importer}.".startswith(f"{room}.") and not module.startswith(WITHIN)
    ]
    assert entered == []


@pytest.mark.parametrize("room", [*(f"audit.{name}" for name in FACES), *OTHER_FACES])
def test_a_face_holds_names_and_nothing_else(room):
    init = ROOT / room.replace(".", "/") / "__init__.py"
    listed = [ast.literal_eval(node.value) for node in _tree(init).body if isinstance(node, ast.Assign)]
    names = {alias.name for node in _tree(init).body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert len(init.read_text("utf-8").splitlines()) <= 50
    assert len(listed) == 1
    assert set(listed[0]) == names - {"annotations"}
    assert not any(name.startswith("_") for name in listed[0])


def test_the_rooms_of_the_audit_stand_on_eight_floors():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert [len(one["layers"]) for one in contracts if one.get("containers") == ["audit"]] == [8]


def test_no_modules_import_each_other_in_a_circle():
    """Imports for type checkers count too: whoever reads a file reads them."""
    graph: dict[str, set[str]] = {}
    for importer, module in _imports():
        graph.setdefault(importer, set()).add(module)
    while leaves := [name for name, uses in graph.items() if not uses & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert graph == {}


def test_a_probe_lies_where_its_name_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = project["entry-points"]["dokimasia.probes"]
    assert {name: f"audit.probes.{name}" for name in named} == {name: one.split(":")[0] for name, one in named.items()}
    files = {path.parent.name for path in (ROOT / "audit" / "probes").glob("*/*.py")}
    assert files == {name.split(".")[0] for name in named}


def _imports() -> Iterator[tuple[str, str]]:
    """Yield (importer, imported) for every import of a module of ours by another, those for type checkers too."""
    known = {_dotted(path): path for path in SOURCES}
    for name, path in known.items():
        for node in _read(path)[2]:
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif node.module:
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [one if one in known else node.module for one in whole]
            yield from ((name, one) for one in found if one in known and one != name)


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _read(path: Path) -> tuple[str | None, dict[str, tuple[int, int]], list[ast.Import | ast.ImportFrom]]:
    """Return a file's docstring, how many lines each function has, and its imports; it is parsed and walked once."""
    tree = _tree(path)
    nodes = list(_statements(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = {f"{node.lineno} {node.name}": _lines(node) for node in functions}
    return ast.get_docstring(tree), lines, [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements below a node; expressions, in which none can stand, are most of a tree and passed over."""
    for part in ("body", "handlers", "orelse", "finalbody", "cases"):
        for one in getattr(node, part, ()):
            yield one
            yield from _statements(one)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, int]:
    """Return how many lines a function has without its signature and docstring, and in all."""
    code = function.body[ast.get_docstring(function, clean=False) is not None :]
    last = function.end_lineno or 0
    return last + 1 - code[0].lineno if code else 0, last + 1 - function.lineno


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _public(init: Path) -> set[str]:
    """The names in a package's `__all__`; they are plain lists of strings."""
    return {
        name
        for node in _tree(init).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__"
        for name in ast.literal_eval(node.value)
    }


def _dependencies() -> set[str]:
    """Import names of all that we require, development tools included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    required = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {_normal(re.match(r"[\w.-]+", line)[0]) for lines in required for line in lines}
    owners = importlib.metadata.packages_distributions()
    return {name for name, distributions in owners.items() if wanted & {_normal(owner) for owner in distributions}}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _texts() -> Iterator[Path]:
    """Text files of the checkout, without this one and without what running it leaves there."""
    for directory, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in GENERATED and not name.endswith("_cache")]
        for path in (Path(directory, name) for name in files if name not in GENERATED):
            if path.suffix in TEXTS and path != Path(__file__):
                yield path
