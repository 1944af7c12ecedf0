"""Which mark is this: a text is found under its own key of several, whole or in a passage, and every key is counted."""

import json
import math
import re

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from audit.cli.marking import detect
from audit.errors import UsageError
from audit.models.causal_lm import CausalLMFolder
from audit.watermarks.keys import SUFFIX, write_mark_key
from audit.watermarks.text.finding import Sought, found_in, published_marks
from audit.watermarks.text.keyed import keyed_mark, new_text_key, text_key

VARIANTS = ("kgw-lefthash", "kgw-selfhash-hf", "synthid-hf", "gumbel")


@pytest.fixture(scope="module")
def reader(tiny_lm):
    return CausalLMFolder(tiny_lm, dtype="float32", threads=1).open()


def written(reader, mark, tokens, seed):
    """Return a text of whole words, drawn with a mark from equal logits; with None it has none."""
    words = [one for one in range(384) if re.fullmatch(" [a-z]+", reader.encoder.tokenizer.decode([one]))]
    logits = torch.full((1, 384), -np.inf).index_fill(1, torch.tensor(words), 0.0)
    ids, draws = [words[seed]], torch.Generator().manual_seed(seed)
    for _ in range(tokens):
        given = logits if mark is None else mark.marked([ids], logits)
        ids.append(int(torch.multinomial(given.softmax(1), 1, generator=draws)))
    return reader.encoder.tokenizer.decode(ids)


def known(variant, number):
    """Return a key that is the same in every run."""
    secret = {"hashing_key": 2654435761 + 2 * number} if variant.startswith("kgw") else (
        {"keys": [7 * number + at for at in range(30)]} if variant == "synthid-hf" else {"key": 1000 + number}
    )  # fmt: skip
    return text_key(variant, secret)


def run(*args):
    return CliRunner().invoke(detect, ["text", *map(str, args)])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_text_is_found_under_its_own_key_of_all_that_are_at_hand(tmp_path, tiny_lm, reader, variant):
    keys = {name: known(name, 1) for name in VARIANTS}
    options = []
    for name, key in keys.items():
        write_mark_key(tmp_path / f"{name}{SUFFIX}", key)
        options += ["--key", tmp_path / f"{name}{SUFFIX}"]
    rows = [written(reader, keyed_mark(keys[variant]), 100, 1), written(reader, None, 100, 2), ""]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": one}) + "\n" for one in rows), "utf-8")
    done = run(file, "--model", tiny_lm, *options, "--json")
    marked, plain, nothing = json.loads(done.stdout)
    assert (marked["found"], marked["key"], marked["tried"]) == (True, keys[variant].told, 8)
    assert (plain["found"], nothing["found"]) == (False, None)
    said = run(file, "--model", tiny_lm, *options).stdout.splitlines()
    assert f"{variant} of key {keys[variant].id} in " in said[0]
    assert "no mark found; that says nothing of who made it" in said[1]
    assert said[2].endswith("cannot tell: nothing in it can be tested")


def test_a_passage_in_other_text_is_found_and_its_place_is_told(reader):
    mark = keyed_mark(known("kgw-lefthash", 2))
    text = written(reader, None, 300, 3) + written(reader, mark, 60, 4) + written(reader, None, 300, 5)
    (found,) = found_in([text], [Sought({"id": "a"}, mark)], reader, 1e-4)
    assert found["found"]
    first, last = found["passage"]
    assert min(last, 361) - max(first, 301) >= 45
    assert last - first <= 120


def test_every_key_is_counted_and_a_short_text_is_told_what_it_lacks(reader):
    mark = keyed_mark(known("kgw-lefthash", 2))
    text = written(reader, mark, 9, 6)
    alone, among = (
        next(found_in([text], [Sought({}, one) for one in marks], reader, 1e-9))
        for marks in ([mark], [mark] + [keyed_mark(known("kgw-lefthash", n)) for n in range(3, 30)])
    )
    assert (alone["tried"], among["tried"]) == (2, 56)
    assert math.log1p(-among["p_value"]) == pytest.approx(28 * math.log1p(-alone["p_value"]))
    assert not alone["found"]
    more = alone["more"]
    assert 0 < more < 40
    longer = written(reader, mark, 9 + 3 * more, 6)
    assert next(found_in([longer], [Sought({}, mark)], reader, 1e-9))["found"]


def test_size_clean_texts_are_not_accused_whatever_keys_are_tried(reader):
    marks = [Sought({}, keyed_mark(known(variant, number))) for variant in VARIANTS for number in range(5)]
    texts = [written(reader, None, 60, seed % 20) for seed in range(20)]
    found = [one["p_value"] for one in found_in(texts, marks, reader, 0.05)]
    assert sum(p <= 0.05 for p in found) <= 5  # P(Bin(20, .05) > 5) = .0003


def test_published_keys_are_those_that_marks_have_by_themselves(reader):
    variants = {one.told["variant"] for one in published_marks()}
    assert {"kgw-lefthash", "synthid-hf"} <= variants
    assert "gumbel" not in variants
    assert all("commitment" not in one.told for one in published_marks())


def test_what_cannot_be_looked_for_is_told(tmp_path, tiny_lm):
    file = tmp_path / "a.txt"
    file.write_text("The ferry", "utf-8")
    done = run(file, "--model", tiny_lm)
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "detect text: nothing to look for; name a --key, or --published"
    write_mark_key(tmp_path / f"a{SUFFIX}", new_text_key("unigram"))
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "why?"}\n', "utf-8")
    done = run(rows, file, "--model", tiny_lm, "--key", tmp_path / f"a{SUFFIX}")
    assert done.exit_code == 2
    assert "lines without a `text` or `output`" in done.output
    assert f"{file}: " in done.output
