"""Progress: in place on a terminal, a line in ten seconds in a log."""

from __future__ import annotations

from dataclasses import replace

from audit.cli.screen import EVERY, Progress


def test_a_log_gets_a_line_when_ten_seconds_are_over(capsys):
    progress = Progress(100)
    for _ in range(5):
        progress(10)
    assert capsys.readouterr().err == ""
    progress = replace(progress, _begun=progress._begun - EVERY, _shown=progress._shown - EVERY)
    progress(10)
    progress(10)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("60 of 100 items, ")
    assert line.endswith(" s left")
    progress.clear()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_one_line_that_is_rewritten_and_taken_away(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress(100)
    progress = replace(progress, _shown=progress._shown - 1)
    progress(50)
    progress(50)
    progress.clear()
    said = capsys.readouterr().err
    assert said.startswith("\r50 of 100 items, ")
    assert said.endswith("\x1b[K\r\x1b[K")
    assert "\n" not in said
