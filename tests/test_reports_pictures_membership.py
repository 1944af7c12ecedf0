"""The picture of membership: its curve is what is counted, and an undecided score is not drawn."""

from __future__ import annotations

import numpy as np
import pytest
from every_probe import _finding
from report_fixtures import write_audit

from audit.probes.memorisation.membership import Membership
from audit.probes.memorisation.membership_trials import planted
from reports.pictures import pictures_of
from reports.pictures.membership import _steps
from reports.text import Notation, words_of


def test_the_curve_is_counted_ties_included():
    rng = np.random.default_rng(0)
    known, seen = np.sort(rng.integers(0, 9, 300)).astype(float), np.sort(rng.integers(2, 11, 50)).astype(float)
    points = list(zip(*_steps(known, seen), strict=True))
    counted = {(float((known > at).mean()), float((seen > at).mean())) for at in (-np.inf, *np.arange(9.0))}
    assert points[0][0] == 0.0
    assert points[-1] == (1.0, 1.0)
    assert {tuple(np.round(one, 9)) for one in points} <= {tuple(np.round(one, 9)) for one in counted}


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_what_the_gate_says_comes_first_and_alone_where_it_trips(tmp_path, lang):
    probe, rng = Membership(), np.random.default_rng(1)
    sound = planted(rng, apart=2.0)
    told = {**sound, "items": sound["items"].assign(text=sound["items"]["text"] + " 2024")}
    found = [
        _finding(tmp_path, check, probe, probe.judge(observed, level=0.95, rng=rng), limited=0)
        for check, observed in (("sound", sound), ("blind", told))
    ]
    audit, notation = write_audit(tmp_path, found), Notation(words_of(lang))
    first, tripped = (pictures_of(audit, one, notation)[0] for one in audit.record.findings)
    score = notation.words.term("column", "loss")
    assert score in first.drawing
    assert first.message.index(notation.number(found[0].measures[-2].value, "score")) < first.message.index(score)
    assert score not in tripped.drawing
    assert notation.words("picture.blind") in tripped.drawing
