"""The command `report`: where a document goes, what is printed, and what is refused."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from report_fixtures import mixed, settled

from audit.cli.app import execute
from audit.errors import UsageError
from audit.files import sha256
from audit.plugins import load, names
from audit.record import SEAL_FILE, write_reports
from reports.commands.reporting import index, report
from reports.options import ReportOptions

FILES = {"html": "report.html", "markdown": "report.md", "json": "report.json", "junit": "report.junit.xml"}


def test_our_formats_come_in_by_entry_points():
    assert set(FILES) <= set(names("reports"))
    assert load("commands", "report") is report


@pytest.mark.parametrize(("name", "file"), FILES.items())
def test_a_report_goes_into_the_audits_folder(tmp_path, capsys, name, file):
    audit = settled(mixed(tmp_path / "0123abcd", 3))
    report("0123", format=name, into=tmp_path)
    path = audit.folder / "reports" / file
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes() == load("reports", name)(audit)[file]


def test_out_and_json(tmp_path, capsys):
    settled(mixed(tmp_path / "0123abcd", 1))
    report(str(tmp_path / "0123abcd"), format="markdown", out=tmp_path / "new" / "comment.md", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"files": [str(tmp_path / "new" / "comment.md")]}
    assert (tmp_path / "new" / "comment.md").read_text("utf-8").startswith("## ")
    assert not (tmp_path / "0123abcd" / "reports").exists()


def test_mistakes_are_told_before_anything_is_written(tmp_path):
    settled(mixed(tmp_path / "0123abcd", 1))
    mixed(tmp_path / "0123ffff", 1)
    with pytest.raises(UsageError, match=r"unknown report 'htm' \(did you mean 'html'\?\)"):
        report("0123abcd", format="htm", into=tmp_path)
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        report("0123abcd", lang="xx", into=tmp_path)
    with pytest.raises(UsageError, match="'0123' begins 2 audits"):
        report("0123", into=tmp_path)
    with pytest.raises(UsageError, match="no audit '9'"):
        report("9", into=tmp_path)
    assert not list(tmp_path.glob("*/reports"))


def test_the_command_line(tmp_path):
    settled(mixed(tmp_path / "audits" / "0123abcd", 2))
    command = [sys.executable, "-m", "audit", "report", "0123", "--format"]
    done = subprocess.run([*command, "json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{Path('audits', '0123abcd', 'reports', 'report.json')}\n"
    wrong = subprocess.run([*command, "yaml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines()[-1].startswith("dokimasia: unknown report 'yaml' (allowed: ")
    assert "Traceback" not in wrong.stderr


def test_reports_need_nothing_heavy(tmp_path):
    """Rendering is light: with everything heavy blocked, all four formats come out."""
    audit = mixed(tmp_path / "id", 10)
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'sklearn', 'scipy', 'streamlit'): sys.modules[name] = None\n"
        "from audit.record import load_record\n"
        "from reports.documents.html_report import render_html\n"
        "from reports.documents.markdown_report import render_markdown\n"
        "from reports.documents.junit_report import render_junit\n"
        "from reports.documents.json_report import render_json\n"
        f"audit = load_record({str(audit.folder)!r})\n"
        "for render in (render_html, render_markdown, render_junit, render_json):\n"
        "    print(all(len(data) > 1000 for data in render(audit).values()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 4


@pytest.mark.parametrize("name", ["html", "markdown", "junit"])
def test_a_language_never_overwrites_another(tmp_path, name):
    """In whichever order they are written, each is what it was when it was written alone."""
    audit = settled(mixed(tmp_path / "0123abcd", 3))
    folder, render = audit.folder / "reports", load("reports", name)
    stem, dot, ending = FILES[name].partition(".")
    for langs in (("en", "ko"), ("ko", "en")):
        for lang in langs:
            report("0123", format=name, lang=lang, into=tmp_path)
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert found == {
            FILES[name]: render(audit)[FILES[name]],
            f"{stem}.ko{dot}{ending}": render(audit, ReportOptions(lang="ko"))[FILES[name]],
        }


def test_documents_are_written_in_one_way(tmp_path):
    """Several of them lie side by side in a language's names, one may go elsewhere; what was sealed is told."""
    folder, said = tmp_path / "0123abcd", []
    files = {"a.html": b"1", "elsewhere/b.json": b"2"}
    names = ["a.ko.html", "b.ko.json"]
    assert [path.name for path in write_reports(folder, files, lang="ko", remark=said.append)] == names
    assert [(folder / "reports" / name).read_bytes() for name in names] == [b"1", b"2"]
    with pytest.raises(UsageError, match="got 2 documents; allowed: --out with a report of one file"):
        write_reports(folder, files, out=tmp_path / "out")
    (folder / SEAL_FILE).write_text("{}")
    write_reports(folder, files, lang="ko", remark=said.append)
    write_reports(folder, {"a.html": b"3"}, lang="ko", out=tmp_path / "out", remark=said.append)
    assert said == []
    write_reports(folder, {"a.html": b"3", "b.json": b"2"}, lang="ko", remark=said.append)
    (line,) = said
    assert line.startswith(f"{folder / 'reports' / 'a.ko.html'}: sealed, and other bytes now")


def test_the_index_goes_on_past_damaged_records_and_says_so(tmp_path, capsys):
    settled(mixed(tmp_path / "0123abcd", 3))
    for name, text in (("4567bad", '{"schema": 1, "title": "cut'), ("89ab<b>", "[1, 2]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(text)
    index(into=tmp_path)
    index(into=tmp_path, lang="ko")
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'index.html'}\n{tmp_path / 'index.ko.html'}\n"
    assert told.err.count("4567bad: ") == 2
    page, korean = ((tmp_path / name).read_text("utf-8") for name in ("index.html", "index.ko.html"))
    assert 'href="0123abcd/reports/report.html' in page
    assert 'href="0123abcd/reports/report.ko.html' in korean
    assert "1 audit: 1 failed. 2 cannot be used." in page
    rows = re.findall(r'<tr class="damaged">.*?</tr>', page, re.S)
    assert [re.search("<td[^>]*>(.*?)</td>", row)[1] for row in rows] == ["4567bad", "89ab&lt;b&gt;"]
    assert all("Its record cannot be used: " in row for row in rows)


def test_a_verdict_that_was_written_over_reaches_no_document(tmp_path, monkeypatch, capsys):
    """What `judge` refuses, every command that tells verdicts refuses, though the run's digest was made to fit."""
    monkeypatch.chdir(tmp_path)
    folder = settled(mixed(tmp_path / "audits" / "0123abcd", 3)).folder
    for line in (["report", "0123"], ["frameworks", "eu-ai-act", "0123"], ["index"]):
        assert execute(line) == 0, capsys.readouterr().err
    shutil.rmtree(folder / "reports")
    record, run = (json.loads((folder / name).read_text()) for name in ("record.json", "run.json"))
    failed = next(one for one in record["findings"] if one["verdict"] == "failed")
    failed["verdict"] = "passed"
    (folder / "record.json").write_text(json.dumps(record))
    run["record"] = sha256((folder / "record.json").read_bytes())
    (folder / "run.json").write_text(json.dumps(run))
    said = f"{failed['check']}: the verdict is passed; its measures and limit say failed"
    for line in (["judge", "0123"], ["report", "0123"], ["report", "0123", "--out", "x.html"],
                 ["report", "0123", "--framework", "eu-ai-act"], ["frameworks", "eu-ai-act", "0123"]):
        capsys.readouterr()
        assert execute(line) == 4, line
        told = capsys.readouterr()
        which = "0123abcd: " if line[0] == "judge" else ""  # of which there may be several
        assert (told.out, told.err) == ("", f"dokimasia: {which}{said}\n"), line
    assert not (folder / "reports").exists()
    assert not Path("x.html").exists()
    assert execute(["index"]) == 0
    assert f"0123abcd: {said}" in capsys.readouterr().err
    assert f"Its record cannot be used: {said}" in Path("audits", "index.html").read_text("utf-8")
