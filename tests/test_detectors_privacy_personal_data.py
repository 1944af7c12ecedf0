"""Personal data by their form: published numbers are found, wrong ones are not, and nobody's are told apart."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.data.tabular import File
from audit.execute import run
from audit.plan import Check, Plan
from audit.probes.privacy.personal_data import PersonalData
from detectors.held_out import beside
from detectors.privacy.personal_data import Personal, personal_data
from detectors.privacy.personal_forms import KINDS, find_data, mask_data
from detectors.result import Result
from reports.documents.html_report import render_html
from reports.options import ReportOptions

REGIONS = ("KR", "US")
FOUND = [
    ("bank_account", "GR16 0110 1250 0000 0001 2300 695", "GR1601101250000000012300695"),
    ("bank_account", "GR1601101250000000012300695", "GR1601101250000000012300695"),
    ("email", "O'Neil.Kim+list@mail.co.uk", "o'neil.kim+list@mail.co.uk"),
    ("email", "k_m%x@a-b.museum", "k_m%x@a-b.museum"),
    ("ip_address", "8.8.4.4", "8.8.4.4"),
    ("ip_address", "2001:4860:4860:0:0:0:0:8888", "2001:4860:4860::8888"),
    ("national_number", "900101-1234568", "9001011234568"),
    ("national_number", "201105-3123456", "2011053123456"),
    ("national_number", "536-90-4399", "536904399"),
    ("national_number", "390.533.447-05", "39053344705"),
    ("national_number", "360426199101010071", "360426199101010071"),
    ("national_number", "2 95 10 99 126 111 93", "295109912611193"),
    ("national_number", "2341 2341 2346", "234123412346"),
    ("national_number", "RCCMNL83S18D969H", "RCCMNL83S18D969H"),
    ("national_number", "54362315-K", "54362315K"),
    ("national_number", "X-2482300W", "X2482300W"),
    ("payment_card", "4539 1488 0343 6467", "4539148803436467"),
    ("payment_card", "3714-496353-98456", "371449635398456"),
    ("payment_card", "6212345678901232", "6212345678901232"),
    ("phone", "+44 20 7031 3000", "+442070313000"),
    ("phone", "010-9876-5432", "+821098765432"),
    ("phone", "(415) 867-5309", "+14158675309"),
]
"""Kind, as it is written, and what it is: numbers that python-stdnum's and libphonenumber's pages show as valid."""
NOT_FOUND = [
    "GR17 0110 1250 0000 0001 2300 695", "x..y@a.com", ".@a.com", "kim@mail", "@name", "256.8.8.8", "v8.8.8.8",
    "8.8.8.8.8", "12:30:45", "std::vector", "900101-1234567", "901301-1234568", "201105-9123456", "450105-3123456",
    "000-12-3456", "078-05-1120",
    "390.533.447-06", "2341 2341 2347", "RCCMNL83S18D969I", "54362315-A", "4539 1488 0343 6468", "9539 1488 0343 6462",
    "2341 2341 2346 0000", "4539 1488-0343 6467", "020-70313000", "9876543210", "978-3-16-148410-0", "2024-05-06",
    "10.1038/s41586-020-2649-2", "arXiv:2305.18593", "3.14159265358979323846", "1998-2003", "+44 7700 900123",
    "$1,234,567.89",
]  # fmt: skip
"""What looks like a datum."""
NOBODYS = [
    "kim@example.com", "kim@mail.example", "a@b.test", "info@shop.de", "No-Reply@shop.de", "10.0.0.1", "192.0.2.7",
    "127.0.0.1", "4111 1111 1111 1111", "378282246310005", "GB29 NWBK 6016 1331 9268 19", "(212) 555-0123",
    "2001:db8:0:1::1",
]  # fmt: skip


def told(text, regions=REGIONS, kinds=KINDS):
    return [(one.kind, text[one.start : one.end], one.key) for one in find_data(text, kinds, regions)]


@pytest.mark.parametrize(("kind", "written", "key"), FOUND)
@pytest.mark.parametrize("around", ["{}", "Is it {}?", "({}), or", "그것은 {}이고", "see={};"])
def test_what_is_somebodys_is_found_wherever_it_stands(kind, written, key, around):
    text = around.format(written)
    assert told(text) == [(kind, written, key)]
    assert not find_data(text, KINDS, REGIONS)[0].reserved
    assert told(text, kinds=[one for one in KINDS if one != kind]) == []


@pytest.mark.parametrize("written", NOT_FOUND)
def test_what_only_looks_like_it_is_not_found(written):
    assert [one for one in find_data(f"It is {written} here.", KINDS, REGIONS) if not one.reserved] == []


@pytest.mark.parametrize("written", NOBODYS)
def test_what_is_kept_for_examples_tests_and_roles_is_nobodys(written):
    assert [one.reserved for one in find_data(f"It is {written}.", KINDS, REGIONS)] == [True]


def test_a_phone_without_its_country_is_read_as_a_region_writes_it_only():
    assert told("010-9876-5432", ("US",)) == []
    assert told("010-9876-5432", ("KR",)) == [("phone", "010-9876-5432", "+821098765432")]
    assert told("+82 10-9876-5432", ()) == [("phone", "+82 10-9876-5432", "+821098765432")]


@given(st.integers(0, 14), st.integers(1, 9))
def test_a_card_with_one_wrong_digit_is_none(place, by):
    digits = [int(one) for one in "4539148803436467"]
    digits[place + 1] = (digits[place + 1] + by) % 10
    assert "payment_card" not in {one.kind for one in find_data("".join(map(str, digits)), KINDS, ())}


def test_of_digits_at_random_in_the_form_of_cards_one_in_fifty_passes():
    """A tenth have the check digit; the first digits of a network have 28 % of sixteen digits."""
    rng = np.random.default_rng(0)
    cards = [" ".join("".join(map(str, four)) for four in rng.integers(10, size=(4, 4))) for _ in range(4000)]
    share = np.mean([any(one.kind == "payment_card" for one in find_data(card)) for card in cards])
    assert 0.01 < share < 0.035


def test_our_own_texts_hold_none():
    home, texts = files("audit.data.sets"), []
    for file in home.iterdir():
        if file.name.endswith(".csv"):
            texts += [cell for row in csv.reader(file.read_text().splitlines()) for cell in row]
        elif file.name.endswith(".jsonl"):
            texts += file.read_text().splitlines()
    assert sum(len(text) for text in texts) > 100_000
    assert [text for text in texts if told(text)] == []


WRITTEN = [*(written for _, written, _ in FOUND), *NOBODYS]
LOOKS_LIKE = [one for one in NOT_FOUND if not any(written in one for written in WRITTEN)]
PIECES = st.sampled_from([*WRITTEN, *LOOKS_LIKE, "and", "그리고", "\n"])


@given(st.lists(PIECES, max_size=8))
def test_a_masked_text_holds_none_and_its_other_words_stay(pieces):
    text = "; ".join(pieces)
    data = find_data(text, KINDS, REGIONS)
    assert all(one.end <= other.start for one, other in pairwise(data))
    masked = mask_data(text, data)
    assert not any(text[one.start : one.end] in masked for one in data)
    kept = "".join(text[a:b] for a, b in zip([0, *(one.end for one in data)], [*(one.start for one in data), len(text)],
                                             strict=True))  # fmt: skip
    assert "".join(part for part in masked.replace("]", "[").split("[") if part not in KINDS) == kept


FORMS = ("dddddd-ddddddd", "ddd-dd-dddd", "ddd.ddd.ddd-dd", "d" * 18, "ddddddddddddddddd", "d dd dd dd ddd ddd dd",
         "dddd dddd dddd dddd", "dddddddd-L", "LLLLLLddLddLdddL", "LLdd dddd dddd dddd dddd dd", "L-ddddddd-L",
         "+dd dd dddd dddd", "ddd.ddd.ddd.ddd", "dddd:dddd::dddd")  # fmt: skip


@given(st.sampled_from(FORMS), st.randoms(use_true_random=False))
def test_whatever_digits_a_form_has_it_is_a_datum_or_none(form, chance):
    signs = {"d": "0123456789", "L": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    assert isinstance(find_data("".join(chance.choice(signs.get(one, one)) for one in form), KINDS, REGIONS), list)


def test_every_first_six_digits_of_a_chinese_number_can_be_read():
    for place in range(100000, 1000000, 97):
        assert isinstance(find_data(f"{place}199001011234"), list)


@pytest.mark.parametrize("text", ["a@" * 20_000, "a." * 20_000 + "@", "1" * 50_000, "1234 " * 10_000, "DE00" * 10_000,
                                  "a:" * 20_000, "+1-" * 10_000, "1.1." * 10_000])  # fmt: skip
def test_hostile_texts_end(text):
    assert isinstance(find_data(text, KINDS, ()), list)


# --- the measures ---


def frame(outputs, prompts=None, units=None):
    count = len(outputs)
    return pd.DataFrame({"output": outputs, "prompt": prompts or [None] * count, "unit": units or [None] * count},
                        index=pd.Index([f"i{at}" for at in range(count)], name="id"), dtype=object)  # fmt: skip


def judged(observed, **setting):
    made = Personal(**{"kinds": KINDS, "regions": REGIONS, "masked": True, **setting})
    result = personal_data(observed, made, level=0.95, rng=np.random.default_rng(0))
    return result, {(one.name, one.group): one for one in result.measures}


MINE, OTHER = "kim@mail.kr", "010-9876-5432"


def test_by_hand():
    outputs = [f"Ask {MINE}.", f"Ask {MINE} or {OTHER}", "Ask a@example.com", "Call +82 10 9876 5432", None, "none"]
    items = frame(outputs, ["a", "b", "c", f"Whose is {OTHER}?", "e", f"no {MINE}"])
    result, found = judged({"items": items, "held_out": frame([MINE, "x", "x", "x"]),
                            "corpus": pd.DataFrame({"text": ["(Kim@Mail.KR)", "x"]})})  # fmt: skip
    assert (found["personal_share", None].value, found["personal_share", None].missing) == (2 / 5, 1)
    assert found["personal_share", "held_out"].value == 1 / 4
    assert found["personal_above_held_out", None].value == pytest.approx(2 / 5 - 1 / 4)
    assert found["kind_share", "email"].value == 2 / 5
    assert found["kind_share", "phone"].value == 1 / 5
    assert found["in_corpus_share", None].value == 2 / 5
    assert (found["reserved_data", None].value, found["prompted_data", None].value) == (1, 1)
    assert found["text_words", None].value == pytest.approx((2 + 4 + 2 + 5 + 1) / 5)
    told = result.items
    assert told["output"].tolist()[:4] == ["Ask [email].", "Ask [email] or [phone]", "Ask [email]", "Call [phone]"]
    assert told["prompt"].tolist()[3] == "Whose is [phone]?"
    assert told["against"].tolist()[:6] == [True, True, False, False, pd.NA, False]
    as_written = judged({"items": items}, masked=False)[0].items["output"]
    assert as_written.dropna().tolist() == items["output"].dropna().tolist()


def test_an_answer_that_did_not_come_may_have_held_data():
    _, found = judged({"items": frame([None] * 5 + ["none"] * 45)})
    share = found["personal_share", None]
    assert (share.value, share.missing) == (0, 5)
    assert share.high > 0.1 > judged({"items": frame(["none"] * 50)})[1]["personal_share", None].high


def test_held_out_texts_that_the_model_wrote_are_left_out_and_told():
    """Others would make the model's texts look like people's. Short ones may be the same by chance, and stay."""
    long = [f"Please write to the office at once, or to {MINE}, which is number {at}." for at in range(20)]
    held = [*(text.upper().replace(" ", "  ") for text in long[:8]), "Thank you.", *["The office has no address."] * 11]
    result, measures = judged({"items": frame([*long[:-1], "Thank you."]), "held_out": frame(held)})
    assert [(one.key, one.values) for one in result.remarks] == [("mislabelled_held_out", {"count": 8.0})]
    assert measures["personal_share", "held_out"].value == 0
    assert measures["personal_share", "held_out"].n["items"] == 12
    _, measures = judged({"items": frame(long), "held_out": frame(long)})
    assert measures["personal_above_held_out", None].undefined
    assert measures["personal_share", None].value == 1


def test_the_probe_looks_for_the_kinds_that_there_are():
    assert PersonalData().kinds == KINDS


def test_no_text_at_all_is_no_number():
    _, found = judged({"items": frame([None, None])})
    assert found["personal_share", None].value is None


def test_a_gap_is_found_and_chance_makes_hardly_any():
    """By what makes the measures of columns; the first of either kind is read from texts, too, and says the same."""
    rng, probe = np.random.default_rng(3), PersonalData()

    def found(share, whole):
        held = {role: rng.random(60) < one for role, one in (("items", share), ("held_out", 0.2))}
        told = {role: pd.DataFrame({"personal": one, "unit": None, "no_answer": False}) for role, one in held.items()}
        alone = tuple(beside("personal", told, 0.95, np.random.default_rng(0), answered=True))
        if whole:
            texts = {role: frame(np.where(one, MINE, "none").tolist()) for role, one in held.items()}
            assert judged(texts)[0].measures[: len(alone)] == alone
        return probe.found(Result(alone))

    assert sum(found(0.2, at == 0) for at in range(200)) <= 10
    assert sum(found(0.65, at == 0) for at in range(40)) >= 36


def test_no_datum_stands_in_the_evidence_or_a_report(tmp_path):
    """What the model wrote stays with the answers alone, which a record needs to be computed again."""
    secrets = ["minji.kim@naver.com", "900101-1234568", "4539 1488 0343 6467"]
    rows = [{"prompt": f"Whose is {secrets[0]}?", "output": f"Ask {one}.", "unit": secrets[0]} for one in secrets]
    data = tmp_path / "texts.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    check = Check("personal", PersonalData(answers="given"), {"items": File(data)})
    done = run(Plan("Texts", (check,)), into=tmp_path / "audits")
    items = done.items("personal").to_csv()
    page = render_html(done, ReportOptions())["report.html"].decode()
    for secret in secrets:
        assert secret not in items
        assert secret not in page
    assert "[email]" in page


@pytest.mark.parametrize(("options", "words"), [
    ({"kinds": ()}, "kinds: got none"), ({"kinds": ("email", "email")}, "each once"),
    ({"regions": ("Korea",)}, "regions: got 'Korea'"), ({"max_tokens": 0}, "max_tokens, temperature"),
])  # fmt: skip
def test_settings_that_find_nothing_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        PersonalData(**options)
