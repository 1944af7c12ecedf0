"""The first import of `audit` tells whether `detectors`, `reports` and `dashboard` are ours.

`detectors` on the package index is a real distribution of somebody else, and pip installs either over the other.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from venv import EnvBuilder

import pytest
from needs import ROOT, needs_download, needs_wheel

pytestmark = pytest.mark.slow
OF_THE_OTHER = "belongs to detectors 0."
PIP = Path(find_spec("pip").origin)


class Environment:
    """A bare virtual environment: a Python without pip."""

    def __init__(self, folder: Path) -> None:
        EnvBuilder(symlinks=True).create(folder)
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.packages = Path(self("import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())

    def __call__(self, code: str, start: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the code in a fresh process, started in a folder or, without one, in the environment's."""
        return subprocess.run([self.python, "-c", code], cwd=start or self.folder, capture_output=True, text=True)

    def pip(self, *arguments: str | Path) -> None:
        """Let the pip of this test run work on the environment, as `pip --python` has it done by a second process."""
        command = [self.python, PIP.with_name("__pip-runner__.py"), "--quiet", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def install(self, wheel: Path) -> None:
        """Install it even where it is installed: something else may have gone over it."""
        self.pip("install", "--no-deps", "--no-compile", "--force-reinstall", wheel)

    def complaint(self) -> str:
        """What `import audit` says: the one line after the traceback."""
        done = self("import audit")
        assert done.returncode == 1, "import audit went through"
        last = done.stderr.splitlines()[-1]
        assert last.startswith("ImportError: ")
        return last


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return needs_wheel(tmp_path_factory)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return needs_download("detectors", tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def installed(ours: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with ours alone; not to be changed."""
    found = Environment(tmp_path_factory.mktemp("installed"))
    found.install(ours)
    return found


def test_ours_over_theirs_works_and_theirs_over_ours_is_told(environment, ours, theirs):
    """One environment, in turn: theirs and an editable install, ours last, theirs last, theirs gone, ours again."""
    environment.install(theirs)
    editable = environment.packages / "dokimasia.pth"
    editable.write_text(str(ROOT))
    assert OF_THE_OTHER in environment.complaint()
    editable.unlink()
    environment.install(ours)
    done = environment("import audit, detectors, detectors.result; print(detectors.__doc__)")
    assert done.stdout.startswith("Dokimasia "), done.stderr
    environment.install(theirs)
    told = environment.complaint()
    assert f"`detectors` is not Dokimasia's: {environment.packages / 'detectors' / '__init__.py'}" in told
    assert OF_THE_OTHER in told
    assert told.endswith("install Dokimasia in an environment of its own")
    environment.pip("uninstall", "--yes", "detectors")
    assert "`detectors` is not Dokimasia's: its __init__.py is gone; install Dokimasia again" in environment.complaint()
    environment.install(ours)
    assert environment("import audit").returncode == 0


@pytest.mark.parametrize("first", ["", "import dashboard; "], ids=["not yet imported", "already imported"])
def test_a_file_of_ones_own_is_told(installed, tmp_path, first):
    (tmp_path / "dashboard.py").write_text('"""My own."""\n')
    done = installed(f"{first}import audit", tmp_path)
    place = tmp_path / "dashboard.py"
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: `dashboard` is not Dokimasia's: {place} belongs to no installed distribution; "
        "rename it, or start from another folder"
    )


def test_a_plain_folder_of_that_name_does_no_harm(installed, tmp_path):
    (tmp_path / "reports").mkdir()
    done = installed("import reports, audit", tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_import_is_light_and_imports_no_sibling(installed):
    code = "import sys; before = set(sys.modules); import audit; print(*sorted(set(sys.modules) - before))"
    brought = {name.partition(".")[0] for name in installed(code).stdout.split()}
    assert brought - sys.stdlib_module_names == {"audit"}


def test_public_names_are_listed_found_and_nothing_else():
    import audit

    assert set(audit.__all__) <= set(dir(audit))
    for name in audit.__all__:
        assert getattr(audit, name) is not None
    assert audit.load_record.__module__ == "audit.record.folder"
    with pytest.raises(AttributeError, match="module 'audit' has no attribute 'nothing'"):
        audit.__getattr__("nothing")
