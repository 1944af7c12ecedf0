"""The probes of robustness ask each item under every change, once, and nothing twice that did not change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import DataError
from audit.probe.trial import ScriptedAsk
from audit.probes.robustness.images import ImageRobustness
from audit.probes.robustness.text import TextRobustness


def questions(**columns):
    rows = {
        "question": ["What is the largest ocean?", "Name 7.", None],
        "choices": [["Pacific", "Arctic"], ["one", "two"], ["x", "y"]], "correct": [[0], [1], [0]], **columns,
    }
    return pd.DataFrame(rows, dtype=object, index=pd.Index(["a", "b", "c"], name="id"))


class Heard(ScriptedAsk):
    """A script that keeps what it was asked."""

    def __call__(self, question, items, *, model="main", **options):
        HEARD.append((model, question, list(items)))
        return super().__call__(question, items, model=model, **options)


HEARD: list = []


@pytest.fixture(autouse=True)
def _forget():
    HEARD.clear()


def likes_pacific(items):
    return {"log_prob": [-1.0 if one.text == " Pacific" else -2.0 for one in items], "kind": "exact"}


def test_what_nothing_changed_is_not_asked_again_and_what_cannot_be_asked_says_why():
    probe = TextRobustness(kinds=("synonyms", "case"), strengths=(0.3, 1.0))
    frame = probe.observe(Heard({("main", "log_prob"): likes_pacific}), questions(), "items")
    ((_, _, asked),) = HEARD
    prompts = [one.prompt for one in asked]
    assert prompts.count("Question: Name 7.\nAnswer:") == 2  # once for each choice
    assert prompts.count("Question: What is the largest ocean?\nAnswer:") == 2
    assert len(prompts) == 2 * (5 + 3)
    assert frame.loc["b", "changed"] == [True, False, False, True, True]  # no word of the table is in it
    assert frame.loc["c", "not_asked"] == "no text is given to ask about"
    assert [one is None for one in frame.loc["b", "log_probs"]] == [False, True, True, False, False]


def test_an_item_that_stands_there_many_times_is_one_and_a_true_choice_that_is_none_is_not_asked():
    probe = TextRobustness(kinds=("case",), strengths=(1.0,))
    rows = {"question": "What?", "choices": [["Pacific", "Arctic"]] * 20 + [["Arctic", "Pacific"]] * 20,
            "correct": [[0], *[[0]] * 18, [2], *[[1]] * 20]}  # fmt: skip
    items = pd.DataFrame(rows, dtype=object, index=pd.Index([str(n) for n in range(40)], name="id"))
    frame = probe.observe(ScriptedAsk({("main", "log_prob"): likes_pacific}), items, "items")
    assert frame.loc["19", "not_asked"] == "a true choice is outside 0 to 1"
    found = probe.judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
    assert found.measure("accuracy").value == 1
    assert dict(found.headline.n) == {"items": 39, "units": 2}
    alone = probe.judge({"items": frame.iloc[[0, 20]]}, level=0.95, rng=np.random.default_rng(0))
    assert found.headline.high == pytest.approx(alone.headline.high)


def test_changes_hang_on_the_items_id_alone():
    probe = TextRobustness(strengths=(0.5,))
    ask = ScriptedAsk({("main", "log_prob"): likes_pacific})
    whole = probe.observe(ask, questions(), "items")
    alone = probe.observe(ask, questions().iloc[[1]], "items")
    assert whole.loc["b", "asked"] == alone.loc["b", "asked"]


def test_options_that_a_prompt_shows_come_in_another_order_and_answers_stay_theirs():
    probe = TextRobustness(kinds=("option_order",), prompt="{question}\n{choices}\nAnswer:")
    ask = ScriptedAsk({("main", "log_prob"): likes_pacific})
    frame = probe.observe(ask, questions().iloc[:1], "items")
    assert frame.loc["a", "asked"] == [
        "What is the largest ocean?\n- Pacific\n- Arctic\nAnswer:",
        "What is the largest ocean?\n- Arctic\n- Pacific\nAnswer:",
    ]
    found = probe.judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
    assert found.measure("flip_rate", "option_order").value == 0
    assert found.measure("worst_kept_flip_rate").value == 0


def test_paraphrases_come_with_the_items_or_from_a_helper_and_system_prompts_stand_in_front():
    probe = TextRobustness(kinds=("case",), strengths=(1.0,), paraphraser="writer", system_prompts=("Be kind.",))
    ask = Heard({
        ("main", "log_prob"): likes_pacific,
        ("writer", "sample"): lambda items: {"content": [" Which ocean is largest?", None][: len(items)],
                                             "finish": "stop", "problem": None},
    })  # fmt: skip
    given = questions(paraphrases=[["The largest ocean is what?"], None, None]).iloc[:2]
    frame = probe.observe(ask, given, "items")
    kinds, asked = frame.loc["a", "kinds"], frame.loc["a", "asked"]
    assert kinds == ["as_it_is", "case", "system_prompt", "paraphrase", "paraphrase"]
    assert asked[2] == "Be kind.\n\nQuestion: What is the largest ocean?\nAnswer:"
    assert asked[3:] == [
        "Question: The largest ocean is what?\nAnswer:", "Question: Which ocean is largest?\nAnswer:"
    ]
    assert frame.loc["b", "kinds"] == ["as_it_is", "case", "system_prompt", "paraphrase"]
    assert frame.loc["b", "changed"][-1] is False  # the helper said nothing: no question in other words, and counted
    found = probe.judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
    assert found.measure("unchanged_share", "paraphrase 1").value == 0.5


def test_a_written_answer_is_asked_for_again_as_it_is():
    probe = TextRobustness(mode="generate", kinds=("case",), strengths=(1.0,), asked_again=2, temperature=1.0)
    said = {"content": ["Pacific", "Atlantic", "the Pacific", "None."], "finish": "stop", "problem": None}
    frame = probe.observe(
        ScriptedAsk({("main", "sample"): lambda items: said}),
        questions(aliases=[["Pacific"], None, None]).iloc[:1], "items",
    )  # fmt: skip
    assert frame.loc["a", "kinds"] == ["as_it_is", "again", "again", "case"]
    found = probe.judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
    assert found.measure("noise_flip_rate").value == 0.5
    assert found.measure("flip_rate", "case at 1").value == 1
    assert found.measure("excess_flip_rate", "case at 1").value == 0.5


def test_the_reference_classifier_of_digits_keeps_its_answers_under_a_good_jpeg():
    from audit.data.generated import Made
    from audit.models.image_classifier import ImageClassifierFolder
    from audit.reference.cards import WEIGHTS

    probe = ImageRobustness(kinds=("jpeg", "noise"), strengths=(0.05, 0.5), value_range=(0.0, 16.0))
    model = ImageClassifierFolder(path=WEIGHTS / "image_classifier" / "sound", threads=1).open()
    ask = ScriptedAsk({
        ("main", "predict"): lambda items: {"probabilities": model.predict(items).tolist()},
        ("main", "class_names"): lambda items: {"names": [list(model.classes)] * len(items)},
    })
    items = next(iter(Made("digits", "heldout").batches(probe.roles["items"], limit=60)))
    found = probe.judge({"items": probe.observe(ask, items, "items")}, level=0.95, rng=np.random.default_rng(0))
    assert found.measure("accuracy").value > 0.9
    assert found.measure("unchanged_share", "jpeg at 0.05").value == 1  # 17 levels are coarser than its loss
    assert found.measure("flip_rate", "jpeg at 0.5").high < 0.15
    assert found.measure("flip_rate", "noise at 0.5").n["items"] == 60


def digits(items):
    return {"probabilities": [[0.9, 0.1]] * len(items)}


def test_a_label_that_no_class_is_called_is_refused_and_an_image_that_stands_there_twice_is_one():
    ask = ScriptedAsk({("main", "predict"): digits, ("main", "class_names"): lambda items: {"names": [["0", "1"]]}})
    images = np.arange(32.0).reshape(2, 4, 4)
    items = pd.DataFrame({"image": [*images, *images], "label": ["0"] * 3 + ["7"]}, index=list("abcd"), dtype=object)
    probe = ImageRobustness(kinds=("noise",))
    with pytest.raises(DataError, match="item 'd' has the label '7', which no class of the model is called"):
        probe.observe(ask, items, "items")
    observed = probe.observe(ask, items.assign(label="0"), "items")
    found = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert dict(found.headline.n) == {"items": 4, "units": 2}


def test_what_is_no_image_is_told():
    with pytest.raises(DataError, match="allowed: \\[row, column\\]"):
        ImageRobustness().observe(ScriptedAsk({}), pd.DataFrame({"image": [[1, 2]]}, index=["a"]), "items")


def test_init_for_robustness_writes_a_plan_that_loads(tmp_path, capfd):
    from audit.cli.app import execute
    from audit.plan import load_plan
    from audit.reference.cards import WEIGHTS

    (tmp_path / "images" / "heldout").mkdir(parents=True)
    for family, mode in (("image_classifier", "predict"), ("vae", "log_prob")):
        file, model = tmp_path / f"{family}.yaml", WEIGHTS / family / "sound"
        assert execute(["init", str(file), "--for", "robustness", "--model", str(model)]) == 0
        (check,) = load_plan(file).checks
        assert (check.probe.name, check.probe.mode) == ("robustness.images", mode)
    file = tmp_path / "address.yaml"
    assert execute(["init", str(file), "--for", "robustness", "--model", "http://127.0.0.1:9/v1"]) == 0
    assert load_plan(file).checks[0].probe == TextRobustness(mode="generate")
    gan = str(WEIGHTS / "gan" / "sound")
    assert execute(["init", str(tmp_path / "x.yaml"), "--for", "robustness", "--data", "x"]) == 2
    assert execute(["init", str(tmp_path / "x.yaml"), "--for", "robustness", "--model", gan]) == 2
    assert "got a model of the family gan; allowed: a language model" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("probe", "options", "said"),
    [
        (TextRobustness, {"strengths": ()}, "strengths: got none"),
        (TextRobustness, {"strengths": (0.0, 0.5)}, "strengths: got 0, 0.5"),
        (TextRobustness, {"kinds": ("typos", "typos")}, "each once"),
        (TextRobustness, {"kinds": ("option_order",)}, "option_order goes with"),
        (TextRobustness, {"prompt": "no place"}, "prompt: got"),
        (TextRobustness, {"asked_again": -1}, "asked_again -1"),
        (ImageRobustness, {"strengths": (2.0,)}, "strengths: got 2"),
        (ImageRobustness, {"value_range": (1.0, 1.0)}, "value_range"),
    ],
)
def test_options_that_do_not_go_together_are_refused(probe, options, said):
    with pytest.raises(ValueError, match=said):
        probe(**options)
