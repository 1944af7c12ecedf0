"""Pictures: what is drawn is what is stored, the curve's area is the AUROC, and nothing hostile or changed is drawn."""

import re
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import HOSTILE, finding, rate, real, write_audit
from sklearn.metrics import roc_auc_score

from audit import plugins
from audit.record import Limit
from detectors.phrases import Cause
from detectors.provenance.under_attack import CELL_LISTS
from detectors.result import undefined
from detectors.roc_curve import roc_curve
from reports.documents.html_report import render_html
from reports.figures.style import PALETTE
from reports.options import ReportOptions
from reports.pictures import WIDTH, FindingFigure, figure_of, pictures_of
from reports.pictures.blindspots import blind_spots
from reports.pictures.finding_figure import Shown
from reports.text import Notation, words_of

N = Notation(words_of("en"))
DIGITS = ("zero", "one", "two")


def pictures(tmp_path, one, frame, notation=N):
    audit = write_audit(tmp_path / "a", [one], items={one.check: frame})
    return pictures_of(audit, audit.record.findings[0], notation)


def tree(picture):
    return ET.fromstring(str(picture.drawing))


def texts(picture):
    return ["".join(one.itertext()).strip().replace("\xa0", " ") for one in tree(picture).iter("text")]


def bars(picture, colour):
    return [one for one in tree(picture).iter("rect") if one.get("fill") == PALETTE[colour]]


def images(count):
    return [np.full((4, 4), level % 17).tolist() for level in range(count)]


def test_a_gallery_draws_each_class_and_says_which_were_never_drawn(tmp_path):
    counts = {"zero": 60, "one": 39, "two": 1}
    measures = [rate("class_share", counts[name], 100, group=name, ideal=1 / 3) for name in DIGITS]
    measures.append(rate("class_share", 0, 100, group="three", ideal=0.2))
    classes = [name for name, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame({"id": [str(i) for i in range(100)], "image": images(100), "class": classes})
    gallery, *rest = pictures(
        tmp_path, finding("samples", "failed", "w", probe="quality.samples", measures=measures), frame
    )
    assert rest == [], "no distances, so no second picture"
    svg = tree(gallery)
    assert len(list(svg.iter("image"))) == 6 + 6 + 1
    assert texts(gallery).count("never drawn") == 1
    assert {"60.0 %", "39.0 %", "1.00 %", "0 %"} <= set(texts(gallery))
    assert svg.find("desc").text == "Below the share that is wanted: two, three. Above it: zero."
    heights = [float(one.get("height")) for one in bars(gallery, "passed") + bars(gallery, "failed")]
    assert heights[0] / heights[1] == pytest.approx(60 / 39, abs=0.01)


def test_an_interval_of_a_group_that_goes_on_beyond_the_axis_has_an_arrow(tmp_path):
    """Values close together: the axis reaches no farther than they span, on either side."""
    measures = [
        replace(real("score_mean", value, half, 50, unit="score"), group=group)
        for group, value, half in (("a", 0.410, 0.04), ("b", 0.417, 0.04), ("c", 0.415, 0.001))
    ]
    one = finding("x", "measured", "w", probe="bias.open_ended", measures=measures)
    (forest,) = pictures(tmp_path, one, pd.DataFrame({"id": ["x"], "score": [1.0]}))
    assert len([part for part in tree(forest).iter("path") if part.get("class") == "clipped"]) == 4


def test_many_classes_are_cut_to_the_farthest_and_counted(tmp_path):
    measures = [rate("share", 2, 100, group=f"c{number}", ideal=number / 1000) for number in range(60)]
    frame = pd.DataFrame({"id": ["a"], "class": ["c1"]})
    (gallery,) = pictures(
        tmp_path, finding("shares", "failed", "w", probe="bias.representation", measures=measures), frame
    )
    assert gallery.caption.endswith("20 classes found no room.")
    assert "c59" in texts(gallery)
    assert "c20" not in texts(gallery), "its share is what it should be"


def ranked(name, value, group=None):
    of = (("items", "nll"), ("items", f"nll_{group}"))
    return replace(
        real(name, value, 0.0, 200, unit="score", direction="higher is better"), group=group, auroc_of=of,
    )  # fmt: skip


def test_hills_lie_on_each_other_where_a_score_is_blind(tmp_path):
    rng = np.random.default_rng(3)
    own = rng.normal(2.0, 0.3, 200)
    frame = pd.DataFrame({
        "id": [str(i) for i in range(200)], "role": "items", "nll": own, "nll_noise": own + 4, "nll_inverted": own,
    })
    one = finding(
        "likelihood", "failed", "w", probe="novelty.likelihood",
        measures=[ranked("blind_spot_auroc", 1.0, "noise"), ranked("blind_spot_auroc", 0.5, "inverted")],
        limit=Limit(measure="blind_spot_auroc", at_least=0.8),
    )
    hills = pictures(tmp_path, one, frame)[-1]
    svg = tree(hills)
    filled = [path for path in svg.iter("path") if path.get("fill-opacity")]
    drawn = [(path.get("fill"), path.get("d")) for path in filled]
    assert len(drawn) == 4
    (familiar, inverted), (again, noise) = (tuple(d for _, d in drawn[at : at + 2]) for at in (0, 2))
    offset = re.compile(r" [\d.]+(?=L|z)")
    assert offset.sub("", familiar) == offset.sub("", inverted), "the lowest AUROC is first, its hills are one"
    assert noise != again
    assert drawn[1][0] == PALETTE["failed"]
    assert drawn[3][0] == PALETTE["passed"], "only what breaks the limit has its colour"
    assert "0.500" in texts(hills)
    assert "Limit: telling changed items from real ones (AUROC) ≥ 0.8" in hills.caption


def seen_by(worst, *scores):
    """The picture of a finding whose table has these scores, each with one AUROC on noise and constant items."""
    rows = [
        {"about": about, "score": score, "auroc": value - less, "low": value - less - 0.1, "high": value - less + 0.1}
        for about, less in (("noise", 0.0), ("constant", 0.2))
        for score, value in scores
    ]
    table = SimpleNamespace(columns=tuple(rows[0]), table=lambda names: pa.Table.from_pylist(rows).select(names))
    one = finding("likelihood", "measured", "", probe="novelty.likelihood", measures=[worst])
    return blind_spots(Shown(one, N, None, table))


def test_the_judged_score_leads_the_fields_and_is_the_one_spoken_of():
    drawn = seen_by(ranked("worst_blind_spot_auroc", 0.75), ("kl", 0.95), ("nll", 0.65))
    told = texts(drawn)
    assert [one for one in told if re.fullmatch(r"0\.\d+", one)] == ["0.950", "0.750", "0.650"]
    assert "≈ 0.450" in told
    dashed = [one for one in tree(drawn).iter("rect") if one.get("stroke-dasharray")]
    assert len(dashed) == 1, "of 0.45 the interval holds one half"
    assert "0.750" in tree(drawn).find("desc").text


def test_no_other_score_takes_the_place_of_one_that_could_not_be_trusted():
    why = Cause("the score does not rise as noise is added to the items (mean at none, half, all: {means})", means="1")
    worst = undefined(
        "worst_blind_spot_auroc", why, n={"items": 9, "units": 9}, unit="score", direction="higher is better",
        level=0.95,
    )
    assert seen_by(worst, ("nll", 0.65)) is None


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=40), st.lists(st.integers(0, 6), min_size=1, max_size=40)
)
def test_the_area_under_the_curve_is_the_auroc(familiar, foreign):
    low, high = np.array(familiar, float), np.array(foreign, float)
    points = roc_curve(low, high)
    area = np.trapezoid(points[:, 1], points[:, 0])
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [1, 1]
    assert area == pytest.approx(float(np.mean((high[:, None] > low) + 0.5 * (high[:, None] == low))))


def test_a_long_curve_is_thinned_and_keeps_its_area():
    rng = np.random.default_rng(5)
    low, high = rng.normal(size=5_000), rng.normal(1.0, size=5_000)
    truth = [0] * 5_000 + [1] * 5_000
    points = roc_curve(low, high)
    assert len(points) <= 200
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(roc_auc_score(truth, [*low, *high]), abs=2e-3)


def pairs_frame(units, per_unit, prefer):
    size = units * per_unit
    value = np.tile([1.0] * prefer + [0.0] * (per_unit - prefer), units)
    return pd.DataFrame({
        "id": [str(i) for i in range(size)], "group": "gender",
        "unit": np.repeat([f"t{i}" for i in range(units)], per_unit),
        "kind": "swap", "value": value, "more": "He repaired the engine", "less": "She repaired the engine",
        "difference": np.where(value > 0, np.arange(size) + 1.0, -1.0),
    })  # fmt: skip


def stereotypes(value=30):
    measures = [replace(rate("stereotype_share", value, 40), mean_of="value")]
    limit = Limit(measure="stereotype_share", at_most=0.6)
    return finding("stereotypes", "failed", "w", measures=measures, limit=limit)


def test_units_are_dots_and_the_pairs_that_lean_furthest_have_their_words_marked(tmp_path):
    units, pairs = pictures(tmp_path, stereotypes(), pairs_frame(4, 10, 7))
    dots = list(tree(units).iter("circle"))
    assert len(dots) == 4
    assert {one.get("fill") for one in dots} == {PALETTE["failed"]}, "70 % lies beyond the limit of 60 %"
    assert "70.0 % in 4 units" in texts(units)
    marked = [one.text.strip() for one in tree(pairs).iter("tspan") if one.get("font-weight")]
    assert marked == ["He", "She"] * 6
    lengths = [float(one.get("width")) for one in tree(pairs).iter("rect")]
    assert lengths == sorted(lengths, reverse=True)
    assert "The 6 of 28 stereotypical sentences" in pairs.caption


def test_pairs_that_stand_alone_have_no_dots(tmp_path):
    (pairs,) = pictures(tmp_path, stereotypes(), pairs_frame(40, 1, 1))
    assert "tspan" in str(pairs.drawing)


def test_many_units_of_one_place_are_counted(tmp_path):
    units, _ = pictures(tmp_path, stereotypes(), pairs_frame(40, 4, 4))
    assert "× 40" in texts(units)


def test_margins_fall_on_their_side_of_zero(tmp_path):
    frame = pd.DataFrame({"id": list("abcde"), "margin": [-3.0, -0.5, 0.25, 2.0, np.nan]})
    one = finding("facts", "failed", "w", probe="factuality.closed_book", measures=[rate("accuracy", 2, 5)])
    (picture,) = pictures(tmp_path, one, frame)
    assert {"2 wrong", "2 right"} <= set(texts(picture))
    drawn = [one for colour in ("failed", "passed") for one in bars(picture, colour) if float(one.get("height"))]
    assert [one.get("fill") for one in drawn] == [PALETTE["failed"]] * 2 + [PALETTE["passed"]] * 2
    assert tree(picture).find("desc").text == "2 of 4 answers are wrong, 1 of them by more than one nat."


def test_a_mark_is_a_heap_right_of_unmarked_text(tmp_path):
    frame = pd.DataFrame({
        "id": list("abc"), "green_fraction": [0.25, 0.8, 0.8], "value": [0.0, 1.0, 1.0], "share": 0.25,
        "green": [[True, False], [True, True], [True, True]],
    })  # fmt: skip
    one = finding("mark", "failed", "w", probe="provenance.text_mark", measures=[rate("detection_rate", 2, 3)])
    (picture,) = pictures(tmp_path, one, frame)
    filled = [one.get("fill") for one in tree(picture).iter("circle")]
    assert sorted(filled) == sorted([PALETTE["paper"], PALETTE["passed"], PALETTE["passed"]])
    assert "unmarked text: 25.0 %" in texts(picture)
    assert tree(picture).find("desc").text == "The mark was detected in 2 of 3 texts."


def test_seconds_are_drawn_in_the_order_of_asking(tmp_path):
    frame = pd.DataFrame({"id": [str(i) for i in range(900)], "seconds": np.linspace(0.01, 0.02, 900)})
    (picture,) = pictures(
        tmp_path, finding("time", "measured", "w", probe="efficiency.sampling", measures=[rate("x", 1, 3)]), frame
    )
    dots = [(float(one.get("cx")), float(one.get("cy"))) for one in tree(picture).iter("circle")]
    assert len(dots) == 400
    assert dots == sorted(dots)
    assert [y for _, y in dots] == sorted((y for _, y in dots), reverse=True), "it slows down, and that shows"
    assert {"0", "20\u00a0ms"} <= {one.text for one in tree(picture).iter("text")}


def test_distances_stand_in_bars_and_what_counts_against_the_model_on_top(tmp_path):
    frame = pd.DataFrame({
        "id": [str(i) for i in range(30)], "nearest": [1.0] * 20 + [5.0] * 10, "against": [False] * 20 + [True] * 10,
        "image": images(30),
    })  # fmt: skip
    one = finding("samples", "failed", "w", probe="quality.samples", measures=[rate("far_share", 10, 30)])
    (picture,) = pictures(tmp_path, one, frame)
    high, low = (max(float(one.get("height")) for one in bars(picture, colour)) for colour in ("passed", "failed"))
    assert high == pytest.approx(2 * low)
    assert len(list(tree(picture).iter("image"))) == 16
    assert "10 of 30 count against the model" in tree(picture).find("desc").text


def test_a_file_that_was_changed_is_not_drawn(tmp_path):
    audit = write_audit(tmp_path / "a", [stereotypes()], items={"stereotypes": pairs_frame(4, 10, 7)})
    (path,) = (audit.folder / "items").iterdir()
    path.write_bytes(path.read_bytes() + b"x")
    assert pictures_of(audit, audit.record.findings[0], N) == ()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_hostile_words_are_drawn_as_words(tmp_path, lang):
    frame = pairs_frame(4, 10, 7).assign(more=HOSTILE[0] + " a", less=HOSTILE[0] + " b", group=HOSTILE[0])
    for picture in pictures(tmp_path, stereotypes(), frame, Notation(words_of(lang))):
        root = tree(picture)
        assert root.get("width") == str(WIDTH)
        assert {one.tag for one in root.iter()} <= {"svg", "title", "desc", "path", "rect", "circle", "text", "tspan"}


def test_pictures_of_a_large_file_are_small(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "id": np.arange(100_000).astype(str), "role": "items", "nll": rng.normal(size=100_000),
        "nll_noise": rng.normal(1, size=100_000),
    })  # fmt: skip
    one = finding(
        "likelihood", "failed", "w", probe="novelty.likelihood", measures=[ranked("blind_spot_auroc", 0.76, "noise")]
    )
    drawn = pictures(tmp_path, one, frame)
    assert len(drawn) == 2
    assert all(len(one.drawing) < 10_000 for one in drawn)


def test_the_report_has_the_picture_with_its_message(tmp_path):
    audit = write_audit(tmp_path / "a", [stereotypes()], items={"stereotypes": pairs_frame(4, 10, 7)})
    page = render_html(audit, ReportOptions())["report.html"].decode().replace("\xa0", " ")
    assert page.count("<figure tabindex=\"0\">") == 2
    assert "Furthest towards the stereotype: gender, 70.0 %" in page


def test_every_probe_of_ours_says_how_it_is_drawn():
    ours = set(plugins.names("probes"))
    assert ours == set(plugins.names("figures"))
    assert all(isinstance(plugins.load("figures", name), FindingFigure) for name in ours)
    assert figure_of("nobody's probe") == FindingFigure()




def test_a_notebook_shows_the_same_pictures(tmp_path):
    audit = write_audit(tmp_path / "a", [stereotypes()], items={"stereotypes": pairs_frame(4, 10, 7)})
    drawn = [str(one.drawing) for one in pictures_of(audit, audit.record.findings[0], N)]
    shown = audit.figure("stereotypes")._repr_html_()
    assert shown.count("<figure>") == 2
    assert all(one in shown for one in drawn)
    assert "고정관념" in audit.figure("stereotypes", lang="ko")


def test_groups_stand_in_order_of_their_estimate_thin_where_few_units_stand_behind_them(tmp_path):
    gaps = {"b": (0.3, 200), "a": (-0.2, 200), "c": (0.05, 10)}
    measures = [
        replace(real("score_gap", value, 0.1, n, unit="score", ideal=0.0), group=group)
        for group, (value, n) in gaps.items()
    ]
    one = finding("gaps", "measured", "w", probe="bias.counterfactual", measures=measures)
    (forest,) = pictures(tmp_path, one, pd.DataFrame({"id": ["x"], "score": [1.0]}))
    rows = [text for text in texts(forest) if text in gaps]
    assert rows == ["a", "c", "b"]
    dots = list(tree(forest).iter("circle"))
    assert [one.get("stroke") for one in dots] == [PALETTE["failed"], PALETTE["passed"], PALETTE["failed"]]
    assert [one.get("fill") == PALETTE["paper"] for one in dots] == [False, True, False]
    places = [float(one.get("cx")) for one in dots]
    assert (places[1] - places[0]) / (places[2] - places[0]) == pytest.approx(0.5, abs=0.01)
    assert "lowest −0.200 [−0.300, −0.100] (a)" in tree(forest).find("desc").text


def test_more_groups_than_rows_show_both_ends(tmp_path):
    measures = [replace(real("score_gap", at / 100, 0.1, 90, unit="score"), group=f"g{at:02}") for at in range(50)]
    one = finding("gaps", "measured", "w", probe="bias.counterfactual", measures=measures)
    (forest,) = pictures(tmp_path, one, pd.DataFrame({"id": ["x"], "score": [1.0]}))
    rows = [text for text in texts(forest) if re.fullmatch(r"g\d\d", text)]
    assert rows == [f"g{at:02}" for at in (*range(10), *range(40, 50))]
    assert "30 groups between them found no room" in forest.caption


def test_words_of_two_targets_lie_on_the_line_of_their_association(tmp_path):
    frame = pd.DataFrame({"id": list("abcd"), "set": ["X", "X", "Y", "Y"], "association": [0.2, 0.4, -0.3, -0.1]})
    measures = [real("effect_size", 1.5, 0.1, 4, unit="score")]
    one = finding("weat", "measured", "w", probe="bias.associations", measures=measures)
    (picture,) = pictures(tmp_path, one, frame)
    assert len(list(tree(picture).iter("circle"))) == 4
    assert tree(picture).find("desc").text.replace("\u2212", "-") == "Mean association: X 0.300, Y -0.200"


def test_a_crossing_is_as_dark_as_its_rate_is_high_and_dashed_where_few_stand_behind_it(tmp_path):
    rates = {"a x F": (80, 100), "a x M": (40, 100), "b x F": (0, 100), "b x M": (5, 10), "a": (120, 200)}
    measures = [rate("selection_rate", k, n, group=group) for group, (k, n) in rates.items()]
    frame = pd.DataFrame({"id": ["x"], "group": ["a x F"]})
    alone = finding("hired", "failed", "w", probe="bias.decisions", measures=measures, options={"sensitive": ["maker"]})
    assert len(pictures(tmp_path / "alone", alone, frame)) == 1, "one feature, whose values have the separator in them"
    one = alone.model_copy(update={"options": {"sensitive": ["race", "sex"]}})
    crossing, forest = pictures(tmp_path, one, frame)
    cells = {float(one.get("fill-opacity")): one.get("stroke-dasharray") for one in tree(crossing).iter("rect")}
    assert cells == {0.8: None, 0.44: None, 0.08: None, 0.53: "3 3"}
    assert {"80.0 %", "40.0 %", "0 %", "50.0 %", "10 units"} <= set(texts(crossing))
    assert "lowest b × F 0 %, highest a × F 80.0 %" in tree(crossing).find("desc").text.replace("\xa0", " ")
    assert len(list(tree(forest).iter("circle"))) == 5


def marked_texts():
    lists = [("none", 0.0), ("delete", 0.3), ("meaning", 1.0)]
    rows = []
    for n in range(20):
        p_values = {0: 1e-9, 50: 1e-9 if n < 5 else 0.2, 200: 1e-9}
        cells = [(*attack, length, True, p) for length, p in p_values.items() for attack in lists]
        rows.append(dict(zip(CELL_LISTS, map(list, zip(*cells, strict=True)), strict=True)))
    return pd.DataFrame(rows).assign(
        id=[f"t{n}" for n in range(20)], value=1.0, p_value=[10.0**-n for n in range(20)], output="It was <b>late</b>",
        word_evidence=[[1.0, 0.0, 0.5]] * 20,
    )  # fmt: skip


def plain(text):
    return re.sub(r"\s", " ", text)


def test_a_mark_under_attack_is_a_curve_and_a_field_of_every_attack_and_length(tmp_path):
    measures = [rate("detection_rate", 20, 20), rate("power_under_attack", 15, 20, group="delete at 0.3")]
    one = finding("mark", "failed", "w", probe="provenance.text_mark", measures=measures)
    field, curve, dots, said = pictures(tmp_path, one, marked_texts())
    assert len(list(tree(dots).iter("circle"))) == 20
    assert tree(said).find("desc").text == "The text with most evidence has a p-value of 1.0×10⁻¹⁹."
    assert "It was <b>late</b>" in texts(said)
    assert plain(tree(curve).find("desc").text) == "Of 20 texts of 200 tokens the mark is found in 100 % at p ≤ 10⁻⁶."
    shown = [plain(text) for text in texts(field)]
    assert {"no attack", "words left out, 0.3", "meaning changed, 1"} <= set(shown)
    assert {"50 tokens", "200 tokens", "whole text"} <= set(shown)
    assert sum(text.startswith("25 %  [8.7 %") for text in shown) == 3
