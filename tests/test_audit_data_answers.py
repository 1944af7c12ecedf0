"""Published sets of answers and their evidence: each layout by records of our own in its form, and the real files."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from needs import needs_data

from audit import plugins
from audit.errors import DataError
from audit.probe import Role
from reports.text import words_of

FIELDS = ("prompt", "answer", "reference", "context", "label", "group", "unit")
ANSWERS = Role(
    dict.fromkeys(FIELDS, ""), optional=frozenset(FIELDS) - {"answer"}, lists=frozenset({"context"}), repeats=True
)
CLAIM = {
    "text": "It is old.", "label": "SUPPORTS", "gold_evidence": [{"section_header": "A", "text": "Built in 1200."}],
    "retrieved_evidence": [{"section_header": "B", "text": "It burnt."}], "wikipedia_page": "Mill",
    "category": "Places",
}  # fmt: skip
BIOGRAPHY = {
    "input": "Question: Tell me a bio of Ana.", "output": "Ana paints.", "topic": "Ana", "cat": ["rare", "Asia"],
    "annotations": [
        {"text": "Ana paints.", "human-atomic-facts": [
            {"text": "Ana paints.", "label": "S"}, {"text": "Ana sings.", "label": "NS"},
            {"text": "Art is.", "label": "IR"},
        ]},
        {"text": "More.", "human-atomic-facts": None},
    ],
}  # fmt: skip
EDITED = {
    "id": "a_0", "doc": "Ann pays Bo.", "summary": "Bo pays Ann.", "label": 0, "split": "test",
    "edit_types": ["entity_modification"],
}  # fmt: skip
TALK = {
    "model_name": "t5", "data_source": "wow", "knowledge": 'They sold 45 "gold" discs.', "message": "Who?",
    "response": "they sold 45.", "begin_label": "Fully attributable",
}  # fmt: skip
GENERAL = {"ID": "1", "user_query": "Who?", "chatgpt_response": "Ann.", "hallucination": "no"}
PAIRED = {"knowledge": "Ann did.", "question": "Who?", "right_answer": "Ann", "hallucinated_answer": "Bo"}
CITED = {
    "question": "Who?", "docs": [{"title": "T", "text": "Ann."}, {"title": "U", "text": "Bo."}],
    "qa_pairs": [{"short_answers": ["Ann", "Anne"]}, {"short_answers": ["Bo"]}], "output": "Ann [1].",
}  # fmt: skip
SOURCE = {
    "source_id": "7", "task_type": "QA", "source": "x", "prompt": "Say who.",
    "source_info": {"question": "Who?", "passages": "passage 1: Ann."},
}  # fmt: skip
ANSWERED = {
    "id": "0", "source_id": "7", "model": "m", "labels": [{"start": 0, "end": 2}], "split": "test", "response": "Bo.",
}  # fmt: skip
CHECKED = {"dataset": "RAGTruth", "doc": "Ann won.", "claim": "Ann lost.", "label": 0, "contamination_identifier": "x"}


def write(path, *records):
    """Write JSON lines, one JSON list where the path says so, or a table."""
    if path.suffix in (".tsv", ".csv"):
        pd.DataFrame(records).to_csv(path, sep="\t" if path.suffix == ".tsv" else ",", index=False)
    elif path.suffix == ".parquet":
        pd.DataFrame(records).to_parquet(path)
    else:
        lines = [json.dumps(record) for record in records]
        path.write_text("[" + ",\n".join(lines) + "]" if path.suffix == ".json" else "\n".join(lines) + "\n", "utf-8")
    return path


def read(name, path, role=ANSWERS, **options):
    return pd.concat(list(plugins.build("data", name, {"path": str(path), **options}).batches(role)))


def told(name, path, **options):
    """Return the items without what they leave open."""
    rows = read(name, path, **options).to_dict("records")
    return [{key: cell for key, cell in row.items() if cell is not None} for row in rows]


def test_halueval_general(tmp_path):
    path = write(tmp_path / "general.jsonl", GENERAL, GENERAL | {"ID": "2", "hallucination": "yes"})
    same = {"prompt": "Who?", "answer": "Ann.", "group": "general"}
    assert told("halueval", path) == [same | {"label": "1"}, same | {"label": "0"}]


@pytest.mark.parametrize("record", [
    PAIRED,
    {"knowledge": "Ann did.", "dialogue_history": "Who?", "right_response": "Ann", "hallucinated_response": "Bo"},
    {"document": "Ann did.", "right_summary": "Ann", "hallucinated_summary": "Bo"},
])  # fmt: skip
def test_halueval_pairs_give_two_answers_of_one_unit(tmp_path, record):
    got = told("halueval", write(tmp_path / "pairs.json", record))
    assert [(one["answer"], one["label"], one["context"], one["reference"]) for one in got] == [
        ("Ann", "1", "Ann did.", ["Ann"]), ("Bo", "0", "Ann did.", ["Ann"]),
    ]  # fmt: skip
    assert got[0]["unit"] == got[1]["unit"]
    assert got[0].get("prompt") == (None if "document" in record else "Who?")


def test_factscore_gives_facts_with_a_label_and_leaves_the_irrelevant_out(tmp_path):
    path = write(tmp_path / "bios.jsonl", BIOGRAPHY, BIOGRAPHY | {"annotations": None})
    same = {"prompt": "Tell me a bio of Ana.", "group": "rare", "unit": "Ana"}
    assert told("factscore_labels", path) == [
        same | {"answer": "Ana paints.", "label": "1"}, same | {"answer": "Ana sings.", "label": "0"},
    ]  # fmt: skip


def test_summedits_takes_a_part_and_the_unit_is_the_document(tmp_path):
    fine = EDITED | {"summary": "Ann pays Bo.", "label": 1, "edit_types": [], "split": "evaluation"}
    path = write(tmp_path / "edits.json", EDITED, fine, EDITED | {"doc": "Cy pays Di."})
    got = read("summedits", path)
    assert got["label"].tolist() == ["0", "1", "0"]
    assert got["group"].tolist() == ["entity_modification", "no edit", "entity_modification"]
    assert got["unit"].nunique() == 2
    assert read("summedits", path, split="evaluation")["answer"].tolist() == ["Ann pays Bo."]


def test_begin(tmp_path):
    others = [TALK | {"begin_label": label} for label in ("Generic", "Not fully attributable")]
    path = write(tmp_path / "begin.tsv", TALK, *others)
    got = read("begin", path)
    assert got["label"].tolist() == ["1", "0", "0"]
    assert got["context"].iloc[0] == 'They sold 45 "gold" discs.'
    assert set(got["unit"]) == {got["unit"].iloc[0]}


def test_foolmetwice_with_either_evidence(tmp_path):
    path = write(tmp_path / "claims.jsonl", CLAIM, CLAIM | {"label": "REFUTES"})
    same = {"answer": "It is old.", "context": ["Built in 1200."], "group": "Places", "unit": "Mill"}
    assert told("foolmetwice", path) == [same | {"label": "1"}, same | {"label": "0"}]
    assert told("foolmetwice", path, evidence="retrieved")[0]["context"] == ["It burnt."]


def test_alce_of_questions_and_of_results(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"args": {}, "data": [CITED]}), "utf-8")
    same = {"prompt": "Who?", "context": ["T\nAnn.", "U\nBo."], "unit": "Who?"}
    assert told("alce", path) == [same | {"answer": "Ann [1].", "reference": ["Ann", "Anne", "Bo"]}]
    assert told("alce", path, passages=1)[0]["context"] == ["T\nAnn."]
    listed = {key: cell for key, cell in CITED.items() if key != "qa_pairs"} | {"answers": [["Ann", "Anne"], ["Bo"]]}
    assert told("alce", write(path, listed))[0]["reference"] == ["Ann", "Anne", "Bo"]
    questions = {key: cell for key, cell in listed.items() if key != "output"}
    with pytest.raises(DataError, match="field 'answer' is empty"):
        read("alce", write(path, questions))


def test_ragtruth_joins_answers_and_sources(tmp_path):
    plain = SOURCE | {"source_id": 8, "task_type": "Summary", "source_info": "Ann."}
    sources = write(tmp_path / "source_info.jsonl", SOURCE, plain)
    path = write(tmp_path / "response.jsonl", ANSWERED, ANSWERED | {"source_id": "8", "labels": [], "split": "train"})
    both = {"prompt": "Say who.", "answer": "Bo."}
    assert told("ragtruth", path, sources=str(sources)) == [
        both | {"context": "passage 1: Ann.", "label": "0", "group": "QA", "unit": "7"},
        both | {"context": "Ann.", "label": "1", "group": "Summary", "unit": "8"},
    ]  # fmt: skip
    assert read("ragtruth", path, sources=str(sources), split="train")["unit"].tolist() == ["8"]
    with pytest.raises(DataError, match=r"response.jsonl: record 1 is not laid out as those of RAGTruth are"):
        read("ragtruth", path, sources=str(write(sources, SOURCE | {"source_id": "9"})))


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_llm_aggrefact_in_every_format(tmp_path, ending):
    path = write(tmp_path / f"test.{ending}", CHECKED, CHECKED | {"dataset": "REVEAL", "label": 1})
    got = read("llm_aggrefact", path)
    assert got[["answer", "context", "label", "group"]].to_numpy().tolist() == [
        ["Ann lost.", "Ann won.", "0", "RAGTruth"], ["Ann lost.", "Ann won.", "1", "REVEAL"],
    ]  # fmt: skip
    assert read("llm_aggrefact", path, dataset="REVEAL")["label"].tolist() == ["1"]


def options(name, path):
    return {"path": str(path)} | ({"sources": str(path)} if name == "ragtruth" else {})


FILES = {
    "alce": CITED, "begin": TALK, "factscore_labels": BIOGRAPHY, "foolmetwice": CLAIM, "halueval": GENERAL,
    "llm_aggrefact": CHECKED, "ragtruth": ANSWERED, "summedits": EDITED,
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_refused_in_one_line_and_the_licence_is_told(tmp_path, name):
    ending = {"begin": "tsv", "alce": "json"}.get(name, "jsonl")
    path, part = tmp_path / f"wrong.{ending}", plugins.load("data", name)
    for wrong in ({"other": "thing", "more": "x"}, {}):
        with pytest.raises(DataError, match=r"wrong\.\w+: ") as caught:
            list(plugins.build("data", name, options(name, write(path, wrong))).batches(ANSWERS))
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"has no field 'mood'"):
        list(plugins.build("data", name, options(name, write(path, FILES[name]))).batches(Role({"mood": ""})))
    with pytest.raises(DataError, match="no such file"):
        list(plugins.build("data", name, options(name, tmp_path / f"none.{ending}")).batches(ANSWERS))
    defaults = {one.name: one.default for one in part.__dataclass_fields__.values()}
    assert defaults["licence"]
    assert "arXiv:" in defaults["cite"]
    for lang in ("en", "ko"):
        assert set(part.known_issues) <= set(words_of(lang).catalogue["remark"])


@pytest.mark.parametrize(("name", "damage"), [
    ("halueval", {"hallucination": "perhaps"}), ("summedits", {"label": True}), ("foolmetwice", {"label": "MAYBE"}),
    ("begin", {"begin_label": "Fine"}), ("llm_aggrefact", {"label": "2"}),
    ("factscore_labels", {"annotations": [{"human-atomic-facts": [{"text": "x"}]}]}),
])  # fmt: skip
def test_a_record_of_another_layout_is_named(tmp_path, name, damage):
    path = write(tmp_path / f"x.{'tsv' if name == 'begin' else 'jsonl'}", FILES[name], FILES[name] | damage)
    with pytest.raises(DataError, match=r"record 2 is not laid out as those of"):
        read(name, path)


def test_the_options_that_change_items_change_the_digest(tmp_path):
    path = write(tmp_path / "edits.json", EDITED)
    parts = [{"path": str(path), "split": one} for one in ("both", "evaluation", "test")]
    assert len({plugins.build("data", "summedits", part).digest() for part in parts}) == 3
    sources, answers = write(tmp_path / "s.jsonl", SOURCE), write(tmp_path / "r.jsonl", ANSWERED)
    made = {"path": str(answers), "sources": str(sources)}
    before = plugins.build("data", "ragtruth", made).digest()
    write(sources, SOURCE | {"prompt": "Else."})
    assert plugins.build("data", "ragtruth", made).digest() != before


@pytest.mark.shared
@pytest.mark.parametrize(("name", "file", "rows", "right", "units"), [
    ("halueval", "halueval_general/general_data.json", 4507, 3692, 0),
    ("factscore_labels", "factscore_labels/ChatGPT.jsonl", 4886, 3194, 157),
    ("summedits", "summedits/ectsum.json", 668, 242, 22), ("summedits", "summedits/sales_email.json", 613, 179, 21),
    ("begin", "begin_wow/begin_test_wow.tsv", 3607, 1392, 1489),
    ("foolmetwice", "foolmetwice/dev.jsonl", 1169, 596, None),
])  # fmt: skip
def test_the_real_files(name, file, rows, right, units):
    got = read(name, needs_data(file))
    assert len(got) == rows
    assert (got["label"] == "1").sum() == right
    if units is not None:
        assert (got["unit"].nunique() if "unit" in got else 0) == units
