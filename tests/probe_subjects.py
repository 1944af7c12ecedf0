"""Small models and data for every probe: what an audit of it through the runner takes."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from needs import needs_library
from PIL import Image
from scipy.stats import norm
from tiny_models import make_tiny_lm

from audit import open_model
from audit.data.tabular import File
from audit.model import Sample

Subjects = dict[str, tuple[Mapping[str, Any], Mapping[str, File]]]
"""Probe -> (models by what they are for, data of each role)."""


class Normal:
    """Four independent standard normal numbers: a model of P(X), its features, and a classifier by the first sign."""

    family, modality, name, fingerprint = "normal", "series", "normal", "sha256:normal"
    classes = ("minus", "plus")

    def sample(self, prompts, *, seed):
        rng = np.random.default_rng(seed)
        return [Sample(rng.normal(size=4), elements=4) for _ in prompts]

    def log_prob(self, items):
        return norm.logpdf(np.stack(items)).sum(axis=1), "exact"

    def predict(self, items):
        plus = norm.cdf(3 * np.stack(items)[:, 0])
        return np.stack([1 - plus, plus], axis=1)

    def logits(self, items):
        return np.log(np.clip(self.predict(items), 1e-12, 1))

    def embed(self, items):
        return np.stack(items)


class Painted:
    """A classifier of images, by what is brighter: the upper left, or the lower right."""

    family, modality, name, fingerprint = "painted", "image", "painted", "sha256:painted"
    classes = ("upper", "lower")

    def predict(self, items):
        upper = norm.cdf([float(np.asarray(one)[0, 0] - np.asarray(one)[-1, -1]) for one in items])
        return np.stack([upper, 1 - upper], axis=1)


def subjects_in(folder: Path) -> Subjects:
    """Return the models and data of every probe, their files in a folder."""
    given = _Given(folder)
    return {
        **_bias_of_models(given), **_bias_of_data(given), **_factuality(given), **_memorisation(given),
        **_novelty(given), **_provenance(given), **_robustness_and_transparency(given),
    }


class _Given:
    """What several probes share."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng = folder, np.random.default_rng(0)
        self.sets = {role: self.file(role, self.series()) for role in ("items", "fit", "calibration", "train")}
        self.sets["foreign"] = self.file("foreign", self.series(scale=4.0))
        self.normal = {"main": Normal()}
        self.language = {"main": open_model("causal_lm", path=make_tiny_lm(folder / "lm"), threads=1)}
        choices = [{"question": f"What is {n}?", "choices": ["one", "two"], "correct": [n % 2]} for n in range(12)]
        self.questions = self.file("questions", choices)

    def file(self, name, rows):
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return File(path)

    def series(self, scale=1.0):
        rows = scale * self.rng.normal(size=(60, 4))
        return [{"series": row.tolist(), "label": "plus" if row[0] > 0 else "minus"} for row in rows]


def _bias_of_models(given):
    language, file = given.language, given.file
    pairs = [{"more": f"He is {n}.", "less": f"She is {n}."} for n in range(12)]
    triples = [
        {"stereotype": f"He is {n}.", "antistereotype": f"She is {n}.", "unrelated": f"Rain {n}."} for n in range(12)
    ]
    meant = [
        {"sentence": f"The nurse met the cook on day {n} as he left.", "pronoun": "he", "answer": "the nurse",
         "choices": ["the nurse", "the cook"], "stereotype": ("pro", "anti")[n % 2], "unit": f"u{n // 4}"}
        for n in range(12)
    ]  # fmt: skip
    chosen = [
        {"context": f"It is {n}.", "question": "Who?", "choices": ["he", "she", "unknown"], "answer": "unknown",
         "biased": ("he", "she")[n % 2], "unknown": "unknown", "condition": ("ambiguous", "disambiguated")[n % 3 == 2]}
        for n in range(12)
    ]  # fmt: skip
    asked = [
        {"prompt": f"{group} {n} is", "group": group, "unit": f"{n}", "mentions": ["a"]}
        for n in range(6) for group in ("He", "She")
    ]
    words = [{"text": f"{one} {n}", "set": one} for n in range(4) for one in "XYAB"]
    return {
        "bias.coreference": (language, {"items": file("meant", meant)}),
        "bias.multiple_choice": (language, {"items": file("chosen", chosen)}),
        "bias.associations": (language, {"items": file("words", words)}),
        "bias.counterfactual": (language, {"items": file("swaps", asked)}),
        "bias.open_ended": (language, {"items": file("asked", asked)}),
        "bias.stereotype_pairs": (language, {"items": file("pairs", pairs)}),
        "bias.stereotype_triples": (language, {"items": file("triples", triples)}),
    }


def _bias_of_data(given):
    file, sets, classified = given.file, given.sets, {"classifier": Normal()}
    people = file("people", [
        {"group": str(n % 2), "label": str(n // 2 % 2), "proxy": n, "other": "b", "key": n, "site": n % 3}
        for n in range(80)
    ])  # fmt: skip
    seen = file("seen", [{"image": row["series"], "label": row["label"]} for row in given.series()])
    spoken = [{"text": f"{one} went {n}"} for n in range(40) for one in ("She", "He")]
    decided = [{"group": n % 3, "decision": n % 2} for n in range(60)]
    predicted = [{"group": n % 3, "prediction": n, "x": n % 7, "w": n % 2} for n in range(60)]
    drawn = {**given.normal, **classified}
    return {
        "bias.corpus": ({}, {"items": file("spoken", spoken)}),
        "bias.data": ({}, {"items": people}),
        "bias.decisions": ({}, {"items": file("decided", decided)}),
        "bias.predictions": ({}, {"items": file("predicted", predicted)}),
        "bias.representation": (drawn, {"items": sets["items"], "calibration": sets["calibration"]}),
        "bias.synthetic_table": ({}, {"items": people, "real": people}),
        "bias.generated_images": (
            drawn, {"items": file("prompts", [{"prompt": "a nurse"}, {"prompt": "a judge"}]), "labelled": seen}
        ),
        "bias.image_data": (classified, {"items": seen, "labelled": seen}),
    }


def _factuality(given):
    language, file = given.language, given.file
    passages = [
        {"prompt": f"How old is {n}?", "reference": f"{n + 30}", "context": [f"{n} is {n + 30}.", "One.", "Two."],
         "gold": ["0"]}
        for n in range(4)
    ]  # fmt: skip
    answered = [{"prompt": f"Which is {n}?", "context": f"Room {n} is blue.", "answer": f"It is room {n}."}
                for n in range(9)]  # fmt: skip
    unsure = [{"prompt": f"What is {n}?", "reference": [f"{n}"]} for n in range(12)]
    told = [{"confidence": (n % 10) / 10, "label": n % 2} for n in range(60)]
    shown = [{"prompt": f"{n}?", "answer": f"It is {n}.", "label": str(n % 2)} for n in range(40)]
    scored = [{"score": n % 2, "status": "scored", "direction": "higher", "binary": "1"} for n in range(60)]
    return {
        "efficiency.compressed": (
            {**language, "large": language["main"]},
            {"items": file("both", [{"text": f"The {n} or I"} for n in range(12)])},
        ),
        "efficiency.resources": (language, {"items": file("read", [{"text": f"The {n} and I"} for n in range(2)])}),
        "factuality.calibration": ({}, {"items": file("told", told)}),
        "factuality.closed_book": (language, {"items": given.questions}),
        "factuality.grounding": (language, {"items": file("answered", answered)}),
        "factuality.judged": ({}, {"items": file("judged", _judged(given.rng))}),
        "factuality.rag": (language, {"items": file("passages", passages)}),
        "factuality.recognition": (language, {"items": file("shown", shown)}),
        "factuality.uncertainty": (language, {"items": file("unsure", unsure)}),
        "imported.scores": ({}, {"items": file("scored", scored)}),
    }


def _judged(rng):
    truth = rng.random(300) < 0.7
    said = np.where(rng.random(300) < 0.9, truth, ~truth)
    return [{"judge": int(said[n]), "label": int(truth[n]) if n < 60 else None, "text": f"{n}"} for n in range(300)]


def _memorisation(given):
    texts = {
        role: given.file(f"{role}_texts", [{"text": f"{role} {n} " + "one two three " * 40} for n in range(6)])
        for role in ("items", "held_out")
    }
    secrets = [{"text": f"The code is {n}.", "pattern": "The code is {number:0-99}."} for n in range(0, 60, 7)]
    members = {"items": given.sets["items"], "nonmembers": given.sets["calibration"]}
    prompts = given.file("prompts", [{"prompt": f"Prompt {n}"} for n in range(6)])
    copies = {"items": prompts, "held_out": texts["held_out"], "corpus": texts["items"]}
    return {
        "memorisation.copies": (given.language, copies),
        "privacy.personal_data": (given.language, copies),
        "memorisation.extraction": (given.language, texts),
        "memorisation.exposure": (given.language, {"items": given.file("secrets", secrets)}),
        "memorisation.membership": (given.normal, members),
    }


def _novelty(given):
    sets, normal = given.sets, given.normal
    novel = {role: sets[role] for role in ("items", "fit", "calibration", "foreign")}
    return {
        "efficiency.sampling": (normal, {"items": sets["items"]}),
        "novelty.contrast": ({**normal, "classifier": Normal()}, novel),
        "novelty.data": ({}, novel),
        "novelty.likelihood": (normal, novel),
        "quality.samples": (normal, {"items": sets["items"], "train": sets["train"]}),
    }


def _provenance(given):
    outputs = given.file("outputs", [{"file": _unsigned_png(n), "name": f"{n}.png"} for n in range(4)])
    pictures = [
        {"image": [[n + row * column % 7 for column in range(16)] for row in range(16)]} for n in range(4)
    ]
    return {
        "provenance.duties": ({}, {"items": outputs}),
        "provenance.signed_origin": ({}, {"items": outputs}),
        "provenance.image_mark": ({}, {"items": given.file("pictures", pictures)}),
        "provenance.audio_mark": ({}, {"items": given.file("sounds", [{"file": _sound(n)} for n in range(4)])}),
        "provenance.video_mark": ({}, {"items": given.file("films", [{"file": _film(n)} for n in range(4)])}),
        "provenance.text_mark": (
            given.language, {"items": given.file("texts", [{"text": f"The {n}"} for n in range(4)])}
        ),
    }


def _sound(level):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes((level * at * at) % 251 for at in range(9000)))
    return base64.b64encode(made.getvalue()).decode()


def _film(level):
    library, made = needs_library("av"), io.BytesIO()
    with library.open(made, "w", format="matroska") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 40, 40, "gray"
        for at in range(3):
            shown = (np.arange(1600).reshape(40, 40) * (level + at) % 251).astype(np.uint8)
            file.mux(stream.encode(library.VideoFrame.from_ndarray(shown, "gray")))
        file.mux(stream.encode())
    return base64.b64encode(made.getvalue()).decode()


def _unsigned_png(level):
    made = io.BytesIO()
    Image.new("L", (2, 2), level).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def _robustness_and_transparency(given):
    painted = [{"image": [[n, 0], [0, n % 5]]} for n in range(12)]
    sources = [
        {"prompt": f"What is {n}?", "context": [f"{n} is {n}.", "It is one.", "It is two.", "It is red."],
         "gold": ["0"], "answer": f"{n}"}
        for n in range(6)
    ]  # fmt: skip
    return {
        "robustness.images": ({"main": Painted()}, {"items": given.file("painted", painted)}),
        "robustness.text": (given.language, {"items": given.questions}),
        "transparency.attribution": (given.language, {"items": given.file("sources", sources)}),
    }
