"""Importers: what a log holds comes out as it stands there, and what cannot be trusted is refused in one line."""

import json
import signal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs_of_tools import DATE, KEY, choices, lm_eval, table, write

from audit import run
from audit.errors import DataError
from audit.importers import open_log
from audit.importers.reading import digest_of, digests_of, redacted, text_in, texts_in
from audit.importers.source import Imported
from audit.probes.imported.scores import ImportedScores

ROLE = ImportedScores.roles["items"]


def answers(path, **options):
    return list(open_log(path, **options).read().answers())


def frame(path, **options):
    import pandas as pd

    return pd.concat(Imported(path, **options).batches(ROLE))


def refusal(path, **options):
    with pytest.raises(DataError) as caught:
        frame(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_comes_out_as_it_stands(tmp_path):
    path = table(tmp_path / "scores.jsonl", [1, 0.5, None], output=["a", "b", None], passed=[True, False, None],
                 direction="lower", topic="x", status=["scored", "scored", "error"], unit=["u", "u", "v"])  # fmt: skip
    one, two, three = answers(path)
    assert (one.item, one.score, one.passed, one.status, one.cluster) == ("q0", 1.0, True, "scored", "u")
    assert (two.output, two.passed, two.about, two.locator) == ("b", False, {"topic": "x"}, "row 2")
    assert (three.score, three.status) == (None, "error")
    told = frame(path)
    assert told["direction"].tolist() == ["lower"] * 3
    assert told["unit"].nunique() == 2


def test_columns_of_other_names_are_named(tmp_path):
    path = write(tmp_path / "a.jsonl", {"qid": "1", "grade": 7}, {"qid": "2", "grade": 10})
    assert frame(path, fields={"item": "qid", "score": "grade"}, scale=[0, 10])["score"].tolist() == [0.7, 1.0]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"item": "a", "score": "good"}, "score is no finite number"),
        ({"item": "", "score": 1}, "item is empty"),
        ({"item": "a", "score": 1, "status": "error"}, "status 'error' with a score"),
        ({"item": "a", "score": 1, "passed": "perhaps"}, "passed is 'perhaps'"),
        ({"item": "a", "score": 1, "repeat": 0}, "repeat is '0'"),
        ({"item": "a", "score": 1, "direction": "up"}, "direction 'up'"),
        ({"item": "a", "score": 3}, "allowed: 0 to 1, or state `scale"),
        ({"item": "a", "score": 10**400}, "score is no finite number"),
        ({"item": "a", "score": 1, "repeat": "1" * 5000}, "repeat is '1111"),
        ({"item": "b", "score": 1}, "its id was given before"),
    ],
)
def test_a_row_that_says_what_it_may_not_is_refused_with_its_place(tmp_path, row, why):
    assert why in refusal(write(tmp_path / "a.jsonl", {"item": "b", "score": 1}, row))


def test_lm_eval_is_read_with_its_results(tmp_path):
    path = lm_eval(tmp_path, [1, 0, 1, 1])
    log = open_log(path).read()
    assert (log.tool, log.version, log.model) == ("lm-eval", "0.4.13", "demo")
    assert log.aggregates["toy", "exact_match,none"].value == 0.75
    one = next(log.answers())
    assert (one.item, one.task, one.scorer, one.score) == ("0", "toy", "exact_match,none", 1.0)
    assert (one.input, one.output, one.target, one.about["kind"]) == ("Q: 0+1?", "1", "1", "even")
    told = frame(path, group="kind")
    assert told["group"].value_counts().to_dict() == {"even": 2, "odd": 2}
    assert set(told["direction"]) == {"higher"}
    for other in (tmp_path, tmp_path / f"samples_toy_{DATE}.jsonl"):
        assert frame(other).index.tolist() == told.index.tolist()


def test_the_same_items_of_two_models_have_the_same_ids(tmp_path):
    one, two = (frame(lm_eval(tmp_path / name, right)) for name, right in (("a", [1, 0, 1]), ("b", [0, 0, 1])))
    assert one.index.tolist() == two.index.tolist()
    assert one["score"].tolist() != two["score"].tolist()


def test_two_filters_are_two_scorers_and_one_must_be_chosen(tmp_path):
    path = lm_eval(tmp_path, [1, 0], filters=("strict", "flexible"))
    assert "2 scorers; name one as scorer (allowed: exact_match,strict; exact_match,flexible)" in refusal(path)
    assert len(frame(path, scorer="exact_match,strict")) == 2
    assert "did you mean 'exact_match,strict'" in refusal(path, scorer="exact_match,strct")
    assert "no task 'tay'" in refusal(path, task="tay")


def test_the_likeliest_choice_is_the_answer_and_must_go_with_the_stored_accuracy(tmp_path):
    path = choices(tmp_path, [1, 0, 1], 1, [1.0, 0.0, 0.0])
    one, two, three = answers(path)
    assert (one.output, two.output) == (" choice 1", " choice 0")
    assert (one.status, two.status, three.status) == ("scored", "scored", "unscored")
    assert "does not go with" in three.problem


def test_a_direction_is_read_or_stated_and_never_contradicted(tmp_path):
    untold = lm_eval(tmp_path / "a", [1, 0], higher=None)
    assert frame(untold)["direction"].isna().all()
    assert set(frame(untold, direction="higher")["direction"]) == {"higher"}
    assert "the log says higher" in refusal(lm_eval(tmp_path / "b", [1, 0]), direction="lower")


def test_cut_and_foreign_files_are_refused_in_a_line(tmp_path):
    path = lm_eval(tmp_path, [1, 0, 1])
    samples = tmp_path / f"samples_toy_{DATE}.jsonl"
    samples.write_bytes(samples.read_bytes()[:-30])
    assert "line 3 is not JSON" in refusal(path)
    path.write_bytes(path.read_bytes()[:-30])
    assert "is cut or no JSON" in refusal(path)
    assert "no such file" in refusal(tmp_path / "none.json")
    foreign = tmp_path / "foreign.json"
    foreign.write_text('{"a": 1}')
    assert "is no log that is known" in refusal(foreign)
    assert "name one results file" in refusal(_two_runs(tmp_path / "two"))
    samples.unlink()
    assert "run lm-evaluation-harness with --log_samples" in refusal(lm_eval_without_samples(tmp_path / "bare"))


def _two_runs(folder):
    lm_eval(folder, [1])
    (folder / f"results_{DATE.replace('10', '11')}.json").write_text("{}")
    return folder


def lm_eval_without_samples(folder):
    path = lm_eval(folder, [1])
    next(folder.glob("samples_*")).unlink()
    return path


def test_keys_are_taken_out_of_texts():
    for text in (f"key {KEY}!", f"https://me:{KEY[3:]}@host/x", f"api_key={KEY[3:]}", f"Authorization: {KEY}",
                 "Bearer abcdefghijkl", "AKIAIOSFODNN7EXAMPLE1"):  # fmt: skip
        assert KEY[3:] not in redacted(text)
        assert "[redacted]" in redacted(text)
    for text in ("a skeleton key", "token budget of 30", "https://example.org/a", "sk-learn is a library"):
        assert redacted(text) == text


ALMOST_KEYS = (
    (("sk", "hf", "xoxb", "AKIA", "ya29", "ask"), ("", "-", "_", ".", " "), ("a1" * 7, "A-b_c.d0", "z" * 13 + "9")),
    (("Bearer", "bearer"), (" ", "\n\t", "\xa0", "\u2003", ""), ("abcdefgh", "~+/=-~+/=", "a")),
    (("eyJ", "-eyJ", "aeyJ"), ("a" * 8, "-_" * 4, "a"), (".", " "), ("b" * 8, "b"), (".c", ".")),
    (("://", ":/"), ("me", "a b", "\xe9", ""), (":", "@"), ("p:w", "p w", "p/w", ""), ("@", "")),
    (("api_key", "API-KEY", "apikey", "token", "to\u212aen", "\u017fecret", "PassWord", "authorization"),
     ("", '"', "s"), ("", " ", "\n", "\xa0"), ("=", ":", "-"), ("", " ", "'"), ("abcdef", "\u20ac" * 6, "abc")),
)  # fmt: skip


def test_keys_are_taken_out_of_many_texts_as_out_of_each():
    texts = [f"{before}{''.join(parts)}{behind}" for kind in ALMOST_KEYS for parts in product(*kind)
             for before in ("", "a", " ", "\xe9", "\ud800") for behind in ("", "!", "\ud800")]  # fmt: skip
    single = [text_in(text) for text in texts]
    assert texts_in(texts) == single
    assert 0.2 < sum("[redacted]" in text for text in single) / len(texts) < 0.8


@given(rows=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=3), st.integers(1, 10**9)), max_size=3))
@settings(max_examples=50, deadline=None)
def test_digests_of_columns_are_those_of_their_rows(rows):
    assert digests_of(*zip(*rows, strict=True)) == [digest_of(*row) for row in rows]


def test_a_text_made_to_be_searched_for_long_is_searched_at_once():
    """Each of many beginnings of a key looked at all that follows: 2 s for 24 kB, five minutes for 300 kB."""
    before = signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, 20)  # processor time
    try:
        for text in ("sk-" * 100_000, "-eyJaaaaaaaa" * 30_000):
            assert redacted(text) == text
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _too_long(*_):
    raise TimeoutError("searching for keys takes long")


def test_a_planted_key_is_in_no_file_of_the_audit(tmp_path):
    rows = [{"item": f"q{n}", "score": n % 2, "output": f"my key is {KEY}", "problem": f"Bearer {KEY}"}
            for n in range(8)]  # fmt: skip
    for name, path in (("table", write(tmp_path / "t.jsonl", *rows)), ("lm", lm_eval(tmp_path / "l", [1, 0, 1]))):
        audit = run(data=Imported(path), probe="imported.scores", into=tmp_path / name)
        files = [one for one in audit.folder.rglob("*") if one.is_file()]
        assert files
        for one in files:
            assert KEY.encode() not in one.read_bytes(), one


def test_what_a_log_holds_is_counted(tmp_path):
    told = open_log(lm_eval(tmp_path, [1, 0, 1, 1])).contents().as_json()
    assert told["scores"] == [{
        "task": "toy", "scorer": "exact_match,none", "answers": 4, "items": 4, "scored": 4, "mean": 0.75,
        "passed": None, "direction": "higher", "assumed_threshold": None,
        "stated": {"value": 0.75, "over": "items", "items": 4},
    }]  # fmt: skip
    json.dumps(told)


def test_what_names_groups_is_there_in_every_row_and_no_name_of_items(tmp_path):
    path = table(tmp_path / "a.jsonl", [1, 0], topic=["x", ""])
    assert "row 2: no text and no whole number is called 'topic'" in refusal(path, group="topic")
    path = table(tmp_path / "b.jsonl", [1] * 501, topic=[f"t{n}" for n in range(501)])
    assert "topic names more than 500 groups" in refusal(path, group="topic")


def test_names_in_a_log_are_taken_over_without_keys(tmp_path):
    told = frame(table(tmp_path / "a.jsonl", [1, 0], task=f"api_key={KEY}", unit=f"ask {KEY}", scorer=f"by {KEY}"))
    assert KEY not in told.to_json()


def test_a_source_says_what_it_cannot_be(tmp_path):
    for scale in ([1, 1], [0, float("inf")], [float("nan"), 1]):
        with pytest.raises(ValueError, match="the lower one first"):
            Imported(tmp_path, scale=scale)
    assert set(Imported(tmp_path).columns()) == set(ROLE.fields)
