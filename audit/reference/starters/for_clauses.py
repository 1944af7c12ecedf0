"""What `init --for` writes for clauses and domains: every check that serves them and that this model can be asked.

    eu-ai-act   eu-ai-act/art-15   eu-ai-act/art-15-1      a framework, clauses that begin so, one clause
    medicine, driving, customer-service, education, marketing, assistants, hiring      checks that such a use wants

A check stands there ready to run on data of ours, or as a comment where it wants data of the user's own. No clause of
any catalogue gives a number, so each limit is a comment too: what is enough, its owner says before the model is asked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from audit.errors import UsageError, did_you_mean
from audit.frameworks import Alternative, Clause, Framework, framework_names, load_framework
from audit.reference.starters import CHAT_PROMPT, family_of, seen_from, starter_model
from audit.reference.starters.answers import ANSWERS
from detectors.immutable import immutable

__all__ = ["PROFILES", "ClausePlan", "clause_plan"]

_QUESTIONS = (*ANSWERS, "efficiency", "mark", "memorisation", "novelty", "privacy", "robustness")
"""What `init --for` takes too; other plans answer them."""


@immutable
class _Ready:
    """A check as a plan writes it."""

    name: str
    probe: str
    options: str
    data: str
    limit: str
    """Headline and the side that a limit of it has."""
    yours: bool = False
    """Whether the data are the user's to give."""


@immutable
class ClausePlan:
    """A plan and what it serves."""

    text: str
    served: tuple[str, ...]
    """Clauses that a check of the plan serves, or a comment of it would, as `framework:clause`."""
    unserved: tuple[tuple[str, str], ...]
    """(clause, why no check of this plan serves it)."""


_ACCURATE, _PLAIN = "accuracy, at_least", "{use: builtin, name: plain_questions}"
_CHOICE = ", mode: choice"
_LANGUAGE = (
    _Ready("plain-questions", "factuality.closed_book", _CHOICE, _PLAIN, _ACCURATE),
    _Ready("sureness", "factuality.calibration", _CHOICE, _PLAIN, "ece, at_most"),
    _Ready("passages", "factuality.rag", "", "{use: builtin, name: rag_questions}", "correctness, at_least"),
    _Ready("changed", "robustness.text", _CHOICE, _PLAIN, "worst_kept_flip_rate, at_most"),
    _Ready("stereotypes", "bias.stereotype_pairs", ", variant: causal", "{use: builtin, name: stereotype_pairs}",
           "stereotype_share, at_most"),
    _Ready("groups", "bias.counterfactual", "", "{use: builtin, name: counterfactual_prompts}",
           "largest_score_gap, at_most"),
)
_TABLES = (
    _Ready("decisions", "bias.decisions", ", sensitive: [group], decision: decision, label: label",
           "{use: file, path: FILE}", "demographic_parity_difference, at_most", yours=True),
    _Ready("records", "bias.data", ", sensitive: [group], label: label", "{use: file, path: FILE}",
           "label_rate_difference, at_most", yours=True),
)
_YOURS = (
    _Ready("own-answers", "factuality.grounding", ", answers: given", "{use: file, path: ./answers.csv}",
           "unsupported_share, at_most", yours=True),
    _Ready("texts", "bias.corpus", "", "{use: file, path: ./texts.csv}",
           "attribute_rate_difference, at_most", yours=True),
    _Ready("files", "provenance.signed_origin", "", "{use: files, path: ./outputs}",
           "trusted_share, at_least", yours=True),
)
_PROMPTS, _TRAINED = "{use: file, path: ./prompts.csv}", "{use: file, path: ./trained-on.csv}"
_WRITES = (
    _Ready("personal", "privacy.personal_data", "", _PROMPTS, "personal_share, at_most", yours=True),
    _Ready("copies", "memorisation.copies", "",
           f"{{items: {_PROMPTS}, held_out: {{use: file, path: ./texts.csv}}, corpus: {_TRAINED}}}",
           "copied_above_held_out, at_most", yours=True),
)
_MEMBERS = _Ready(
    "members", "memorisation.membership", "", f"{{items: {_TRAINED}, nonmembers: {{use: file, path: ./texts.csv}}}}",
    "membership_auroc, at_most", yours=True,
)
_IMAGES = (
    _Ready("samples", "quality.samples", "",
           "{items: {use: image_folder, path: ./images/heldout}, train: {use: image_folder, path: ./images/train}}",
           "coverage, at_least", yours=True),
    _Ready("time", "efficiency.sampling", "", "{use: image_folder, path: ./images/heldout}",
           "seconds_per_sample, at_most", yours=True),
)
_SCORED = ("factuality.calibration", "bias.stereotype_pairs")
"""Probes that want log probabilities, which no address gives for certain."""
_ANSWERS = ("factuality.closed_book", "factuality.rag", "factuality.calibration")
PROFILES: dict[str, tuple[str, ...]] = {
    "medicine": (*_ANSWERS, "factuality.grounding", "robustness.text", "bias.counterfactual", "privacy.personal_data"),
    "driving": ("robustness.text", "quality.samples", "efficiency.sampling", "factuality.calibration"),
    "customer-service": (*_ANSWERS, "factuality.grounding", "bias.counterfactual", "privacy.personal_data"),
    "education": (*_ANSWERS, "bias.stereotype_pairs", "bias.counterfactual", "robustness.text"),
    "marketing": ("bias.stereotype_pairs", "bias.counterfactual", "bias.corpus", "provenance.signed_origin"),
    "assistants": (
        *_ANSWERS, "robustness.text", "bias.stereotype_pairs", "bias.counterfactual", "privacy.personal_data",
    ),
    "hiring": ("bias.decisions", "bias.data", "bias.counterfactual", "bias.stereotype_pairs"),
}
"""Domain -> probes that such a use wants."""


def clause_plan(aim: str, model: str | None, data: str | None, *, base: Path = Path()) -> ClausePlan:
    """Return a plan in `base` for a framework, for clauses of it or for a domain; UsageError where there is none."""
    kind = "table" if data is not None else "causal_lm" if model is None else family_of(model)
    known = _known(kind)
    if aim in PROFILES:
        wanted = [one for one in known if one.probe in PROFILES[aim]]
        if not wanted:
            what = "a table" if data is not None else "this model"
            raise UsageError(f"init --for {aim}: no check of it asks {what}; it has {', '.join(PROFILES[aim])}")
        return ClausePlan(_text(aim, wanted, {}, _model(model, data, base), _place(data, base)), (), ())
    framework, clauses = _aimed(aim)
    serving = {one.id: [ready for ready in known if _serves(one, ready.probe)] for one in clauses}
    wanted = [ready for ready in known if any(ready in found for found in serving.values())]
    tags = {
        ready.name: [f"{framework.id}:{one.id}" for one in clauses if ready in serving[one.id]] for ready in wanted
    }
    declared = {ready.name for one in clauses if "declared" in one.needs for ready in serving[one.id]}
    unserved = tuple((f"{framework.id}:{one.id}", _why(one)) for one in clauses if not serving[one.id])
    if not wanted:
        told = "; ".join(f"{name.partition(':')[2]}: {why}" for name, why in unserved[:3])
        more = f"; and {len(unserved) - 3} more clauses" if len(unserved) > 3 else ""
        raise UsageError(f"init --for {aim}: no check serves it; {told}{more}")
    text = _text(aim, wanted, tags, _model(model, data, base), _place(data, base), declared)
    return ClausePlan(text, tuple(f"{framework.id}:{name}" for name, found in serving.items() if found), unserved)


def _known(kind: str) -> tuple[_Ready, ...]:
    """Return the checks that this kind of model, or a table, can be asked; those of one's own data stand behind."""
    if kind == "table":
        return _TABLES
    if kind == "causal_lm":
        return (*_LANGUAGE, *_TABLES, *_YOURS, *_WRITES, _MEMBERS)
    if kind == "endpoint":
        asked = [one for one in _LANGUAGE if one.probe not in _SCORED]
        return (*(_generating(one) for one in asked), *_TABLES, *_YOURS, *_WRITES)
    return (*_IMAGES, *_TABLES, _YOURS[-1])


def _generating(one: _Ready) -> _Ready:
    options = one.options.replace("choice", "generate")
    return _Ready(one.name, one.probe, options, one.data, one.limit, one.yours)


def _aimed(aim: str) -> tuple[Framework, list[Clause]]:
    """Return the framework and the clauses that an aim names."""
    name, _, wanted = aim.partition("/")
    if name not in framework_names():
        words = (*_QUESTIONS, *framework_names(), *PROFILES)
        told = dict.fromkeys(str(did_you_mean(one, words)) for one in (name, ""))  # the nearest, and all of them
        raise UsageError(f"init --for {aim}{''.join(told)}")
    framework = load_framework(name)
    clauses = [one for one in framework.clauses if _begins(one.id, wanted)]
    if not clauses:
        near = did_you_mean(wanted, (one.id for one in framework.clauses))
        raise UsageError(f"init --for {aim}: no such clause{near}")
    return framework, clauses


def _begins(name: str, wanted: str) -> bool:
    return wanted in ("", name) or name.startswith((f"{wanted}-", f"{wanted}."))


def _serves(clause: Clause, probe: str) -> bool:
    return any(one.names(probe) for test in clause.tests for one in Alternative.of(test))


def _why(clause: Clause) -> str:
    if clause.strength == "none":
        return "nothing that an audit measures serves it"
    if clause.tests:
        return f"asks for {', and '.join(test.replace(' | ', ' or ') for test in clause.tests)}"
    return f"asks for no check; needs {', '.join(clause.needs)}"


def _model(model: str | None, data: str | None, base: Path) -> str:
    """Return the line of the plan that names the model; empty for a table."""
    return "" if data is not None else starter_model(model, base=base)


def _place(data: str | None, base: Path) -> str:
    return json.dumps("./rows.csv" if data is None else seen_from(base, data), ensure_ascii=False)


def _text(
    aim: str, wanted: Sequence[_Ready], tags: dict[str, list[str]], model: str, place: str,
    declared: Collection[str] = (),
) -> str:
    """Return the plan; declared: names of the checks of which a clause asks for a declared number."""
    ready = [one for one in wanted if not one.yours or not model]
    yours = [one for one in wanted if one not in ready]
    if not ready:  # a plan has a check; the first one waits for its data
        ready, yours = yours[:1], yours[1:]

    def written(one: _Ready) -> Iterator[str]:
        return _check(one, tags.get(one.name, []), model, place, declared=one.name in declared)

    lines = [
        "# yaml-language-server: $schema=./plan.schema.json", f"title: Evidence for {aim}", "seed: 7", "level: 0.95",
        *([model] if model else []),
        "# sheet: {purpose: what it is for, owner: who answers for it}    # some clauses need both", "checks:",
        *(line for one in ready for line in written(one)),
        *(["# with data of your own:"] if yours else []),
        *(f"#{line}" for one in yours for line in written(one)),
    ]
    return "\n".join(lines) + "\n"


def _check(one: _Ready, clauses: Sequence[str], model: str, place: str, *, declared: bool) -> Iterator[str]:
    chat = "mode: choice" in one.options and "prompt_form: chat" in model
    prompt = f", prompt: {json.dumps(CHAT_PROMPT)}" if chat else ""
    yield f"  - name: {one.name}"
    yield f"    probe: {{use: {one.probe}{one.options}{prompt}}}"
    yield f"    data: {one.data.replace('FILE', place)}"
    yield f"    # limit: {{measure: {one.limit}: }}    # what is enough is yours to say, before the model is asked"
    if declared:
        measure = one.limit.partition(",")[0]
        yield f"    # declared: {{measure: {measure}, value: }}    # what your instructions for use say, to be tested"
    if clauses:
        yield "    clauses:"
        yield from (f"      - {name}" for name in clauses)
