"""Causal language models: every score against float64 by the book, every promise of the loader with a canary."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from audit.errors import ModelError
from audit.model import Continuation, Sample
from audit.models import causal_lm
from audit.models.causal_lm import CausalLMFolder
from audit.models.text import sampling, scoring
from audit.models.text.chat import SECONDS, ChatTemplate
from audit.models.text.encoding import Encoder
from audit.models.text.network import CausalNetwork
from audit.models.text.scoring import Scorer, buckets
from audit.models.text.windows import Encoded

PROMPT = "She asked the mechanic whether"
TEXTS = [
    "The ferry to the island leaves at eight.", "It rains", "Seven clocks stood in the hall; none of them was right.",
    "대한민국의 수도 🚲", "Nobody knew who had painted the fence green, least of all the man with green hands. " * 2,
]  # fmt: skip
CONTINUATIONS = [
    Continuation(prompt, text)
    for prompt in (PROMPT, "A baker in our", "The last one comes back at six, and the cellar floods when")
    for text in (" the brakes were safe.", " it", " street sells rye bread, plum cake", "!")
]


@pytest.fixture(scope="module")
def part(tiny_lm) -> CausalLMFolder:
    return CausalLMFolder(tiny_lm, dtype="float32", device="cpu", threads=1)


@pytest.fixture(scope="module")
def model(part):
    return part.open()


@pytest.fixture
def copied(tiny_lm, tmp_path) -> Path:
    """A copy of the model's folder that a test may change."""
    return shutil.copytree(tiny_lm, tmp_path / "model")


def by_the_book(network, ids: list[int]) -> np.ndarray:
    """Log-probability, entropy, variance of surprisal and rank of ids[1:], in float64 from one unbatched forward."""
    with torch.inference_mode():
        logits = network(torch.tensor([ids])).logits[0, :-1].double()
    log_p, target = logits.log_softmax(-1), torch.tensor(ids[1:])[:, None]
    surprisal, p = -log_p, log_p.exp()
    entropy = (p * surprisal).sum(-1)
    variance = (p * (surprisal - entropy[:, None]) ** 2).sum(-1)
    rank = 1 + (logits > logits.gather(-1, target)).sum(-1)
    return torch.stack([log_p.gather(-1, target)[:, 0], entropy, variance, rank.double()], 1).numpy()


def assert_by_the_book(network, encoded: list[Encoded], scores: list[np.ndarray]) -> None:
    for text, got in zip(encoded, scores, strict=True):
        wanted = by_the_book(network, text.ids)[text.first - 1 :] if len(text.ids) > 1 else np.empty((0, 4))
        np.testing.assert_allclose(got, wanted, atol=5e-5, rtol=1e-5)


# ---- scores


def test_scores_of_texts_and_continuations_are_those_of_the_book(model):
    items = TEXTS + CONTINUATIONS
    encoded = model.encoder.items(items)
    assert_by_the_book(model.scorer.network.model, encoded, model.scorer.score(encoded, trace=True))
    sums, kind = model.log_prob(items)
    assert kind == "exact"
    np.testing.assert_allclose(sums, [frame["log_prob"].sum() for frame in model.trace(items)], rtol=1e-6)


def test_a_trace_has_a_row_for_every_token_and_no_value_for_the_first(model):
    for text, frame in zip(TEXTS, model.trace(TEXTS), strict=True):
        assert len(frame) == len(model.encoder.tokenizer(text)["input_ids"])
        assert frame.iloc[0, 1:].isna().all()
        assert frame.iloc[1:, 1:].notna().all(axis=None)
    assert "".join(model.trace(TEXTS[:1])[0]["element"]) == TEXTS[0]


def test_the_statistics_of_known_distributions():
    uniform, certain = torch.zeros(4), torch.tensor([0.0, -torch.inf, -torch.inf, -torch.inf])
    halves = torch.tensor([3.0, 3.0, -torch.inf, -torch.inf])
    skewed = torch.log(torch.tensor([0.5, 0.25, 0.125, 0.125])) + 7
    logits, target = torch.stack([uniform, certain, halves, skewed, skewed]), torch.tensor([[2], [0], [1], [0], [3]])
    got = scoring._traced(logits.clone(), target)
    two = np.log(2)
    wanted = [
        [-2 * two, 2 * two, 0, 1],  # nothing is strictly likelier than anything
        [0, 0, 0, 1],
        [-two, two, 0, 1],
        [-two, 1.75 * two, 0.6875 * two**2, 1],
        [-3 * two, 1.75 * two, 0.6875 * two**2, 3],
    ]
    np.testing.assert_allclose(got, wanted, atol=1e-6)
    whole = scoring._summed(logits, target)
    np.testing.assert_allclose(scoring._together(whole[None], target // 4)[:, 0], got[:, 0], atol=1e-6)


def test_nothing_to_score_is_not_a_number(model):
    assert np.isnan(model.log_prob(["", "A", Continuation(PROMPT, ""), Continuation("", "A")])[0]).all()
    assert len(model.trace([""])[0]) == 0


def test_log_prob_makes_no_other_statistic(model, monkeypatch):
    monkeypatch.setattr(scoring, "_traced", None)
    assert np.isfinite(model.log_prob(TEXTS)[0]).all()
    with pytest.raises(TypeError):
        model.trace(TEXTS)


@pytest.mark.parametrize("trace", [False, True])
def test_sums_go_over_what_the_cache_holds_and_are_the_same_to_the_bit(model, monkeypatch, trace):
    name, items, seen = "_traced" if trace else "_summed", model.encoder.items(TEXTS), []
    real, few = getattr(scoring, name), 5 * (1 + trace) * model.vocabulary
    monkeypatch.setattr(scoring, "PART", model.vocabulary)  # all of it at once
    monkeypatch.setattr(scoring, name, lambda logits, target: seen.append(len(logits)) or real(logits, target))
    got = []
    for size in (few, 10**9):
        monkeypatch.setattr(scoring, "CACHED", size)
        got.append(model.scorer.score(items, trace=trace))
        assert max(seen) <= size // (1 + trace) // model.vocabulary
        assert sum(seen) == sum(map(len, got[-1]))
        seen.clear()
    assert all(np.array_equal(one, other) for one, other in zip(*got, strict=True))


def test_parts_of_the_vocabulary_give_what_the_whole_gives(model, monkeypatch):
    items, network, widths, got = model.encoder.items(TEXTS), model.scorer.network, set(), []
    real = network.logits
    assert network.divisible
    monkeypatch.setattr(
        network, "logits", lambda states, **more: widths.add(more["out"].shape[1]) or real(states, **more)
    )
    for part, most in ((model.vocabulary, 10**7), (7, 70)):
        monkeypatch.setattr(scoring, "PART", part)
        monkeypatch.setattr(scoring, "IN_PARTS", most)
        got.append(np.concatenate(model.scorer.score(items)))
    assert len(widths) >= 3
    np.testing.assert_allclose(*got, atol=1e-5)


def test_a_token_over_the_boundary_belongs_to_the_text(model):
    tokenizer = model.encoder.tokenizer
    whole = tokenizer(" the")["input_ids"]
    assert len(whole) == 1, "the test needs ` the` to be one token"
    apart, within = model.encoder.items([Continuation("At the", " end"), Continuation("At th", "e end")])
    assert apart.ids == within.ids
    assert apart.ids[: apart.context] == tokenizer("At the")["input_ids"]
    assert within.context == apart.context - 1, "` the` is scored, as its end is part of the text"
    assert model.trace([Continuation("At th", "e end")])[0]["element"][0] == " the"


def test_a_blank_that_a_tokenizer_drops_at_the_start_of_a_text_is_kept():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    inner = Tokenizer(models.WordLevel({"\u2581a": 0, "\u2581b": 1, "\u2581c": 2}, unk_token="\u2581a"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner)
    assert tokenizer.decode([1, 2]) == "b c", "the tokenizer drops it"
    encoder = Encoder(tokenizer, "spaced", None, None)
    assert encoder.text([0], [1, 2]) == " b c"
    assert list(encoder.pieces([2, 1, 2])) == [" c", " b", " c"]
    with pytest.raises(ModelError, match="prompt 0 is empty, and the tokenizer has no start token"):
        encoder.prompts([None], room=1)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_a_continuation_is_the_end_of_the_whole(model, prompt, text):
    (part,), (whole,) = model.trace([Continuation(prompt, text)]), model.trace([prompt + text])
    assert len(part) <= len(whole)
    end = whole.iloc[len(whole) - len(part) :].reset_index(drop=True)
    np.testing.assert_allclose(part.iloc[:, 1:], end.iloc[:, 1:], atol=1e-4)


def test_order_and_batches_change_nothing(model):
    items = TEXTS + CONTINUATIONS
    wanted = model.scorer.score(model.encoder.items(items), trace=True)
    for tokens in (1, 40):
        narrow = replace(model, scorer=replace(model.scorer, batch_tokens=tokens))
        for got, want in zip(
            narrow.scorer.score(model.encoder.items(items[::-1]), trace=True), wanted[::-1], strict=True
        ):
            np.testing.assert_allclose(got, want, atol=1e-5)


# ---- batches


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 1000))
def test_batches_hold_everything_once_with_little_padding(lengths, tokens):
    batches = buckets(lengths, tokens)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        longest, real = max(lengths[i] for i in batch), sum(lengths[i] for i in batch)
        assert len(batch) == 1 or longest * len(batch) <= tokens
        assert longest * len(batch) - real <= max(scoring.SPARE, scoring.WASTE * longest * len(batch))


def tokens_read(network, call) -> int:
    """Tokens that pass the network's first layer, padding included."""
    seen: list[int] = []
    hook = network.model.get_input_embeddings().register_forward_hook(lambda _, ids, __: seen.append(ids[0].numel()))
    call()
    hook.remove()
    return sum(seen)


def test_a_shared_prefix_is_read_once_and_scores_are_those_of_recomputing(model, monkeypatch):
    texts = model.encoder.items([Continuation(TEXTS[0] + PROMPT, text) for text in (" it", " was safe", " now", "!")])
    prefix, ends = texts[0].context, [len(text.ids) - text.context for text in texts]
    shared = model.scorer.score(texts, trace=True)
    read = tokens_read(model.scorer.network, lambda: model.scorer.score(texts))
    assert read <= prefix + sum(ends) + scoring.SPARE
    monkeypatch.setattr(model.scorer.network, "caches", False)
    assert tokens_read(model.scorer.network, lambda: model.scorer.score(texts)) >= 4 * prefix
    for got, wanted in zip(shared, model.scorer.score(texts, trace=True), strict=True):
        np.testing.assert_allclose(got, wanted, atol=2e-5)


# ---- other networks

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
NETWORKS = {
    # name: (configuration, logits are the head's, cache can be copied)
    "gpt2": (transformers.GPT2Config, {"n_embd": 32, "n_layer": 2, "n_head": 4}, True, True),
    "bloom": (transformers.BloomConfig, {"hidden_size": 32, "n_layer": 2, "n_head": 4}, True, True),
    "mistral": (transformers.MistralConfig, {**SIZES, "num_key_value_heads": 2, "sliding_window": 8}, True, True),
    "gemma2": (transformers.Gemma2Config, {**SIZES, "head_dim": 8, "final_logit_softcapping": 2.0}, False, True),
    "cohere": (transformers.CohereConfig, {**SIZES, "logit_scale": 0.25}, False, True),
    "mamba": (transformers.MambaConfig, {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}, True, False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_network_is_scored_and_sampled_right(name):
    config, options, head_is_all, caches = NETWORKS[name]
    inner = tiny_models.tiny_network(config(**options, **tiny_models.common_options()))
    network = CausalNetwork(inner)
    assert (network.states(torch.tensor([[5]])).shape[-1] == 32, network.caches) == (head_is_all, caches)
    rng = np.random.default_rng(0)
    texts = [Encoded(rng.integers(0, 384, length).tolist(), 0) for length in (30, 17, 16, 2)]
    for prefix in (11, 20):
        ids = rng.integers(0, 384, prefix).tolist()
        texts += [Encoded(ids + rng.integers(0, 384, more).tolist(), prefix) for more in (1, 3, 6)]
    assert_by_the_book(inner, texts, Scorer(network, 64).score(texts, trace=True))

    prompts = [rng.integers(3, 384, length).tolist() for length in (3, 9, 10, 1)]
    how = sampling.Sampling(max_tokens=6)
    limits = {"ends": frozenset([1]), "ended": lambda _: False, "batch_tokens": 2048}
    drawn = sampling.draw(network, prompts, how, seeds=[[0]] * 4, **limits)
    for prompt, one in zip(prompts, drawn, strict=True):
        wanted = inner.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=6, do_sample=False
        )
        assert prompt + one.tokens == [token for token in wanted[0].tolist() if token != 1]


def test_a_network_that_sees_the_future_or_gives_nan_is_refused():
    config = transformers.BertConfig(**SIZES, **tiny_models.common_options())
    with pytest.raises(ModelError, match="not causal"):
        CausalNetwork(tiny_models.tiny_network(config))
    broken = tiny_models.tiny_llama()
    broken.lm_head.weight.data[3, 3] = torch.nan
    with pytest.raises(ModelError, match="gives NaN"):
        CausalNetwork(broken)


# ---- draws


def test_a_draw_is_the_token_that_the_cumulative_probability_reaches():
    logits = torch.tensor([[0.5, -1.0, 2.0, 0.0, 1.0]]).expand(1000, -1)
    grid = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for temperature, top_p in ((1.0, 1.0), (0.7, 1.0), (1.0, 0.8), (2.0, 1e-9)):
        p = (logits[0].double() / temperature).softmax(-1)
        order = p.argsort(descending=True)
        kept = order[: int((p[order].cumsum(-1) < top_p).sum()) + 1]
        nucleus = torch.zeros(5, dtype=torch.float64).index_put((kept,), p[kept])
        drawn = sampling._choose(logits, grid, sampling.Sampling(temperature=temperature, top_p=top_p))
        counts = torch.bincount(drawn, minlength=5)
        assert (counts - 1000 * nucleus / nucleus.sum()).abs().max() <= 1, (temperature, top_p)


def test_a_draw_depends_on_seed_and_place_and_on_nothing_beside_it(model):
    hot = {"seed": 3, "max_tokens": 8, "temperature": 1.0, "top_p": 0.9}
    prompts = [*TEXTS, None]
    whole = model.sample(prompts, **hot)
    assert model.sample(prompts, **hot) == whole
    assert model.sample(prompts, **{**hot, "seed": 4}) != whole
    for tokens in (1, 30):
        narrow = replace(model, scorer=replace(model.scorer, batch_tokens=tokens))
        assert narrow.sample(prompts, **hot) == whole
    assert model.sample(prompts[:2], **hot) == whole[:2]


def test_several_draws_from_one_prompt_differ_and_read_it_once(model):
    drawn: list[Sample] = []
    hot = {"seed": 3, "max_tokens": 4, "temperature": 1.0}
    read = tokens_read(model.scorer.network, lambda: drawn.extend(model.sample([PROMPT] * 6, **hot)))
    assert len({one.content for one in drawn}) == 6
    assert read == len(model.encoder.tokenizer(PROMPT)["input_ids"]) + 3 * 6


def test_without_a_prompt_a_draw_starts_from_the_start_token(model):
    (free,), (started,) = model.sample([None], seed=0), model.sample(["<start>"], seed=0)
    assert free == started
    assert free.finish == "length"
    assert free.elements == 64


def test_stop_strings_cut_and_end_tokens_end(model, copied):
    (long,) = model.sample([PROMPT], seed=0, max_tokens=12)
    stop = long.content[5:7]
    (cut,) = model.sample([PROMPT], seed=0, max_tokens=12, stop=["no such string", stop])
    assert cut.content == long.content[: long.content.index(stop)]
    assert cut.finish == "stop"
    assert cut.elements < long.elements == 12
    assert model.sample([PROMPT], seed=0, max_tokens=12, stop=stop) == [cut]

    row = model.encoder.tokenizer(PROMPT)["input_ids"]
    drawn = model.scorer.network.model.generate(torch.tensor([row]), max_new_tokens=12, do_sample=False)[0, len(row) :]
    config = copied / "generation_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "eos_token_id": [1, int(drawn[4])]}))
    (ended,) = CausalLMFolder(copied, dtype="float32").open().sample([PROMPT], seed=0, max_tokens=12)
    before = drawn.tolist().index(int(drawn[4]))
    assert (ended.finish, ended.elements) == ("stop", before)
    assert long.content.startswith(ended.content)


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ({"max_tokens": 0}, "1 or more"),
        ({"temperature": -1}, "0 or more"),
        ({"top_p": 0}, "above 0"),
        ({"top_p": 1.1}, "up to 1"),
        ({"stop": [""]}, "one character or more"),
    ],
)
def test_sampling_that_makes_no_sense_is_refused(model, option, allowed):
    with pytest.raises(ModelError, match=f"{next(iter(option))}.*allowed: .*{allowed}"):
        model.sample([PROMPT], seed=0, **option)


# ---- embeddings


def test_an_embedding_is_the_mean_of_the_last_hidden_states(model):
    items = [*TEXTS, CONTINUATIONS[0]]
    got = model.embed(items)
    assert got.dtype == np.float32
    for item, row in zip(items, got, strict=True):
        text = item if isinstance(item, str) else item.prompt + item.text
        with torch.inference_mode():
            ids = torch.tensor([model.encoder.tokenizer(text)["input_ids"]])
            hidden = model.scorer.network.model(ids, output_hidden_states=True).hidden_states[-1]
        np.testing.assert_allclose(row, hidden[0].double().mean(0), atol=1e-5)
    with pytest.raises(ModelError, match="item 1 has no token"):
        model.embed(["a", ""])


# ---- chat form


@pytest.fixture(scope="module")
def chat(part):
    return replace(part, prompt_form="chat", system="Answer briefly.").open()


def test_chat_form_scores_and_samples_after_the_rendered_template(model, chat):
    messages = [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": f" {PROMPT}"}]
    rendered = chat.encoder.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert f"user: {PROMPT}<end>" in rendered, "the template trims"
    assert rendered.endswith("assistant: ")
    asked = [Continuation(f" {PROMPT}", "They were."), *TEXTS]
    np.testing.assert_allclose(
        chat.log_prob(asked)[0], model.log_prob([Continuation(rendered, "They were."), *TEXTS])[0], rtol=1e-6
    )
    assert chat.sample([f" {PROMPT}", None], seed=0) == model.sample([rendered, None], seed=0)


def test_chat_form_needs_a_template(tmp_path):
    folder = tiny_models.make_tiny_lm(tmp_path / "plain", chat_template=False)
    with pytest.raises(ModelError, match="no chat template; allowed: prompt_form raw"):
        CausalLMFolder(folder, prompt_form="chat").open()


BOMBS = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "one long product": "{{ 'x' * (7 ** (9 ** 9)) }}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_that_does_not_end_is_ended_after_two_seconds(bomb, monkeypatch):
    """After one here: each of them is a second of a core."""
    assert SECONDS == 2
    monkeypatch.setattr("audit.models.text.chat.SECONDS", 1)
    template = ChatTemplate(BOMBS[bomb], {}, None)
    with pytest.raises(ModelError, match=r"not done .* in 1 s"):
        template.render("hello")
    assert template._child.wait(timeout=60) < 0, "the process was killed"
    with pytest.raises(ModelError, match="open the model again"):
        template.render("hello")


MISBEHAVIOURS = {
    "{{ 'x' * 10 ** 9 }}": "MemoryError",
    "{{ 'x' * 2 * 10 ** 6 }}": "2,000,000 characters; a template may add 1,000,000",
    "{{ raise_exception('no system message, please') }}": "no system message, please",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}": "SecurityError",
}


def test_a_template_that_misbehaves_is_told_in_one_line_and_the_next_prompt_is_heard():
    cases = "".join(f"{{% elif what == '{i}' %}}{code}" for i, code in enumerate(MISBEHAVIOURS))
    template = "{% set what = messages[0]['content'] %}{% if what == 'good' %}fine" + cases + "{% endif %}"
    misbehaving = ChatTemplate(template, {}, None)
    for i, complaint in enumerate(MISBEHAVIOURS.values()):
        with pytest.raises(ModelError, match=complaint) as error:
            misbehaving.render(str(i))
        assert "\n" not in str(error.value)
        assert misbehaving.render("good") == "fine"
    with pytest.raises(ModelError, match="TemplateSyntaxError"):
        ChatTemplate("{% for %}", {}, None).render("good")


def test_a_release_whose_templates_need_the_package_is_imported_whole(tmp_path, monkeypatch):
    files = {
        "__init__": "SAID = 'of the package'", "utils/__init__": "",
        "utils/chat_template_utils": "from transformers import SAID\n\n"
        "def render_jinja_template(messages, **more):\n    return [SAID], None",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / "transformers" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert ChatTemplate("{{ 1 }}", {}, None).render("hello") == "of the package"


def test_a_template_sees_special_tokens_and_a_clock_that_stands_still():
    template = ChatTemplate(
        "{{ bos_token }}{{ strftime_now('%d %b %Y') }} {{ messages[0]['content'] }}", {"bos_token": "<s>"}, None
    )
    assert [template.render(prompt) for prompt in ("a\nb", "대한")] == ["<s>26 Jul 2024 a\nb", "<s>26 Jul 2024 대한"]


# ---- what is refused


def test_what_windows_cannot_answer_for_text_beyond_the_context_is_an_error_not_a_cut(model):
    long = "rain " * 200
    count = len(model.encoder.tokenizer(long)["input_ids"])
    with pytest.raises(ModelError, match=f"item 1 has {count} tokens; the model's context holds 128"):
        model.embed(["short", long])
    with pytest.raises(ModelError, match=r"prompt 0 with max_tokens 126 has 1.. tokens; the model's context holds 128"):
        model.sample([PROMPT], seed=0, max_tokens=126)


def test_other_items_are_refused(model):
    with pytest.raises(ModelError, match="got a ndarray; allowed: str or Continuation"):
        model.log_prob([np.zeros(3)])


def assert_refused(part: CausalLMFolder, why: str) -> None:
    with pytest.raises(ModelError, match=why) as error:
        part.open()
    assert "\n" not in str(error.value)


def test_code_that_comes_with_a_model_is_never_run(copied):
    canary = copied / "canary"
    (copied / "modeling_own.py").write_text(f"import pathlib; pathlib.Path({str(canary)!r}).touch()")
    config = json.loads((copied / "config.json").read_text())
    own = {"model_type": "own", "auto_map": {"AutoConfig": "modeling_own.C", "AutoModelForCausalLM": "modeling_own.M"}}
    (copied / "config.json").write_text(json.dumps(config | own))
    assert_refused(CausalLMFolder(copied), "'own' brings code of its own, which is never run")
    (copied / "config.json").write_text(json.dumps(config | {"auto_map": own["auto_map"]}))
    CausalLMFolder(copied).open()  # a kind that transformers knows is opened without that code
    tokenizer = json.loads((copied / "tokenizer_config.json").read_text())
    own = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": [None, "modeling_own.T"]}}
    (copied / "tokenizer_config.json").write_text(json.dumps(tokenizer | own))
    assert_refused(CausalLMFolder(copied), "custom code")
    assert not canary.exists()


def test_opening_asks_no_network(part, monkeypatch):
    def refuse(*_):
        raise AssertionError("a socket was asked to connect")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert np.isfinite(part.open().log_prob(TEXTS[:1])[0]).all()


def test_weights_that_are_missing_or_broken_or_elsewhere_are_refused(copied):
    from safetensors.torch import load_file, save_file

    file = copied / "model.safetensors"
    weights, whole = load_file(file), file.read_bytes()
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, {"format": "pt"})
    assert_refused(CausalLMFolder(copied), "lack 1 of the model's weights, such as model.layers.1.mlp.up_proj.weight")
    file.write_bytes(whole[:-100])
    assert_refused(CausalLMFolder(copied), "cannot be opened as a language model")
    file.write_bytes(b"\xff" * 8 + whole[8:])
    assert_refused(CausalLMFolder(copied), "cannot be opened as a language model")
    file.write_bytes(whole)
    index = copied / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"lm_head.weight": "../elsewhere.safetensors"}}))
    assert_refused(CausalLMFolder(copied), "'../elsewhere.safetensors'; allowed: .safetensors of the folder")


def test_a_path_without_a_model_is_told_in_one_line(copied, tmp_path):
    assert_refused(CausalLMFolder(tmp_path / "none"), "not there; allowed: a folder with safetensors, or a .gguf file")
    (tmp_path / "weights.pt").touch()
    assert_refused(CausalLMFolder(tmp_path / "weights.pt"), r"a .pt file; allowed: .gguf, or a folder")
    (copied / "config.json").unlink()
    assert_refused(CausalLMFolder(copied), "config.json")
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    assert_refused(CausalLMFolder(tmp_path), "2 GGUF files; give the path of one, such as a.gguf")


@pytest.mark.parametrize("options", [{"system": "Be kind."}, {"threads": 0}, {"batch_tokens": 0}, {"dtype": "int8"}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        TypeAdapter(CausalLMFolder).validate_python({"path": "model", **options})


# ---- who it is


def test_the_fingerprint_follows_content_and_form_and_not_the_path(part, tiny_lm, copied):
    def moved(**options):
        return replace(part, path=copied, **options).fingerprint()

    same = part.fingerprint()
    assert moved(threads=2, batch_tokens=7, name="other") == same
    assert moved(stride=None) == same
    others = [moved(dtype="bfloat16"), moved(prompt_form="chat"), moved(prompt_form="chat", system="Be kind.")]
    others.append(moved(stride=64))
    for name in ("model.safetensors", "tokenizer.json", "chat_template.jinja", "generation_config.json"):
        data = (copied / name).read_bytes()
        (copied / name).write_bytes(data[:-9] + b" " + data[-9:])
        others.append(moved())
        (copied / name).write_bytes(data)
    assert moved() == same
    for name in ("README.md", ".hidden", "additional_chat_templates/default.jinja", "sub/folder/w.bin"):
        (copied / name).parent.mkdir(parents=True, exist_ok=True)
        (copied / name).write_text("words")
        others.append(moved())
    assert len({same, *others}) == 13


def test_auto_takes_bfloat16_where_the_processor_has_it(tiny_lm, model, monkeypatch):
    exact = model.log_prob(TEXTS)[0]
    monkeypatch.setattr(causal_lm, "_gpu", lambda: False)
    prints = {}
    for has, dtype in ((False, "float32"), (True, "bfloat16")):
        monkeypatch.setattr(causal_lm, "multiplies_bfloat16", lambda has=has: has)
        model = CausalLMFolder(tiny_lm, threads=1).open()
        assert model.numerics == {"device": "cpu", "dtype": dtype, "threads": 1}
        assert model.scorer.network.model.dtype == getattr(torch, dtype)
        assert model.scorer.network.caches
        prints[dtype] = model.fingerprint
        assert model.fingerprint == CausalLMFolder(tiny_lm, dtype=dtype, device="cpu").fingerprint()
        np.testing.assert_allclose(model.log_prob(TEXTS)[0], exact, rtol=0.02)
    assert len(set(prints.values())) == 2


# ---- GGUF


def test_a_gguf_file_is_the_model_it_was_made_of_and_is_unpacked_once(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "packed").mkdir()
    file = tiny_models.make_tiny_gguf(tmp_path / "packed" / "tiny.gguf")
    for beside in ("config.json", "tokenizer_config.json", "generation_config.json"):
        own = {
            "model_type": "own",
            "eos_token_id": 5,
            "chat_template": "other",
            "auto_map": {"AutoTokenizer": ["x.T", None]},
        }
        (file.parent / beside).write_text(json.dumps(own))
    packed = CausalLMFolder(file, dtype="float32")
    assert packed.fingerprint() == CausalLMFolder(file.parent, dtype="float32").fingerprint()
    items = TEXTS + CONTINUATIONS
    wanted = model.log_prob(items)[0]
    np.testing.assert_allclose(packed.open().log_prob(items)[0], wanted, rtol=1e-6)
    (kept,) = (tmp_path / "cache" / "dokimasia" / "gguf").iterdir()

    with monkeypatch.context() as patch:
        patch.setattr("gguf.GGUFReader", None)  # what unpacking cannot do without
        again = packed.open()
    np.testing.assert_allclose(again.log_prob(items)[0], wanted, rtol=1e-6)
    assert again.name == "tiny.gguf"
    assert again.weights == packed.open().weights == "GGUF F32"
    assert again.fingerprint == packed.fingerprint()
    assert again.sample([PROMPT], seed=0) == model.sample([PROMPT], seed=0)
    assert (
        replace(packed, prompt_form="chat").open().encoder.chat.render("a") == "<turn>user: a<end>\n<turn>assistant: "
    )

    weights = kept / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    np.testing.assert_allclose(packed.open().log_prob(items)[0], wanted, rtol=1e-6)


@pytest.mark.slow
def test_a_real_model_knows_the_capital_of_france(real_lm):
    """The mean over the six tokens that follow the first, without a start token."""
    assert real_lm.weights == "GGUF Q4_1, Q8_0, F32"
    frames = real_lm.trace(["The capital of France is Paris.", "The capital of France is Berlin."])
    assert [round(-frame["log_prob"].mean(), 3) for frame in frames] == [2.567, 3.680]
    cities = [Continuation("The capital of France is", city) for city in (" Paris", " Berlin")]
    paris, berlin = real_lm.log_prob(cities)[0]
    assert paris == pytest.approx(-0.258, abs=1e-3)
    assert berlin == pytest.approx(-6.921, abs=1e-3)
    (drawn,) = real_lm.sample(["The capital of France is"], seed=0, max_tokens=1)
    assert drawn.content == " Paris"


def test_alternatives_are_the_likeliest_tokens_of_each_place(model):
    items = [Continuation(PROMPT, " the brakes were safe."), "It rains", Continuation(PROMPT, "")]
    frames, traces = model.alternatives(items, k=3), model.trace(items)
    network, encoded = model.scorer.network.model, model.encoder.items(items)
    for text, frame, trace in zip(encoded, frames, traces, strict=True):
        assert frame["element"].tolist() == trace["element"].tolist()
        if not len(frame):
            continue
        with torch.inference_mode():
            logits = network(torch.tensor([text.ids])).logits[0].double().log_softmax(-1)
        for place, (row, own) in enumerate(zip(frame.itertuples(), trace.itertuples(), strict=True)):
            at = text.context + place - 1
            if at < 0:
                assert row.log_probs is None
                continue
            values, ids = logits[at].topk(3)
            np.testing.assert_allclose(row.log_probs, values.numpy(), atol=5e-5)
            assert row.alternatives == model.encoder.pieces(ids.tolist()).tolist()
            assert (own.element in row.alternatives) == (own.rank <= 3)
