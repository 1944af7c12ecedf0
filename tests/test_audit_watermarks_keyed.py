"""Marks in text by key files: what is secret stays in the file, and a text is found under its key alone."""

import dataclasses
import datetime
import json
import stat

import pytest
from typer.testing import CliRunner

from audit import plugins
from audit.cli.marking import mark
from audit.errors import UsageError
from audit.watermarks.keys import SUFFIX, make_mark_key, read_mark_key, write_mark_key
from audit.watermarks.text import LeftHash
from audit.watermarks.text.given import prompts_of, texts_of
from audit.watermarks.text.keyed import SECRET_OPTIONS, keyed_mark, new_text_key, read_text_key, text_key

CANARY = 3735928559
TEXT_MARKS = [name for name in plugins.names("watermarks") if name != "kgw"]


def run(*args):
    return CliRunner().invoke(mark, ["text", *map(str, args)])


def holds_the_canary(text):
    return any(one in text.lower() for one in (str(CANARY), f"{CANARY:x}", CANARY.to_bytes(8, "little").hex()))


@pytest.mark.parametrize("variant", TEXT_MARKS)
def test_every_mark_has_key_files(tmp_path, variant):
    key = new_text_key(variant, scope="a test")
    file = tmp_path / f"one{SUFFIX}"
    write_mark_key(file, key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    read, made = read_text_key(file)
    assert (read.id, read.commitment, read.scope) == (key.id, key.commitment, "a test")
    assert made == keyed_mark(key)
    assert made.variant == variant
    assert set(key.parameters).isdisjoint(SECRET_OPTIONS)
    assert new_text_key(variant).secret != key.secret
    assert key.told == {"id": key.id, "variant": variant, "commitment": key.commitment}


def test_a_known_key_is_taken_over_with_its_options():
    key = text_key("kgw-lefthash", {"hashing_key": CANARY, "bias": 4.0})
    assert key.parameters == {"greenlist_ratio": 0.25, "bias": 4.0, "context_width": 1}
    assert keyed_mark(key) == LeftHash(0.25, 4.0, CANARY)
    assert not holds_the_canary(repr(key))


def test_new_keys_of_green_lists_are_odd_and_have_32_bits():
    drawn = [json.loads(new_text_key("kgw-lefthash").secret)["hashing_key"] for _ in range(50)]
    assert all(one % 2 == 1 and 0 < one < 2**32 for one in drawn)
    assert len(set(drawn)) == 50


def test_texts_are_marked_and_the_secret_is_told_nowhere(tmp_path, tiny_lm):
    """The canary: not in what is written, printed or raised, and in no file but its own."""
    file = tmp_path / f"canary{SUFFIX}"
    write_mark_key(file, text_key("kgw-lefthash", {"hashing_key": CANARY, "bias": 6.0}))
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "A baker"}\n\n{"text": "The ferry"}\n', "utf-8")
    done = run("The ferry", "--file", prompts, "--model", tiny_lm, "--key", file, "--max-tokens", 60, "--seed", 1)
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["prompt"] for row in rows] == ["The ferry", "A baker", "The ferry"]
    assert rows[0]["text"] != rows[2]["text"]  # two draws
    assert {row["key"]["commitment"] for row in rows} == {read_mark_key(file).commitment}
    model = plugins.open_model("causal_lm", path=str(tiny_lm))
    how = {"seed": 1, "max_tokens": 60, "temperature": 1.0, "numbers": [0, 0, 1]}
    expected = model.sample_marked(["The ferry", "A baker", "The ferry"], mark=LeftHash(0.25, 6.0, CANARY), **how)
    assert [row["text"] for row in rows] == [one.content for one in expected]
    assert not holds_the_canary(done.output)
    others = [one for one in tmp_path.rglob("*") if one.is_file() and one != file]
    assert not any(holds_the_canary(one.read_text("utf-8", errors="replace")) for one in others)


def test_errors_tell_nothing_of_the_secret(tmp_path, tiny_lm):
    key = text_key("kgw-lefthash", {"hashing_key": CANARY})
    wrong = [
        dataclasses.replace(key, parameters={"bias": str(CANARY)}),
        dataclasses.replace(key, secret=b'{"hashing_key": "' + str(CANARY).encode() + b'"}'),
        dataclasses.replace(key, secret=b'{"bias": ' + str(CANARY).encode() + b"}"),
        dataclasses.replace(key, secret=str(CANARY).encode()),
        dataclasses.replace(key, variant="gumbel"), dataclasses.replace(key, variant="image-spread"),
        dataclasses.replace(key, valid_until="2001-01-01"),
    ]
    for number, one in enumerate(wrong):
        file = tmp_path / f"{number}{SUFFIX}"
        write_mark_key(file, one)
        done = run("The ferry", "--model", tiny_lm, "--key", file)
        assert isinstance(done.exception, UsageError), done.output
        assert not holds_the_canary(f"{done.output} {done.exception} {done.exception.__context__}")
    with pytest.raises(UsageError) as caught:
        text_key("kgw-lefthash", {"hashing_key": -CANARY})
    assert str(caught.value) == "these are not options of the watermark 'kgw-lefthash'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "name one key: --key FILE, or --new-key FILE"), (("--key", "a", "--new-key", "b"), "name one key"),
        (("--new-key", f"b{SUFFIX}", "--variant", "kgw-lefthsh"), "unknown watermark 'kgw-lefthsh'"),
        (("--new-key", "b.txt"), f"ends in {SUFFIX}"),
    ],
)  # fmt: skip
def test_which_key_must_be_said(tmp_path, monkeypatch, tiny_lm, options, message):
    monkeypatch.chdir(tmp_path)
    done = run("The ferry", "--model", tiny_lm, *options)
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_prompts_must_be_there(tmp_path, tiny_lm):
    done = run("--model", tiny_lm, "--new-key", tmp_path / f"b{SUFFIX}")
    assert "no prompt" in str(done.exception)
    file = tmp_path / "rows.jsonl"
    file.write_text('{"question": "why?"}\n', "utf-8")
    done = run("--model", tiny_lm, "--new-key", tmp_path / f"b{SUFFIX}", "--file", file)
    assert "lines without a `prompt` or `text`" in str(done.exception)


def test_days_of_a_key():
    key = dataclasses.replace(new_text_key("unigram"), valid_from="2026-01-02", valid_until="2026-03-04")
    days = [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), datetime.date(2026, 3, 4), datetime.date(2026, 3, 5)]
    assert [key.valid_on(day) for day in days] == [False, True, True, False]
    assert new_text_key("unigram").valid_on(days[0])


@pytest.mark.parametrize("variant", ["unigram", "image-spread"])
def test_days_of_a_key_are_said_when_it_is_made(tmp_path, variant):
    file = tmp_path / f"a{SUFFIX}"
    made = ["key", str(file), "--variant", variant, "--valid-until", "2026-03-04"]
    late = CliRunner().invoke(mark, [*made, "--valid-from", "2026-03-05"])
    assert str(late.exception) == "mark key: valid until 2026-03-04, before 2026-03-05"
    assert CliRunner().invoke(mark, [*made, "--valid-from", "4.3.2026"]).exit_code == 2
    assert not file.exists()
    assert CliRunner().invoke(mark, [*made, "--valid-from", "2026-03-04"]).exit_code == 0
    key = read_mark_key(file)
    assert (key.valid_from, key.valid_until) == ("2026-03-04", "2026-03-04")


def test_a_mark_by_the_random_numbers_of_another_device_is_not_sought(tmp_path):
    """Its lists are others: nothing would be found, and nobody told why."""
    file = tmp_path / f"a{SUFFIX}"
    write_mark_key(file, new_text_key("kgw-lefthash", device="cuda"))
    with pytest.raises(UsageError, match="random numbers of cuda, which are drawn nowhere here; allowed: cpu"):
        read_text_key(file)


@pytest.mark.parametrize("secret", [b"{}", b'{"hashing_key": 5, "key": 7}', b"[" * 20_000])
def test_a_file_without_the_secret_of_its_mark_is_no_key(secret):
    """Without its secret the mark would take the published key, and the record would say that it took this one."""
    assert keyed_mark(dataclasses.replace(text_key("kgw-lefthash", {"hashing_key": CANARY}), secret=secret)) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"valid_until": "20010101"}, {"valid_until": "2001-W01-1"}, {"valid_until": 20010101}, {"id": 5},
        {"valid_from": "2001-01-02", "valid_until": "2001-01-01"}, {"scope": None}, {"parameters": [1]},
        {"parameters": None}, {"variant": ["kgw-lefthash"]},
    ],
)  # fmt: skip
def test_a_file_in_which_a_fact_cannot_be_is_no_key(tmp_path, facts):
    file = tmp_path / f"a{SUFFIX}"
    write_mark_key(file, text_key("kgw-lefthash", {"hashing_key": CANARY}))
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **facts}), "utf-8")
    with pytest.raises(UsageError, match="not a key file of a mark"):
        read_text_key(file)


def test_a_key_that_ran_out_marks_no_image_either(tmp_path):
    file, image = tmp_path / f"a{SUFFIX}", tmp_path / "a.png"
    write_mark_key(file, make_mark_key("image-spread", valid_until="2001-01-01"))
    image.write_bytes(b"")
    done = CliRunner().invoke(mark, ["image", str(image), "--key", str(file), "--out", str(tmp_path / "b.png")])
    assert str(done.exception) == f"{file}: valid from ... to 2001-01-01, and so not today"


def test_lines_of_json_end_where_json_ends_them(tmp_path):
    file, said = tmp_path / "rows.jsonl", "one\u2028two\x85three"
    file.write_text(json.dumps({"text": said}, ensure_ascii=False) + "\n", "utf-8")
    assert prompts_of(file) == texts_of(file) == [said]
    for wrong in ('{"text": "\\ud800"}', '{"text": ' + "[" * 20_000):
        file.write_text(wrong, "utf-8")
        for read in (prompts_of, texts_of):
            with pytest.raises(UsageError, match="one of them on each line"):
                read(file)


def test_a_model_that_is_none_leaves_no_new_key_behind(tmp_path):
    done = run("The ferry", "--model", tmp_path / "none", "--new-key", tmp_path / f"b{SUFFIX}")
    assert done.exit_code != 0
    assert list(tmp_path.iterdir()) == []
