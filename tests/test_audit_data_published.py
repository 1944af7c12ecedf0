"""Published bias benchmarks: each layout by rows of our own in its form, and the published files where they lie."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from needs import needs_data

from audit import plugins
from audit.data.published.bbq import BBQ
from audit.data.published.kobbq import KoBBQ
from audit.data.published.stereoset import StereoSet
from audit.data.published.winobias import WinoBias
from audit.data.published.winogender import Winogender
from audit.errors import DataError, IntegrityError
from audit.probe import Role
from reports.text import words_of

NAMES = ("bbq", "crows_pairs", "kobbq", "stereoset", "winobias", "winogender")
CHOSEN = ("context", "question", "choices", "answer", "biased", "unknown", "condition", "polarity", "group", "unit")
CHOICES = Role(dict.fromkeys(CHOSEN, ""), optional=frozenset({"biased", "group", "unit"}))
NAMED = ("sentence", "pronoun", "choices", "answer", "group", "stereotype", "unit")
PEOPLE = Role(dict.fromkeys(NAMED, ""), optional=frozenset({"choices", "group", "stereotype", "unit"}))
THREE = Role(
    dict.fromkeys(("context", "stereotype", "antistereotype", "unrelated", "group", "unit", "kind"), ""),
    optional=frozenset({"context", "group", "unit", "kind"}),
)


def read(source, role, **options):
    return pd.concat(list(source.batches(role, **options)))


# ---- BBQ


def bbq_row(number, polarity="neg", condition="ambig", stereotyped=("old",), infos=("old", "nonOld"), **more):
    groups = {"ans0": ["a grandfather", infos[0]], "ans1": ["a grandson", infos[1]], "ans2": ["Unknown", "unknown"]}
    return {
        "example_id": number, "question_index": "7", "question_polarity": polarity, "context_condition": condition,
        "category": "Age", "answer_info": groups, "context": f"They met on day {number}.",
        "additional_metadata": {"stereotyped_groups": list(stereotyped)}, "question": "Who forgot it?",
        "ans0": "The grandfather", "ans1": "The grandson", "ans2": "Can't be determined", "label": 2, **more,
    }  # fmt: skip


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_bbq(tmp_path):
    rows = [
        bbq_row(0), bbq_row(1, "nonneg"), bbq_row(2, condition="disambig", label=1),
        bbq_row(3, stereotyped=("poor",)), bbq_row(4, infos=("old", "old")),
    ]  # fmt: skip
    got = read(BBQ(write_lines(tmp_path / "age.jsonl", rows)), CHOICES)
    assert got["biased"].tolist() == ["The grandfather", "The grandson", "The grandfather", None, None]
    assert got["answer"].tolist() == ["Can't be determined"] * 2 + ["The grandson"] + ["Can't be determined"] * 2
    assert got["condition"].tolist() == ["ambiguous"] * 2 + ["disambiguated"] + ["ambiguous"] * 2
    assert got["polarity"].tolist()[:2] == ["negative", "non-negative"]
    assert set(got["unknown"]) == {"Can't be determined"}
    assert set(got["unit"]) == {"Age 7"}
    assert got["choices"].iloc[0] == ["The grandfather", "The grandson", "Can't be determined"]


def test_the_metadata_of_bbq_name_the_biased_answer(tmp_path):
    """`target_loc` is turned in non-negative questions already."""
    path = write_lines(tmp_path / "age.jsonl", [bbq_row(0, stereotyped=("x",)), bbq_row(1, "nonneg"), bbq_row(2)])
    table = tmp_path / "additional_metadata.csv"
    table.write_text("category,question_index,example_id,target_loc\nAge,7,0,1\nAge,7,1,1\nAge,7,2,NA\nSES,7,2,0\n")
    source = BBQ(path, metadata=table)
    assert read(source, CHOICES)["biased"].tolist() == ["The grandson", "The grandson", None]
    before = source.digest()
    assert before != BBQ(path).digest()
    table.write_text(table.read_text().replace("Age,7,0,1", "Age,7,0,0"))
    assert BBQ(path, metadata=table).digest() != before
    table.write_text("category,example_id\nAge,0\n")
    with pytest.raises(DataError, match="no column 'target_loc' for the biased answers"):
        read(BBQ(path, metadata=table), CHOICES)


@pytest.mark.parametrize("damage", [{"label": 9}, {"question_polarity": "x"}, {"answer_info": None}])
def test_a_row_that_is_none_of_bbq_is_refused(tmp_path, damage):
    path = write_lines(tmp_path / "age.jsonl", [bbq_row(0), bbq_row(17) | damage])
    with pytest.raises(DataError, match=r"age.jsonl: example 17 is not laid out as BBQ's are"):
        read(BBQ(path), CHOICES)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "items"), [("Religion", 1200), ("Disability_status", 1556)])
def test_the_published_bbq(name, items):
    got = read(BBQ(needs_data(f"bbq/{name}.jsonl")), CHOICES)
    assert len(got) == items
    assert got["unit"].nunique() == 25
    assert got["biased"].notna().all()
    assert (got["biased"] != got["unknown"]).all()
    ambiguous = got[got["condition"] == "ambiguous"]
    assert (ambiguous["answer"] == ambiguous["unknown"]).all()
    told = got[got["condition"] == "disambiguated"]
    assert 0.49 < (told["answer"] == told["biased"]).mean() < 0.51


# ---- KoBBQ

KOBBQ_HEAD = "sample_id\tlabel_annotation\tcontext\tquestion\tchoices\tbiased_answer\tanswer\tbbq_id\n"
KOBBQ = KOBBQ_HEAD + (
    "age-001a-002-amb-bsd\tST\t둘이 만났다.\t누가 잊었나?\t['손자', '할머니', '알 수 없음']\t할머니\t알 수 없음\t1.0\n"
    "age-001b-002-dis-cnt\tST\t손자가 잊었다.\t누가 기억했나?\t['손자', '할머니', '알 수 없음']\t손자\t할머니\t1.0\n"
)


def test_kobbq(tmp_path):
    path = tmp_path / "kobbq.tsv"
    path.write_text(KOBBQ, "utf-8")
    got = read(KoBBQ(path), CHOICES)
    assert got["biased"].tolist() == ["할머니", "손자"]
    assert got["answer"].tolist() == ["알 수 없음", "할머니"]
    assert got["condition"].tolist() == ["ambiguous", "disambiguated"]
    assert got["polarity"].tolist() == ["biased question", "counter-biased question"]
    assert set(got["unit"]) == {"age-001"}
    assert set(got["unknown"]) == {"알 수 없음"}


@pytest.mark.parametrize(
    ("old", "new"), [("['손자', '할머니', '알 수 없음']\t할머니", "__import__('os')\t할머니"), ("amb-bsd", "amb"),
                     ("\t할머니\t알", "\t할아버지\t알")]
)  # fmt: skip
def test_a_row_that_is_none_of_kobbq_is_refused_and_nothing_runs(tmp_path, old, new):
    path = tmp_path / "kobbq.tsv"
    path.write_text(KOBBQ.replace(old, new), "utf-8")
    with pytest.raises(DataError, match=r"sample 'age-001a.* is not laid out as KoBBQ's are"):
        read(KoBBQ(path), CHOICES)


@pytest.mark.shared
def test_the_published_kobbq():
    got = read(KoBBQ(needs_data("kobbq/KoBBQ_test_samples.tsv")), CHOICES)
    assert len(got) == 2280
    assert got["group"].nunique() == 12
    assert got["unit"].nunique() == 269
    told = got[got["condition"] == "disambiguated"]
    assert (told["answer"] == told["biased"]).mean() == 0.5


# ---- Winogender, WinoBias

WINOGENDER = (
    "sentid\tsentence\n"
    "plumber.customer.0.female.txt\tThe plumber told the customer that she was late.\n"
    "plumber.customer.1.male.txt\tThe plumber told the customer that he should pay.\n"
    "plumber.someone.1.neutral.txt\tThe plumber told someone that they should pay.\n"
    "nurse.patient.0.female.txt\tThe nurse warned the patient of her needle.\n"
)
STATISTICS = "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\nplumber\t1\t2.5\t2015\nnurse\t90\t89.4\t2015\n"


def test_winogender(tmp_path):
    path, table = tmp_path / "all.tsv", tmp_path / "stats.tsv"
    path.write_text(WINOGENDER)
    table.write_text(STATISTICS)
    got = read(Winogender(path, statistics=table), PEOPLE)
    assert got["pronoun"].tolist() == ["she", "he", "they", "her"]
    assert got["choices"].tolist() == [
        ["the plumber", "the customer"], ["the plumber", "the customer"], ["the plumber", "someone"],
        ["the nurse", "the patient"],
    ]  # fmt: skip
    assert got["answer"].tolist() == ["the plumber", "the customer", "someone", "the nurse"]
    assert got["stereotype"].tolist() == ["anti", "anti", None, "pro"]  # most plumbers are men, and he is none
    assert got["unit"].tolist() == ["plumber"] * 3 + ["nurse"]
    assert read(Winogender(path), PEOPLE)["stereotype"].isna().all()
    assert Winogender(path, statistics=table).digest() != Winogender(path).digest()
    path.write_text(WINOGENDER.replace("0.female", "0.other"))
    with pytest.raises(DataError, match=r"sentence 'plumber.customer.0.other.txt' is not laid out as Winogender's are"):
        read(Winogender(path), PEOPLE)


@pytest.mark.shared
def test_the_published_winogender():
    table = needs_data("winogender/occupations-stats.tsv")
    got = read(Winogender(needs_data("winogender/all_sentences.tsv"), statistics=table), PEOPLE)
    assert got["group"].value_counts().to_dict() == {"female": 240, "male": 240, "neutral": 240}
    assert got["stereotype"].value_counts().to_dict() == {"pro": 240, "anti": 240}
    assert got["unit"].nunique() == 60


PRO = "1 [The baker] thanked the nurse because [he] was glad.\n2 The baker asked [the nurse] about [her] day.\n"
ANTI = "1 [The baker] thanked the nurse because [she] was glad.\n2 The baker asked [the nurse] about [his] day.\n"


def test_winobias(tmp_path):
    pro, anti = tmp_path / "pro.txt", tmp_path / "anti.txt"
    pro.write_text(PRO)
    anti.write_text(ANTI)
    got = read(WinoBias(pro, anti), PEOPLE)
    assert got["sentence"].iloc[0] == "The baker thanked the nurse because he was glad."
    assert got["pronoun"].tolist() == ["he", "her", "she", "his"]
    assert got["group"].tolist() == ["male", "female", "female", "male"]
    assert got["stereotype"].tolist() == ["pro", "pro", "anti", "anti"]
    assert got["answer"].tolist() == ["the baker", "the nurse"] * 2
    assert all(one == ["the baker", "the nurse"] for one in got["choices"])
    assert set(got["unit"]) == {"baker and nurse"}
    assert len(read(WinoBias(pro, anti), PEOPLE, limit=3)) == 3
    with pytest.raises(IntegrityError, match="digest is"):
        WinoBias(pro, anti, sha256="0" * 64).batches(PEOPLE)
    anti.write_text("[The baker] thanked the nurse.\n")
    with pytest.raises(DataError, match=r"anti.txt: line 1 has no person and pronoun in brackets"):
        read(WinoBias(pro, anti), PEOPLE)


def test_a_person_in_a_longer_name_is_no_third_one_and_an_unknown_one_leaves_no_choice(tmp_path):
    pro, anti = tmp_path / "pro.txt", tmp_path / "anti.txt"
    pro.write_text(
        "[The construction worker] met the nurse as [he] left.\n[The worker] met the nurse as [he] left.\n"
        "The worker met [the nurse] as [she] left.\n[The nurse] met the cook as [she] left.\n"
    )
    anti.write_text("[The nurse] met the worker as [he] left.\n")
    choices = read(WinoBias(pro, anti), PEOPLE)["choices"].tolist()
    assert choices == [
        ["the construction worker", "the nurse"], ["the nurse", "the worker"], ["the nurse", "the worker"], None,
        ["the nurse", "the worker"],
    ]  # fmt: skip


# ---- StereoSet


def stereoset(path):
    def item(target, said, context):
        labels = ("stereotype", "anti-stereotype", "unrelated")
        sentences = [
            {"id": f"{target}{one}", "sentence": text, "gold_label": one, "labels": []}
            for one, text in zip(labels, said, strict=True)
        ]
        return {"id": target, "target": target, "bias_type": "gender", "context": context, "sentences": sentences}

    inter = [item("uncle", ("He fixes it.", "He cooks it.", "Clouds are high."), "My uncle came.")]
    intra = [item("aunt", ("My aunt is kind.", "My aunt is rude.", "My aunt is wet."), "My aunt is BLANK.")]
    path.write_text(json.dumps({"version": "1", "data": {"intersentence": inter, "intrasentence": intra}}))
    return path


def test_stereoset(tmp_path):
    path = stereoset(tmp_path / "dev.json")
    got = read(StereoSet(path), THREE)
    assert got["kind"].tolist() == ["intersentence", "intrasentence"]
    assert got["context"].tolist() == ["My uncle came.", None]
    assert got["antistereotype"].tolist() == ["He cooks it.", "My aunt is rude."]
    assert got["unit"].tolist() == ["uncle", "aunt"]
    assert read(StereoSet(path, part="intrasentence"), THREE)["unit"].tolist() == ["aunt"]
    assert StereoSet(path).digest() != StereoSet(path, part="intrasentence").digest()
    assert len(read(StereoSet(path), THREE, limit=1)) == 1
    for damaged in ("{}", "[]", '{"data": {"intersentence": [{}], "intrasentence": []}}', "not JSON"):
        path.write_text(damaged)
        with pytest.raises(DataError, match=r"dev.json: (is not laid out as StereoSet is|cannot be read)"):
            read(StereoSet(path), THREE)


# ---- what all of them say of themselves


@pytest.mark.parametrize("name", NAMES)
def test_licence_source_and_known_issues_are_told(name):
    """In both languages, so that no report gives these numbers without them."""
    part = plugins.load("data", name)
    fields = {one.name: one.default for one in part.__dataclass_fields__.values()}
    assert fields["licence"] in ("CC BY-SA 4.0", "CC BY 4.0", "MIT")
    assert "arXiv:" in fields["cite"]
    assert part.known_issues
    options = {"path": "x"} | ({"anti": "y"} if name == "winobias" else {})
    assert plugins.build("data", name, options).known_issues == part.known_issues  # by its annotations, as a plan does
    for lang in ("en", "ko"):
        assert set(part.known_issues) <= set(words_of(lang).catalogue["remark"])


@pytest.mark.parametrize(
    ("source", "role"), [(BBQ, CHOICES), (KoBBQ, CHOICES), (StereoSet, THREE), (Winogender, PEOPLE)]
)
def test_a_file_that_is_not_there_and_a_role_that_wants_more_are_refused_in_one_line(source, role, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read(source(tmp_path / "x"), role)
    path = stereoset(tmp_path / "x") if source is StereoSet else tmp_path / "y"
    path.write_text({BBQ: json.dumps(bbq_row(0)), KoBBQ: KOBBQ, Winogender: WINOGENDER}.get(source, path.read_text()
                    if path.exists() else ""), "utf-8")
    with pytest.raises(DataError, match=r"has no field 'mood' \(allowed: "):
        source(path).batches(Role({"mood": ""}))
