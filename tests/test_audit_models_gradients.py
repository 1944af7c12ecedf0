"""Gradients of log p with respect to the tokens of a prompt, against closed forms, differences and a real model."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models
import torch
from scipy.integrate import quad
from scipy.special import expit, log_softmax, softmax

from audit import open_model
from audit.ask.questions import answer
from audit.errors import ModelError
from audit.model import Continuation, Parted
from audit.models.text.gradients import attributed
from audit.models.text.windows import Encoded
from audit.numbering import item_digest
from audit.probes.passages import laid_out, lines_of
from detectors.transparency.faithfulness import rank_correlation

PROMPT = "The baker sells rye bread. The ferry leaves at eight. What does the baker sell?"
PARTS = ((0, 26), (27, 53))
TEXT = " rye bread"


class Sums(torch.nn.Module):
    """A causal model whose state is the sum of the embeddings so far, and whose head is a matrix."""

    device = torch.device("cpu")

    def __init__(self, embeddings, matrix):
        super().__init__()
        self.table = torch.nn.Embedding.from_pretrained(torch.tensor(embeddings, dtype=torch.float32))
        self.matrix = torch.nn.Parameter(torch.tensor(matrix, dtype=torch.float32))
        self.model, self.vocabulary = self, len(matrix)

    def get_input_embeddings(self):
        return self.table

    def states(self, rows):
        return rows.cumsum(1)

    def head(self, states):
        return states @ self.matrix.T


def attributions(network, *, ids=(0, 1, 2, 3, 1), context=4, asked=(1, 1, 0, 1), tokens=2048, **how):
    of, how = np.array(asked, dtype=bool), {"baseline": "zero", "steps": 32, **how}
    return attributed(network, [Encoded(list(ids), context)], [of], batch_tokens=tokens, **how)[0]


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_of_two_tokens_every_share_of_the_way_is_the_share_of_the_whole(baseline):
    """log p = log sigma(z), z linear in the embeddings: A_t = (z_t - z_b) (f(e) - f(b)) / (z(e) - z(b))."""
    z = np.array([0.5, -1.0, 2.0, 1.5])
    network = Sums(np.column_stack([z, np.zeros(4)]), [[0.0, 1.0], [1.0, 0.0]])  # logits (0, z)
    found = attributions(network, baseline=baseline)
    moved = z[[0, 1, 3]] - (z.mean() if baseline == "mean" else 0)
    here, base = np.log(expit([z.sum(), z.sum() - moved.sum()]))
    np.testing.assert_allclose(found.nats, moved * (here - base) / moved.sum(), rtol=1e-5)
    assert (found.log_prob, found.baseline_log_prob) == pytest.approx((here, base), rel=1e-5)
    assert found.nats.sum() == pytest.approx(here - base, rel=1e-5)
    straight = attributions(network, baseline=baseline, steps=0)
    np.testing.assert_allclose(straight.nats, moved * expit(-z.sum()), rtol=1e-5)


def test_a_vocabulary_of_many_is_integrated_as_by_another_integrator():
    rng = np.random.default_rng(0)
    embeddings, matrix = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    found = attributions(Sums(embeddings, matrix), ids=(0, 1, 2, 3, 5, 4))
    asked, kept = embeddings[[0, 1, 3]], embeddings[2]

    def slope(a, token):
        total = 0.0
        for answered, before in ((5, 0), (4, embeddings[5])):
            p = softmax(matrix @ (kept + before + a * asked.sum(0)))
            total += (matrix[answered] - p @ matrix) @ asked[token]
        return total

    wanted = [quad(slope, 0, 1, (token,))[0] for token in range(3)]
    np.testing.assert_allclose(found.nats, wanted, rtol=1e-4, atol=1e-5)
    whole = asked.sum(0) + kept
    here = log_softmax(matrix @ whole)[5] + log_softmax(matrix @ (whole + embeddings[5]))[4]
    assert found.log_prob == pytest.approx(here, rel=1e-5)


@pytest.fixture(scope="module")
def model(tiny_lm):
    return open_model("causal_lm", path=tiny_lm, dtype="float32")


def test_gradient_x_input_is_the_slope_along_the_parts(model):
    """Against central differences of the network's own forward pass in 64 bits."""
    import copy

    item = Parted(PROMPT, TEXT, PARTS)
    (row,) = model.attributions([item], baseline="zero", steps=0).to_dict("records")
    (text,), (parts,) = model.encoder.items([item]), model.encoder.parts([item])
    sums = np.bincount(row["part"], row["nats"])
    network = copy.deepcopy(model.scorer.network.model).double()
    ids = torch.tensor([text.ids])
    e = network.get_input_embeddings()(ids)

    def nats(scale):
        with torch.no_grad():
            logits = network(inputs_embeds=e * scale).logits[0, text.context - 1 : -1].log_softmax(-1)
        return float(logits.gather(-1, ids[0, text.context :, None]).sum())

    for part in (0, 1):
        by = torch.zeros(ids.shape[1], 1, dtype=torch.float64)
        by[: text.context, 0] = torch.from_numpy(parts == part)
        slope = (nats(1 + 1e-2 * by) - nats(1 - 1e-2 * by)) / 2e-2  # norms are taken in 32 bits: no smaller step
        assert sums[part] == pytest.approx(slope, rel=2e-3)
    assert row["log_prob"] == pytest.approx(nats(1.0), rel=1e-5)


def test_sums_are_the_fall_of_log_p_and_chunks_change_nothing(model):
    item = Parted(PROMPT, TEXT, PARTS)
    (row,) = model.attributions([item], baseline="mean", steps=64).to_dict("records")
    assert sum(row["nats"]) == pytest.approx(row["log_prob"] - row["baseline_log_prob"], abs=1e-3)
    assert row["log_prob"] == pytest.approx(model.log_prob([Continuation(PROMPT, TEXT)])[0][0], rel=1e-5)
    (text,), (parts,) = model.encoder.items([item]), model.encoder.parts([item])
    whole, single = (
        attributions(model.scorer.network, steps=8, ids=text.ids, context=text.context, asked=parts >= 0, tokens=tokens)
        for tokens in (100_000, 1)
    )
    np.testing.assert_allclose(whole.nats, single.nats, rtol=1e-3, atol=1e-4)


def test_tokens_belong_to_the_part_in_which_they_begin(model):
    (parts,) = model.encoder.parts([Parted(PROMPT, TEXT, PARTS)])
    pieces = model.encoder.pieces(model.encoder.items([Continuation(PROMPT, TEXT)])[0].ids[: len(parts)])
    assert "".join(pieces[parts == 0]) == PROMPT[: PARTS[0][1]]
    assert "".join(pieces[parts == 1]).strip() == PROMPT[PARTS[1][0] : PARTS[1][1]]
    given = "{passages}\n\nQ: {question}", "x {passages}?", ["one two", "drei"]
    whole = laid_out(*given)
    assert [whole[first:last] for first, last in lines_of(*given)] == ["[1] one two", "[2] drei"]


def test_in_chat_form_the_template_stays_as_it_is(tiny_lm):
    chat = open_model("causal_lm", path=tiny_lm, dtype="float32", prompt_form="chat")
    (parts,) = chat.encoder.parts([Parted(PROMPT, TEXT, PARTS)])
    (row,) = chat.attributions([Parted(PROMPT, TEXT, PARTS)], baseline="zero", steps=0).to_dict("records")
    assert len(row["nats"]) == (parts >= 0).sum() < len(parts)
    with pytest.raises(ModelError, match="changes the prompt"):
        chat.attributions([Parted(f" {PROMPT} ", TEXT, PARTS)], baseline="zero", steps=0)


def test_weights_of_16_bits_are_read_in_32_and_come_back_to_the_bit(model, tiny_lm):
    half = open_model("causal_lm", path=tiny_lm, dtype="bfloat16")
    network = half.scorer.network.model
    before = {name: one.clone() for name, one in network.state_dict().items()}
    told, wanted = (
        one.attributions([Parted(PROMPT, TEXT, PARTS)], baseline="mean", steps=16) for one in (half, model)
    )
    after = network.state_dict()
    assert all(torch.equal(one, after[name]) and one.dtype == after[name].dtype for name, one in before.items())
    assert told["nats"][0] == pytest.approx(wanted["nats"][0], abs=0.3)  # weights rounded to 16 bits
    gap = abs(sum(told["nats"][0]) - told["log_prob"][0] + told["baseline_log_prob"][0])
    assert gap < 0.2  # 16 bits in between would not sum so


def test_what_cannot_be_read_whole_has_no_value_and_what_cannot_be_had_in_32_bits_is_refused(model, tiny_lm):
    items = [Parted(PROMPT, TEXT, PARTS), Parted(PROMPT * 9, TEXT, PARTS), Parted("", TEXT, ())]
    told = answer(model, "token_attributions", items, seed=0, options={"steps": 2}).to_pandas()
    assert told["nats"].notna().tolist() == told["log_prob"].notna().tolist() == [True, False, False]
    mapped = open_model("causal_lm", path=tiny_lm, device_map="auto")
    with pytest.raises(ModelError, match="device_map auto; allowed: whole weights"):
        mapped.attributions(items, baseline="zero", steps=2)


def test_an_item_with_other_parts_is_another_item():
    items = [Continuation("a b", "c"), *(Parted("a b", "c", parts) for parts in ((), ((0, 1),), ((0, 2),)))]
    assert len({item_digest(item) for item in items}) == 4


def test_sanity_what_gradients_say_is_lost_with_the_weights(model, tmp_path):
    """Adebayo et al. (1810.03292): who says the same of a network of other weights looks at the text alone."""
    item = Parted(PROMPT, TEXT, ((0, len(PROMPT)),))
    by_lot = [
        open_model("causal_lm", path=tiny_models.make_tiny_lm(tmp_path / str(seed), seed=seed), dtype="float32")
        for seed in (1, 2, 3)
    ]
    for steps in (0, 32):
        first, *others = (
            np.array(one.attributions([item], baseline="mean", steps=steps)["nats"][0]) for one in (model, *by_lot)
        )
        assert rank_correlation(first, first) == pytest.approx(1)
        assert abs(np.mean([rank_correlation(first, other) for other in others])) < 0.4


def test_a_real_model_is_driven_by_the_source_that_tells_the_answer(real_lm):
    """SmolLM2: the sum misses the fall of log p by less than a twentieth, with 32 steps."""
    prompt = "{passages}\n\nQuestion: {question}\nAnswer:"
    asked = "What is the door code?", ["The door code is 7391.", "The park has two ponds."]
    item = Parted(laid_out(prompt, *asked), " 7391", tuple(lines_of(prompt, *asked)))
    (row,) = real_lm.attributions([item], baseline="zero", steps=32).to_dict("records")
    drop = row["log_prob"] - row["baseline_log_prob"]
    first, second = np.bincount(row["part"], row["nats"])
    assert drop > 5
    assert first > 3 * abs(second)
    assert abs(first + second - drop) < 0.05 * drop
