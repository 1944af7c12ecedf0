"""One item: headed by what it is and by its own outcome, with the choices that it had."""

import math
import re

import pytest
from dashboard_fixtures import FIRST
from report_fixtures import finding, pd, rate, write_audit
from test_dashboard_views import html, rows_of, screen, seen, text_of

from audit.files import write_atomic
from audit.record import Limit, dump
from audit.verdict import store_frame
from dashboard.loading import AUDITS
from reports.text import Notation, words_of
from reports.views import choices_of, sent_of


@pytest.fixture
def questions(tmp_path, monkeypatch):
    """A failed check of three questions, of which the second is answered rightly; a fourth was stored before."""
    monkeypatch.setenv(AUDITS, str(tmp_path))
    index = pd.Index(["324fdb19dabdb4c0", "b1", "b2"], name="id")
    asked = ["Who wrote Estelle?", "What is the capital of Canada?", "Unasked?"]
    items = pd.DataFrame({"question": asked, "outcome": ["wrong", "right", "not asked"],
                          "against": pd.array([True, False, None], "boolean")}, index)
    seen_of = pd.DataFrame({"choices": [["Toronto", "Ottawa"]] * 3, "correct": [[1]] * 3,
                            "log_probs": [[-1.5, -2.5], [-4.0, -3.25], None]}, index)
    folder = tmp_path / FIRST
    one = finding("facts", "failed", "accuracy is 33 %.", probe="factuality.closed_book",
                  measures=[rate("accuracy", 1, 3)], limit=Limit(measure="accuracy", at_least=0.9))
    audit = write_audit(folder, [one])
    stored = {"items/facts.parquet": items, "observations/facts.items.parquet": seen_of}
    evidence = [store_frame(folder, name, frame) for name, frame in stored.items()]
    done = audit.record.model_copy(update={"findings": [one.model_copy(update={"evidence": evidence})]})
    write_atomic(folder / "record.json", dump(done))
    return folder


@pytest.mark.parametrize(
    ("row", "title", "shown"),
    [(1, "Who wrote Estelle?", ("failed", "Wrong Counts against the model")),
     (2, "What is the capital of Canada?", ("passed", "Right Does not count against the model")),
     (3, "Unasked?", ("measured", "Not asked Nothing tells whether it counts against the model"))],
)
def test_an_item_is_headed_by_its_content_and_its_own_outcome(questions, row, title, shown):
    shown_screen = screen(screen="item", audit=FIRST, check="facts", item=row)
    page = html(shown_screen)
    assert re.search(r"<h1>(.*?)</h1>", page)[1] == title
    lead = re.search(r'<p class="lead">(.*?)</p>', page, re.S)[1]
    assert text_of(lead) == shown[1]
    assert f'class="verdict {shown[0]}"' in lead
    assert "All of facts: Failed" in seen(shown_screen)


def test_the_choices_and_what_the_model_gave_them_stand_under_a_question(questions):
    page = screen(screen="item", audit=FIRST, check="facts", item=1)
    shares = [100 / (1 + math.exp(-1)), 100 / (1 + math.exp(1))]
    assert [text_of(row) for row in rows_of(page, "choices")] == [
        f"Toronto the model's choice {shares[0]:.1f} % −1.50", f"Ottawa right {shares[1]:.1f} % −2.50",
    ]
    assert f"width: {shares[0]:.1f}%" in html(page)
    right = screen(screen="item", audit=FIRST, check="facts", item=2)
    assert text_of(rows_of(right, "choices")[0]).startswith("Ottawa right, the model's choice")
    assert rows_of(screen(screen="item", audit=FIRST, check="facts", item=3), "choices") == []


def test_choices_that_are_not_the_recorded_ones_are_not_shown(questions):
    path = questions / "observations" / "facts.items.parquet"
    pd.read_parquet(path).assign(choices=[["forged", "forged too"]] * 3).to_parquet(path)
    page = screen(screen="item", audit=FIRST, check="facts", item=1)
    assert rows_of(page, "choices") == []
    assert "forged" not in seen(page)


def test_the_sentences_of_a_pair_are_choices_of_which_none_is_right():
    seen = {"more": "She wept.", "less": "He wept.", "log_prob_more": -40.0, "log_prob_less": -41.0}
    more, less = choices_of(seen, Notation(words_of("en")))
    assert (more.text, more.sign, more.preferred, more.right) == ("She wept.", "failed", True, False)
    assert (less.sign, less.preferred, less.right) == ("", False, False)
    assert more.share == pytest.approx(1 / (1 + math.exp(-1)))
    assert [one.sign for one in choices_of({**seen, "log_prob_less": -39.0}, Notation(words_of("en")))] == ["", ""]


def test_what_was_sent_is_told_only_where_the_plan_says_how():
    plan = {"checks": [{"name": "facts", "probe": {"prompt": "Q: {question}\nA:"}}, {"name": "bare", "probe": {}}]}
    assert sent_of(plan, "facts", {"question": "Who?"}) == "Q: Who?\nA:"
    assert [sent_of(plan, check, {"question": "Who?"}) for check in ("bare", "other")] == ["", ""]
    assert sent_of({}, "facts", {"question": "Who?"}) == ""
