"""The endpoint adapter against a server that answers truly and fails on demand."""

from __future__ import annotations

import asyncio
import base64
import gc
import itertools
import json
import logging
import re
import socket
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import gguf
import httpx2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import needs_library
from stub_server import DRESSES, LanguageModel, serve
from tiny_models import make_tiny_gguf, make_tiny_lm

from audit import plugins
from audit.cli.doctor import served
from audit.errors import EndpointError, ModelError, UsageError
from audit.model import (
    CanSample,
    CanScore,
    CanTrace,
    Continuation,
    Model,
    ModelSource,
    Sample,
    Verifiable,
    abilities_of,
)
from audit.models.causal_lm import CausalLMFolder
from audit.models.endpoint import OpenAIEndpoint
from audit.models.remote.addresses import forbidden, literal
from audit.models.remote.change import MORE, change_p, has_changed
from audit.models.remote.pace import retry_after
from audit.models.remote.secret import Key, key_from
from audit.models.remote.transport import Transport
from audit.models.remote.wire import Question, WireError, read_echo, read_origin, read_sample

TEXTS = [
    "The bank opens at nine.",
    "대한민국의 수도는 서울이다. 🙂 é",
    "def add(a, b):\n\treturn a + b",
    Continuation("The capital of France is", " Paris"),
    Continuation("대한민국의 수도는", " 서울"),
    Continuation("The cap", "ital of France"),
    Continuation("Smile ", "🙂🙂"),
]
KEY = "canary-9f1c7d52ab"


@pytest.fixture(scope="module")
def running(tiny_lm):
    with serve(tiny_lm) as server:
        yield server


@pytest.fixture
def server(running):
    yield running
    running.faults.clear()
    running.always = None
    running.wait_for = 1


def local(folder, **options):
    return CausalLMFolder(path=folder, dtype="float32", device="cpu", **options).open()


def raw(url, **options):
    return closing(OpenAIEndpoint(url=url, name="tiny", prompt_form="raw", **{"retries": 1, **options}).open())


def chat(url, **options):
    return closing(OpenAIEndpoint(url=url, name="tiny", **{"retries": 1, **options}).open())


# What the endpoint proves to be able to do


def test_it_is_a_model_part_and_opens_as_a_model(server):
    part = OpenAIEndpoint(url=server.url, name="tiny", prompt_form="raw")
    assert isinstance(part, ModelSource)
    with closing(part.open()) as model:
        assert isinstance(model, Model)
        assert isinstance(model, Verifiable)
        assert (model.name, model.family, model.modality) == ("tiny", "endpoint", "text")
        assert model.fingerprint == part.fingerprint()


def test_echo_with_log_probabilities_gives_scores_but_never_a_trace(server):
    with raw(server.url) as model:
        assert abilities_of(model) == {"sample", "log_prob"}
        assert isinstance(model, CanSample)
        assert isinstance(model, CanScore)
        assert not isinstance(model, CanTrace)
        assert "vocabulary" in model.missing["trace"]
        assert "seed" not in model.missing


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"echo": False}, "do not spell the text"),
        ({"logprobs": False}, "without tokens"),
        ({"always": "no_logprobs"}, "without tokens"),
        ({"always": "null_logprobs"}, "None for its log-probability"),
        ({"always": "unequal"}, "log-probabilities and"),
        ({"always": "zeros"}, "certain"),
    ],
)
def test_what_is_not_shown_is_absent_with_its_reason(tiny_lm, options, reason):
    with serve(tiny_lm, **options) as server, raw(server.url) as model:
        assert abilities_of(model) == {"sample"}
        assert reason in model.missing["log_prob"]


def test_no_given_text_is_scored_in_chat_form(server):
    with chat(server.url) as model:
        assert abilities_of(model) == {"sample"}
        assert "template" in model.missing["log_prob"]


def test_a_seed_that_does_not_repeat_is_told(tiny_lm):
    with serve(tiny_lm, always="unseeded") as server, raw(server.url) as model:
        assert "two different draws" in model.missing["seed"]


def test_an_endpoint_that_draws_nothing_cannot_be_opened(tiny_lm):
    refused = pytest.raises(EndpointError, match=r"no such address or model \(HTTP 404")
    with serve(tiny_lm, chat=False) as server, refused:
        OpenAIEndpoint(url=server.url, name="tiny").open()


# Values


def test_log_prob_is_that_of_the_weights(server, tiny_lm):
    with raw(server.url) as remote:
        nats, kind = remote.log_prob(TEXTS)
    truth, _ = local(tiny_lm).log_prob(TEXTS)
    assert kind == "exact"
    assert np.all(nats < 0)
    np.testing.assert_allclose(nats, np.asarray(truth), atol=1e-4)


@pytest.mark.parametrize("form", ["raw", "chat"])
def test_the_greedy_draw_is_that_of_the_weights(server, tiny_lm, form):
    prompts = ["The bank opens", "서울은", "one two three"]
    with chat(server.url, prompt_form=form) as remote:
        got = remote.sample(prompts, seed=3, max_tokens=12)
    truth = local(tiny_lm, prompt_form=form).sample(prompts, seed=3, max_tokens=12)
    assert [one.content for one in got] == [one.content for one in truth]
    assert [one.finish for one in got] == [one.finish for one in truth]


def test_draws_repeat_with_the_seed_and_differ_by_position(server):
    with raw(server.url) as model:
        first = model.sample(["The bank"] * 4, seed=5, temperature=1, max_tokens=8)
        assert first == model.sample(["The bank"] * 4, seed=5, temperature=1, max_tokens=8)
        assert first != model.sample(["The bank"] * 4, seed=6, temperature=1, max_tokens=8)
        assert len({one.content for one in first}) == 4


def test_a_question_comes_before_the_plan_and_the_plan_before_the_defaults(server):
    sampling = {"temperature": 0.5, "max_tokens": 9, "frequency_penalty": 0.1}
    with chat(server.url, system="Be kind.", sampling=sampling) as model:
        model.sample(["Hello"], seed=2**62, max_tokens=3, stop=["."])
    body = server.bodies[-1]
    assert 0 <= body.pop("seed") < 2**31
    assert body == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
        "max_tokens": 3,
        "temperature": 0.5,
        "top_p": 1,
        "frequency_penalty": 0.1,
        "stop": ["."],
    }


def test_finish_tells_why_a_draw_ended(server):
    with raw(server.url) as model:
        (whole,) = model.sample(["The bank"], seed=0, max_tokens=6)
        assert (whole.finish, whole.elements) == ("length", 6)
        stop = next(c for c in whole.content[1:] if c.isascii() and c.isprintable())
        (cut,) = model.sample(["The bank"], seed=0, max_tokens=6, stop=[stop])
        assert (cut.finish, cut.content) == ("stop", whole.content.partition(stop)[0])
        server.faults.append("filtered")
        (withheld,) = model.sample(["The bank"], seed=0)
        assert withheld == Sample("", "error", None, "withheld by the server ('content_filter')")


# The reading of answers, by hand and by law


def echo(tokens, values, offsets):
    return {"choices": [{"logprobs": {"tokens": tokens, "token_logprobs": values, "text_offset": offsets}}]}


@pytest.mark.parametrize(("start", "nats"), [(0, -7), (3, -7), (4, -7), (6, -7), (7, -6), (8, -4)])
def test_a_token_counts_with_the_text_into_which_it_reaches(start, nats):
    answer = echo(["The", " old", "é", "x", "!"], [None, -1, -2, -4, -8], [0, 3, 7, 8, 9])  # "!" was drawn, not given
    assert read_echo(answer, "The oldéx", start) == nats


def test_all_parts_of_a_character_count_with_it():
    answer = echo(["a", "\ufffd", "\ufffd", "b"], [None, -1, -2, -4], [0, 1, 1, 2])
    assert [read_echo(answer, "aéb", start) for start in (1, 2)] == [-7, -4]


@pytest.mark.parametrize("offsets", [[0, 3, 6], [0, 0, 3]])
def test_a_start_token_conditions_the_first_and_is_not_scored(offsets):
    special = "<s>" if offsets[1] else ""
    assert read_echo(echo([special, "The", " old"], [None, -1, -2], offsets), "The old") == -3


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": [{"text": "The old", "logprobs": None}]},
        {"choices": [{"logprobs": {"content": [{"token": "The", "logprob": -1.0}]}}]},
        echo(["The", " old"], [None], [0, 3]),
        echo(["The", " old"], [None, None], [0, 3]),
        echo(["The", " old"], [None, "-1"], [0, 3]),
        echo(["The", " old"], [None, float("nan")], [0, 3]),
        echo(["The", " old"], [None, float("-inf")], [0, 3]),
        echo(["The", " old"], [None, 0.5], [0, 3]),
        echo(["The", " old"], [None, True], [0, 3]),
        echo(["The", " old"], [None, -(10**400)], [0, 3]),
        echo(["The", " old"], [None, -1], [0, 10**30]),
        echo(["The", " old"], [None, -1], [0, 4]),
        echo(["The", " new"], [None, -1], [0, 3]),
        echo(["The"], [None], [0]),
        echo(["The", "d"], [None, -1], [0, 6]),
        echo([" old"], [None], [0]),
        echo(["The old"], [None], [0]),
    ],
)
def test_log_probabilities_that_do_not_fit_the_text_are_never_guessed(answer):
    with pytest.raises(WireError):
        read_echo(answer, "The old")


@given(
    st.lists(st.tuples(st.text("ab é한🙂", min_size=1, max_size=4), st.floats(-20, 0)), min_size=2, max_size=8),
    st.booleans(),
    st.data(),
)
def test_scores_add_up_over_any_border_between_tokens(pieces, special, data):
    """log p(xy) = log p(x) + log p(y | x), whatever the tokens and wherever the server counts from."""
    tokens, values = [piece for piece, _ in pieces], [value for _, value in pieces]
    text, ends = "".join(tokens), np.cumsum([len(token) for token in tokens])
    border = int(data.draw(st.sampled_from(list(ends[:-1]))))
    offsets = [0, *map(int, ends)]
    if special:
        answer = echo(["<s>", *tokens, "new"], [None, *values, -3], [0, *(3 + offset for offset in offsets)])
    else:
        answer = echo([*tokens, "new"], [None, *values[1:], -3], offsets)
    counted = [value if special or i else 0.0 for i, value in enumerate(values)]
    beyond = sum(value for value, end in zip(counted, ends, strict=True) if end > border)
    assert read_echo(answer, text, border) == pytest.approx(beyond)
    assert not special or read_echo(answer, text) == pytest.approx(sum(counted))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def holding(**fields):
    return st.fixed_dictionaries({}, optional=fields) | ANYTHING


COLUMN = st.lists(st.sampled_from(["The", " old"]) | st.integers(0, 9) | ANYTHING, max_size=3) | ANYTHING
LOG_PROBS = holding(tokens=COLUMN, token_logprobs=COLUMN, text_offset=COLUMN)
CHOICE = holding(text=ANYTHING, message=holding(content=ANYTHING), finish_reason=ANYTHING, logprobs=LOG_PROBS)


@given(
    st.fixed_dictionaries(
        {"choices": st.lists(CHOICE, min_size=1, max_size=1) | ANYTHING},
        optional={"usage": holding(completion_tokens=ANYTHING), "model": ANYTHING, "system_fingerprint": ANYTHING},
    )
)
def test_any_json_is_read_or_refused(answer):
    problems = []
    for read in (read_sample, read_origin, partial(read_echo, text="The old")):
        try:
            json.dumps(read(answer), default=repr).encode()
        except WireError as error:
            problems.append(str(error))
    assert all("\n" not in problem for problem in problems)


def test_half_characters_do_not_pass():
    answer = json.loads(r'{"choices": [{"text": "a\ud83d"}], "usage": {"completion_tokens": 1e40}}')
    assert read_sample(answer) == Sample("a?", "stop", None)


# Faults


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "504", "cut", "closed"])
def test_a_passing_fault_leaves_no_trace(server, fault):
    with raw(server.url) as model:
        expected = model.sample(["The bank"], seed=1, max_tokens=4)
        before = server.requests
        server.faults.append(fault)
        assert model.sample(["The bank"], seed=1, max_tokens=4) == expected
        assert server.requests == before + 2


@pytest.mark.parametrize("fault", ["429+1", "503+date"])
def test_retry_after_is_waited_for(server, fault):
    with raw(server.url) as model:
        server.faults.append(fault)
        begun = time.monotonic()
        (answer,) = model.sample(["The bank"], seed=1, max_tokens=4)
        assert answer.finish == "length"
        assert time.monotonic() - begun >= 1


PAST = "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(("value", "seconds"), [("2", 2), ("1.5", 1.5), ("", 0), ("soon", 0), ("-3", 0), (PAST, 0)])
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert retry_after(value) == seconds


def test_a_wait_beyond_the_deadline_is_not_begun(server):
    with raw(server.url, timeout=5) as model:
        server.faults.append("429+3600")
        before = server.requests
        first, second = model.sample(["The bank", "The cat"], seed=1, max_tokens=2)
        assert server.requests == before + 2
        assert {first.problem, second.problem} == {None, "no answer within 5 s (last: HTTP 429)"}


@pytest.mark.parametrize("fault", ["silent", "slow"])
def test_the_deadline_bounds_the_time_and_spares_the_other_items(server, fault):
    with raw(server.url, timeout=3, concurrency=1) as model:
        server.faults += [fault]
        late, fine = model.sample(["The bank", "The cat"], seed=1, max_tokens=2)
        assert late == Sample("", "error", None, "no answer within 3 s")
        assert fine.finish == "length"
        server.faults += [fault]
        nats, _ = model.log_prob(["The bank", "The cat"])
        assert np.isnan(nats).tolist() == [True, False]


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("400", "HTTP 400: "),
        ("422", "HTTP 422: "),
        ("huge", "answer longer than 32 MiB"),
        ("list", "answer is no JSON object"),
        ("no_choices", "answer with 0 choices, not one"),
    ],
)
def test_a_bad_item_is_an_error_of_its_own_and_not_asked_again(server, fault, problem, caplog):
    with raw(server.url, concurrency=1) as model:
        before = server.requests
        server.faults += [fault]
        bad, fine = model.sample(["The bank", "The cat"], seed=1, max_tokens=2)
        assert (bad.content, bad.finish) == ("", "error")
        assert bad.problem.startswith(problem)
        assert fine.finish == "length"
        assert server.requests == before + 2
    assert "1 of 2 items without answer" in caplog.text


def test_only_a_dead_server_stops_the_audit(server):
    with raw(server.url, concurrency=1) as model:
        server.faults += ["400", "400"]  # both items are refused, a fixed prompt after them is answered
        assert [one.finish for one in model.sample(["a", "b"], seed=1)] == ["error", "error"]
        server.faults += ["400", "400", "400"]
        with pytest.raises(EndpointError, match=r"no answer to a fixed prompt: HTTP 400"):
            model.sample(["a", "b"], seed=1)
        server.always = "503"
        with pytest.raises(EndpointError, match=r"HTTP 503, 2 attempts"):
            model.log_prob(["a long text"])


@pytest.mark.parametrize("fault", ["401", "403", "404", "307"])
def test_a_refusal_of_all_is_told_at_once(server, fault, monkeypatch):
    monkeypatch.setenv("TINY_KEY", KEY)
    with raw(server.url, key_env="TINY_KEY", concurrency=1) as model:
        before = server.requests
        server.always = fault
        with pytest.raises(EndpointError) as caught:
            model.sample(["a", "b", "c"], seed=1)
        assert server.requests == before + 1
        assert caught.value.exit_code == 5
        assert f"HTTP {fault}" in str(caught.value)
        assert server.url in str(caught.value)
        assert ("TINY_KEY" in str(caught.value)) == (fault in ("401", "403"))
        assert "\n" not in str(caught.value)


def test_nobody_there_is_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(EndpointError, match=r"^http://127.0.0.1:\d+/v1: cannot connect \(.+\), 2 attempts$"):
        OpenAIEndpoint(url=url, name="tiny", retries=1).open()


def test_a_server_that_restarts_is_waited_for_and_costs_no_answer(server):
    with raw(server.url, retries=0) as model:
        expected = model.sample(["The bank"], seed=1, max_tokens=4)
        attempt, tries = model._transport._client.stream, itertools.count()

        def stream(*words, **more):
            if next(tries) < 3:
                raise httpx2.ConnectError("All connection attempts failed")
            return attempt(*words, **more)

        model._transport._client.stream = stream
        assert model.sample(["The bank"], seed=1, max_tokens=4) == expected
        assert next(tries) == 4


def test_a_server_that_was_there_and_stays_away_is_tried_until_the_timeout_and_ends_the_audit(tiny_lm):
    with serve(tiny_lm) as stopped:
        model = OpenAIEndpoint(url=stopped.url, name="tiny", prompt_form="raw", retries=0, timeout=4).open()
    with closing(model), pytest.raises(EndpointError, match=r"cannot connect \(.+\), \d+ attempts in 4 s$"):
        model.sample(["a", "b"], seed=1)


# Who answers


def test_the_same_model_shows_the_same_identity(tiny_lm):
    with serve(tiny_lm, system_fingerprint="fp_1") as server:
        with raw(server.url) as model:
            first = model.identity()
            assert model.identity() == first
        with raw(server.url) as again:
            assert again.identity() == first
    assert json.loads(json.dumps(first)) == first
    assert first["abilities"] == ["log_prob", "sample"]
    assert (first["models"], first["system_fingerprints"]) == (["tiny"], ["fp_1"])
    assert len(first["canaries"]) == len(set(first["canaries"])) == 10
    assert first.keys() == {"abilities", "models", "system_fingerprints", "canaries", "rounds"}


def test_another_model_under_the_same_name_is_noticed(tiny_lm, tmp_path):
    with serve(tiny_lm) as server, chat(server.url) as model:
        before = model.identity()
        server.swap(make_tiny_lm(tmp_path, seed=1))
        after = model.identity()
    assert before["models"] == after["models"]
    assert before["canaries"] != after["canaries"]


def test_another_name_in_the_answers_is_noticed(server):
    with raw(server.url) as model:
        before = model.identity()
        server.always = "other_name"
        assert model.identity()["models"] == ["somebody-else"] != before["models"]


@pytest.mark.parametrize("share", [0.3, 1])
def test_answers_that_vary_are_no_other_model_and_a_swapped_one_is_found(tiny_lm, tmp_path, share):
    with serve(tiny_lm, vary=share) as server, raw(server.url, concurrency=8) as model:
        before = model.identity()
        assert "answers" in before
        assert model.still(before)
        server.swap(make_tiny_lm(tmp_path, seed=1))
        assert not model.still(before)


def test_what_was_kept_before_answers_were_asked_twice_is_read(tiny_lm, tmp_path):
    with serve(tiny_lm) as server, raw(server.url) as model:
        facts = {key: value for key, value in model.identity().items() if key != "rounds"}
        assert model.still(facts)
        server.swap(make_tiny_lm(tmp_path, seed=1))
        assert not model.still(facts)


def test_a_model_that_answers_alike_is_asked_once_more_and_another_name_is_another_model(tiny_lm):
    with serve(tiny_lm, system_fingerprint="fp_1") as server, raw(server.url) as model:
        begun = server.requests
        before = model.identity()
        assert (server.requests - begun, model.fixed_calls) == (20, server.requests)
        assert model.still(before)
        assert server.requests - begun == 30
        server.system_fingerprint = "fp_2"
        assert not model.still(before)


# The test of change by itself


def asked(answer, rounds):
    return [[(answer(k), "m", None) for k in range(10)] for _ in range(rounds)]


def test_one_prompt_that_is_answered_otherwise_ever_after_is_a_change_and_an_answer_now_and_then_is_none():
    start = asked("answer {}".format, 2)
    for k in range(1, 11):
        assert has_changed(start, partial(asked, lambda i, k=k: f"other {i}" if i < k else f"answer {i}"))
    passing = itertools.chain([["slip", *map("answer {}".format, range(1, 10))]], itertools.repeat(None))

    def once(rounds):
        drawn = (next(passing) or [f"answer {i}" for i in range(10)] for _ in range(rounds))
        return [[(text, "m", None) for text in answers] for answers in drawn]

    assert not has_changed(start, once)


def test_the_p_value_is_the_share_of_relabellings():
    """By hand: of 3 places for the one answer that differs, or 136 for two of seventeen, one is as it was seen."""
    start, other = asked("answer {}".format, 2), lambda i: "other" if i == 3 else f"answer {i}"
    assert change_p(start, asked(other, 1)) == pytest.approx(1 / 3)
    assert change_p(start, asked(other, 1 + MORE)) == pytest.approx(1 / 136)
    two = asked(lambda i: "other" if i in (3, 7) else f"answer {i}", 1 + MORE)
    assert change_p(start, two) == pytest.approx(1 / 136**2)
    assert change_p(start, asked("answer {}".format, 15)) == 1


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_false_alarms_keep_their_rate_and_other_answers_are_found_among_the_noise(share):
    """100 comparisons: more than 5 false alarms at 1 % have a chance of 5e-4, and the draws are seeded."""
    rng = np.random.default_rng(11)

    def says(stem, k):
        return f"{stem} {k}" + (f" {rng.choice(['sure', 'okay', 'well', 'so'])}" if rng.random() < share else "")

    same, other = (partial(asked, partial(says, stem)) for stem in ("answer", "Paris"))
    few = partial(asked, lambda k: says("Paris" if k < 2 else "answer", k))
    assert sum(has_changed(same(2), same) for _ in range(100)) <= 5
    assert all(has_changed(same(2), other) for _ in range(10))
    assert sum(has_changed(same(2), few) for _ in range(10)) >= 9


# Parameters that a server refuses


def test_a_null_leaves_a_parameter_out_of_every_request_whoever_sets_it(tiny_lm):
    settings = {"temperature": None, "max_tokens": None, "max_completion_tokens": 20}
    with serve(tiny_lm) as server:
        with chat(server.url, sampling=settings) as model:
            model.sample(["Hello"], seed=1, max_tokens=3, temperature=0.7)
            model.identity()
            assert model.left_out == ["max_tokens", "temperature"]
        with raw(server.url, sampling=settings) as model:
            model.log_prob(["Hello there"])
        assert server.requests > 20
        for body in server.bodies:
            assert not {"max_tokens", "temperature"} & body.keys()
            assert body.get("max_completion_tokens") == (None if "echo" in body else 20)


def test_an_identity_is_whole_or_an_error(server):
    with raw(server.url, concurrency=1) as model:
        server.faults += ["400"]
        with pytest.raises(EndpointError):
            model.identity()


def test_the_fingerprint_covers_what_changes_answers_and_promises_nothing():
    base = {"url": "http://127.0.0.1:8000/v1", "name": "m"}
    changed = [{"name": "n"}, {"url": "http://127.0.0.1:8001/v1"}, {"prompt_form": "raw"}, {"system": "x"}]
    prints = [OpenAIEndpoint(**base | change).fingerprint() for change in [{}, *changed, {"sampling": {"top_k": 1}}]]
    assert len(set(prints)) == 6
    assert all(one.startswith("sha256:") and one.endswith(" (unverifiable)") for one in prints)
    same = [{"url": base["url"] + "/"}, {"key_env": "K"}, {"timeout": 1.0, "retries": 0, "concurrency": 1}]
    assert {OpenAIEndpoint(**base | change).fingerprint() for change in same} == {prints[0]}


# Secrets


def test_the_key_is_sent_and_shown_nowhere(tiny_lm, monkeypatch, caplog):
    monkeypatch.setenv("TINY_KEY", KEY + "\n")
    caplog.set_level(logging.DEBUG)
    with serve(tiny_lm, key=KEY) as server, raw(server.url, key_env="TINY_KEY", concurrency=1) as model:
        server.faults += ["400", "500"]
        (bad, _), problem = model.sample(["a", "b"], seed=1), "refused for Bearer ***"  # the server quotes what it got
        assert problem in bad.problem
        server.faults += ["404"]
        with pytest.raises(EndpointError, match=re.escape(problem)) as caught:
            model.sample(["a"], seed=1)
        shown = [bad, caught.value, model, vars(model), vars(model._transport), model.identity(), caplog.text]
    assert "httpcore2" in caplog.text
    assert KEY not in " ".join(map(repr, shown))
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("dress", DRESSES)
def test_an_answer_that_holds_the_key_in_any_dress_is_not_kept(tiny_lm, monkeypatch, dress):
    secret = "sk/live+4f9c/7d52ab=="
    monkeypatch.setenv("TINY_KEY", secret)
    with serve(tiny_lm, key=secret) as server, raw(server.url, key_env="TINY_KEY", concurrency=1) as model:
        server.faults += [f"key as {dress}"]
        held, sound = model.sample(["a", "b"], seed=1)
        assert (held.content, held.finish, held.problem) == ("", "error", "answer holds the key; it is not kept")
        assert sound.problem is None
        server.always = f"key as {dress}"
        with pytest.raises(EndpointError, match="answer holds the key"):
            model.identity()


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40), st.binary(max_size=5))
def test_a_key_is_found_wherever_it_stands(secret, around):
    key = Key(secret)
    text = (around + secret.encode() + around).decode("latin-1")
    assert key.is_in(text)
    assert key.is_in(base64.b64encode(around + secret.encode() + around).decode())
    assert key.is_in(quote(text, safe=""))
    assert key.is_in(json.dumps({"a": text}))
    assert secret not in key.redact(text)
    assert not key.is_in(f"{secret[1:]} {secret[:-1]}") or secret in secret[1:] + secret[:-1]


def test_a_short_dummy_guards_nothing():
    assert not Key("EMPTY").is_in("EMPTY")
    assert Key("EMPTY").redact("EMPTY") == "EMPTY"


def test_a_wrong_key_is_told_by_the_name_of_its_variable(tiny_lm, monkeypatch):
    monkeypatch.setenv("TINY_KEY", KEY)
    with serve(tiny_lm, key="another-key") as server:
        with pytest.raises(EndpointError, match="access denied") as caught:
            OpenAIEndpoint(url=server.url, name="tiny", key_env="TINY_KEY").open()
        with pytest.raises(EndpointError, match="access denied"):
            OpenAIEndpoint(url=server.url, name="tiny").open()
    assert "TINY_KEY" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("value", ["", "  ", "two\nlines", "비밀"])
def test_a_key_that_cannot_be_sent_is_a_usage_error(monkeypatch, value):
    monkeypatch.setenv("TINY_KEY", value)
    with pytest.raises(UsageError, match="TINY_KEY") as caught:
        OpenAIEndpoint(url="http://127.0.0.1:9/v1", name="tiny", key_env="TINY_KEY").open()
    assert not value.strip() or value not in str(caught.value)


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://[64:ff9b::a9fe:a9fe]/v1",
        "http://[fd00:ec2::254]/v1",
        "http://100.100.100.200/v1",
        "http://168.63.129.16/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://0.0.0.0:8000/v1",
        "http://224.0.0.1/v1",
        "file:///etc/passwd",
        "ftp://127.0.0.1/v1",
        "127.0.0.1:8000/v1",
        "http:///v1",
        "http://127.0.0.1:99999/v1",
        "http://[::1/v1",
        f"http://user:{KEY}@127.0.0.1/v1",
        f"http://127.0.0.1/v1?key={KEY}",
        "http://127.0.0.1/v1#a",
    ],
)
def test_addresses_that_no_plan_may_reach(url):
    with pytest.raises(ValueError, match="url") as caught:
        OpenAIEndpoint(url=url, name="m")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/v1", "http://[::1]/v1", "http://10.1.2.3/v1", "http://192.168.0.7:1", "https://example.org/v1"],
)
def test_addresses_where_models_are_served(url):
    assert OpenAIEndpoint(url=url, name="m").url == url


def test_the_peer_that_was_reached_is_checked_before_a_byte_is_sent(server, monkeypatch):
    """A name may stand for another address at each look-up, so only the connection itself can tell."""
    url = server.url.replace("127.0.0.1", "localhost")
    with raw(url):
        before = server.requests
    off_limits = lambda host: "off limits" if host.is_loopback else None  # noqa: E731
    monkeypatch.setattr("audit.models.remote.transport.forbidden", off_limits)
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1 is off limits"):
        OpenAIEndpoint(url=url, name="tiny").open()
    assert server.requests == before


@pytest.mark.parametrize(
    ("url", "key", "peer", "refused"),
    [
        ("http://a.example/v1", True, "8.8.8.8", True),
        ("https://a.example/v1", True, "8.8.8.8", False),
        ("http://a.example/v1", False, "8.8.8.8", False),
        ("http://a.example/v1", True, "10.0.0.8", False),
        ("http://a.example/v1", True, "fe80::1%eth0", True),
    ],
)
def test_a_key_goes_into_the_open_only_at_home(monkeypatch, url, key, peer, refused):
    class Stream:
        closed = False

        def get_extra_info(self, what):
            return {"server_addr": (peer, 80)}[what]

        async def aclose(self):
            self.closed = True

    monkeypatch.setenv("TINY_KEY", KEY)
    part, stream = OpenAIEndpoint(url=url, name="m", key_env="TINY_KEY"), Stream()
    sent = key_from(part.key_env) if key else None
    transport = Transport(url, sent, key_name="TINY_KEY", concurrency=1, timeout=1, retries=0)
    with closing(transport):
        check = transport._check_peer(sent, "connection.connect_tcp.complete", {"return_value": stream})
        if refused:
            with pytest.raises(EndpointError, match=peer.partition("%")[0]):
                asyncio.run(check)
        else:
            asyncio.run(check)
    assert stream.closed == refused


def test_shorthand_addresses_are_understood():
    assert str(literal("0x7f.1")) == "127.0.0.1"
    assert literal("metadata.google.internal") is None
    assert forbidden(literal("::1")) is None


# Threads and loops


def test_calls_overlap_up_to_the_limit_and_answers_keep_their_order(server):
    with raw(server.url, concurrency=3) as model:
        singles = [model.sample([text], seed=0, max_tokens=4)[0] for text in ("a", "b", "c", "d", "e", "f")]
        server.most_at_once, server.wait_for = 0, 3
        assert model.sample(["a", "b", "c", "d", "e", "f"], seed=0, max_tokens=4) == singles
        assert server.most_at_once == 3


def test_threads_share_a_model(server):
    with raw(server.url) as model, ThreadPoolExecutor(4) as pool:
        ask = partial(model.sample, ["The bank", "The cat"], seed=2, temperature=1, max_tokens=4)
        alone = ask()
        assert all(job.result() == alone for job in [pool.submit(ask) for _ in range(8)])


def test_it_may_be_asked_inside_a_running_loop(server):
    async def notebook():
        with raw(server.url) as model:
            return model.sample(["The bank"], seed=0, max_tokens=2)

    assert asyncio.run(notebook())[0].finish == "length"


def test_a_chat_has_no_draw_without_a_prompt(server):
    with chat(server.url) as model, pytest.raises(ModelError, match="allowed: prompt_form: raw"):
        model.sample(["Hello", None], seed=0)
    with raw(server.url) as model:
        assert model.sample([None], seed=0, max_tokens=2)[0].finish == "length"


def test_no_items_no_calls(server):
    with raw(server.url) as model:
        before = server.requests
        assert model.sample([], seed=0) == []
        assert len(model.log_prob([])[0]) == 0
        assert server.requests == before


def test_closing_twice_is_harmless_and_not_closing_too(server):
    with raw(server.url) as model:
        model.close()
    dropped = OpenAIEndpoint(url=server.url, name="tiny", prompt_form="raw").open()
    thread = dropped._transport._thread
    del dropped
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


# The plan's side


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "http://169.254.169.254/"}, "metadata"),
        ({"prompt_form": "poem"}, "'raw' or 'chat'"),
        ({"prompt_form": "raw", "system": "x"}, "turn of a chat"),
        ({"sampling": {"stream": True, "temperature": 0}}, "sampling sets stream"),
        ({"concurrency": 0}, "concurrency 0"),
        ({"timeout": -1}, "timeout -1"),
        ({"retries": -1}, "retries -1"),
    ],
)
def test_options_that_cannot_hold_are_refused_before_anything_runs(options, message):
    whole = {"url": "http://127.0.0.1:8000/v1", "name": "m", **options}
    with pytest.raises(ValueError, match=message):
        plugins.build("models", "endpoint", whole)


def test_a_plan_names_it():
    options = {"url": "http://127.0.0.1:8000/v1", "name": "m", "sampling": {"temperature": 0}, "timeout": 30}
    assert plugins.build("models", "endpoint", options) == OpenAIEndpoint(**options)


def test_importing_the_part_is_light():
    heavy = ["torch", "transformers", "sklearn", "scipy", "pandas", "httpx2", "numpy"]
    code = f"import sys, audit.models.endpoint; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Another implementation: llama.cpp serves the same weights


@contextmanager
def llama_cpp(file):
    xllamacpp = needs_library("xllamacpp")
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx, settings.n_gpu_layers, settings.verbosity, settings.warmup = 256, 0, -1, False
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    # Its flash attention and half-precision cache, on by default, move a log-probability by up to 6e-3.
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(settings)  # it serves as long as this name stands for it
    yield f"{server.listening_address}/v1"


def next_token(token, answer):
    """log p of `token` in an answer that lists the whole vocabulary."""
    (step,) = answer["choices"][0]["logprobs"]["content"]
    return next(entry["logprob"] for entry in step["top_logprobs"] if entry["id"] == token)


def teacher_forced(model, ids):
    """log p of tokens 1, 2, ... put together from one question each, since llama.cpp returns nothing about a prompt."""
    # It tells nothing of a step that ends inside a character, so a digit is drawn; what it tells is from before.
    body = {"model": "tiny", "max_tokens": 1, "temperature": 1, "logprobs": 1000, "logit_bias": {"20": 100}}
    steps = [
        Question("/completions", body | {"prompt": ids[:i]}, partial(next_token, ids[i])) for i in range(1, len(ids))
    ]
    return sum(model._transport.ask(steps))


class Quantising(gguf.GGUFWriter):
    """Writes every matrix in the number format `kind`."""

    kind = gguf.GGMLQuantizationType.F32

    def add_tensor(self, name, tensor):
        if tensor.ndim == 2:
            super().add_tensor(name, gguf.quantize(tensor, self.kind), raw_dtype=self.kind)
        else:
            super().add_tensor(name, tensor)


def test_the_table_of_servers_says_what_they_give(server, tmp_path):
    lines = (Path(__file__).parents[1] / "docs" / "endpoints.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    with llama_cpp(make_tiny_gguf(tmp_path / "tiny.gguf")) as url:
        asked = {"our test server": served(server.url, "tiny"), "xllamacpp": served(url, "tiny")}
    held = 0
    for who, rows in asked.items():
        given = {row["what"]: row for row in rows}
        for name, form, seed, likeliest, scores, tokens in table:
            if name.startswith(who):
                assert (seed == "yes") == given[f"{form}: same seed, same draw"]["ok"]
                assert likeliest == given[f"{form}: likeliest answers"]["found"]
                assert (scores == "yes") == given[f"{form}: scores given text"]["ok"]
                assert tokens == given[f"{form}: tokens"]["found"]
                held += 1
    assert held == 3


@pytest.mark.slow
def test_llama_cpp_agrees_with_us_on_the_same_weights_and_a_smaller_version_does_not(tiny_lm, tmp_path, monkeypatch):
    texts = ["The ferry leaves at eight.", "She asked the nurse; he said 42.", "서울은 대한민국의 수도이다."]
    ours, encode, gaps = local(tiny_lm), LanguageModel(tiny_lm).ids, {}
    truth = np.asarray(ours.log_prob(texts)[0])
    monkeypatch.setattr(gguf, "GGUFWriter", Quantising)
    for kind in ("F32", "Q8_0", "Q4_0"):
        monkeypatch.setattr(Quantising, "kind", gguf.GGMLQuantizationType[kind])
        with llama_cpp(make_tiny_gguf(tmp_path / f"{kind}.gguf")) as url, raw(url) as model:
            gaps[kind] = np.abs(truth - [teacher_forced(model, encode(text)) for text in texts]).max()
            if kind == "F32":
                assert abilities_of(model) == {"sample"}
                assert "echo" in model.missing["log_prob"]
                assert "seed" not in model.missing
                assert model.identity() == model.identity()
                served, own = (one.sample(texts, seed=0, max_tokens=6) for one in (model, ours))
                assert [one.content for one in served] == [one.content for one in own]
    assert gaps["F32"] < 1e-3
    assert gaps["Q8_0"] > 10 * gaps["F32"]
    assert gaps["Q4_0"] > gaps["Q8_0"]
