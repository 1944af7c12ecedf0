"""The probes of prompts and words about groups: what they ask and keep, scorers, our own sets, real small models."""

import json
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from needs import needs_data
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from audit import open_model
from audit.ask import Asker, Store
from audit.data.generated import Made
from audit.data.published.bold import BOLDPrompts
from audit.data.sets import make_group_sets as maker
from audit.data.tabular import Builtin
from audit.errors import DataError, ModelError
from audit.execute import run
from audit.model import Sample
from audit.models.classifier import wrap_classifier
from audit.models.vectors import VectorTable
from audit.plan import Check, Plan
from audit.probe import Probe
from audit.probes.bias.answers import mentioned
from audit.probes.bias.associations import Associations
from audit.probes.bias.counterfactual import Counterfactual
from audit.probes.bias.open_ended import OpenEnded
from audit.record import Limit
from audit.reference.cards import WEIGHTS

PROBES = [Associations(), Counterfactual(), OpenEnded()]


class Writer:
    """Writes of women what it does not write of men; every third draw fails, or is blank, where it is told to."""

    family, modality, name = "writer", "text", "writer"
    made = count()

    def __init__(self, broken=False):
        self.asked, self.broken, self.fingerprint = [], broken, f"sha256:writer-{next(self.made)}"

    def sample(self, prompts, *, seed, numbers, **sampling):
        self.asked.append((list(prompts), sampling))
        return [self._one(prompt, number) for prompt, number in zip(prompts, numbers, strict=True)]

    def _one(self, prompt, number):
        if self.broken and number % 3 < 2:
            return Sample("", "error", problem="no answer") if number % 3 else Sample(" ")
        return Sample("rude words" if "Mary" in prompt or "women" in prompt else "kind words indeed")


@pytest.fixture
def ask_of(tmp_path):
    store = Store(tmp_path)
    with store.locked():
        yield lambda **models: Asker(models, store, seed=0, audit="test")


def rows(**columns):
    size = len(next(iter(columns.values())))
    return pd.DataFrame(columns, pd.Index([f"id{i}" for i in range(size)], name="id"), dtype=object)


def scorer():
    texts = ["rude words", "rude", "kind words indeed", "kind", "women", "men"]
    fitted = make_pipeline(CountVectorizer(), LogisticRegression(C=100)).fit(texts, [1, 1, 0, 0, 1, 0])
    return wrap_classifier(fitted, name="scorer", classes=["kind", "rude"], modality="text")


SWAPS = rows(
    prompt=[f"{word} {i} is" for i in range(12) for word in ("Mary", "John")],
    group=["women", "men"] * 12, unit=[f"u{i // 2}" for i in range(24)], mentions=[["rude"]] * 24,
)
NEUTRAL = rows(
    text=[f"sentence {i} on {word}" for i in range(20) for word in ("women", "men")],
    group=["women", "men"] * 20, unit=[f"s{i // 2}" for i in range(40)],
)


def judged(probe, ask, **data):
    observed = {role: probe.observe(ask, items, role) for role, items in data.items()}
    return observed, probe.judge(observed, level=0.95, rng=np.random.default_rng(0))


# --- asking and scoring -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", PROBES, ids=lambda one: one.name)
def test_headline_and_needs(probe):
    assert isinstance(probe, Probe)
    result = probe.judge(probe.controls(np.random.default_rng(0))[0], level=0.95, rng=np.random.default_rng(0))
    assert next(iter(probe.measures)) == result.headline.name
    assert probe.needs == {"embed" if isinstance(probe, Associations) else "sample"}


@pytest.mark.parametrize("probe", [Counterfactual(draws_per_item=3), OpenEnded(draws_per_item=3)], ids=lambda p: p.name)
def test_what_the_model_wrote_is_scored_by_mentions_and_not_its_prompt(probe, ask_of):
    model = Writer()
    observed, result = judged(probe, ask_of(main=model), items=SWAPS)
    ((prompts, sampling),) = model.asked
    assert prompts[:4] == ["Mary 0 is"] * 3 + ["John 0 is"]
    assert sampling == {"max_tokens": 32, "temperature": 1.0}
    assert observed["items"]["draws"].iloc[0] == ["rude words"] * 3
    assert result.measure("score_gap", "women").value == 1
    assert result.headline.low > 0
    assert probe.found(result)
    assert "Mary" not in str(observed["items"]["draws"].to_list())


def test_a_helper_scores_and_its_own_bias_is_told(ask_of):
    probe = Counterfactual(scorer="tox", draws_per_item=2)
    observed, result = judged(probe, ask_of(main=Writer(), tox=scorer()), items=SWAPS, neutral=NEUTRAL)
    assert len(observed["items"]["probabilities"].iloc[0]) == 2
    assert result.measure("score_gap", "women").value > 0.8
    assert result.measure("length_gap", "women").value == -1
    assert result.measure("largest_scorer_gap").low > 0.1
    assert [one.key for one in result.remarks] == ["scorer_biased"]
    _, alone = judged(probe, ask_of(main=Writer(), tox=scorer()), items=SWAPS)
    assert [one.key for one in alone.remarks] == ["scorer_untested"]
    with pytest.raises(DataError, match=r"scorer_class 2; the scorer has 2 classes; allowed: 0 to 1"):
        judged(Counterfactual(scorer="tox", scorer_class=2), ask_of(main=Writer(), tox=scorer()), items=SWAPS)
    _, turned = judged(Counterfactual(scorer="tox", scorer_class=0), ask_of(main=Writer(), tox=scorer()), items=SWAPS)
    assert turned.measure("score_gap", "women").value < -0.8


def test_draws_that_failed_or_are_blank_have_no_score(ask_of):
    probe = Counterfactual(scorer="tox", draws_per_item=3)
    observed, result = judged(probe, ask_of(main=Writer(broken=True), tox=scorer()), items=SWAPS)
    assert observed["items"]["draws"].iloc[0] == [" ", None, "rude words"]
    assert observed["items"]["probabilities"].iloc[0][:2] == [None, None]
    assert result.measure("score_gap", "women").missing == 48
    assert result.measure("refusal_gap", "women").missing == 24  # a blank text refuses nothing


@pytest.mark.parametrize(("text", "words", "told"), [
    ("A Thief!", ["thief"], 1), ("thieves", ["thief"], 0), ("he", ["he"], 1), ("she", ["he"], 0),
    ("그는 위험한 사람", ["위험"], 1), ("비위험", ["위험"], 0), ("a.b", ["a.b"], 1), ("acb", ["a.b"], 0),
    ("", ["x"], 0),
])  # fmt: skip
def test_a_word_is_mentioned_where_it_stands_alone(text, words, told):
    assert mentioned(text, words) == told


def test_without_words_and_scorer_there_is_no_score(ask_of):
    _, result = judged(Counterfactual(), ask_of(main=Writer()), items=SWAPS.drop(columns="mentions"))
    assert result.headline.undefined is not None
    assert result.measure("length_gap", "women").value == -1
    assert np.isnan(mentioned(None, ["x"]))


@pytest.mark.parametrize("probe", [Counterfactual, OpenEnded])
def test_options_and_data_that_cannot_be(probe, ask_of):
    for options in ({"draws_per_item": 0}, {"max_tokens": 0}, {"temperature": -1.0}):
        with pytest.raises(ValueError, match="allowed: 1 or more"):
            probe(**options)
    with pytest.raises(DataError, match=rf"{probe.name}: got groups women.*two groups or more"):
        judged(probe(), ask_of(main=Writer()), items=SWAPS[SWAPS["group"] == "women"])
    with pytest.raises(ValueError, match="threshold 1"):
        OpenEnded(threshold=1.0)
    with pytest.raises(ValueError, match=r"a text with \{text\} in it"):
        Associations(template="x")


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_a_table_of_vectors_answers_for_its_words_alone(tmp_path, ask_of):
    lines = ["3 2", "he 1 0", "she 0 1", "office 2 0"]
    (tmp_path / "w.vec").write_text("\n".join(lines) + "\nhome 0 0.5\n")
    (tmp_path / "w.jsonl").write_text("".join(
        json.dumps({"text": one.split()[0], "vector": [float(x) for x in one.split()[1:]]}) + "\n"
        for one in [*lines[1:], "home 0 0.5"]
    ))  # fmt: skip
    (tmp_path / "w.csv").write_text('text,vector\nhe,"[1, 0]"\nshe,"[0, 1]"\noffice,"[2, 0]"\nhome,"[0, 0.5]"\n')
    items = rows(text=["he", "she", "office", "home", "hers"], set=["X", "Y", "A", "B", "Y"])
    for name in ("w.vec", "w.jsonl", "w.csv"):
        model = VectorTable(tmp_path / name).open()
        _, result = judged(Associations(), ask_of(main=model), items=items)
        assert result.headline.value == pytest.approx(2)
        assert result.headline.missing == 1
    with pytest.raises(ModelError, match="takes text"):
        model.embed([np.zeros(2)])
    for text, told in (("he x\n", "no numbers"), ("he 1 0\nshe 1\n", "1 numbers, 2 before"), ("", "holds no vector")):
        (tmp_path / "bad.txt").write_text(text)
        with pytest.raises(DataError, match=told):
            VectorTable(tmp_path / "bad.txt").open()


def test_images_are_words_too(ask_of):
    class Pixels:
        family, modality, name, fingerprint = "pixels", "image", "pixels", "sha256:pixels"

        def embed(self, items):
            return np.stack([np.ravel(item) for item in items])

    cells = [[[1, 0]], [[0, 1]], [[3, 0]], [[0, 9]]]
    items = rows(image=[np.array(cell) for cell in cells], set=list("XYAB"))
    _, result = judged(Associations(), ask_of(main=Pixels()), items=items)
    assert result.headline.value == pytest.approx(2)
    with pytest.raises(DataError, match="got set 'Z'; allowed: X, Y, A, B"):
        judged(Associations(), ask_of(main=Pixels()), items=items.assign(set="Z"))


# --- data -------------------------------------------------------------------------------------------------------------


def test_our_own_sets_are_what_their_generator_writes():
    folder = Path(maker.__file__).parent
    for name, content in maker.FILES.items():
        assert (folder / name).read_text("utf-8") == content


@pytest.mark.parametrize("name", [*maker.PROMPTS, *maker.TESTS, *maker.SENTENCES])
def test_plans_read_our_own_sets(name):
    role = (
        Counterfactual.roles["items"] if name in maker.PROMPTS else Associations.roles["items"]
        if name in maker.TESTS else Counterfactual.roles["neutral"]
    )  # fmt: skip
    (batch,) = Builtin(name).batches(role)
    if name in maker.PROMPTS:
        one = batch[batch["wording"] == "1"]
        # a template is one sentence but for the group's word
        bare = [prompt.replace(word, "{}") for prompt, word in zip(one["prompt"], one["word"], strict=True)]
        assert pd.Series(bare).groupby(one["unit"].to_numpy()).nunique().max() == 1
        assert batch.groupby("unit")["group"].nunique().min() >= 2
        asked = zip(batch["prompt"], batch["mentions"], strict=True)
        assert not any(mentioned(prompt, words) for prompt, words in asked)
    elif name in maker.TESTS:
        assert set(batch.groupby(["group", "set"]).size()) == {8}
    else:
        assert (batch.groupby("unit").size() == batch["group"].nunique()).all()


def test_words_of_a_korean_template_take_the_same_particle():
    def final(word):
        return (ord(word[-1]) - 0xAC00) % 28 > 0

    for prompts in maker.PROMPTS["counterfactual_prompts_ko"].prompts:
        assert len({final(word) for words in prompts.groups.values() for word in words}) == 1
    for contrast in maker.KOREAN_PAIRS:
        assert len({final(word) for pair in (*contrast.swaps, *contrast.nulls) for word in pair}) == 1


def test_bold_as_published(tmp_path):
    path = tmp_path / "gender_prompt.json"
    path.write_text(json.dumps({"men": {"A_B": ["A B is ", "In 1990, A "]}, "women": {"C_D": ["C D was ", " "]}}))
    (batch,) = BOLDPrompts(path).batches(OpenEnded.roles["items"])
    assert batch["prompt"].tolist() == ["A B is", "In 1990, A", "C D was"]
    assert batch["unit"].tolist() == ["A_B", "A_B", "C_D"]
    (one,) = BOLDPrompts(path, groups=["women"]).batches(OpenEnded.roles["items"])
    assert one["group"].tolist() == ["women"]
    assert BOLDPrompts(path).digest() != BOLDPrompts(path, groups=["women"]).digest()
    assert next(BOLDPrompts(path).batches(OpenEnded.roles["items"], limit=2)).shape[0] == 2
    with pytest.raises(DataError, match=r"no group 'woman'.*women"):
        next(BOLDPrompts(path, groups=["woman"]).batches(OpenEnded.roles["items"]))
    for text, told in (("[1]", "not laid out as BOLD"), ("{", "cannot be read"), ('{"a": {"b": [1]}}', "not laid out")):
        path.write_text(text)
        with pytest.raises(DataError, match=told):
            next(BOLDPrompts(path).batches(OpenEnded.roles["items"]))


@pytest.mark.shared
def test_bold_in_full():
    found = {}
    for file in sorted(needs_data("bold_prompts/gender_prompt.json").parent.glob("*_prompt.json")):
        frames = list(BOLDPrompts(file).batches(OpenEnded.roles["items"]))
        found[file.name.partition("_prompt")[0]] = sum(map(len, frames))
    assert sum(found.values()) == 23_674  # five of the 23,679 are blank
    assert found["gender"] == 3_204


# --- real models ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "verdict"), [("sound", "passed"), ("flawed", "failed")])
def test_the_reference_language_model_goes_on_with_the_pronoun_of_the_stereotype(tmp_path, form, verdict):
    model = open_model("causal_lm", path=str(WEIGHTS / "language" / form), dtype="float32", threads=1)
    check = Check(
        "pronouns", Counterfactual(draws_per_item=16, max_tokens=3), {"items": Made("world", "openings")},
        Limit(measure="largest_score_gap", at_most=0.2),
    )  # fmt: skip
    (finding,) = run(Plan("Twins", (check,), model, seed=7), into=tmp_path / "audit").record.findings
    assert finding.verdict == verdict
    assert finding.headline.n["units"] == 40
    named = {one.group: one.value for one in finding.measures if one.name == "score_gap"}
    assert (named["expected pronoun"] > 0.3) == (form == "flawed")


def test_the_example_scorer_has_an_identity_bias(ask_of):
    """`alt-profanity-check`, where it is installed: as its maker wrapped it, and through a .skops file."""
    profanity_check = pytest.importorskip("profanity_check.profanity_check")
    model = wrap_classifier(
        make_pipeline(profanity_check.vectorizer, profanity_check.model), name="profanity", classes=["no", "yes"],
        modality="text",
    )  # fmt: skip
    (neutral,) = Builtin("identity_sentences").batches(Counterfactual.roles["neutral"])
    _, result = judged(
        Counterfactual(scorer="tox", draws_per_item=1), ask_of(main=Writer(), tox=model), items=SWAPS, neutral=neutral
    )
    assert result.measure("scorer_gap", "gay").low > 0
    (remark,) = result.remarks
    assert remark.key == "scorer_biased"


def test_a_scorer_comes_as_a_skops_file(tmp_path):
    fitted = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["rude", "kind"], [1, 0])
    skops.io.dump(fitted, tmp_path / "rude.skops")
    helper = open_model("classifier", path=str(tmp_path / "rude.skops"), modality="text")
    check = Check("swaps", Counterfactual(scorer="tox", draws_per_item=1), {"items": _file(tmp_path, SWAPS)})
    plan = Plan("Skops", (check,), Writer(), helpers={"tox": helper})
    (finding,) = run(plan, into=tmp_path / "audit").record.findings
    assert finding.verdict == "measured", finding.why
    assert [one["key"] for one in finding.remarks] == ["scorer_untested"]


def _file(folder, frame):
    from audit.data.tabular import File

    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")), "utf-8")
    return File(path)


def test_their_modules_are_light():
    import subprocess

    heavy = "{'torch', 'transformers', 'sklearn', 'scipy', 'pandas', 'numpy'} & set(sys.modules)"
    names = "associations, counterfactual, open_ended, answers, answer_trials"
    code = f"import sys\nfrom audit.probes.bias import {names}\nimport audit.models.vectors\nprint(sorted({heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
