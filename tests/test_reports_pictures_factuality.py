"""Pictures of answers, claims and confidences: nothing lies on another; a caption tells what is drawn and no more."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pandas as pd
import pyarrow as pa
import pytest
from report_fixtures import finding, rate, real

from reports.figures.style import PALETTE
from reports.pictures import WIDTH, figure_of
from reports.pictures.finding_figure import Shown
from reports.pictures.hotspots import bounds_of
from reports.pictures.rag_slices import slice_bars
from reports.pictures.reliability import reliability, risk_coverage
from reports.pictures.robustness import changed_images_shown
from reports.pictures.uncertainty import two_by_two
from reports.text import Notation, words_of

N = Notation(words_of("en"))


def stored(frame, identifier=None):
    """A file of items as a picture reads it."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return SimpleNamespace(
        columns=tuple(frame.columns), id_column=identifier, total=len(frame),
        table=lambda names: table.select(names), rows=lambda places: table.take(pa.array(places)),
    )  # fmt: skip


def texts(picture):
    return list(ET.fromstring(str(picture.drawing)).iter("text"))


def said(picture):
    return ["".join(one.itertext()) for one in texts(picture)]


def test_the_number_of_a_claim_stands_clear_of_the_prompt_and_the_evidence_begins_with_its_passage():
    cells = {
        "prompt": "How many keys does the museum hold?", "answer": "It holds 12 keys.", "claims": ["It holds 12 keys."],
        "context": ["Alda lives in Holmen."], "states": ["conflicting"], "rules": ["numbers"], "reasons": [None],
        "spans": [[0, 17, 9, 11]], "evidence": [[0, 14, 20]],
    }  # fmt: skip
    one = finding("grounded", "failed", "w", probe="factuality.grounding", measures=[rate("unsupported_share", 1, 1)])
    picture = figure_of("factuality.grounding").of_item(one, cells, N)
    prompt, number = (next(text for text in texts(picture) if text.text == name) for name in (cells["prompt"], "1"))
    assert float(number.get("y")) - float(number.get("font-size")) >= float(prompt.get("y")) + 3
    assert "[1] Alda lives in Holmen." in said(picture), "what stands before a place near the beginning is shown too"


CURVE = pd.DataFrame({"coverage": [0.25, 0.5, 1.0], "risk": [0.0, 0.1, 0.3]})
PROMISE = {"key": "remark.promised_abstention", "promised_share": 0.1}


@pytest.mark.parametrize(("wrong", "colour"), [(5, "passed"), (60, "failed")])
def test_a_promise_that_did_not_hold_is_red_and_one_that_was_not_made_is_not_told(wrong, colour):
    measures = [rate("answered_share", 100, 200), rate("error_of_answered", wrong, 100)]
    one = finding("sure", "measured", "w", probe="factuality.calibration", measures=measures)
    promised = one.model_copy(update={"remarks": [PROMISE]})
    picture = risk_coverage(Shown(promised, N, None, stored(CURVE)))
    assert f'fill="{PALETTE[colour]}"' in re.search(r"<circle[^>]*>", str(picture.drawing)).group(0)
    assert "promised" in picture.caption
    aurc = real("aurc", 0.2, 0.01, 200, unit="share")
    bare = finding("sure", "measured", "w", probe="factuality.calibration", measures=[aurc])
    assert "promised" not in risk_coverage(Shown(bare, N, None, stored(CURVE))).caption


def test_the_last_number_of_confidence_is_inside_the_picture():
    table = pd.DataFrame({
        "least": [0.0], "confidence": [0.9], "right": [0.8], "share": [1.0], "items": [50], "low": [0.7], "high": [1.0],
    })  # fmt: skip
    one = finding("sure", "measured", "w", probe="factuality.calibration", measures=[rate("ece", 1, 10)])
    picture = reliability(Shown(one, N, None, stored(table)))
    last = max(float(text.get("x")) for text in texts(picture) if text.get("text-anchor") == "middle")
    assert last + 0.65 * 11 * len("100 %") / 2 <= WIDTH


def test_answers_with_which_all_samples_agree_are_drawn_and_each_bar_leads_to_those_that_it_counts():
    items = pd.DataFrame({"agreement": [1.0] * 7 + [0.6] * 4 + [0.7] * 2 + [None]})
    one = finding("sure", "measured", "w", probe="factuality.uncertainty", measures=[rate("agreement", 9, 13)])
    picture = two_by_two(Shown(one, N, stored(items), None))
    assert {"7", "4", "2"} <= set(said(picture))
    bounds = [bounds_of(hotspot.cells[0][1]) for hotspot in picture.hotspots]
    kept = [sum((low is None or one >= low) and (high is None or one < high) for one in items["agreement"].dropna())
            for low, high in bounds]  # fmt: skip
    assert kept == [4, 2, 7]
    bars = re.findall(r'<rect [^>]*height="([\d.]+)" fill="([^"]+)"/>', str(picture.drawing))
    drawn = [fill for high, fill in bars if float(high)]
    assert drawn == [PALETTE["skipped"], PALETTE["skipped"], PALETTE["passed"]], "7 of 10 are fewer than 8 of 10"


def test_letters_of_an_answer_lie_where_its_marks_are_whatever_the_face():
    """Each line says how long it is, in the width that boxes and underlines go by; a PDF's face is another."""
    cells = {
        "prompt": "p", "answer": "It holds 12 keys and 3 doors.", "claims": ["It holds 12 keys and 3 doors."],
        "context": ["It holds 9 keys."], "states": ["conflicting"], "rules": ["numbers"], "reasons": [None],
        "spans": [[0, 29, 9, 11]], "evidence": [[0, 9, 10]],
    }  # fmt: skip
    one = finding("grounded", "failed", "w", probe="factuality.grounding", measures=[rate("unsupported_share", 1, 1)])
    picture = figure_of("factuality.grounding").of_item(one, cells, N)
    lines = [text for text in texts(picture) if text.get("{http://www.w3.org/XML/1998/namespace}space")]
    assert [text.text for text in lines] == [cells["answer"], "[1] It holds 9 keys."]
    each = {float(text.get("textLength")) / len(text.text) for text in lines}
    assert max(each) - min(each) < 0.01
    box = next(mark for mark in ET.fromstring(str(picture.drawing)).iter("rect") if mark.get("fill") == "none")
    assert float(box.get("x")) + 1 == pytest.approx(9 * each.pop(), abs=0.5), "the box begins at the number"


def test_one_answer_of_fifty_has_its_count():
    items = pd.DataFrame({"answerable": ["right"] * 48 + ["refused", "wrong"]})
    one = finding("rag", "measured", "w", probe="factuality.rag", measures=[rate("correctness", 48, 50)])
    assert said(slice_bars(Shown(one, N, stored(items), None))).count("1") == 2


def test_images_under_a_likelihood_are_not_told_as_answers_that_flip():
    items = pd.DataFrame({
        "id": ["a"], "image": [[[0.0, 8.0], [16.0, 4.0]]], "kinds": [["as it is", "noise"]], "strengths": [[0.0, 0.5]],
        "answers": [["-68.228912", "-254.35"]], "fall_share": [1.0],
    })  # fmt: skip
    drop = real("log_prob_drop", 186, 1, 1, unit="nats")
    one = finding("seen", "measured", "w", probe="robustness.images", measures=[drop])
    picture = changed_images_shown(Shown(one, N, stored(items, "id"), None))
    assert "flip" not in picture.caption
    assert "less likely" in picture.caption
    assert {"−68.2", "−254"} <= set(said(picture))
    assert changed_images_shown(Shown(one, N, stored(items.drop(columns="fall_share"), "id"), None)) is None
