"""Timing single calls: what is called, how often, and whether the clock is right."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from audit.errors import ModelError
from audit.model import Sample
from audit.procedures.timing import timing


class Slow:
    """Sleeps for a draw, computes for a likelihood."""

    family, modality, name, fingerprint = "slow", "series", "slow", "sha256:slow"

    def __init__(self, seconds=0.004):
        self.seconds, self.calls = seconds, []

    def sample(self, prompts, *, seed, steps=1):
        self.calls.append((list(prompts), seed, steps))
        time.sleep(self.seconds * steps)
        return [Sample(np.zeros(3), elements=3) for _ in prompts]

    def log_prob(self, items):
        self.calls.append(items)
        until = time.process_time() + self.seconds
        while time.process_time() < until:
            pass
        return np.zeros(len(items)), "exact"


def test_draws_are_timed_one_by_one_after_one_that_is_not():
    model = Slow()
    frame = timing(model, [None] * 5, ability="sample", seed=10)
    assert [prompts for prompts, _, _ in model.calls] == [[None]] * 6
    assert len({seed for _, seed, _ in model.calls}) == 6
    assert len(frame) == 5
    assert frame["elements"].tolist() == [3.0] * 5
    assert frame["threads"].tolist() == [torch.get_num_threads()] * 5
    assert (frame["load"] >= 0).all()


def test_waiting_is_wall_time_and_computing_is_both():
    model = Slow(0.01)
    waiting = timing(model, [None] * 5, ability="sample", seed=0)
    computing = timing(model, [np.zeros(3)] * 5, ability="log_prob", seed=0)
    assert waiting["seconds"].min() >= 0.01
    assert waiting["cpu_seconds"].median() < 0.005
    assert computing["cpu_seconds"].min() >= 0.01
    assert (computing["seconds"] >= 0.99 * computing["cpu_seconds"]).all()
    assert computing["elements"].isna().all()


def test_options_go_to_the_ability():
    model = Slow(0.001)
    timing(model, [None], ability="sample", seed=0, steps=3)
    assert [steps for _, _, steps in model.calls] == [3, 3]


def test_an_ability_that_is_not_there_is_refused():
    class Mute:
        name = "mute"

    with pytest.raises(ModelError, match="mute cannot be timed at 'log_prob'"):
        timing(Mute(), [np.zeros(3)], ability="log_prob", seed=0)
