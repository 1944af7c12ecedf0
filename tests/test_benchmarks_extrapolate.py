"""The page of what was not run is what the script works out, and the script does its sums right."""

from __future__ import annotations

import sys

import pytest
from needs import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from scale_extrapolate import FIGURES, PAGE, main, page


def worked(text: str) -> dict[str, str]:
    """What each line of the table says."""
    return {cells[1].strip(): cells[2].strip() for line in text.splitlines() if len(cells := line.split("|")) == 5}


def test_the_page_is_what_the_script_prints(capsys):
    assert main() == 0
    assert capsys.readouterr().out == PAGE.read_text() == page(FIGURES)


def test_hours_are_those_worked_by_hand(capsys):
    """15,625 shards of 36 ms are 562.5 s, of 1,000 models 156.25 hours; 10^6 calls of 1.8 s, by eights, 62.5."""
    main(["shard_here=36:72", "latency=1.8", "listed=20"])
    told = worked(capsys.readouterr().out)
    assert told["shards"] == "15,625,000"
    assert told["the audit itself, in one process"] == "156 to 312 hours of a core"
    assert told["answers of one model"] == "62.5 hours"
    assert told["answers of all, 64 models at a time"] == "977 hours"
    assert told["a first list of them from an object store"] == "20 s"


def test_a_figure_that_there_is_not_is_refused():
    with pytest.raises(SystemExit, match="shard_there=1: no figure; allowed: NAME=LOW or NAME=LOW:HIGH, of shard_here"):
        main(["shard_there=1"])
