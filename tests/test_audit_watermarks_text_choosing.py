"""Marks that reweigh or choose: the distributions of transformers, unbiased over keys, and found again."""

import dataclasses

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    SynthIDTextWatermarkingConfig,
    SynthIDTextWatermarkLogitsProcessor,
)

from audit import plugins
from audit.errors import ModelError
from audit.watermarks.text import DiPmark, Gumbel, SynthID, SynthIDMain, VLLMGumbel
from audit.watermarks.text.processor import MarkProcessor
from audit.watermarks.text.synthid import DEMO_KEYS

MARKS = [SynthID(), SynthIDMain(), Gumbel(10**38 + 1), VLLMGumbel(42), VLLMGumbel(42, alpha=0.2), DiPmark(10**38 + 1)]
VOCABULARY = 500


def peer(**options):
    known = {"ngram_len": 5, "sampling_table_size": 2**16, "sampling_table_seed": 0, "context_history_size": 1024}
    return SynthIDTextWatermarkLogitsProcessor(keys=list(DEMO_KEYS), device=torch.device("cpu"), **known | options)


def logits(texts, generator, alive=60):
    drawn = 2 * torch.randn(texts, VOCABULARY, generator=generator)
    top = drawn.topk(alive, dim=1)
    return torch.full_like(drawn, -torch.inf).scatter(1, top.indices, top.values)


def drawn(mark, texts, tokens, seed=0):
    """Return texts [text][token] of a model of noise under the mark."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.zeros(texts, 0, dtype=torch.long)
    for _ in range(tokens):
        p = mark.marked(found.tolist(), logits(texts, generator)).double().softmax(1)
        found = torch.cat([found, torch.multinomial(p, 1, generator=generator)], dim=1)
    return found.numpy()


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_has_the_name_of_its_variant_and_finds_its_texts(mark):
    made = plugins.build("watermarks", mark.variant, dataclasses.asdict(mark))
    assert made == mark
    scheme = made.scheme(VOCABULARY)
    assert (scheme.variant, scheme.vocabulary) == (mark.variant, VOCABULARY)
    texts = drawn(mark, 4, 80)
    assert max(one.p_value for one in scheme.read(texts)) < 1e-6
    other = type(mark)(**({"keys": range(1, 31)} if hasattr(mark, "keys") else {"key": 7})).scheme(VOCABULARY)
    assert min(one.p_value for one in other.read(texts)) > 1e-4


def test_every_step_is_that_of_transformers_until_contexts_come_again():
    theirs, mark = peer(context_history_size=12), SynthID(context_history_size=12)
    generator = torch.Generator().manual_seed(0)
    texts = torch.zeros(3, 1, dtype=torch.long)
    for step in range(40):
        given = logits(3, generator)
        expected = theirs(texts, given.clone()).double().softmax(1)
        p = mark.marked(texts[:, 1:].tolist(), given).double().softmax(1)
        assert (p - expected).abs().max() < 2e-6
        follows = torch.multinomial(p, 1, generator=generator)
        if step in range(12, 18) or step in range(30, 36):  # once within the history, once beyond it
            follows[0] = texts[0, step + 1 - (7 if step < 20 else 25)]
        texts = torch.cat([texts, follows], dim=1)


@pytest.mark.parametrize("mark", MARKS)
def test_a_context_that_comes_again_leaves_its_text_alone_unmarked(mark):
    given = logits(2, torch.Generator().manual_seed(1))
    marked = mark.marked([[1, 2, 3, 4, 9, 1, 2, 3, 4], [1, 2, 3, 4, 9, 1, 2, 3, 5]], given)
    assert torch.equal(marked[0], given[0])
    assert not torch.equal(marked[1], given[1])
    assert torch.equal(mark.marked([[7] * 9] * 2, given), given)


@pytest.mark.parametrize("mark", MARKS[2:])
def test_key_and_context_decide_who_can_be_drawn(mark):
    given, before = logits(1, torch.Generator().manual_seed(2)), [[5, 6, 7, 8]]
    marked = mark.marked(before, given)
    assert torch.equal(mark.marked([[1, 1, *before[0]]], given), marked)


def test_of_one_key_there_is_one_winner_and_of_two_keys_each_has_its_share():
    given = logits(1, torch.Generator().manual_seed(2)).expand(20, -1)
    before = [[5, 6, 7, last] for last in range(20)]
    for mark, shares in ((Gumbel(3), [1]), (VLLMGumbel(3), [1]), (VLLMGumbel(3, alpha=0.2), [0.2, 0.8])):
        left = [sorted(row[row.isfinite()].exp().tolist()) for row in mark.marked(before, given)]
        assert sum(one == pytest.approx(shares) for one in left) >= 15
        assert all(one == pytest.approx(shares) or one == [1] for one in left)


@pytest.mark.parametrize("make", [
    Gumbel, VLLMGumbel, lambda key: VLLMGumbel(key, alpha=0.3), DiPmark, lambda key: DiPmark(key, strength=0.3),
    lambda key: SynthIDMain(keys=range(100 * key, 100 * key + 30)),
])  # fmt: skip
def test_the_mean_over_keys_is_the_distribution_of_before(make):
    p = torch.tensor([[0.5, 0.3, 0.15, 0.05, 0.0]], dtype=torch.float64)
    each = torch.cat([make(key).marked([[3, 1, 4, 1, 5]], p.log()).softmax(1) for key in range(400)]).numpy()
    assert np.all(np.abs(each.mean(axis=0) - p[0].numpy()) <= 4 * each.std(axis=0) / 20 + 1e-12)


def test_two_tokens_are_reweighed_as_worked_by_hand():
    p, before = torch.tensor([[0.6, 0.4]], dtype=torch.float64), [[1, 2, 3, 4]]
    for key in range(8):
        mark = DiPmark(key, strength=0.3)
        first, second = mark.scheme(2).uniforms(np.array(before), np.array([[0, 1]]))[0]
        # C = 0.6, 1: F = 0.3, 1 where the likely token comes first; C = 0.4, 1: F = 0.1, 1 where it comes second
        expected = [0.3, 0.7] if first < second else [0.9, 0.1]
        assert mark.marked(before, p.log()).softmax(1)[0].tolist() == pytest.approx(expected)


def test_text_that_transformers_marked_is_found_and_the_other_way_round(tiny_lm):
    model = AutoModelForCausalLM.from_pretrained(tiny_lm).eval()
    prompt, how = torch.full((3, 6), 7), {"do_sample": True, "max_new_tokens": 60, "min_new_tokens": 60, "top_k": 0}
    torch.manual_seed(0)
    config = SynthIDTextWatermarkingConfig(ngram_len=5, keys=list(DEMO_KEYS))
    theirs = model.generate(prompt, watermarking_config=config, **how)[:, 6:]
    ours = model.generate(prompt, logits_processor=LogitsProcessorList([MarkProcessor(SynthID())]), **how)[:, 6:]
    plain = model.generate(prompt, **how)[:, 6:]
    scheme = SynthID().scheme(model.config.vocab_size)
    for texts, found in ((theirs, True), (ours, True), (plain, False)):
        readings = scheme.read(texts.numpy())
        assert all((one.p_value < 1e-6) is found for one in readings)
        bits, mask = peer().compute_g_values(texts), peer().compute_context_repetition_mask(texts)
        mean = (bits * mask[..., None]).sum((1, 2)) / (30 * mask.sum(1))
        assert ((mean > 0.53) == found).all()


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        (SynthID(), ["published ones", "ids that differ by 65536 are one"]),
        (SynthID(keys=(5, 2**60), sampling_table_size=2**20), ["ids that differ by 1048576 are one"]),
        (SynthIDMain(), ["published ones"]),
        (SynthIDMain(keys=(5, 2**60)), []),
        (Gumbel(2**80), ["one answer"]),
        (Gumbel(2**50), ["one answer", "no more than 56 bits"]),
        (VLLMGumbel(2**60, alpha=0.1), []),
        (DiPmark(7), ["no more than 56 bits"]),
    ],
)
def test_what_makes_a_mark_weak_is_told(mark, told):
    said = list(mark.weaknesses())
    assert len(said) == len(told)
    assert all(part in one for one, part in zip(said, told, strict=True))


def test_ids_that_differ_by_the_size_of_the_table_are_marked_alike():
    given = torch.full((1, 2**17), -torch.inf)
    given[0, [7, 9, 11]] = 0.0
    apart = given.roll(65536, 1)
    marked = [SynthID().marked([[1, 2, 3, 4]], one)[one.isfinite()] for one in (given, apart)]
    assert torch.equal(*marked)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SynthID(keys=()), "mark: keys: got others; allowed: one or more"),
        (lambda: Gumbel(-1), "mark: key: got a number below 0"),
        (lambda: VLLMGumbel(1, alpha=2), "mark: alpha: got 2"),
        (lambda: DiPmark(1, context_width=0), "mark: context_width: got 0"),
        (lambda: DiPmark(1, strength=0.6), "mark: strength 0.6; allowed: above 0, up to 0.5"),
    ],
)
def test_what_marks_nothing_is_refused(make, message):
    with pytest.raises(ModelError) as caught:
        make()
    assert message in str(caught.value)
