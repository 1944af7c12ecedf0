"""Parts of a picture lead to the items that they stand for: all of these, no others, and back to all."""

import re
from dataclasses import replace
from html import unescape
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from report_fixtures import finding, rate, real, write_audit
from test_dashboard_views import html, screen, seen

from audit.record import items_of
from dashboard.address import Address, read
from dashboard.brushing import brushed
from dashboard.evidence_browser import kept_rows
from dashboard.item_pages import Filters, matching
from dashboard.loading import AUDITS
from reports.documents.html_report import render_html
from reports.options import ReportOptions
from reports.pictures import bounds_of, cells_told, pictures_of
from reports.pictures.associations import association_by_set
from reports.pictures.blindspots import blind_spots
from reports.pictures.finding_figure import Shown
from reports.pictures.generated_images import by_prompt
from reports.pictures.hotspots import span
from reports.pictures.stereotype_pairs import strongest_preferences
from reports.pictures.timing import seconds_in_order
from reports.text import Notation, words_of

WORDS = words_of("en")
N = Notation(WORDS)
RNG = np.random.default_rng(5)
NAMES = [f"i{number}" for number in range(200)]
CLASSES = [("one", "two", "a&b=c")[number % 3] for number in range(200)]
DISTANCES = np.concatenate([RNG.gamma(2, 1, 196), [0.0, 31.0, np.nan, 31.0]])
MARGINS = np.concatenate([RNG.normal(0, 2, 196), [-1e9, 1e9, 0.0, np.nan]])
GREEN = np.concatenate([RNG.uniform(0, 1, 196), [0.0, 1.0, 0.045, np.nan]])
SCORES = np.concatenate([[-1e6, 1e6], RNG.normal(2, 1, 198)])  # hills are cut at their ends; these are not lost


def ranked(group):
    two = (("items", "nll"), ("foreign", "nll")) if group == "foreign" else (("items", "nll"), ("items", "nll_noise"))
    return replace(real("blind_spot_auroc", 0.7, 0.1, 200, unit="score", group=group), auroc_of=two)


MADE = {
    "samples": (
        "quality.samples", {"nearest": DISTANCES, "class": CLASSES, "against": False},
        [rate("class_share", 60, 200, group=name, ideal=1 / 3) for name in ("one", "two", "a&b=c", "never")],
    ),
    "marks": (
        "provenance.text_mark", {"green_fraction": GREEN, "value": 1.0, "share": 0.5}, [rate("detection_rate", 9, 200)]
    ),
    "facts": ("factuality.closed_book", {"margin": MARGINS}, [rate("accuracy", 90, 200)]),
    "strange": (
        "novelty.likelihood",
        {"role": ["items"] * 100 + ["foreign"] * 60 + ["other"] * 40, "nll": SCORES, "nll_noise": SCORES + 1},
        [ranked("foreign"), ranked("noise")],
    ),
    "groups": (
        "bias.coreference", {"group": CLASSES, "value": 1.0},
        [rate("accuracy", 40 + at, 66, group=name) for at, name in enumerate(("one", "two", "a&b=c"))],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    checks, frames = [], {}
    for name, (probe, columns, measures) in MADE.items():
        checks.append(finding(name, "failed", "w", probe=probe, measures=measures))
        frames[name] = pd.DataFrame({"id": NAMES, **columns})
    return write_audit(tmp_path_factory.mktemp("home") / "aaaa000000000001", checks, items=frames)


def hotspots_of(audit, check):
    return [one.hotspots for one in pictures_of(audit, audit.finding(check), N) if one.hotspots]


def rows(audit, check, place):
    return set(kept_rows(place, items_of(audit.folder, audit.finding(check))).tolist())


def places(audit, check, place=None):
    """Return for each picture where its parts lead."""
    one, place = audit.finding(check), place or Address(screen="finding", audit=audit.folder.name, check=check)
    drawn = brushed(pictures_of(audit, one, N), place, items_of(audit.folder, one), WORDS)
    hrefs = [re.findall(r'<a href="\?([^"]+)"', str(picture.drawing)) for picture in drawn]
    return [[read(dict(parse_qsl(unescape(href)))) for href in found] for found in hrefs if found]


def kept_by(draw, one, items=None, table=None):
    """What each part of a picture keeps: its cells -> the rows of the items that have them."""
    def stored(frame):
        whole = pa.Table.from_pandas(frame, preserve_index=False)
        return SimpleNamespace(
            columns=tuple(frame.columns), id_column="id", total=len(frame), table=whole.select,
            rows=lambda numbers: whole.take(pa.array(numbers)),
        )

    def has(row, name, texts):
        ends = [bounds_of(text) for text in texts]
        return any(
            str(row[name]) == text if between is None
            else row[name] >= (-np.inf if between[0] is None else between[0])
            and row[name] < (np.inf if between[1] is None else between[1])
            for text, between in zip(texts, ends, strict=True)
        )  # fmt: skip

    found = {}
    for part in draw(Shown(one, N, stored(items), None if table is None else stored(table))).hotspots:
        wanted = {name: [text for of, text in part.cells if of == name] for name, _ in part.cells}
        found[part.cells] = [
            row["id"] for row in items.to_dict("records") if all(has(row, *cell) for cell in wanted.items())
        ]
    return found


def test_a_prompt_and_class_lead_to_its_images_and_all_prompts_to_those_of_the_class():
    items = pd.DataFrame({
        "id": list("abcd"), "prompt": ["a nurse", "a nurse", "a judge", "a judge"], "class": list("xxxy"),
    })  # fmt: skip
    table = pd.DataFrame([
        {"prompt": prompt, "class": kind, "share": share, "low": 0.0, "high": 1.0, "reference": 0.5, "images": 2}
        for prompt, kind, share in (("a nurse", "x", 1.0), ("a nurse", "y", 0.0), ("a judge", "x", 0.5),
                                    ("a judge", "y", 0.5))
    ])  # fmt: skip
    one = finding("p", "measured", "w", probe="bias.generated_images", measures=[rate("share", 3, 4)])
    assert list(kept_by(by_prompt, one, items, table).values()) == [
        ["a", "b", "c"], ["d"], ["a", "b"], ["c"], ["d"],
    ]  # fmt: skip


def test_a_set_leads_to_its_words_a_band_of_seconds_to_its_calls_and_a_field_to_what_looks_familiar():
    items = pd.DataFrame({
        "id": list("abcdef"), "set": list("XXYYYX"), "association": [0.1, 0.2, -0.1, 0.0, 0.3, 0.4],
        "seconds": [0.01, 0.02, 0.031, 0.04, 0.26, np.nan],
        "role": ["items"] * 3 + ["foreign"] * 3, "nll": [1.0, 2.0, 3.0, 0.5, 2.0, 9.0],
        "nll_constant": [0.0, 5.0, 1.0, np.nan, np.nan, np.nan],
    })  # fmt: skip
    one = finding("w", "measured", "w", probe="bias.associations", measures=[rate("share", 3, 4)])
    assert list(kept_by(association_by_set, one, items).values()) == [["a", "b", "f"], ["c", "d", "e"]]
    bands = list(kept_by(seconds_in_order, one, items).values())
    assert sorted(name for band in bands for name in band) == list("abcde")
    assert bands[-1] == ["e"]
    assert all(bands)
    table = pd.DataFrame([
        {"about": about, "score": "nll", "auroc": 0.4, "low": 0.2, "high": 0.6} for about in ("foreign", "constant")
    ])  # fmt: skip
    worst = real("worst_blind_spot_auroc", 0.4, 0.1, 3, unit="score")
    seen = one.model_copy(update={"measures": [worst]})
    fields = kept_by(blind_spots, seen, items, table)
    assert list(fields.values()) == [["d"], ["a", "c"]], "below 2, the middle of the familiar ones"


def test_what_shows_one_item_leads_to_it():
    items = pd.DataFrame({
        "id": list("abcd"), "value": [1.0, 1.0, 1.0, 0.0], "difference": [1.0, 3.0, 2.0, -1.0],
        "more": ["he works"] * 4, "less": ["she works"] * 4, "kind": ["x"] * 4,
    })  # fmt: skip
    one = finding("p", "failed", "w", probe="bias.stereotype_pairs", measures=[rate("share", 3, 4)])
    assert list(kept_by(strongest_preferences, one, items).values()) == [["b"], ["c"], ["a"]]


FINITE = {
    "samples": [set(range(200)), {*np.flatnonzero(np.isfinite(DISTANCES)).tolist()}],
    "facts": [{*np.flatnonzero(np.isfinite(MARGINS)).tolist()}],
    "groups": [set(range(200))],
    "marks": [set(range(199))],
}


@pytest.mark.parametrize("check", FINITE)
def test_each_item_that_is_drawn_is_in_exactly_one_part(audit, check):
    for found, wanted in zip(places(audit, check), FINITE[check], strict=True):
        kept = [rows(audit, check, place) for place in found]
        assert all(kept), "a part without items is no link"
        assert sum(map(len, kept)) == len(wanted)
        assert set().union(*kept) == wanted


def test_a_row_of_hills_keeps_the_items_of_its_roles_by_their_score(audit):
    histogram, found = places(audit, "strange")
    assert sum(len(rows(audit, "strange", place)) for place in histogram) == 160
    kept = [rows(audit, "strange", place) for place in found]
    changed = ["nll_noise" in place.part for place in found]
    for noise, wanted in ((False, 160), (True, 100)):
        mine = [one for one, of in zip(kept, changed, strict=True) if of is noise]
        assert sum(map(len, mine)) == wanted == len(set().union(*mine))


def test_parts_lie_side_by_side_within_the_picture(audit):
    for check in MADE:
        for picture in pictures_of(audit, audit.finding(check), N):
            for left, top, wide, high in (one.box for one in picture.hotspots):
                assert min(left, top) >= 0
                assert wide > 4
                assert high > 4
                assert left + wide <= 860.5
                assert top + high <= picture.height
            boxes = sorted(one.box for one in picture.hotspots)
            same = [(a, b) for a, b in pairwise(boxes) if a[1] == b[1]]
            assert all(a[0] + a[2] <= b[0] + 0.01 for a, b in same)


def test_a_part_that_was_chosen_leads_back_to_all_and_other_filters_stay(audit):
    place = Address(screen="finding", audit=audit.folder.name, check="samples", sort="-nearest", page=3)
    chosen = places(audit, "samples", place)[0][1]
    assert (chosen.part, chosen.sort, chosen.page) == ("class=two", "-nearest", 1)
    back = places(audit, "samples", chosen)[0][1]
    assert (back.part, back.sort) == ("", "-nearest")
    assert places(audit, "groups")[0][0].group, "what has a filter of its own goes there"


ODD = ["", "class=", "class", "&&=", "nearest=..", "class=1..2", "nearest=x", "none=1", "%00=%ff"]


@pytest.mark.parametrize("part", ODD)
def test_an_address_that_nobody_made_keeps_what_it_says(audit, part):
    items = items_of(audit.folder, audit.finding("samples"))
    kept = matching(items, Filters(part=part))
    wanted = {"nearest=..": 199, "class=1..2": 0, "nearest=x": 0}
    assert len(kept) == wanted.get(part, 200)


def test_a_span_is_read_as_it_was_written():
    for low, high in ((None, 1e-300), (-0.0, None), (-1.5e20, 3.25), (None, None), (1 / 3, 2 / 3)):
        assert bounds_of(span(low, high)) == (low, high)
    assert [bounds_of(text) for text in ("", "1", "1.2", "...", "a..b", "1..2..3", "nan..inf")] == [None] * 7
    assert cells_told([("role", "items"), ("role", "foreign"), ("nll", "..2.5")], N) == (
        "role familiar, foreign · negative log-likelihood < 2.50")


def test_a_screen_has_the_links_and_tells_what_is_kept_and_a_document_has_none(audit, monkeypatch):
    monkeypatch.setenv(AUDITS, str(audit.folder.parent))
    page = screen(screen="finding", audit=audit.folder.name, check="samples", part="class=a%26b%3Dc")
    assert "66 of 200" in seen(page)
    assert "Only class a&b=c." in seen(page)
    assert html(page).count('aria-current="true" style="left:') == 1
    assert "spots" not in next(iter(render_html(audit, ReportOptions()).values())).decode()
