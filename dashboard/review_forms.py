"""Forms in which a reader speaks of an audit, a finding or an item; what is sent is appended to its reviews.

The command `dokimasia review` writes the same entries. Only what differs from where things stand becomes an entry. They
are signed where `DOKIMASIA_KEY` names a key file at the start of the dashboard, and then in its owner's name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import streamlit as st
from pydantic import ValidationError

from audit.errors import DokimasiaError
from audit.frameworks import NONE, Question
from audit.policy import Coverage
from audit.record import Audit, erasures
from audit.review import (
    DECISIONS,
    RATINGS,
    REVIEWS,
    STATUSES,
    Action,
    Answers,
    Comment,
    Decision,
    DecisionWord,
    Due,
    Override,
    Owner,
    Rating,
    Sample,
    Statement,
    Status,
    StatusWord,
    TargetState,
    passed_over,
)
from dashboard.drawn_forms import SEND, DrawnForm, drawn_form
from dashboard.findings_register import standing
from dashboard.rendering import draw
from dashboard.speakers import AUTHOR, name_hint, problem_told, speaker
from reports.text import Words, one_line
from reports.views import open_checks

__all__ = [
    "answer_framework", "decide_audit", "draw_items", "review_audit", "review_finding", "review_item", "waive_finding",
]

MOST = 200
"""Links to items that are still to be looked at."""
DRAWN = 100
"""Items that the form of a random check begins with."""
Fields = Mapping[str, Any]
Keyed = Callable[[str], str]
Links = Callable[[Sequence[str]], list[tuple[str, str]]]
"""Names of items -> what a link to each says, and where it leads."""


def review_audit(audit: Audit, words: Words) -> None:
    """Draw the form for a word about the audit: a decision, a comment."""
    if not _may_speak(words):
        return
    if passed_over(audit):
        draw("empty.html.j2", words, text=words("form.passed_over", variable=REVIEWS))
    form = drawn_form(audit)
    key = form.key
    draw("form_head.html.j2", words)
    with st.form(key("form")):
        left, right = st.columns([1, 2])
        fields = {
            "decision": _choice(left, "decision", ("", *_decisions()), "", words, key),
            "reason": right.text_input(words("form.reason"), key=key("reason")).strip(),
            "two_person": st.toggle(words("form.two_person"), key=key("two")),
            "comment": st.text_area(words("form.comment"), height=80, key=key("comment")).strip(),
        }
        author, sent = _sign(words, key)
    if sent:
        _say(form, words, author, _of_audit(fields))


def _decisions() -> list[DecisionWord]:
    """Return what whoever looks may decide, the first state last."""
    me = speaker()
    return [one for one in (*DECISIONS[1:], DECISIONS[0]) if me.may(Decision(decision=one))]


def _of_audit(fields: Fields) -> Iterator[Statement]:
    decision = fields["decision"]
    if decision:
        two = fields["two_person"] and decision == "in review"
        yield Decision(decision=decision, reason=fields["reason"] or None, two_person=two)
    if fields["comment"]:
        yield Comment(text=fields["comment"])


def decide_audit(audit: Audit, name: Literal["approve", "return"], words: Words) -> None:
    """Draw the form that approves an audit or asks for changes, with the reason."""
    form = drawn_form(audit, name)
    key = form.key
    with st.form(key("decide"), border=False):
        reason = st.text_input(words("form.reason"), key=key("reason")).strip()
        author, sent = _sign(words, key, f"decide.{name}")
    if sent:
        decision = Decision(decision="approved" if name == "approve" else "changes asked", reason=reason or None)
        _say(form, words, author, iter([decision]))


def waive_finding(audit: Audit, words: Words) -> None:
    """Draw the form that waives an open finding until a day; say so where none is open."""
    form = drawn_form(audit, "waive")
    checks = open_checks(form.state)
    if not checks:
        st.text(words("decide.nothing_open"))
        return
    key = form.key
    with st.form(key("decide"), border=False):
        check = st.selectbox(
            words("decide.waive_which"), checks, format_func=lambda one: one_line(one, words, 80), key=key("check")
        )
        reason = st.text_input(words("form.reason"), key=key("reason")).strip()
        until = st.date_input(words("form.last_day"), None, format="YYYY-MM-DD", key=key("until"))
        author, sent = _sign(words, key, "decide.waive")
    if sent and not (reason and until):
        draw("alarm.html.j2", words, text=words("form.waiver_needs"))
    elif sent:
        _say(form, words, author, iter([Status(check=check, status="waived", reason=reason, until=until)]))


def answer_framework(audit: Audit, coverage: Coverage, words: Words) -> None:
    """Draw the questions of a framework with what was answered; what is answered otherwise becomes an entry."""
    if not _may_speak(words):
        return
    framework, form = coverage.framework, drawn_form(audit, coverage.framework.id)
    key = form.key
    now = {name: list(given.choices) for name, given in coverage.answers.items()}
    draw("answer_head.html.j2", words)
    with st.form(key("answers")):
        given = {one.id: _answers(one, now.get(one.id, []), words, key) for one in framework.questions}
        author, sent = _sign(words, key)
    if sent:
        told = {name: choices for name, choices in given.items() if choices and choices != now.get(name)}
        _say(form, words, author, iter([Answers(framework=framework.id, answers=told)] if told else []))


def _answers(question: Question, now: list[str], words: Words, key: Keyed) -> list[str]:
    says = {one.id: one.says.of(words.lang) for one in question.choices} | {NONE: words("coverage.none_of_these")}
    chosen: list[str] = st.multiselect(
        question.asks.of(words.lang), question.allowed, now, format_func=lambda one: one_line(says[one], words, 200),
        key=key(question.id), placeholder=words("coverage.unanswered"),
    )
    return chosen


def review_finding(audit: Audit, check: str, words: Words) -> None:
    """Draw the form to rate a finding, give it to somebody, settle or waive it."""
    if not _may_speak(words):
        return
    form = drawn_form(audit, check)
    now, key = form.state.of(check), form.key
    draw("form_head.html.j2", words, panel=True)
    with st.form(key("form")):
        left, right = st.columns(2)
        fields = {
            "status": _choice(left, "status", _statuses(now.status), now.status, words, key),
            "rating": _choice(right, "rating", ("", *RATINGS), now.rating or "", words, key),
            "owner": left.text_input(words("reviewed.owner"), value=now.owner or "", key=key("owner")).strip(),
            "due": right.date_input(words("reviewed.due"), value=now.due, format="YYYY-MM-DD", key=key("due")),
            "reason": left.text_input(words("form.reason"), key=key("reason")).strip(),
            "until": right.date_input(words("form.last_day"), None, format="YYYY-MM-DD", key=key("until")),
            "action": st.text_input(words("reviewed.action"), value=now.action or "", key=key("action")).strip(),
            "comment": st.text_area(words("form.comment"), height=80, key=key("comment")).strip(),
        }
        author, sent = _sign(words, key)
    if sent and fields["status"] == "waived" and not (fields["reason"] and fields["until"]):
        draw("alarm.html.j2", words, text=words("form.waiver_needs"))
    elif sent:
        _say(form, words, author, _of_finding(fields, now, check))


def _statuses(now: StatusWord) -> list[StatusWord]:
    """Return where whoever looks may put a finding, and where it stands."""
    return [one for one in STATUSES if one == now or one != "waived" or speaker().approves]


def _of_finding(fields: Fields, now: TargetState, check: str) -> Iterator[Statement]:
    if fields["rating"] and fields["rating"] != now.rating:
        yield Rating(check=check, rating=fields["rating"])
    if fields["owner"] and fields["owner"] != now.owner:
        yield Owner(check=check, owner=fields["owner"])
    if fields["due"] is not None and fields["due"] != now.due:
        yield Due(check=check, due=fields["due"])
    if fields["action"] and fields["action"] != now.action:
        yield Action(check=check, action=fields["action"])
    if fields["status"] != now.status or fields["reason"]:
        until = fields["until"] if fields["status"] == "waived" else None
        yield Status(check=check, status=fields["status"], reason=fields["reason"] or None, until=until)
    if fields["comment"]:
        yield Comment(check=check, text=fields["comment"])


def draw_items(audit: Audit, check: str, links: Links, words: Words) -> None:
    """Draw what of a random check is still to be looked at, by `links` to these items, or the form that draws one."""
    state = standing(audit.folder.name)
    reviewed, headline = state.reviewed.get(check), audit.finding(check).headline
    if reviewed is not None and reviewed.check is not None and reviewed.check.left:
        draw("to_look_at.html.j2", words, count=len(reviewed.check.left), links=links(reviewed.check.left[:MOST]))
        return
    if headline is None or headline.mean_of is None or not speaker().speaks:
        return
    if any(check in one.checks for one in erasures(audit.folder)):  # of what is left nothing can be drawn
        return
    form = drawn_form(audit, check, "sample")
    key = form.key
    draw("sample_head.html.j2", words)
    with st.form(key("sample")):
        count = st.number_input(words("form.sample_count"), 1, None, DRAWN, key=key("count"))
        author, sent = _sign(words, key, "form.sample_send")
    if sent:
        _say(form, words, author, iter([Sample(check=check, count=count)]))


def review_item(audit: Audit, check: str, item: str, words: Words) -> None:
    """Draw the form for more than one key can say of an item: a comment, who sees to it, an outcome in between."""
    if not _may_speak(words):
        return
    form = drawn_form(audit, check, item)
    now, key = form.state.of(check, item), form.key
    with st.form(key("form"), border=False):
        fields: dict[str, Any] = {
            "comment": st.text_area(words("form.comment"), height=80, key=key("comment")).strip(),
        }
        with st.expander(words("form.more")):
            fields |= {
                "owner": st.text_input(words("reviewed.owner"), value=now.owner or "", key=key("owner")).strip(),
                "due": st.date_input(words("reviewed.due"), value=now.due, format="YYYY-MM-DD", key=key("due")),
                "value": st.number_input(words("form.right_value"), 0.0, 1.0, None, step=1.0, key=key("value")),
                "reason": st.text_input(words("form.reason"), key=key("reason")).strip(),
                "undo": st.toggle(words("form.undo"), key=key("undo")),
            }
        author, sent = _sign(words, key)
    if sent:
        _say(form, words, author, _of_item(fields, now, check, item))


def _of_item(fields: Fields, now: TargetState, check: str, item: str) -> Iterator[Statement]:
    if fields["undo"]:
        yield Override(check=check, item=item, word="taken back", reason=fields["reason"] or None)
    elif fields["value"] is not None:
        yield Override(check=check, item=item, value=fields["value"], reason=fields["reason"] or None)
    if fields["owner"] and fields["owner"] != now.owner:
        yield Owner(check=check, item=item, owner=fields["owner"])
    if fields["due"] is not None and fields["due"] != now.due:
        yield Due(check=check, item=item, due=fields["due"])
    if fields["comment"]:
        yield Comment(check=check, item=item, text=fields["comment"])


def _may_speak(words: Words) -> bool:
    """Tell whether whoever looks may speak, and tell them where they may not."""
    me = speaker()
    if not me.speaks:
        draw("reads.html.j2", words)
    return me.speaks


def _choice(cell: Any, kind: str, options: Sequence[str], now: str, words: Words, key: Keyed) -> str:
    none = {"decision": "form.no_decision", "rating": "form.not_rated"}
    chosen: str = cell.selectbox(
        words("form.decision" if kind == "decision" else f"reviewed.{kind}"),
        options,
        options.index(now),
        format_func=lambda one: words(f"{kind}.{one}" if one else none[kind]),
        key=key(kind),
        help=words("form.rating_help") if kind == "rating" else None,
    )
    return chosen


def _sign(words: Words, key: Keyed, button: str = "form.send") -> tuple[str, bool]:
    """Draw who speaks and the button; returns the name and whether it was pressed.

    Where a key signs, its owner speaks, whatever a browser sends.
    """
    left, right = st.container(), st.container()
    me = speaker()
    hint = name_hint(me, words)
    author = left.text_input(words("form.author"), me.name, max_chars=120, disabled=me.bound, help=hint)
    sent = right.form_submit_button(words(button), key=key(SEND), type="primary", width="stretch")
    return me.name if me.bound else author.strip(), sent


def _say(form: DrawnForm, words: Words, author: str, says: Iterator[Statement]) -> None:
    """Append what was said and draw the screen anew, or say in one line why it cannot be."""
    try:
        told = list(says)
        if not told:
            draw("alarm.html.j2", words, text=words("form.nothing"))
            return
        form.say(*told, author=author)
    except (DokimasiaError, ValidationError) as error:
        draw("alarm.html.j2", words, text=problem_told(error, words))
        return
    st.session_state[AUTHOR] = author
    st.rerun()
