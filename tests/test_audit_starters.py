"""The plan that `init` writes: for every kind of model one that reads, or an error that names the kinds there are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from needs import needs_data
from PIL import Image
from sklearn.datasets import load_sample_image

from audit.cli.app import execute
from audit.errors import PlanError, UsageError
from audit.execute import run
from audit.plan import load_plan, read_plan
from audit.reference import (
    answers_plan,
    efficiency_plan,
    memorisation_plan,
    privacy_plan,
    robustness_plan,
    starter_plan,
    table_plan,
)
from audit.reference.cards import WEIGHTS, reference_folders
from audit.reference.starters import family_of, has_chat_template
from audit.watermarks.image import SpreadSpectrum
from audit.watermarks.keys import make_mark_key, write_mark_key


def folder(path, **facts):
    path.mkdir(parents=True)
    (path / ("model_index.json" if "_class_name" in facts else "config.json")).write_text(json.dumps(facts))
    return path


FOLDERS = [
    ({"architectures": ["LlamaForCausalLM"]}, "causal_lm"),
    ({"architectures": ["GPT2LMHeadModel"]}, "causal_lm"),
    ({"architectures": ["BertForSequenceClassification"]}, "classifier"),
    ({"architectures": ["ViTForImageClassification"]}, "image_classifier"),
    ({"architectures": ["ImageGPTForCausalImageModeling"]}, "autoregressive_image"),
    ({"_class_name": "DDPMPipeline"}, "diffusion"),
    ({"_class_name": "LDMPipeline"}, "latent_diffusion"),
    ({"_class_name": "StableDiffusionXLPipeline"}, "text_to_image"),
    ({"_class_name": "AutoencoderKL"}, "vae"),
]


@pytest.mark.parametrize(("facts", "family"), FOLDERS)
def test_a_folder_says_what_it_is(tmp_path, facts, family):
    path = folder(tmp_path / "m", **facts)
    assert family_of(str(path)) == family
    assert f"use: {family}," in starter_plan(str(path))


@pytest.mark.parametrize("base", [".", "plans", "plans/of/mine", "../elsewhere"])
def test_a_plan_names_what_it_reads_from_where_it_lies(tmp_path, monkeypatch, base):
    home = tmp_path / "here"
    folder(home / "m", architectures=["LlamaForCausalLM"])
    (home / "people.csv").write_text("sex,age,hired\nf,20,1\nm,30,0\nf,30,0\n")
    (home / base).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(home)
    there = Path(base)
    for text in (
        starter_plan("./m", base=there), robustness_plan("m", base=there), table_plan("people.csv", base=there),
        answers_plan("rag", "m", None, base=there),
    ):  # fmt: skip
        plan = read_plan(text, base=home / base)
        asked = plan.checks[0].data["items"] if plan.model is None else plan.model
        assert (home / base / asked.path).resolve().exists(), text


@pytest.mark.parametrize("beside", [(), ("originals",), ("lifted", "originals", "unmarked")])
def test_a_folder_of_marked_images_is_a_plan_that_runs(tmp_path, monkeypatch, beside):
    """With a key and photographs in it: found, and paired with what lies beside them."""
    monkeypatch.chdir(tmp_path)
    key = make_mark_key("image-spread")
    write_mark_key(tmp_path / "mine.dokimasia-key", key)
    photo = load_sample_image("china.jpg")[:128, :384] / 255
    for place in ("marked", *beside):
        Path("images", place).mkdir(parents=True)
        for at in range(3):
            image = photo[:, 128 * at : 128 * at + 128]
            shown = SpreadSpectrum().marked(image, key.secret) if place in ("marked", "lifted") else image
            Image.fromarray(np.rint(255 * shown).astype(np.uint8)).save(f"images/{place}/{at}.png")
    assert execute(["init", "plan.yaml", "--for", "mark", "--data", "images"]) == 0
    plan = load_plan(Path("plan.yaml"))
    assert set(plan.checks[0].data) == {"items", *beside}
    few = replace(plan.checks[0], probe=replace(plan.checks[0].probe, attacks=("jpeg at 90",), other_keys=0))
    (found,) = run(replace(plan, checks=(few,)), into=tmp_path / "audits").record.findings
    value = {one.name: one.value for one in found.measures if one.group is None}
    assert value["detection_rate"] == 1
    assert (value["psnr"] is not None) == ("originals" in beside)
    assert execute(["init", "other.yaml", "--for", "mark"]) == 2


def test_reference_folders_are_known_by_their_own_family():
    assert all(family_of(str(one.path)) == json.loads((one.path / "config.json").read_text()).get("family", "causal_lm")
               for one in reference_folders() if (one.path / "config.json").is_file())  # fmt: skip


@pytest.mark.parametrize(
    ("name", "family"),
    [("a.csv", "table"), ("a.jsonl", "table"), ("a.parquet", "table"), ("A.GGUF", "causal_lm"),
     ("a.skops", "classifier")],
)  # fmt: skip
def test_a_file_says_what_it_is_by_its_ending(tmp_path, name, family):
    (tmp_path / name).touch()
    assert family_of(str(tmp_path / name)) == family


@pytest.mark.parametrize("name", ["a.joblib", "a.pkl", "a.txt", "nothing", "empty"])
def test_what_is_no_model_is_an_error_that_names_the_kinds(tmp_path, name):
    """`init --model ./nothing` wrote a plan and said "run it with"."""
    if name == "empty":
        (tmp_path / name).mkdir()
    elif name != "nothing":
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"allowed: an http address, a .gguf or .skops file") as caught:
        starter_plan(str(tmp_path / name))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("facts", [*(facts for facts, _ in FOLDERS), {"family": "autoregressive_series"}])
def test_every_template_lacks_nothing_but_the_data_that_it_names(tmp_path, facts):
    plan = starter_plan(str(folder(tmp_path / 'a "model"', **facts)))
    problems: tuple[str, ...] = ()
    try:
        read_plan(plan, base=tmp_path)
    except PlanError as error:
        problems = error.problems
    assert [one for one in problems if "no such file or folder: ./" not in one] == []


def test_an_address_and_a_table_run_as_they_are(tmp_path):
    assert read_plan(starter_plan("https://127.0.0.1:9/v1"), base=tmp_path).model.url == "https://127.0.0.1:9/v1"
    (tmp_path / "out.csv").write_text("prompt,output,aliases\nCapital of France?,Paris,Paris\n")
    plan = read_plan(starter_plan(str(tmp_path / "out.csv")), base=tmp_path)
    from audit.execute import run

    (found,) = run(plan, into=tmp_path / "audits").record.findings
    assert found.measures[0].value == 1


@pytest.mark.parametrize("head", ["question,prediction,answer", "prompt,answer,reference", "input,completion,target"])
def test_a_plan_names_the_columns_that_the_file_of_outputs_has(tmp_path, head):
    (tmp_path / "out.csv").write_text(f"{head}\nCapital of France?,Paris,Paris\nCapital of Italy?,Paris,Rome\n")
    plan = read_plan(starter_plan(str(tmp_path / "out.csv")), base=tmp_path)
    (found,) = run(plan, into=tmp_path / "audits").record.findings
    assert found.measures[0].value == 0.5


@pytest.mark.parametrize(
    ("head", "what"),
    [("text,output,label", "prompts"), ("prompt,said,label", "outputs"), ("prompt,answer", "right answers")],
)
def test_a_file_of_outputs_that_lacks_a_column_gets_no_plan(tmp_path, head, what):
    """`init --model outputs.jsonl` wrote a plan with columns that were not there."""
    (tmp_path / "out.csv").write_text(f"{head}\n")
    with pytest.raises(UsageError, match=f"out.csv: no column of {what}; allowed: one that is called "):
        starter_plan(str(tmp_path / "out.csv"))


def test_answers_with_their_evidence_are_held_against_it(tmp_path):
    rows = "".join(f"Which is {n}?,Room {n} is blue and {n + 20} feet long.,Room {n} is {n + 20} feet long.\n"
                   for n in range(60))  # fmt: skip
    (tmp_path / "answers.csv").write_text(f"prompt,context,answer\n{rows}")
    from audit.execute import run

    plan = read_plan(starter_plan(str(tmp_path / "answers.csv")), base=tmp_path)
    (found,) = run(plan, into=tmp_path / "audits").record.findings
    assert (found.probe, found.verdict, found.measures[0].value) == ("factuality.grounding", "passed", 0)


@pytest.mark.parametrize(("head", "said", "probe"), [
    ("confidence,label", (0.9, 0.6), "factuality.calibration"), ("judge,label", (1, 0), "factuality.judged"),
])
def test_confidences_and_verdicts_with_labels_are_held_against_them(tmp_path, head, said, probe):
    rows = "".join(f"{said[n % 10 == 0]},{int(n % 10 > 0)}\n" for n in range(200))
    (tmp_path / "told.csv").write_text(f"{head}\n{rows}")
    plan = read_plan(starter_plan(str(tmp_path / "told.csv")), base=tmp_path)
    (found,) = run(plan, into=tmp_path / "audits").record.findings
    assert (found.probe, found.verdict) == (probe, "passed" if probe.endswith("judged") else "inconclusive")


def test_numbers_by_group_are_compared(tmp_path):
    rows = "".join(f"{'ab'[n % 2]},{n}\n" for n in range(600))
    (tmp_path / "marks.csv").write_text(f"group,prediction\n{rows}")
    plan = read_plan(starter_plan(str(tmp_path / "marks.csv")), base=tmp_path)
    (found,) = run(plan, into=tmp_path / "audits").record.findings
    assert (found.probe, found.verdict, found.limit.measure) == (
        "bias.predictions", "passed", "largest_superiority_gap",
    )  # fmt: skip


def test_a_chat_model_is_asked_in_chat_form(tmp_path):
    """As a folder and as a GGUF file, written by the libraries themselves; one without template is asked raw."""
    chat, plain = (tiny_models.make_tiny_lm(tmp_path / str(has), chat_template=has) for has in (True, False))
    packed = tiny_models.make_tiny_gguf(tmp_path / "packed.gguf")
    for path, wanted in ((chat, "chat"), (packed, "chat"), (plain, "raw")):
        assert has_chat_template(path) is (wanted == "chat")
        plan = read_plan(starter_plan(str(path)), base=tmp_path)
        assert plan.model.prompt_form == wanted
        assert plan.checks[0].probe.prompt.startswith("{question}") is (wanted == "chat")


def test_a_template_in_the_tokenizers_own_file_is_seen(tmp_path):
    path = folder(tmp_path / "old", architectures=["LlamaForCausalLM"])
    for facts, there in (({"chat_template": "{{ messages }}"}, True), ({"chat_template": None}, False), ([], False)):
        (path / "tokenizer_config.json").write_text(json.dumps(facts))
        assert has_chat_template(path) is there


# --- answers from passages


def passages(path, **more):
    row = {"question": "How many?", "reference": ["214"], "context": ["It has 214.", "A has 1."], "gold": ["0"], **more}
    path.write_text(json.dumps(row) + "\n")
    return path


def test_a_plan_for_answers_from_passages_reads(tmp_path):
    """Of an address with a file of one's own, ids and all, and of a table with our questions."""
    text = answers_plan("rag", "https://127.0.0.1:9/v1", str(passages(tmp_path / "q.jsonl", id="a")), base=tmp_path)
    own = read_plan(text, base=tmp_path)
    assert {one.probe.name for one in own.checks} == {"factuality.rag"}
    (frame,) = own.checks[0].data["items"].batches(own.checks[0].probe.roles["items"])
    assert frame.loc["a", "prompt"] == "How many?"
    (tmp_path / "out.csv").write_text("prompt,output\nx,y\n")
    assert read_plan(answers_plan("rag", str(tmp_path / "out.csv"), None), base=tmp_path).model.prompt == "prompt"


def test_what_is_no_data_for_it_says_what_is_missing(tmp_path):
    (tmp_path / "q.jsonl").write_text('{"prompt": "x", "reference": "y", "context": ["z"]}\n')
    for data, why in (("q.jsonl", "has no column 'gold'"), ("none.jsonl", "no such file")):
        with pytest.raises(UsageError, match=why):
            answers_plan("rag", None, str(tmp_path / data))
    with pytest.raises(UsageError, match="opens as vae; allowed: a language model"):
        answers_plan("rag", str(folder(tmp_path / "m", _class_name="AutoencoderKL")), None)


# --- how sure, and whether invented content is known


@pytest.mark.parametrize(("columns", "score"), [
    ({"samples": ["a", "b"], "log_probs": [-1, -2]}, "cocoa_msp"), ({"log_probs": [-1.0]}, "sequence_nll"),
    ({"samples": ["a", "b"]}, "dissimilarity_to_samples"), ({"confidence": 0.5}, "verbalised"),
])
def test_answers_made_elsewhere_are_ranked_by_what_is_known_of_them(tmp_path, columns, score):
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"{n}?", "answer": f"a{n}", "label": n % 2, **columns}) + "\n"
                            for n in range(40)))  # fmt: skip
    plan = read_plan(answers_plan("uncertainty", None, str(file), base=tmp_path), base=tmp_path)
    assert (plan.model, {one.probe.score for one in plan.checks}) == (None, {score})
    found = run(plan, into=tmp_path / "audits").record.findings
    assert {one.verdict for one in found} <= {"passed", "failed", "inconclusive", "measured"}
    assert found[0].measures[0].name == "auroc"


def test_a_model_is_asked_how_sure_it_is_and_what_is_invented(tmp_path):
    """Of a folder all is asked, of an address what it can write; chat models are asked in turns."""
    file = tmp_path / "a.csv"
    file.write_text("question,reference,answer,label\nWho?,Ann,Ann,1\n")
    chat, raw = (str(tiny_models.make_tiny_lm(tmp_path / str(has), chat_template=has)) for has in (True, False))
    found = {
        (purpose, name): read_plan(answers_plan(purpose, model, str(file), base=tmp_path), base=tmp_path)
        for purpose in ("uncertainty", "recognition")
        for name, model in (("chat", chat), ("raw", raw), ("address", "http://127.0.0.1:9/v1"))
    }
    probes = {key: plan.checks[0].probe for key, plan in found.items()}
    assert [probes["uncertainty", one].score for one in ("raw", "chat", "address")] == [
        "cocoa_msp", "cocoa_msp", "dissimilarity_to_samples"]  # fmt: skip
    assert [probes["recognition", one].mode for one in ("raw", "chat", "address")] == [
        "likelihood", "likelihood", "generate"]  # fmt: skip
    assert [probes["uncertainty", one].template.startswith("Question") for one in ("raw", "chat")] == [True, False]
    assert [probes["recognition", one].prompt.endswith("Say:") for one in ("raw", "chat")] == [True, False]
    (frame,) = found["recognition", "raw"].checks[0].data["items"].batches(probes["recognition", "raw"].roles["items"])
    assert frame["prompt"].tolist() == ["Who?"]
    assert read_plan(answers_plan("uncertainty", raw, None), base=tmp_path).checks[0].data["items"].name


def test_a_file_of_halueval_is_read_as_one_and_what_lacks_a_column_is_told(tmp_path):
    row = {"user_query": "Who?", "chatgpt_response": "Ann", "hallucination": "no", "hallucination_spans": []}
    (tmp_path / "general_data.json").write_text(json.dumps(row) + "\n")
    model = "http://127.0.0.1:9/v1"
    plan = read_plan(answers_plan("recognition", model, str(tmp_path / "general_data.json"), base=tmp_path),
                     base=tmp_path)  # fmt: skip
    (frame,) = plan.checks[0].data["items"].batches(plan.checks[0].probe.roles["items"])
    assert frame["label"].tolist() == ["1"]
    (tmp_path / "a.csv").write_text("prompt,answer,confidence\nx,y,0.5\n")
    for purpose, lacks in (("uncertainty", "reference"), ("recognition", "label")):
        with pytest.raises(UsageError, match=f"has no column '{lacks}'; allowed: CSV, JSON lines or Parquet with the"):
            answers_plan(purpose, None, str(tmp_path / "a.csv"))
    (tmp_path / "out.csv").write_text("prompt,output\nx,y\n")
    with pytest.raises(UsageError, match=r"opens as table; allowed: a language model, an address$"):
        answers_plan("uncertainty", str(tmp_path / "out.csv"), None)


# --- tables


def people(path, rows=200):
    cells = (
        (n, "fm"[n % 2], 20 + n % 50, ("north", "south")[n % 3 // 2], ("no", "yes")[n % 4 > 0]) for n in range(rows)
    )
    lines = [",".join(map(str, row)) for row in cells]
    path.write_text("id,sex,age,place,hired\n" + "\n".join(lines) + "\n")
    return path


def test_a_table_gets_a_plan_without_a_model_that_runs(tmp_path):
    data = people(tmp_path / "people.csv")
    plan = read_plan(table_plan(str(data)), base=tmp_path)
    probe = plan.checks[0].probe
    assert (plan.model, probe.sensitive, probe.label, probe.favourable) == (None, ("sex",), "hired", "yes")
    assert plan.checks[1].probe.features == ("age", "place")
    verdicts = [one.verdict for one in run(plan, into=tmp_path / "audits").record.findings]
    assert not {"crashed", "skipped"} & set(verdicts), verdicts


@pytest.mark.parametrize("text", ["id,성별,채용\n1,남,예\n1,여,아니오\n", "성별,채용\n남,예\n여,아니오\n"])
def test_a_table_of_a_group_and_an_outcome_gets_a_plan_that_reads(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    plan = read_plan(table_plan(str(tmp_path / "t.csv")), base=tmp_path)
    assert [one.name for one in plan.checks] == ["labels", "missing", "representation"]
    assert {(*one.probe.sensitive, *one.probe.features) for one in plan.checks} == {("성별",)}


def test_of_what_nobody_wants_the_other_value_is_favourable_and_empty_columns_are_left_out(tmp_path):
    rows = "".join(f"{'mf'[at % 2]},{at % 3},{'x' if at < 9 else ''},{at // 2 % 2}\n" for at in range(40))
    (tmp_path / "t.csv").write_text("sex,grade,remark,loan_default\n" + rows)
    probe = read_plan(table_plan(str(tmp_path / "t.csv")), base=tmp_path).checks[1].probe
    assert (probe.label, probe.features) == ("loan_default", ("grade",))
    assert read_plan(table_plan(str(tmp_path / "t.csv")), base=tmp_path).checks[0].probe.favourable == "0"


def test_nobody_to_compare_gets_no_plan(tmp_path):
    (tmp_path / "t.csv").write_text("id,hired\n1,0\n2,1\n")
    with pytest.raises(UsageError, match="no column that could say who is in which group"):
        table_plan(str(tmp_path / "t.csv"))


def test_a_column_that_is_called_as_ids_are_is_a_mistake_of_the_plan(tmp_path):
    (tmp_path / "t.csv").write_text("id,sex,hired\n1,m,0\n1,f,1\n")
    check = "checks: [{name: c, probe: {use: bias.data, sensitive: [sex], label: hired, identity: [ID]}, data: DATA}]\n"
    data = "{use: file, path: t.csv, fields: {number: id}}"
    with pytest.raises(PlanError, match="got the column 'id', which would name the rows"):
        read_plan("title: t\n" + check.replace("ID", "id").replace("DATA", data), base=tmp_path)
    assert read_plan("title: t\n" + check.replace("ID", "number").replace("DATA", data), base=tmp_path)


@pytest.mark.parametrize("name", ["a.txt", "nothing.csv"])
def test_what_is_no_table_gets_no_plan(tmp_path, name):
    if name == "a.txt":
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"allowed: a file that ends in \.csv"):
        table_plan(str(tmp_path / name))


@pytest.mark.shared
def test_the_columns_of_compas_are_taken_for_what_they_are(tmp_path):
    plan = read_plan(table_plan(str(needs_data("compas/compas-scores-two-years.csv"))))
    probe = plan.checks[0].probe
    assert set(probe.sensitive) == {"sex", "race", "age_cat"}
    assert "id" not in plan.checks[1].probe.features


def test_a_table_in_which_persons_repeat_counts_each_of_them_once_or_says_that_nothing_names_them(tmp_path):
    rows = [f"p{n % 40},{'fm'[n % 2]},{n % 3 == 0:d},{n % 7}" for n in range(400)]
    for head, identity in (("applicant_id", ("applicant_id",)), ("id", ("number",)), ("kind", ())):
        (tmp_path / "t.csv").write_text("\n".join([f"{head},sex,hired,score", *rows]) + "\n")
        text = table_plan(str(tmp_path / "t.csv"))
        checks = read_plan(text, base=tmp_path).checks
        assert {tuple(one.probe.identity) for one in checks} == {identity}
        assert not any(set(identity) & set(one.probe.features) for one in checks)
    assert "differ" not in text  # 840 rows can be told apart
    (tmp_path / "t.csv").write_text("sex,hired\n" + "f,1\nm,0\n" * 50)
    assert "# 2 of 100 of the first rows differ: where one person has several" in table_plan(str(tmp_path / "t.csv"))


# --- what drove an answer


def test_of_questions_with_sources_it_asks_what_drove_the_answer(tmp_path):
    """Our own questions or others, whose answers may be there already; made-up facts beside; it runs as written."""
    model = str(tiny_models.make_tiny_lm(tmp_path / "m"))
    own, other = (
        read_plan(answers_plan("sources", model, data, base=tmp_path), base=tmp_path)
        for data in (None, str(passages(tmp_path / "q.jsonl", answer="214")))
    )
    assert [one.probe.answers for one in (*own.checks, *other.checks)] == ["model", "model", "given", "given"]
    assert [sorted(one.data) for one in own.checks] == [["items", "planted"], ["items"]]
    found = run(other, into=tmp_path / "audits").record.findings
    assert [(one.probe, one.limit.measure) for one in found] == [
        ("transparency.attribution", "lds"), ("transparency.attribution", "memory_share")]  # fmt: skip
    assert {one.verdict for one in found} <= {"passed", "failed", "inconclusive"}
    (tmp_path / "a.csv").write_text("prompt,answer\nx,y\n")
    with pytest.raises(UsageError, match="has no column 'context'"):
        answers_plan("sources", model, str(tmp_path / "a.csv"))


# --- what an answer costs


def test_what_an_answer_costs_is_asked_of_what_computes_here(tmp_path):
    """A plan that runs, of texts and of images; what draws nothing is not timed, and an address is refused."""
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": f"This is text number {n}."}) + "\n" for n in range(2)))
    (tmp_path / "images").mkdir()
    for at in range(2):
        Image.fromarray(np.full((8, 8), 16 * at, dtype=np.uint8)).save(tmp_path / "images" / f"{at}.png")
    lm, vae = str(tiny_models.make_tiny_lm(tmp_path / "m")), str(WEIGHTS / "vae" / "sound")
    for model, data in ((lm, texts), (vae, tmp_path / "images")):
        plan = read_plan(efficiency_plan(model, str(data), base=tmp_path), base=tmp_path)
        assert [one.probe.name for one in plan.checks] == ["efficiency.resources", "efficiency.sampling"]
    counted = replace(plan.checks[0], probe=replace(plan.checks[0].probe, processes=0))
    (found,) = run(replace(plan, checks=(counted,)), into=tmp_path / "audits").record.findings
    assert found.verdict == "measured", found.why
    text = efficiency_plan(str(folder(tmp_path / "c", architectures=["BertForSequenceClassification"])), None)
    assert "./items.jsonl" in text
    assert "efficiency.sampling" not in text
    for model, data, why in (
        ("http://127.0.0.1:9/v1", None, "allowed: one that computes here"), (lm, tmp_path / "images", "no such file"),
        (vae, texts, "no such folder"), (str(WEIGHTS / "autoregressive_series" / "sound"), texts, "no column 'series'"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=why):
            efficiency_plan(model, data and str(data))


# --- personal data


def test_personal_data_are_looked_for_in_what_a_model_writes_or_wrote(tmp_path):
    """Plans that run: of prompts for a model, and of a file of outputs."""
    (tmp_path / "prompts.csv").write_text("prompt\nWho is it?\nWhere?\n")
    (tmp_path / "outputs.csv").write_text("prompt,output\na,Ask kim@mail.kr\nb,none\n")
    lm, outputs = str(tiny_models.make_tiny_lm(tmp_path / "m")), str(tmp_path / "outputs.csv")
    asked = read_plan(privacy_plan(lm, str(tmp_path / "prompts.csv"), base=tmp_path), base=tmp_path)
    short = replace(asked.checks[0], probe=replace(asked.checks[0].probe, max_tokens=4))
    given = read_plan(privacy_plan(outputs, None, base=tmp_path), base=tmp_path)
    for plan, share in ((replace(asked, checks=(short,)), 0), (given, 0.5)):
        (found,) = run(plan, into=tmp_path / "audits").record.findings
        assert found.measure("personal_share").value == share
    for text in (privacy_plan("http://127.0.0.1:9/v1", None), privacy_plan(lm, None)):
        assert "./prompts.jsonl" in text
    for model, data, why in (
        (str(WEIGHTS / "vae" / "sound"), None, "allowed: a language model"), (outputs, outputs, "allowed: one of them"),
        (lm, outputs.replace("outputs", "none"), "no such file"), (str(tmp_path / "prompts.csv"), None, "no column"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=why):
            privacy_plan(model, data)


# --- what a model tells of its training


def test_of_what_a_model_was_trained_on_it_asks_who_tells_it_and_what_comes_out(tmp_path):
    """A language model both, an address passages, a density of images members; the other side is to be named."""
    texts = tmp_path / "seen.csv"
    texts.write_text("text\n" + "".join(f"This is text number {n} of them.\n" for n in range(30)))
    (tmp_path / "images").mkdir()
    vae = str(folder(tmp_path / "vae", _class_name="AutoencoderKL"))
    found = {}
    for model, data in ((str(tiny_models.make_tiny_lm(tmp_path / "m")), texts), ("http://127.0.0.1:9/v1", texts),
                        (vae, tmp_path / "images")):  # fmt: skip
        with pytest.raises(PlanError) as caught:
            read_plan(memorisation_plan(model, str(data), base=tmp_path), base=tmp_path)
        assert {"kept-back" in one for one in caught.value.problems} == {True}
        found[model] = len(caught.value.problems)
    assert list(found.values()) == [2, 1, 1]
    (tmp_path / "a.csv").write_text("prompt\nx\n")
    for model, data, why in (
        (vae, texts, "no such folder"), (None, tmp_path / "images", "no such file"),
        (None, tmp_path / "a.csv", "has no column 'text'"), (str(WEIGHTS / "gan" / "sound"), texts, "family gan"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=why):
            memorisation_plan(model, str(data), base=tmp_path)
