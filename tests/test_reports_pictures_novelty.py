"""Pictures of novelty: what is stored is what is drawn, counts and cells are whole, bands hold, old audits render."""

import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from itertools import accumulate, pairwise
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from report_fixtures import finding, real, write_audit
from scipy.stats import norm

from audit.record import Limit
from detectors.novelty.blindspots import blind_spots
from detectors.novelty.evidence import ENDS
from detectors.phrases import Cause
from detectors.result import undefined
from detectors.roc_curve import roc_margin
from reports.documents import html_report
from reports.documents.html_report import render_html
from reports.figures import placed, round_axis, shaded
from reports.figures.style import PALETTE
from reports.pictures import figure_of, opening, within
from reports.pictures.auroc_by_score import _kind, by_score
from reports.pictures.denoising_curve import denoising_curves
from reports.pictures.distorted import distortions
from reports.pictures.finding_figure import Shown
from reports.pictures.histogram import _LABEL, _SIDE, _places, counts_of, score_histograms
from reports.pictures.most_and_least_likely import extreme_items
from reports.pictures.stream import alarms_over_stream
from reports.pictures.surprise import surprise_maps, surprise_of_item
from reports.pictures.tokens import text_rows, whole_characters
from reports.text import Notation, words_of

N = Notation(words_of("en"))


def tree(picture):
    return ET.fromstring(str(picture.drawing))


def texts(picture):
    return ["".join(one.itertext()).strip().replace("\xa0", " ") for one in tree(picture).iter("text")]



def scored(size=200, texts=False, seed=0):
    """Items of a finding of novelty as its detector keeps them: both roles, a threshold, elements of both ends."""
    rng = np.random.default_rng(seed)
    role = np.repeat(["foreign", "items"], size)
    nll = np.concatenate([rng.normal(3.0, 1.0, size), rng.normal(2.0, 0.5, size)])
    frame = pd.DataFrame({
        "id": [f"i{at}" for at in range(2 * size)], "role": role, "nll": nll, "knn5": rng.normal(size=2 * size),
        "threshold": 2.8, "value": 1.0 * (nll > 2.8), "against": (nll > 2.8) != (role == "foreign"),
        "nll_constant": nll - 1, "nll_noise": nll + 4,
    })  # fmt: skip
    if texts:
        words = [["The", " cat", "\n", "<b>", "고양이", *[f" w{at}" for at in range(9)]]] * (2 * size)
        frame["text"], frame["tokens"] = ["".join(one) for one in words], words
        frame["surprisal"] = [[np.nan, *(1.5 * np.arange(13))]] * (2 * size)
    else:
        frame["image"] = [rng.integers(0, 17, (4, 4)).tolist() for _ in nll]
        frame["surprisal"] = [rng.exponential(size=16).tolist() for _ in nll]
    for at in range(8, len(frame) - 8):
        frame.at[at, "surprisal"] = None
    return frame


def novel(frame, **more):
    def of(about, value, group=None, name="auroc"):
        above = ("foreign", "nll") if about == "foreign" else ("items", f"nll_{about}")
        one = real(name, value, 0.05, 400, unit="score", direction="higher is better")
        return replace(one, group=group, auroc_of=(("items", "nll"), above))

    low, high = (frame.loc[frame["role"] == role, "nll"].to_numpy() for role in ("items", "foreign"))
    knn = replace(of("foreign", 0.5, "knn5"), auroc_of=(("items", "knn5"), ("foreign", "knn5")))
    why = Cause("the score does not rise as noise is added to the items (mean at none, half, all: {means})", means="1")
    lost = undefined("auroc", why, n={"items": 9, "units": 9}, unit="score", direction="higher is better", level=0.95,
                     group="mixture")
    spots = [of(kind, value, kind, "blind_spot_auroc") for kind, value in (("constant", 0.3), ("noise", 0.99))]
    return finding(
        "likelihood", "failed", "w", probe="novelty.likelihood", limit=Limit(measure="auroc", at_least=0.9),
        measures=[of("foreign", float((high[:, None] > low).mean())), knn, lost, *spots], **more,
    )


def drawn_by(draw, frame, notation=N, **more):
    """What one drawing makes of the items, without a file of them."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    items = SimpleNamespace(
        columns=tuple(frame.columns), id_column="id", total=len(frame),
        table=table.select, rows=lambda numbers: table.take(pa.array(numbers)),
    )
    return draw(Shown(novel(frame, **more), notation, items, None))


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=60), st.none() | st.floats(-9, 9))
def test_every_value_is_counted_once_on_its_side_of_the_threshold(values, threshold):
    found = counts_of(np.array(values), round_axis("score", -3.0, 3.0, 100), threshold)
    assert found.sum() == len(values)
    assert found[1].sum() == (0 if threshold is None else sum(one > threshold for one in values))


def test_the_histogram_says_what_lies_beyond_the_threshold():
    frame = scored()
    drawn = drawn_by(score_histograms, frame)
    shares = frame.groupby("role")["value"].mean()
    told = tree(drawn).find("desc").text.replace("\xa0", " ")
    for role in ("items", "foreign"):
        assert N.number(shares[role], "share").replace("\xa0", " ") in told
    assert "threshold 2.80 (p ≤ 0.05)" in texts(drawn)
    assert {"negative log-likelihood, bits per dimension"} <= set(texts(drawn))
    assert {one.partition(",")[0] for one in texts(drawn)} >= {"familiar items: 200", "foreign: 200"}
    assert "Limit: AUROC ≥ 0.9" in drawn.caption.replace("\xa0", " ")
    of_groups = frame.assign(threshold=np.where(np.arange(len(frame)) % 2, 2.0, 3.0))
    drawn = drawn_by(score_histograms, of_groups)
    assert "thresholds of groups, 2.00 to 3.00 (p ≤ 0.05)" in texts(drawn)
    above = (of_groups["nll"] > of_groups["threshold"]).groupby(of_groups["role"]).mean()
    assert f"{N.number(above['items'], 'share')} false alarms →".replace("\xa0", " ") in texts(drawn)
    old = drawn_by(score_histograms, frame.drop(columns="threshold"))
    assert "threshold" not in old.caption
    assert not any("threshold" in one for one in texts(old)), "an audit stored before has no threshold"


def test_where_the_judged_score_has_no_value_no_other_score_is_drawn_in_its_place():
    frame = scored()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    items = SimpleNamespace(columns=tuple(frame.columns), id_column="id", total=len(frame), table=table.select)
    found = novel(frame)
    lost = replace(next(one for one in found.measures if one.group == "mixture"), group=None)
    shown = Shown(found.model_copy(update={"measures": (lost, *found.measures[1:])}), N, items, None)
    assert score_histograms(shown) is None
    assert extreme_items(shown) is None


@given(st.floats(16, 584))
def test_what_is_said_of_a_threshold_stands_inside_and_not_on_the_names_of_the_sides(at):
    names_at_end, anchor = _places([at])
    begin, end = (at, at + _LABEL) if anchor == "start" else (at - _LABEL, at)
    names = (600 - _SIDE, 600) if names_at_end else (0, _SIDE)
    assert 0 <= begin < end <= 600
    assert end <= names[0] or begin >= names[1]


def test_the_band_holds_the_whole_true_curve_as_often_as_it_says():
    """N(0, 1) against N(1, 1): F = Phi(-t), H = Phi(1 - t), in 400 draws of 60 and 90; it must not be far too wide."""
    rng, level = np.random.default_rng(2), 0.9
    at = np.linspace(-4, 5, 500)
    held, wide = 0, []
    for _ in range(400):
        sides = np.sort(rng.normal(size=60)), np.sort(rng.normal(1.0, size=90))
        off = [
            abs(1 - np.searchsorted(side, at, "left") / len(side) - norm.sf(at, loc=place)).max()
            for side, place in zip(sides, (0, 1), strict=True)
        ]
        held += all(one <= roc_margin(len(side), level) for one, side in zip(off, sides, strict=True))
        wide.append(max(off) / roc_margin(60, level))
    assert held / 400 >= level - 2 * np.sqrt(level * (1 - level) / 400)
    assert max(wide) > 0.8


def test_a_map_of_pixels_has_a_cell_for_each_and_its_levels():
    told = drawn_by(surprise_maps, scored())
    maps = [one for one in tree(told).iter("image") if one.get("width") == "66"]
    assert len(maps) == 24, "six items beside their maps at either end"
    grid = np.array([[0.0, 1.0], [2.0, np.nan]])
    data = re.search(r"base64,([^\"]+)", shaded(grid, 0, 2, (0, 0, 9, 9)))[1]
    image = Image.open(BytesIO(b64decode(data)))
    assert image.size == (2, 2)
    assert np.array(image).tolist() == [[0, 16], [31, 32]]
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("notation", [N, Notation(words_of("ko"))])
def test_pixels_of_a_bound_are_not_said_to_be_surprising_in_themselves(notation):
    own, of_bound = (drawn_by(surprise_maps, scored(), notation, options={"maps": one}) for one in (False, True))
    words = notation.words
    assert (own.caption, of_bound.caption) == (
        words("picture.pixels_caption", count=ENDS), words("picture.bound_pixels_caption", count=ENDS)
    )
    assert {words("picture.nats_each"), words("picture.bound_nats_each")} & {*texts(of_bound)} == {
        words("picture.bound_nats_each")
    }


def test_a_map_of_tokens_has_a_cell_for_each_and_is_read_without_its_shades():
    frame = scored(texts=True)
    drawn = drawn_by(surprise_maps, frame)
    spans = [one.text or "" for one in tree(drawn).iter("tspan")]
    assert len(spans) == 6 * 14, "four strange texts, two likely ones"
    assert spans[:5] == ["The", "cat", "↵", "<b>", "고양이"]
    marked = [one for one in texts(drawn) if re.fullmatch(r"[\d.]+", one)]
    assert marked[:5] == ["12.0", "13.5", "15.0", "16.5", "18.0"]
    grounds = [one.get("d").count("M") for one in tree(drawn).iter("path") if one.get("fill-opacity")]
    # nats are 1.5 k for k = 0 ... 12: one or two tokens below 2, then to 4, to 7, to 10, and above
    assert grounds[:4] == [1, 2, 2, 6]
    assert {"below 2 nats", "10 nats or more"} <= set(texts(drawn))
    assert "18.0 nats at most" in tree(drawn).find("desc").text.replace("\xa0", " ")
    assert drawn_by(surprise_maps, frame.drop(columns=["surprisal", "tokens"])) is None


@given(st.text(st.sampled_from("a 고🙂é"), min_size=1, max_size=8), st.data())
def test_tokens_that_split_a_character_are_drawn_as_the_characters_that_they_make(text, data):
    """A text's bytes cut anywhere: what is drawn is the text, each surprise once, and no more joined than must be."""
    raw = text.encode()
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, len(raw))) if len(raw) > 1 else st.just(set()))), len(raw)]
    pairs = [(a, b) for a, b in pairwise(cuts) if a < b]
    at = [len(raw[:byte].decode("utf-8", "ignore")) for byte in range(len(raw) + 1)]
    spans = [(at[a], at[b - 1] + 1) for a, b in pairs]
    tokens = [raw[a:b].decode("utf-8", "replace") for a, b in pairs]
    nats = np.arange(1.0, len(pairs) + 1)
    found, told = whole_characters(tokens, nats, text, spans)
    assert "".join(found) == text
    assert told.sum() == nats.sum()
    ends = set(accumulate(len(one.encode()) for one in text))
    assert len(found) == len(told) == sum(b in ends for _, b in pairs)


def test_of_numbers_that_would_stand_on_each_other_the_more_surprising_one_is_kept():
    nats = np.array([0.0, 11.0, 19.0, 0.0, 12.0])
    drawn, _ = text_rows(["The", " a", "b", " and so on", " c"], nats, 0.0, "name", N)
    assert re.findall(r"font-size=\"9\"[^>]*>([\d.]+)<", drawn) == ["0", "19.0", "0", "12.0"], "no 11"
    assert drawn.count('stroke-width="1.5"') == 5


def test_of_a_long_text_the_lines_around_its_most_surprising_token_are_drawn():
    nats = np.zeros(400)
    nats[300] = 9.0
    drawn, _ = text_rows([f" t{at}" for at in range(400)], nats, 0.0, "name", N)
    assert ">t300<" in drawn
    assert ">t0<" not in drawn
    assert "of 400 tokens" in drawn


def test_series_have_a_bar_of_surprise_for_each_step():
    frame = scored().drop(columns="image")
    frame["series"] = [np.sin(np.arange(16)).tolist()] * len(frame)
    drawn = drawn_by(surprise_maps, frame)
    bars = [one.get("d") for one in tree(drawn).iter("path") if one.get("stroke") == PALETTE["passed"]]
    assert [one.count("M") for one in bars] == [16] * 8


def test_windows_that_are_strange_are_shaded_and_steps_over_the_threshold_are_red():
    """The surprise is 9 at steps 6 and 7 of 16, else 1, and step 0 is not scored: windows from 1 to 6 hold both."""
    frame = scored().drop(columns="image")
    surprisal = np.ones(16)
    surprisal[0], surprisal[6:8] = np.nan, 9.0
    frame["series"], frame["surprisal"] = [np.sin(np.arange(16)).tolist()] * 400, [surprisal.tolist(), *[None] * 399]
    plain = drawn_by(surprise_maps, frame)
    frame = frame.assign(window_threshold=2.5, stream_threshold=[8.5, *[np.nan] * 399])
    drawn = drawn_by(surprise_maps, frame)
    shades = [one for one in tree(drawn).iter("rect") if one.get("fill") == PALETTE["outside"]]
    step = 415 / 16
    assert [float(one.get("x")) for one in shades] == [pytest.approx(step, abs=0.1)], "two 9s are a mean of 3"
    assert float(shades[0].get("width")) == pytest.approx(13 * step, abs=0.1), "the last ends with step 13"
    bars = {one.get("stroke"): one.get("d").count("M") for one in tree(drawn).iter("path") if "V" in one.get("d")}
    assert bars == {PALETTE["passed"]: 13, PALETTE["failed"]: 2}
    assert "p ≤ 0.05" in drawn.caption
    assert "Dashed" in drawn.caption
    assert not [one for one in tree(plain).iter("rect") if one.get("fill") == PALETTE["outside"]]
    assert "Shaded" not in plain.caption


def test_steps_that_the_data_call_strange_have_a_line_above():
    frame = scored().drop(columns="image")
    marks = [0, 1, 1, 0, 1, *[0] * 10, 1]
    frame["series"] = [np.sin(np.arange(16)).tolist()] * 400
    frame["surprisal"], frame["strange"] = [[1.0] * 16] + [None] * 399, [marks] + [None] * 399
    drawn, step = drawn_by(surprise_maps, frame), 415 / 16
    lines = [one.get("d") for one in tree(drawn).iter("path") if one.get("stroke-width") == "3"]
    ends = [tuple(float(x.split()[0]) for x in re.split("[ML]", one)[1:]) for one in lines]
    assert ends == [pytest.approx((first * step, last * step), abs=0.1) for first, last in ((1, 3), (4, 5), (15, 16))]
    assert "Thick line" in drawn.caption
    assert "Thick line" not in drawn_by(surprise_maps, frame.drop(columns="strange")).caption


def test_alarms_over_a_stream_are_dots_in_the_order_of_the_stream_on_one_scale():
    """Foreign series are stored by score; two of three sound an alarm, one of them far up; of 900 familiar ones one."""
    rows = [("foreign", 2, 9.0, 5.0, 0.1), ("foreign", 0, 900.0, 5.0, 0.2), ("foreign", 1, 4.0, 5.0, 0.0)]
    rows += [("items", at, 6.0 if at == 7 else 1.0, 5.0, at == 7) for at in range(900)]
    columns = ["role", "stream_place", "stream_peak", "stream_threshold", "stream_alarms"]
    frame = pd.DataFrame(rows, columns=columns).assign(nll=1.0).rename_axis("id").reset_index()
    drawn = drawn_by(alarms_over_stream, frame, options={"tail_rate": 0.001})
    dots = [(one.get("fill"), float(one.get("cx"))) for one in tree(drawn).iter("circle")]
    assert [fill for fill, _ in dots] == [PALETTE["failed"], PALETTE["passed"], PALETTE["passed"]]
    assert dots[1][1] < 52 + (808 - 26) / 2 + 26 + (808 - 26) / 6 + 1 < dots[2][1], "the first and the last of three"
    quiet = [one.get("d").count("M") for one in tree(drawn).iter("path") if one.get("stroke-linecap")]
    assert quiet == [399, 1], "no more than 400 of a role"
    assert "0.111 %" in drawn.message.replace("\xa0", " ")
    assert "0.100 %" in drawn.caption.replace("\xa0", " ")
    assert drawn_by(alarms_over_stream, frame.drop(columns="stream_peak")) is None
    none = frame.assign(stream_peak=frame["stream_peak"].where(frame["role"] == "foreign"))
    assert drawn_by(alarms_over_stream, none) is None


def test_one_item_has_its_own_map_where_its_elements_are_kept():
    for texted, cells in ((False, 1), (True, 14)):
        frame = scored(texts=texted)
        shown = Shown(novel(frame), N, None, None)
        found = surprise_of_item(shown, frame.iloc[0].to_dict())
        wanted = "tspan" if texted else "image"
        assert len(list(tree(found).iter(wanted))) == (cells if texted else 3), "the image, its map and the legend"
        assert "Most surprising" not in texts(found)
        assert surprise_of_item(shown, frame.iloc[100].to_dict()) is None


def test_both_ends_are_drawn_in_order_with_what_is_misjudged_framed():
    frame = scored()
    drawn = drawn_by(extreme_items, frame)
    own = frame[frame["role"] == "items"].sort_values("nll")
    numbers = [one for one in texts(drawn) if re.fullmatch(r"-?[\d.]+", one)]
    assert numbers[:16] == [N.number(one, "score") for one in (*own["nll"][:8], *own["nll"][-8:])]
    wrong = [one for one in tree(drawn).iter("path") if one.get("stroke") == PALETTE["failed"]]
    picked = pd.concat([
        part.sort_values("nll").iloc[[*range(8), *range(-8, 0)]] for _, part in frame.groupby("role")
    ])
    assert len(wrong) == picked["against"].sum()


def test_distortions_are_those_that_were_asked():
    """They are made again from id and item alone, between the ends that the plan gave."""
    frame = scored()
    drawn = drawn_by(distortions, frame, options={"value_range": [0, 16]})
    assert len(list(tree(drawn).iter("image"))) == 3 * 8
    own = frame[frame["role"] == "items"].sort_values("nll")
    first = own.iloc[0]
    made = blind_spots([first["id"]], np.array([first["image"]]), (0, 16))
    for kind in ("constant", "noise"):
        wanted = placed("image", made[kind][0].tolist(), 0, 0, 38, (0, 16))
        assert re.search(r'href="([^"]+)"', wanted)[1] in drawn.drawing
    assert "AUROC 0.300" in texts(drawn)
    assert "constant" in tree(drawn).find("desc").text


@pytest.mark.parametrize(("score", "kind"), [
    ("sub_pca", "data_alone"), ("knn5", "data_alone"), ("isolation_forest", "data_alone"), ("nll", "density"),
    ("max_softmax", "classifier"),
])
def test_what_a_score_is_made_of(score, kind):
    assert _kind(score) == kind


def test_families_stand_side_by_side_the_best_first_and_what_has_no_number_says_why():
    drawn = drawn_by(by_score, scored())
    assert [one for one in texts(drawn) if one in ("P(X)", "P(Y|X)", "data alone")] == [
        "P(X)", "data alone", "data alone",
    ]
    assert any(one.startswith("— the score does not rise") for one in texts(drawn))
    assert len(list(tree(drawn).iter("circle"))) == 1


def test_curves_of_both_roles_are_medians_with_their_bands():
    frame = scored()
    low, high = np.linspace(0.1, 0.01, 8), np.linspace(10, 0.02, 8)
    frame["denoising_curve"] = [(high if role == "foreign" else low).tolist() for role in frame["role"]]
    drawn = drawn_by(denoising_curves, frame)
    assert "noise level 0.0625: median loss 10.0 of foreign, 0.100 of familiar" in tree(drawn).find("desc").text
    dashed = [one for one in tree(drawn).iter("path") if one.get("stroke-dasharray")]
    assert [one.get("d").count("L") for one in dashed] == [7]
    assert drawn_by(denoising_curves, frame.drop(columns="denoising_curve")) is None
    alone = frame.assign(denoising_curve=frame["denoising_curve"].where(frame["role"] == "items"))
    assert drawn_by(denoising_curves, alone) is None


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_picture_of_novelty_says_its_message_and_is_small(lang):
    notation = Notation(words_of(lang))
    for texted in (False, True):
        frame = scored(texts=texted)
        for draw in figure_of("novelty.likelihood").draw:
            if (found := drawn_by(draw, frame, notation)) is None:
                continue
            assert len(tree(found).find("desc").text) > 20
            assert found.caption
            assert found.height == pytest.approx(float(tree(found).get("height")), abs=1)
            assert len(found.drawing) < 30_000


def test_a_finding_opens_with_what_fits_and_a_report_keeps_within_its_room():
    high = [SimpleNamespace(height=200.0, drawing="x" * 100) for _ in range(4)]
    assert opening(high) == 2
    assert opening([SimpleNamespace(height=2000.0)]) == 1
    assert opening([]) == 0
    drawn = {"a": high, "b": high[:1], "c": ()}
    assert within(drawn, 10_000) == {"a": tuple(high), "b": tuple(high[:1]), "c": ()}
    assert within(drawn, 1_000) == {"a": tuple(high[:3]), "b": tuple(high[:1]), "c": ()}, "600 are left, for three"
    assert within(drawn, 399) == {"a": tuple(high[:1]), "b": (), "c": ()}


def test_a_report_says_how_many_pictures_found_no_room(tmp_path, monkeypatch):
    frame = scored(40)
    audit = write_audit(tmp_path / "a", [novel(frame)], items={"likelihood": frame})
    whole = render_html(audit)["report.html"].decode()
    monkeypatch.setattr(html_report, "PICTURE_CHARACTERS", 20_000)
    cut = render_html(audit)["report.html"].decode()
    assert whole.count('<svg class="picture"') == cut.count('<svg class="picture"') + 5 == 6
    assert "5 more pictures found no room" in cut
    assert "no room" not in whole
