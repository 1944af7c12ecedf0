"""`provenance.signed_origin` from a plan on a folder of files, and its measures against what was put there."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from needs import needs_library
from PIL import Image

from audit.data.files import Files
from audit.errors import DataError
from audit.execute import run
from audit.plan import load_plan
from audit.probe import Role
from audit.probes.provenance.signed_origin import SignedOrigin
from audit.verdict.controls import controls_of
from audit.watermarks.image.spread import SpreadSpectrum
from audit.watermarks.keys import make_mark_key, write_mark_key
from audit.watermarks.origin import Declaration, Parser, made_authority, read_origin, signed
from audit.watermarks.origin.containers import with_xmp
from audit.watermarks.origin.reading import origin_of
from audit.watermarks.origin.xmp import packet_with
from detectors.intervals import exact_binomial
from detectors.provenance.origin import signed_origin

needs_library("c2pa")

AIGC = {"Label": "1", "ContentProducer": "x"}


def png(level):
    made = io.BytesIO()
    Image.new("RGB", (4, 4), (level, 1, 2)).save(made, "PNG")
    return made.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Five trusted files with a label, one of them twice, one that contradicts itself, one of a stranger, one altered,
    one without a manifest, one that is none."""
    folder = tmp_path_factory.mktemp("signed")
    ours, stranger = made_authority(), made_authority()
    (folder / "outputs" / "more").mkdir(parents=True)
    (folder / "root.pem").write_bytes(ours.root)
    with Parser() as parser:
        def made(data, by, say):
            return signed(data, by.chain, by.key, parser, say)[0]

        files = {f"{n}.png": made(png(n), ours, Declaration("m", aigc=AIGC)) for n in range(5)}
        files["more/0.png"] = files["0.png"]
        camera = with_xmp(png(7), packet_with(None, source="digitalCapture", aigc=None))
        files["camera.png"] = made(camera, ours, Declaration(metadata=False))
        files["stranger.png"] = made(png(8), stranger, Declaration(metadata=False))
    files["altered.png"] = files["1.png"] + b"x"
    files |= {"plain.png": png(9), "broken.png": files["2.png"][:-30]}
    for name, data in files.items():
        (folder / "outputs" / name).write_bytes(data)
    return folder


def plan_of(home, **data):
    check = {
        "name": "origin", "probe": {"use": "provenance.signed_origin", "changes": 4},
        "data": {"items": {"use": "files", "path": "./outputs"}, **data},
        "limit": {"measure": "trusted_share", "at_least": 0.99},
    }  # fmt: skip
    (home / "plan.yaml").write_text(yaml.safe_dump({"title": "Outputs", "checks": [check]}))
    return load_plan(home / "plan.yaml")


def test_a_folder_of_files_is_audited_under_an_anchor(home, tmp_path):
    audit = run(plan_of(home, anchors={"use": "files", "path": "./root.pem"}), into=tmp_path)
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True}), finding.why
    measures = {(one.name, one.group): one for one in finding.measures}
    # ten units, as two files are one; one of them could not be read
    trusted = measures["trusted_share", None]
    assert (trusted.value, trusted.missing, trusted.n["units"]) == (6 / 9, 1, 9)
    assert trusted.low == pytest.approx(exact_binomial(6, 10, trusted.level)[0])
    assert trusted.high == pytest.approx(exact_binomial(7, 10, trusted.level)[1])
    for name, count in (("manifest_share", 8), ("invalid_share", 1), ("untrusted_share", 1), ("conflict_share", 1),
                        ("aigc_label_share", 6), ("source_type_share", 8)):  # fmt: skip
        assert measures[name, None].value == pytest.approx(count / 9), name
    assert measures["unreadable", None].value == 1
    assert measures["tamper_pass_share", "padding"].value == 1
    assert measures["tamper_pass_share", "picture"].value == 0
    assert 0.05 < measures["tamper_pass_share", None].value < 0.5
    items = audit.items("origin").set_index("name")
    assert items.loc["stranger.png", "failures"].tolist() == ["signingCredential.untrusted"]
    assert bool(items.loc["camera.png", "conflict"])
    assert "cannot be read" in items.loc["broken.png", "problem"]


def test_controls_go_through_the_reader_of_the_parsers_answers(monkeypatch):
    def tried():
        return controls_of(SignedOrigin(), level=0.95, seed=1, check="origin")

    assert tried() == {"positive": True, "negative": True}

    def trusting_valid(answer):
        one = origin_of(answer)
        return replace(one, state="Trusted" if one.state == "Valid" else one.state)

    monkeypatch.setattr("audit.watermarks.origin.reading.origin_of", trusting_valid)
    assert not tried()["positive"]


def test_without_an_anchor_nobody_is_trusted(home, tmp_path):
    (finding,) = run(plan_of(home), into=tmp_path).record.findings
    assert finding.verdict == "failed"
    assert {one.name: one.value for one in finding.measures if one.group is None}["trusted_share"] == 0


def test_equal_files_of_a_table_are_one_unit_and_a_broken_cell_is_one_file(home, tmp_path):
    cell = base64.b64encode((home / "outputs" / "0.png").read_bytes()).decode()
    rows = [{"file": cell, "name": f"{n}.png"} for n in range(20)] + [{"file": "abc", "name": "x"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    items = {"use": "file", "path": str(tmp_path / "rows.jsonl")}
    plan = plan_of(home, items=items, anchors={"use": "files", "path": "./root.pem"})
    (finding,) = run(plan, into=tmp_path).record.findings
    measures = {one.name: one for one in finding.measures if one.group is None}
    trusted = measures["trusted_share"]
    assert (trusted.value, trusted.missing, trusted.n) == (1, 1, {"items": 20, "units": 1})
    assert trusted.low <= exact_binomial(1, 2, trusted.level)[0]
    assert measures["unreadable"].value == 1
    assert finding.verdict == "inconclusive"


def test_files_come_as_they_are_and_equal_ones_are_one_unit(home, tmp_path):
    role = Role({"file": "", "name": "", "unit": ""}, optional=frozenset({"file"}))
    frame = pd.concat(Files(home / "outputs").batches(role)).set_index("name")
    assert frame.loc["more/0.png", "unit"] == "0.png"
    assert len(frame) == 11
    small = pd.concat(Files(home / "outputs", largest=100).batches(role)).set_index("name")
    assert small["file"].notna().tolist() == [name == "plain.png" for name in small.index]
    assert Files(home / "outputs").digest() != Files(home / "outputs", ending="a.png").digest()
    with pytest.raises(DataError, match="no such folder or file"):
        list(Files(tmp_path / "none").batches(role))
    (tmp_path / "a.png").symlink_to(home / "root.pem")
    with pytest.raises(DataError, match="leads out"):
        list(Files(tmp_path).batches(role))


def test_files_that_cannot_be_read_bound_every_share():
    files = pd.DataFrame({
        "state": ["Trusted"] * 4 + [None] * 2, "model_source": [True] * 6, "aigc": [False] * 6, "conflict": [False] * 6,
        **dict.fromkeys(("regions", "sizes", "tried", "passed")),
    }, index=pd.Index(list("abcdef"), name="id"), dtype=object)  # fmt: skip
    found = signed_origin(files, level=0.95, rng=np.random.default_rng(0))
    assert (found.headline.value, found.headline.missing) == (1, 2)
    assert found.headline.low == pytest.approx(exact_binomial(4, 6)[0])
    assert found.measure("tamper_pass_share").undefined is not None
    nothing = signed_origin(files.iloc[4:], level=0.95, rng=np.random.default_rng(0))
    assert nothing.headline.undefined == "no file could be read"


def test_without_the_library_the_check_is_skipped_and_says_why(home, tmp_path, monkeypatch):
    monkeypatch.setattr("audit.watermarks.origin.parser.find_spec", lambda _: None)
    (finding,) = run(plan_of(home), into=tmp_path).record.findings
    assert finding.verdict == "skipped"
    assert finding.reason == {"key": "library", "library": "c2pa", "extra": "c2pa"}
    assert finding.why == "c2pa is not installed; the extra c2pa brings it."


def test_a_run_keeps_one_parser_and_a_folder_hides_nothing(tmp_path, monkeypatch):
    started = []
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **how: started.append(args) or real(*args, **how))
    (tmp_path / "outputs").mkdir()
    for n in range(40):
        (tmp_path / "outputs" / f"{n}.png").write_bytes(png(n))
    os.mkfifo(tmp_path / "outputs" / "pipe.png")
    (tmp_path / "outputs" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    audit = run(plan_of(tmp_path), into=tmp_path / "audits")
    measures = {one.name: one for one in audit.record.findings[0].measures if one.group is None}
    assert len(started) == 1
    assert (measures["unreadable"].value, measures["trusted_share"].missing) == (2, 2)
    items = audit.items("origin").set_index("name")
    for name in ("pipe.png", "gone.png"):
        assert items.loc[name, "problem"] == "there is nothing to read: it is empty, too large, or no regular file"


def test_a_parser_that_ends_of_what_came_before_gets_the_job_again():
    once = (
        "import sys, json\n"
        "for turn in range(2):\n"
        "    job = json.loads(sys.stdin.buffer.readline())\n"
        "    sys.stdin.buffer.read(sum(job['sizes']))\n"
        "    if turn: sys.exit(7)\n"
        "    print(json.dumps({'xmp': {}, 'store': None, 'size': 0}), flush=True)\n"
    )
    with Parser(command=(sys.executable, "-c", once)) as parser:
        assert [read_origin(png(n), parser).state for n in range(3)] == ["none"] * 3


def test_a_mark_in_a_picture_that_says_camera_is_a_conflict(tmp_path):
    key = make_mark_key("image-spread", secret=bytes(range(32)))
    write_mark_key(tmp_path / "a.dokimasia-key", key)
    (tmp_path / "outputs").mkdir()
    plain = np.random.default_rng(3).uniform(0.2, 0.8, (256, 256, 3)).astype(np.float32)
    for name, pixels, source in (
        ("marked camera", SpreadSpectrum().marked(plain, key.secret), "digitalCapture"),
        ("marked hand", SpreadSpectrum().marked(plain, key.secret), "digitalCreation"),
        ("marked model", SpreadSpectrum().marked(plain, key.secret), "trainedAlgorithmicMedia"),
        ("plain camera", plain, "digitalCapture"),
    ):
        made = io.BytesIO()
        Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(made, "PNG")
        data = with_xmp(made.getvalue(), packet_with(None, source=source, aigc=None))
        (tmp_path / "outputs" / f"{name}.png").write_bytes(data)
    plan = plan_of(tmp_path)
    check = replace(plan.checks[0], probe=SignedOrigin(keys=(tmp_path / "a.dokimasia-key",)))
    audit = run(replace(plan, checks=(check,)), into=tmp_path / "audits")
    items = audit.items("origin").set_index("name")
    assert items["conflict"].to_dict() == {
        "marked camera.png": True, "marked hand.png": True, "marked model.png": False, "plain camera.png": False
    }
    assert f"mark: {key.id}" in items.loc["marked model.png", "layers"]
    assert key.secret.hex() not in json.dumps(audit.record.model_dump(mode="json"))
