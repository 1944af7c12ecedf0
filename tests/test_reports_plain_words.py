"""What values mean in plain words: worked by hand, for every probe, and never more than the record says."""

import string
from dataclasses import replace

import pytest
from korean import KO
from report_fixtures import finding, rate

from audit.record import Limit
from audit.verdict import decide, sentence
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Measure, undefined
from reports.text import Counting, Notation, gloss, meaning, measure_name, words_of
from reports.views import reason_text
from reports.views.whole_audit import far_text

EN = words_of("en")
CATALOGUES = (EN, KO)
PLACES = {"value", "of", "apart", "cost", "by", "well", "group", "items", "units", "metric", "variant"}


def number(name, value, low=None, high=None, *, unit="share", group=None, n=None, **more):
    """A measure as detectors return it, in an interval that is a proof unless told otherwise."""
    method = more.pop("method", "betting (hedged capital) over unit means")
    more.setdefault("n", n or {"items": 320, "units": 32})
    return Measure(
        name=name, value=value, low=low, high=high, unit=unit, group=group, level=0.975, method=Method(method),
        direction="lower is better", **more,
    )  # fmt: skip


def judged(probe, measure, limit=None, *, source="builtin", **more):
    """The finding of one measure, with the verdict and reason that the audit gives it."""
    decision = decide([measure], limit, {}, None)
    told = {
        "probe": probe, "reason": decision.reason, "data": {"items": {"use": source}}, "one_sided": decision.one_sided,
        "more_units": decision.more_units, "fresh_units": decision.fresh_units,
    }  # fmt: skip
    made = finding("x", decision.verdict, sentence(decision.reason), measures=[measure], limit=limit)
    return made.model_copy(update={**told, **more})


PAIRS = number("stereotype_share", 0.5406, 0.4406, 0.639)
INVERTED = number(
    "blind_spot_auroc", 0.589, 0.473, 0.696, unit="score", group="inverted", n={"items": 600, "units": 300},
    method="AUROC over independent pairs",
)  # fmt: skip
MISSING = number(
    "missing_modes", 7, 7, 7, unit="count", n={"items": 1200, "units": 1200},
    method="classes counted by their intervals: exact binomial (Clopper-Pearson), Bonferroni over classes",
)  # fmt: skip
SELECTED = number("selection_rate_gap", -0.2, -0.29, -0.11, group="women", n={"items": 600, "units": 600})
APART = number("demographic_parity_difference", 0.432, 0.301, 0.55, n={"items": 600, "units": 600})
TIME = number("seconds_per_sample", 0.000232, 0.000172, 0.000436, unit="seconds", n={"items": 60, "units": 60})
KID = number(
    "kid", 43.7, 43.1, 44.3, unit="score", n={"items": 900, "units": 300}, method="normal", guarantee="approximate",
)  # fmt: skip
WORKED = [
    ("bias.stereotype_pairs", PAIRS, Limit(measure="stereotype_share", at_most=0.6),
     "In 54.1 % of pairs the model prefers the stereotype ([44.1 %, 63.9 %] at 97.5 % confidence; 320 pairs in 32 "
     "templates). The limit is at most 60 %: too few templates to tell. A fresh sample of about 88 templates would do.",
     "문장 쌍의 54.1%에서 모델이 고정관념 쪽을 선호합니다([44.1%, 63.9%], 신뢰수준 97.5%, 틀 32개의 문장 쌍 320개). "
     "틀 수가 적어 기준값(60% 이하) 안인지 판정할 수 없습니다. 틀 88개 정도를 새로 뽑으면 판정할 수 있습니다."),
    ("novelty.likelihood", INVERTED, Limit(measure="blind_spot_auroc", group="inverted", at_least=0.8),
     "It tells inverted items from real ones no better than a coin, as far as can be told (AUROC 0.589 [0.473, 0.696] "
     "at 97.5 % confidence). The whole interval breaks the limit of at least 0.8.",
     "‘반전’ 변형을 동전 던지기 이상으로 알아본다고 할 수 없습니다(AUROC 0.589 [0.473, 0.696], 신뢰수준 97.5%). "
     "신뢰구간 전체가 기준값을 벗어납니다(기준값: 0.8 이상)."),
    ("quality.samples", MISSING, Limit(measure="missing_modes", at_most=0),
     "7 classes never or hardly appear in 1,200 draws ([7, 7] at 97.5 % confidence). The whole interval breaks the "
     "limit of at most 0.",
     "생성물 1,200개에 전혀 또는 거의 나타나지 않는 클래스는 7개입니다([7, 7], 신뢰수준 97.5%). "
     "신뢰구간 전체가 기준값을 벗어납니다(기준값: 0 이하)."),
    ("quality.samples", replace(MISSING, value=0, low=0, high=0), Limit(measure="missing_modes", at_most=0),
     "In 1,200 draws no class is missing or nearly so (0 [0, 0] at 97.5 % confidence). The whole interval keeps the "
     "limit of at most 0.",
     "생성물 1,200개에 빠지거나 거의 빠진 클래스가 없습니다(0 [0, 0], 신뢰수준 97.5%). "
     "신뢰구간 전체가 기준값을 지킵니다(기준값: 0 이하)."),
    ("quality.samples", replace(MISSING, method=COUNT), Limit(measure="missing_modes", at_most=0),
     "7 classes never or hardly appear in 1,200 draws. That breaks the limit of at most 0.",
     "생성물 1,200개에 전혀 또는 거의 나타나지 않는 클래스는 7개입니다. 기준값을 벗어납니다(기준값: 0 이하)."),
    ("bias.decisions", SELECTED, None,
     "women: the selection rate is 20.0 points lower than what it is compared with (−20.0 points [−29.0, −11.0] at "
     "97.5 % confidence). No limit was set.",
     "여성: 선택률 값이 비교 대상보다 20.0%p 낮습니다(−20.0%p [−29.0, −11.0], 신뢰수준 97.5%). "
     "정해진 기준값은 없습니다."),
    ("bias.decisions", SELECTED, Limit(measure="selection_rate_gap", group="women", at_least=-0.1, at_most=0.1),
     "women: the selection rate is 20.0 points lower than what it is compared with (−20.0 points [−29.0, −11.0] at "
     "97.5 % confidence). The whole interval breaks the limit of at least −10 points and at most 10 points.",
     "여성: 선택률 값이 비교 대상보다 20.0%p 낮습니다(−20.0%p [−29.0, −11.0], 신뢰수준 97.5%). "
     "신뢰구간 전체가 기준값을 벗어납니다(기준값: −10%p 이상 10%p 이하)."),
    ("bias.decisions", APART, Limit(measure="demographic_parity_difference", at_most=0.1),
     "The most and the least often selected group are 43.2 points apart in how often they are selected ([30.1, 55.0] "
     "at 97.5 % confidence). The whole interval breaks the limit of at most 10 points.",
     "가장 자주 선택된 집단과 가장 드물게 선택된 집단은 선택률이 43.2%p 다릅니다([30.1, 55.0], 신뢰수준 97.5%). "
     "신뢰구간 전체가 기준값을 벗어납니다(기준값: 10%p 이하)."),
    ("efficiency.sampling", TIME, Limit(measure="seconds_per_sample", at_most=0.5),
     "Half of the samples take up to 232 µs ([172 µs, 436 µs] at 97.5 % confidence). The whole interval keeps the "
     "limit of at most 500 ms.",
     "생성물의 절반은 232µs 안에 나옵니다([172µs, 436µs], 신뢰수준 97.5%). "
     "신뢰구간 전체가 기준값을 지킵니다(기준값: 500밀리초 이하)."),
    ("quality.samples", KID, Limit(measure="kid", at_most=1),
     "Draws are 43.7 from real items, where 0 is alike ([43.1, 44.3], approximate at 97.5 %). An approximate interval "
     "informs and does not decide the limit of at most 1.",
     "생성물은 실제 항목과 43.7 떨어져 있습니다([43.1, 44.3], 근사 신뢰구간, 신뢰수준 97.5%). "
     "근사 신뢰구간은 참고용이며 기준값(1 이하) 판정에 쓰지 않습니다."),
    ("factuality.closed_book", rate("accuracy", 107, 160, level=0.975, direction="higher is better"),
     Limit(measure="accuracy", at_least=0.5),
     "107 of 160 questions are answered rightly (66.9 % [57.9 %, 75.0 %] at 97.5 % confidence). The whole interval "
     "keeps the limit of at least 50 %.",
     "질문 160개 중 107개에 바르게 답합니다(66.9% [57.9%, 75.0%], 신뢰수준 97.5%). "
     "신뢰구간 전체가 기준값을 지킵니다(기준값: 50% 이상)."),
]  # fmt: skip


def told(one, words):
    return reason_text(one, Notation(words)).replace("\u00a0", " ")


@pytest.mark.parametrize(("probe", "measure", "limit", "english", "korean"), WORKED)
def test_a_finding_is_told_in_plain_words(probe, measure, limit, english, korean):
    one = judged(probe, measure, limit)
    assert told(one, EN) == english
    assert told(one, KO) == korean


def test_a_share_is_k_of_n_only_where_it_is_a_count():
    """The mean over units whose sizes differ is another number, even where it happens to be a whole number of items."""
    counted = rate("stereotype_share", 160, 320)
    over_units = number("stereotype_share", 0.5, 0.4, 0.6)
    corrected = replace(counted, method=Method("corrected for classifier error, joint band"))
    notation = Notation(EN)
    assert "160 of 320 pairs" in meaning("bias.stereotype_pairs", counted, notation)
    for one in (over_units, corrected, replace(counted, n={"items": 320, "units": 32})):
        assert "160 of" not in meaning("bias.stereotype_pairs", one, notation)


def test_what_gave_no_answer_is_told_and_a_value_that_is_none_says_why():
    lacking = replace(rate("accuracy", 50, 100), missing=20, n={"items": 100, "units": 100, "asked": 120})
    assert "20 of 120 gave no usable answer" in meaning("factuality.closed_book", lacking, Notation(EN))
    none = undefined(
        "accuracy", Cause("no items"), n={"items": 0}, unit="share", direction="higher is better", level=0.95
    )
    assert told(judged("factuality.closed_book", none), EN) == "There is no value for accuracy: no items."
    assert "없음" in meaning("factuality.closed_book", none, Notation(KO)) or "않음" in meaning("x", none, Notation(KO))


def test_a_sentence_says_which_group_and_which_distortions_it_speaks_of():
    def told(probe, name, group=None):
        return meaning(probe, number(name, 0.6, 0.5, 0.7, unit="score", group=group), Notation(EN))

    whole, women = (told("bias.decisions", "selection_rate_conditional_ratio", group) for group in (None, "women"))
    assert whole.startswith("Among comparable cases, the selection rate of the group that lies farthest is 0.600 times")
    assert women.startswith("women: among comparable cases, the selection rate is 0.600 times")
    assert told("novelty.likelihood", "worst_blind_spot_auroc").startswith("Of the distortions tried, ")
    small = number("selection_rate_detectable_gap", 0.1, group="sex")
    assert meaning("bias.decisions", small, Notation(EN)).startswith("sex: a gap of the smallest group")


def test_what_is_far_off_is_told_in_the_unit_of_its_sentence():
    women = replace(SELECTED, direction="nearer to ideal is better", ideal=0.0)
    one = judged("bias.decisions", PAIRS).model_copy(update={"measures": [PAIRS, women]})
    assert far_text(one, Notation(EN)) == "selection rate: gap of women −20.0 points, where 0 is ideal"
    off = number("calibration_error", 0.052, 0.04, 0.06)
    assert "by 5.20 points on average ([4.00, 6.00] at" in meaning("bias.decisions", off, Notation(EN))


def test_an_interval_that_nobody_measured_at_so_few_units_is_told_as_approximate():
    few = replace(PAIRS, guarantee="measured", measured_to=0.99, worst_coverage=0.95, min_units=40)
    assert "[44.1 %, 63.9 %], approximate at 97.5 %" in told(judged("bias.stereotype_pairs", few), EN)
    enough = replace(few, n={"items": 400, "units": 40})
    assert "[44.1 %, 63.9 %] at 97.5 % confidence" in told(judged("bias.stereotype_pairs", enough), EN)


@pytest.mark.parametrize(("low", "value", "high", "word"), [
    (0.1, 0.3, 0.499, "the wrong way round"), (0.45, 0.55, 0.65, "no better than a coin"), (0.5, 0.6, 0.7, "no better"),
    (0.51, 0.69, 0.8, "hardly better than a coin"), (0.6, 0.7, 0.8, "often wrongly"), (0.8, 0.9, 0.95, "well"),
    (0.9, 0.99, 1.0, "nearly always"), (None, 0.6, None, "hardly better"),
])  # fmt: skip
def test_an_auroc_is_told_as_surely_as_its_interval_allows(low, value, high, word):
    """What may be a coin is never called better than one."""
    one = number("auroc", value, low, high, unit="score", method="AUROC over independent pairs")
    assert word in meaning("novelty.likelihood", one, Notation(EN))


def test_a_measure_of_a_group_has_a_name_that_can_be_read():
    assert measure_name("blind_spot_auroc", "inverted", EN) == "telling inverted items from real ones (AUROC)"
    assert measure_name("blind_spot_auroc", "inverted", KO) == "반전 항목을 알아보는 정도(AUROC)"
    assert measure_name("selection_rate", "women", KO) == "여성의 선택률"
    assert measure_name("repeats_per_text", None, EN) == "repeats per text"


def test_a_measure_from_outside_is_told_by_name_and_value():
    one = judged("outside.repeats", rate("repeats_per_text", 3, 10, level=0.95), source="file")
    assert told(one, EN) == "repeats per text: 30.0 % ([6.67 %, 65.2 %] at 95 % confidence). No limit was set."
    assert told(one, KO) == "repeats per text: 30.0%([6.67%, 65.2%], 신뢰수준 95%). 정해진 기준값은 없습니다."
    assert gloss("outside.repeats", "repeats_gap", EN) == ""  # no family of ours that it only sounds like
    assert meaning("outside.repeats", rate("accuracy", 1, 2), Notation(EN)).startswith("accuracy: 50.0"), "of what?"


@pytest.mark.parametrize(("probe", "source", "units"), [
    ("bias.stereotype_pairs", "builtin", "templates"), ("bias.stereotype_pairs", "crows_pairs", "writers"),
    ("bias.stereotype_pairs", "file", "independent units"), ("bias.coreference", "winogender", "occupations"),
    ("bias.multiple_choice", "bbq", "templates"), ("outside.repeats", "file", "independent units"),
])  # fmt: skip
def test_units_are_called_what_they_are(probe, source, units):
    assert Counting(probe, source).noun("units", EN) == units


def test_an_interval_is_spelt_in_one_way():
    """In every sentence, table, summary and remark in brackets; a range that a person set, or of rates, is none."""
    ranges = {"range", "between", "base_rates_differ"}
    for words in CATALOGUES:
        spelt = {
            text for section in ("format", "plain", "why", "remark", "measure_line", "reason", "compare", "far", "told")
            for key, text in words.catalogue[section].items() if key not in ranges
            if "{low}" in text and "{high}" in text
        }  # fmt: skip
        assert {text for text in spelt if "[{low}, {high}]" not in text} == set()


def test_every_sentence_has_only_places_that_are_filled_and_both_languages_tell_the_same():
    shown = {}
    for words in CATALOGUES:
        for key, entry in words.catalogue["meaning"].items():
            for text in entry.values() if isinstance(entry, dict) else [entry]:
                places = {place for _, place, _, _ in string.Formatter().parse(text) if place}
                assert places <= PLACES, (words.lang, key)
                assert not text.endswith(".")
                shown.setdefault(key, {}).setdefault(words.lang, set()).update(places - {"units"})
        assert all(text.endswith((".", "?")) for text in words.catalogue["gloss"].values())
    numbers = {"value", "of", "apart", "cost", "by", "well"}
    assert {key for key, one in shown.items() if one["en"] & numbers != one["ko"] & numbers} == set()
    assert EN.catalogue["gloss"].keys() == KO.catalogue["gloss"].keys()
    assert EN.catalogue["count_of"].keys() == KO.catalogue["count_of"].keys()
