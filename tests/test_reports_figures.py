"""Figures: a value lands on its pixel, an interval that leaves the axis is marked, text cannot break out."""

import itertools
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from colour_sight import SIGHTS, contrast, difference, seen_as
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import rate

from audit.record import WORST_FIRST, Limit
from detectors.result import Measure
from reports.figures import OPEN, PAD, Axis, axis_head, axis_of, interval_line, scale_of, sign
from reports.figures.intervals import HEIGHT
from reports.figures.style import DARK, PALETTE
from reports.text import Notation, words_of

N = Notation(words_of("en"))
AXIS = Axis("share", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), 280)


def number(value, low=None, high=None, unit="nats", ideal=None):
    return Measure(
        name="m",
        value=value,
        low=low,
        high=high,
        n={"items": 9},
        unit=unit,
        direction="neither",
        ideal=ideal,
        level=0.95,
        method="x",
    )


def draw(measure, axis=AXIS, **more):
    return ET.fromstring(str(interval_line(measure, axis, N, name="check: m", **more)))


def paths(svg, start=""):
    return [one.get("d") for one in svg.iter("path") if one.get("d").startswith(start)]


def test_a_value_lands_on_its_pixel():
    assert [AXIS.x(value) for value in (0, 0.5, 1)] == [PAD, 140, 280 - PAD]
    svg = draw(number(0.75, 0.5, 1.0))
    assert float(svg.find("circle").get("cx")) == AXIS.x(0.75) == 202
    assert f"M140.0 {HEIGHT / 2}H264.0" in paths(svg)


def test_the_limit_is_a_tick_with_a_flag_on_the_side_that_keeps_it():
    at_most, at_least = (
        draw(number(0.3), limit=Limit(measure="m", **bound)) for bound in ({"at_most": 0.5}, {"at_least": 0.5})
    )
    assert f"M140.0 0v{HEIGHT}" in paths(at_most)
    assert paths(at_most, "M140.0 0h0l-6 ")
    assert paths(at_least, "M140.0 0h0l6 ")
    assert f"M140.0 0h124.0v{HEIGHT}h-124.0z" in paths(at_most), "the side above an upper limit breaks it"
    assert f"M{PAD}.0 0h124.0v{HEIGHT}h-124.0z" in paths(at_least)


def test_an_interval_inside_the_axis_has_two_caps_and_no_arrow():
    svg = draw(number(0.5, 0.25, 0.75))
    assert not [one for one in svg.iter("path") if one.get("class") == "clipped"]
    assert len([d for d in paths(svg) if d.endswith("v8")]) == 2


@pytest.mark.parametrize(
    ("low", "high", "arrows"), [(-0.5, 0.9, 1), (0.1, 1.5, 1), (-0.5, 1.5, 2), (None, 0.9, 1), (0.1, None, 1)]
)
def test_an_end_beyond_the_axis_is_an_arrow(low, high, arrows):
    svg = draw(number(0.5, low, high))
    clipped = [one for one in svg.iter("path") if one.get("class") == "clipped"]
    assert len(clipped) == arrows
    xs = [float(re.match(r"M([\d.]+)", one.get("d"))[1]) for one in clipped]
    assert all(x in (PAD, 280 - PAD) for x in xs)


def test_no_interval_draws_a_dot_alone_and_no_value_no_dot():
    assert paths(draw(number(0.5)), f"M{AXIS.x(0.5)} {HEIGHT / 2}H") == []
    nothing = Measure(
        name="m", value=None, undefined="why", n={}, unit="share", direction="neither", level=0.95, method="none"
    )
    assert draw(nothing).find("circle") is None


def test_title_and_description_say_what_is_drawn():
    svg = draw(rate("error_share", 21, 300), limit=Limit(measure="error_share", at_most=0.2))
    assert svg.find("title").text == "check: m"
    assert svg.find("desc").text == N.sentence(rate("error_share", 21, 300), Limit(measure="error_share", at_most=0.2))


def test_text_cannot_leave_the_figure():
    bad = "</title><script>alert(1)</script>&"
    svg = ET.fromstring(str(interval_line(number(0.5), AXIS, N, name=bad)))
    assert svg.find("title").text == bad
    assert svg.find("script") is None
    assert ET.fromstring(str(sign("failed", bad))).find("title").text == bad


def auroc(value, low=None, high=None, name="auroc"):
    return replace(number(value, low, high, unit="score"), name=name)


def test_the_kind_of_a_measure_and_no_other_measure_sets_its_axis():
    """Numbers of a real audit, in which a kernel distance of 43.7 once put AUROCs of 0.589 and 1 on one pixel."""
    share = axis_of([(number(0.02, 0.0, 0.071, unit="share"), None)], 280)
    assert (share.low, share.high) == (0, 1)
    limit = Limit(measure="auroc", at_least=0.8)
    rank = axis_of([(auroc(0.589, 0.55, 0.63), limit), (auroc(1.0, 0.99, 1.0), None)], 280)
    assert (rank.low, rank.high) == (0.5, 1)
    assert rank.x(1.0) - rank.x(0.589) > 200
    assert axis_of([(auroc(0.589, 0.43, 0.7), None)], 280).low == 0.4
    assert axis_of([(auroc(0.02, 0.0, 0.1), None)], 280).low == 0
    assert {scale_of(auroc(0.7, name=name)) for name in ("auc", "bpsn_auc", "bnsp_auc")} == {"auroc"}
    assert scale_of(auroc(0.7, name="deletion_auc")) == "score deletion_auc", "an area that is no ranking"
    count = axis_of([(number(0, 0, 0, unit="count"), None), (number(7, 6, 7, unit="count"), None)], 280)
    assert (count.low, count.high) == (0, 8)
    assert all(tick == int(tick) for tick in count.ticks)
    assert scale_of(auroc(0.5)) == scale_of(auroc(0.5, name="worst_blind_spot_auroc"))
    kinds = [number(0.5, unit="count"), number(0.5, unit="share"), auroc(0.5), auroc(0.5, name="auroc_difference"),
             auroc(43.7, name="kid"), auroc(1.0, name="density"), number(0.5, unit="p-value")]
    assert len({scale_of(one) for one in kinds}) == len(kinds)


def test_a_kernel_distance_stands_on_powers_of_ten_with_its_baseline():
    found, baseline = auroc(43.7, 41.0, 46.0, "kid"), auroc(0.008, -0.002, 0.02, "kid_training")
    assert scale_of(found) == scale_of(baseline)
    axis = axis_of([(found, None), (baseline, None)], 280)
    assert (axis.low, axis.high) == (0.001, 100)
    assert axis.x(0.1) - axis.x(0.01) == pytest.approx(axis.x(10) - axis.x(1), abs=0.02)
    assert N.ticks(axis.ticks, axis.unit, powers=True) == ["0.001", "0.01", "0.1", "1", "10", "100"]
    assert [one for one in draw(baseline, axis).iter("path") if one.get("class") == "clipped"], "goes on below 0"


def test_shares_that_may_be_negative_are_never_cut():
    axis = axis_of([(number(-0.1, -0.7, 0.5, unit="share"), None)], 280)
    assert axis.low <= -0.7
    assert axis.high >= 0.5


@pytest.mark.parametrize("one", [number(0, -14.2, 14.2), number(0.5, -14.2, 14.2)])
def test_differences_slopes_and_trends_hold_whole_intervals(one):
    """Two audits alike differ by 0 or so, and what their difference may be is all that there is to see."""
    axis = axis_of([(replace(one, ideal=0.0), Limit(measure="m", at_most=0.0))], 280, OPEN)
    assert axis.low <= -14.2
    assert axis.high >= 14.2
    assert not [part for part in draw(one, axis).iter("path") if part.get("class") == "clipped"]


def test_an_interval_around_nothing_but_0_sets_the_axis():
    axis = axis_of([(number(0, -1e-6, 14.2), None)], 280)
    assert (axis.low, axis.high) == (-5, 15)


def test_the_largest_numbers_are_drawn():
    limit = Limit(measure="m", at_least=-1.7e308, at_most=1.7e308)
    rows = [(number(-9e299, -1e300, 0), limit), (number(9e299, 0, 1e300), limit)]
    axis = axis_of(rows, 280)
    assert 0 < axis.high - axis.low < float("inf")
    assert all(PAD <= axis.x(one.value) <= 280 - PAD for one, _ in rows)


def test_an_interval_narrower_than_its_dot_is_drawn_over_it():
    svg = draw(number(0.5, 0.4995, 0.5005))
    kinds = [(one.tag, one.get("d", "")) for one in svg if one.tag in ("circle", "path")]
    dot = next(at for at, (tag, _) in enumerate(kinds) if tag == "circle")
    assert svg.find("circle").get("r") == "3"
    assert [tag for tag, d in kinds[dot + 1 :] if d.endswith("v8")] == ["path", "path"]


def test_what_is_not_decided_is_hollow_and_what_is_decided_is_not():
    fills = {
        verdict: (draw(number(0.5), verdict=verdict).find("circle").get("fill"),
                  ET.fromstring(str(sign(verdict, verdict))).find("g").get("fill"))
        for verdict in WORST_FIRST
    }
    paper = PALETTE["paper"]
    assert fills == {one: (paper, paper) if one == "inconclusive" else (PALETTE[one],) * 2 for one in WORST_FIRST}


def test_the_last_label_of_an_axis_is_not_cut_off():
    """Digits of 11 px are up to 7.2 px wide, a per cent sign 10.5 px."""
    texts = list(ET.fromstring(str(axis_head(AXIS, N))).iter("text"))
    last = texts[-1]
    assert last.text == N.number(1.0, "share")
    width = 3 * 7.2 + 3.5 + 10.5
    x = float(last.get("x"))
    assert {"middle": x + width / 2, "end": x}[last.get("text-anchor")] <= AXIS.width


def test_a_far_interval_does_not_squeeze_the_others():
    rows = [(number(1.0, 0.9, 1.1), None), (number(2.0, -1000, 1000), None)]
    axis = axis_of(rows, 280)
    assert axis.low >= -1
    assert axis.high <= 4


def test_one_axis_holds_values_limits_and_ideals():
    axis = axis_of([(number(0.3, ideal=0.0), Limit(measure="m", at_most=2.0))], 280)
    assert axis.low <= 0
    assert axis.high >= 2


@given(
    st.lists(st.tuples(*[st.floats(-1e250, 1e250)] * 3), min_size=1, max_size=6),
    st.sampled_from(["share", "nats", "score", "count"]),
)
def test_any_axis_is_round_holds_all_values_and_can_be_drawn(rows, unit):
    measures = [(number(value, min(low, value), max(high, value), unit=unit), None) for low, value, high in rows]
    axis = axis_of(measures, 280)
    assert axis.low < axis.high
    slack = 1e-8 * (axis.high - axis.low)
    assert all(axis.low - slack <= measure.value <= axis.high + slack for measure, _ in measures)
    assert all(a < b for a, b in itertools.pairwise(axis.ticks))
    assert 2 <= len(axis.ticks) <= 8
    texts = [one.text for one in ET.fromstring(str(axis_head(axis, N))).iter("text")]
    assert texts


@given(st.floats(0, 1), st.floats(0, 1))
def test_order_on_the_axis_is_order_of_values(a, b):
    low, high = sorted((a, b))
    assert PAD <= AXIS.x(low) <= AXIS.x(high) <= AXIS.width - PAD


def test_axis_numbers_do_not_touch():
    axis = axis_of([(number(1.6e9, 1.5e9, 1.7e9), None)], 280)
    texts = list(ET.fromstring(str(axis_head(axis, N))).iter("text"))
    spans = []
    for one in texts:
        x, width = float(one.get("x")), 6.3 * len(one.text)
        left = {"start": x, "middle": x - width / 2, "end": x - width}[one.get("text-anchor")]
        spans.append((left, left + width))
    assert spans[0][0] >= 0
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def test_signs_differ_without_colour():
    shapes = {
        verdict: re.sub("#[0-9a-f]{6}|<title>.*</title>", "", str(sign(verdict, verdict))) for verdict in WORST_FIRST
    }
    assert len(set(shapes.values())) == len(WORST_FIRST)


def test_verdict_colours_are_legible_in_both_themes():
    for theme in (PALETTE, DARK):
        for verdict in WORST_FIRST:
            assert min(contrast(theme[verdict], theme[ground]) for ground in ("paper", "fill")) >= 4.5, verdict
        for text in ("ink", "soft"):
            assert min(contrast(theme[text], theme[ground]) for ground in ("paper", "fill", "tint")) >= 4.5, text


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", [PALETTE, DARK], ids=["light", "dark"])
def test_verdict_colours_stay_apart_for_the_colour_blind(theme, sight):
    """At least 10 between any two verdicts; a pair of patches at 2.3 is told apart by half of those with full sight."""
    seen = {verdict: seen_as(theme[verdict], sight) for verdict in WORST_FIRST}
    assert min(difference(seen[a], seen[b]) for a, b in itertools.combinations(seen, 2)) >= 10


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", [PALETTE, DARK], ids=["light", "dark"])
def test_the_side_that_breaks_a_limit_is_seen_and_what_lies_on_it_too(theme, sight):
    assert difference(seen_as(theme["outside"], sight), seen_as(theme["paper"], sight)) >= 7
    assert contrast(theme["outside"], theme["paper"]) >= 1.25
    assert min(contrast(theme[verdict], theme["outside"]) for verdict in WORST_FIRST) >= 3


def test_differences_of_colour_are_those_of_the_standard():
    """Pairs 1, 17 and 25 of Sharma, Wu and Dalal 2005, table 1."""
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ]
    for a, b, told in pairs:
        assert difference(a, b) == pytest.approx(told, abs=1e-4)


def test_both_themes_colour_the_same_parts_and_no_colour_means_two():
    assert PALETTE.keys() == DARK.keys()
    assert len(set(PALETTE.values())) == len(PALETTE)
