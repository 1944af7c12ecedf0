"""`provenance.duties` on a planted folder, by day, and what it may not say of what no output shows."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from needs import needs_library
from PIL import Image
from test_audit_watermarks_text_finding import known, written

from audit.data.files import Files
from audit.execute import run
from audit.models.causal_lm import CausalLMFolder
from audit.plan import Check, Plan, load_plan
from audit.probes.provenance.duties import Duties
from audit.probes.provenance.duty_list import UNTESTED, Duty, duties, owed
from audit.probes.provenance.outputs import disclosed_in, kind_of
from audit.probes.provenance.planted_outputs import planted_outputs
from audit.record import table_of
from audit.watermarks.audio import AudioSpread
from audit.watermarks.image.spread import SpreadSpectrum
from audit.watermarks.keys import make_mark_key, write_mark_key
from audit.watermarks.origin import Declaration, Parser, made_authority, read_origin, signed
from audit.watermarks.text import LeftHash
from audit.watermarks.text.keyed import keyed_mark
from detectors.intervals import exact_binomial
from detectors.provenance.duties import ITEMS, TESTS, duties_kept

needs_library("c2pa")

AIGC = {"Label": "1", "ContentProducer": "somebody", "ProduceID": "17"}
SAYS = Declaration("model a", "2", "2026-11-28T12:00:00Z", aigc=AIGC)


def picture(seed, secret=None):
    """A PNG of noise, with the mark of a secret where one is given."""
    pixels = np.random.default_rng(seed).uniform(0.2, 0.8, (256, 256, 3)).astype(np.float32)
    if secret is not None:
        pixels = SpreadSpectrum().marked(pixels, secret)
    made = io.BytesIO()
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(made, "PNG", compress_level=1)
    return made.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Eight pictures: four marked and signed, one marked under another key, one signed by a stranger, one signed with a
    label that has no number, one with nothing; two texts, one of which says what it is; a pipe's place taken by a file
    that is none."""
    home = tmp_path_factory.mktemp("outputs")
    folder = home / "outputs"
    folder.mkdir()
    ours, stranger = made_authority(), made_authority()
    secret, other = bytes(range(32)), bytes(range(1, 33))
    write_mark_key(home / "ours.dokimasia-key", make_mark_key("image-spread", secret=secret))
    (home / "root.pem").write_bytes(ours.root)
    with Parser() as parser:
        def made(seed, mark, by, say=SAYS):
            return signed(picture(seed, mark), by.chain, by.key, parser, say)[0]

        files = {f"right {n}.png": made(n, secret, ours) for n in range(4)}
        files["another key.png"] = made(4, other, ours)
        files["stranger.png"] = made(5, secret, stranger)
        files["short label.png"] = made(6, secret, ours, replace(SAYS, aigc={"Label": "1"}))
        files["nothing.png"] = picture(7)
    files |= {"says.txt": b"This text is AI-generated.", "mute.txt": b"This text says nothing of it."}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return home


def audited(home, into, items=None, **probe):
    data = {"items": items or {"use": "files", "path": "./outputs"}, "anchors": {"use": "files", "path": "./root.pem"}}
    check = {
        "name": "duties", "probe": {"use": "provenance.duties", "day": "2026-11-28", **probe}, "data": data,
        "limit": {"measure": "all_duties_share", "at_least": 0.9},
    }  # fmt: skip
    (home / "plan.yaml").write_text(yaml.safe_dump({"title": "Outputs", "checks": [check]}))
    return run(load_plan(home / "plan.yaml"), into=into)


def test_sounds_keep_the_duty_to_be_marked_where_the_key_finds_its_mark(tmp_path):
    """Two of three FLAC files carry the mark: so much is what `eu-code-mark` says of them."""
    library = needs_library("soundfile")
    key, folder = make_mark_key("audio-spread", secret=bytes(range(32))), tmp_path / "outputs"
    folder.mkdir()
    write_mark_key(tmp_path / "voice.dokimasia-key", key)
    for number in range(3):
        plain = 0.1 * np.random.default_rng(number).standard_normal((6 * 8000, 1))
        sound = AudioSpread().marked(plain, 8000, key.secret) if number else plain
        library.write(folder / f"{number}.flac", sound, 8000)
    (tmp_path / "root.pem").write_bytes(made_authority().root)
    audit = audited(tmp_path, tmp_path / "audits", keys=[str(tmp_path / "voice.dokimasia-key")], rules=["eu-code-mark"])
    (finding,) = audit.record.findings
    share = next(one for one in finding.measures if (one.name, one.group) == ("duty_share", "eu-code-mark"))
    assert (share.value, share.n["items"]) == (pytest.approx(2 / 3), 3)
    assert audit.items("duties").set_index("name")["mark"].to_dict() == {
        "0.flac": "not found", "1.flac": "found", "2.flac": "found"
    }  # fmt: skip


def test_a_planted_folder_gives_every_duty_its_exact_share(home, tmp_path):
    audit = audited(home, tmp_path, keys=[str(home / "ours.dokimasia-key")])
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True}), finding.why
    found = {one.group: one for one in finding.measures if one.name == "duty_share"}
    kept = {name: (round(one.value * one.n["items"]), one.n["items"]) for name, one in found.items()
            if one.value is not None}  # fmt: skip
    assert kept == {
        "eu-marked": (7, 10), "eu-code-layers": (5, 8), "eu-code-signed": (6, 8), "eu-code-time": (0, 8),
        "eu-code-mark": (6, 8), "cn-words": (1, 2), "cn-metadata": (6, 8), "kr-marked": (8, 9),
        "ca-five-items": (7, 8), "ca-standard": (7, 8), "iptc-source": (7, 8),
    }  # fmt: skip
    for name, (count, of) in kept.items():
        ends = exact_binomial(count, of, found[name].level)
        if name == "kr-marked":  # the picture without a layer may show a label that nobody reads
            assert found[name].missing == 1
            ends = exact_binomial(8, 10, found[name].level)[0], exact_binomial(9, 10, found[name].level)[1]
        assert (found[name].low, found[name].high) == pytest.approx(ends)
    assert {name: one.undefined for name, one in found.items() if one.value is None} == {
        "eu-notice": UNTESTED["notice"], "kr-notice": UNTESTED["notice"], "eu-deep-fakes": UNTESTED["people"],
        "kr-deep-fakes": UNTESTED["people"], "eu-code-kept": UNTESTED["handling"], "ca-tool": UNTESTED["service"],
        "eu-code-detector": UNTESTED["service"], "eu-code-robust": UNTESTED["elsewhere"],
        "eu-code-text": "nothing says how many tokens the texts have: the plan names no tokenizer",
        "cn-visible": "the data do not say how high visible labels are", "ca-four-items": "it ended on 2026-09-29",
    }  # fmt: skip
    coming = {one.group for one in finding.measures if one.name == "coming_duty_share"}
    assert coming == {"eu-code-interoperable", "ca-platforms"}
    # no picture has a time stamp, and of the two texts none has a layer that a machine reads
    assert (finding.headline.value, finding.headline.n["items"]) == (0, 10)
    table = table_of(audit.folder, finding).table(["duty", "outcome", "why"]).to_pandas().set_index("duty")
    assert table.loc["eu-code-time", "outcome"] == "broken"
    assert table.loc["ca-four-items"].tolist() == ["not testable", "it ended on 2026-09-29"]
    missed = audit.items("duties").set_index("name")["duties_missed"].map(set)
    assert missed["right 0.png"] == {"eu-code-time"}
    assert missed["another key.png"] == {"eu-code-time", "eu-code-mark", "eu-code-layers"}


def test_half_of_the_pictures_keep_the_rules_that_the_plan_names(home, tmp_path):
    rules = ["eu-code-layers", "cn-metadata", "ca"]
    key = str(home / "ours.dokimasia-key")
    (finding,) = audited(home, tmp_path, rules=rules, keys=[key]).record.findings
    assert (finding.headline.value, finding.headline.n) == (4 / 8, {"items": 8, "units": 8})
    assert (finding.headline.low, finding.headline.high) == pytest.approx(exact_binomial(4, 8, finding.headline.level))
    # without the key nothing is said of the mark: two layers cannot be tested, and do not count
    (blind,) = audited(home, tmp_path / "blind", rules=rules).record.findings
    measures = {one.group: one for one in blind.measures}
    assert "names no key" in measures["eu-code-layers"].undefined
    assert blind.headline.value == 6 / 8


def test_rows_that_were_read_elsewhere_are_judged_by_their_length(home, tmp_path):
    """60 texts of 250 tokens of which 45 are found, 30 short ones that no duty is about, 10 of unknown length."""
    p_values = [1e-9] * 45 + [0.3] * 15 + [0.9] * 30 + [1e-9] * 10
    tokens = [250] * 60 + [199] * 30 + [None] * 10
    rows = pd.DataFrame({"name": [f"t{at}" for at in range(100)], "tokens": tokens, "p_value": p_values})
    rows.to_parquet(tmp_path / "rows.parquet")
    items = {"use": "file", "path": str(tmp_path / "rows.parquet")}
    (finding,) = audited(home, tmp_path, items, rules=["eu-code-text"]).record.findings
    (share,) = (one for one in finding.measures if one.name == "duty_share")
    assert (share.value, share.n["items"], share.missing) == (45 / 60, 60, 10)
    assert share.low == pytest.approx(exact_binomial(45, 70, share.level)[0])
    assert share.high == pytest.approx(exact_binomial(55, 70, share.level)[1])


def test_texts_are_read_by_the_tokenizer_that_the_plan_names(tmp_path, tiny_lm):
    """Of six texts of 200 tokens or more three carry a mark of the keys, a short one is none that the rule is about."""
    source = CausalLMFolder(tiny_lm, dtype="float32", threads=1)
    reader, keys = source.open(), [known(name, 1) for name in ("gumbel", "kgw-lefthash")]
    for at, key in enumerate(keys):
        write_mark_key(tmp_path / f"{at}.dokimasia-key", key)
    (tmp_path / "texts").mkdir()
    marks = [keyed_mark(keys[at % 2]) if at < 3 else None for at in range(6)]
    for at, (mark, tokens) in enumerate(zip([*marks, None], [220] * 6 + [60], strict=True)):
        (tmp_path / "texts" / f"{at}.txt").write_text(written(reader, mark, tokens, at), "utf-8")
    files = sorted(tmp_path.glob("*.dokimasia-key"))
    probe = Duties(rules=("eu-code-text",), keys=files, tokenizer="reader", day="2026-11-28")
    check = Check("duties", probe, {"items": Files(tmp_path / "texts")})
    audit = run(Plan("Texts", (check,), None, helpers={"reader": source}), into=tmp_path / "audits")
    (finding,) = audit.record.findings
    (share,) = (one for one in finding.measures if one.name == "duty_share")
    assert (share.value, share.n["items"], share.missing) == (3 / 6, 6, 0), finding.why
    items = audit.items("duties").set_index("name")
    assert items["mark"].tolist() == ["found"] * 3 + ["not found"] * 4
    assert items.loc["6.txt", "tokens"] < 200 <= items["tokens"].head(6).min()


@pytest.mark.parametrize(
    ("published", "told"), [(False, ["not sought"] * 4), (True, ["found", "found", "not found", "not found"])]
)
def test_a_mark_with_a_published_key_is_found_where_the_plan_has_it_tried(tmp_path, tiny_lm, published, told):
    """KGW with the key that is its default; every published key counts in the p-value of each text."""
    source = CausalLMFolder(tiny_lm, dtype="float32", threads=1)
    reader = source.open()
    (tmp_path / "texts").mkdir()
    for at, mark in enumerate((LeftHash(), LeftHash(), None, None)):
        (tmp_path / "texts" / f"{at}.txt").write_text(written(reader, mark, 220, at), "utf-8")
    probe = Duties(rules=("eu-code-text",), published=published, tokenizer="reader", day="2026-11-28")
    check = Check("duties", probe, {"items": Files(tmp_path / "texts")})
    audit = run(Plan("Texts", (check,), None, helpers={"reader": source}), into=tmp_path / "audits")
    assert audit.items("duties").sort_values("name")["mark"].tolist() == told


def test_only_files_that_may_be_signed_need_the_library(tmp_path, monkeypatch):
    monkeypatch.setattr("audit.watermarks.origin.parser.find_spec", lambda _: None)
    for name, data in (("texts", {"a.txt": b"AI-generated: hello", "b.txt": b"hello"}), ("files", {"a.png": b"no"})):
        (tmp_path / name).mkdir()
        for file, told in data.items():
            (tmp_path / name / file).write_bytes(told)
        check = Check("duties", Duties(), {"items": Files(tmp_path / name)})
        (finding,) = run(Plan("Outputs", [check]), into=tmp_path / "audits").record.findings
        assert (finding.verdict == "skipped") == (name == "files"), finding
        if name == "files":
            assert finding.reason == {"key": "library", "library": "c2pa", "extra": "c2pa"}


def test_a_rule_stands_as_it_does_on_the_day():
    by_id = {one.id: one for one in duties()}
    marked, five, four = by_id["eu-marked"], by_id["ca-five-items"], by_id["ca-four-items"]

    def stands(duty, day, placed=None):
        (one,) = owed([duty], date.fromisoformat(day), placed and date.fromisoformat(placed))
        return one.in_force, one.untested

    assert stands(marked, "2026-08-01") == (False, None)
    assert stands(marked, "2026-08-02") == stands(marked, "2026-12-02", "2025-05-05") == (True, None)
    assert stands(marked, "2026-12-01", "2025-05-05") == (False, None)
    assert stands(marked, "2026-12-01", "2026-08-02") == (True, None)
    assert (stands(five, "2026-09-29"), stands(five, "2026-09-30")) == ((False, None), (True, None))
    assert stands(four, "2026-09-29") == (True, None)
    assert stands(four, "2026-09-30")[1] == "it ended on 2026-09-29"


def test_no_duty_of_the_list_is_half_said():
    for one in duties():
        assert {*one.rule} == {*one.evidence} == {"en", "ko"}, one.id
        assert one.test is None or one.test in TESTS, one.id
        assert one.untested is None or one.untested in UNTESTED, one.id
        assert (one.framework is None) == (one.clause is None), one.id
        assert one.sure in ("A", "B", "C"), one.id
        assert one.source in ("official", "summary"), one.id
        assert {*one.kinds} <= {"text", "image", "audio", "video", "document"}, one.id
    assert len({one.id for one in duties()}) == len(duties())
    assert {field.name for field in fields(Duty)} > {"since", "until", "placed_before"}


def test_every_clause_that_is_named_is_a_row_of_its_catalogue():
    import reports

    home = Path(reports.__file__).parent / "frameworks"
    for one in duties():
        file = home / f"{one.framework}.yaml"
        if one.framework is not None and file.exists():
            rows = {str(clause["id"]) for clause in yaml.safe_load(file.read_text("utf-8"))["clauses"]}
            assert one.clause in rows, one.id


def test_a_manifest_tells_the_items_that_it_tells():
    authority = made_authority()
    with Parser() as parser:
        for say, told in (
            (SAYS, list(ITEMS)), (Declaration("model a"), ["provider", "system", "id", "kind"]),
            (Declaration(), ["provider", "id", "kind"]),
        ):
            data, _ = signed(picture(1)[:], authority.chain, authority.key, parser, say)
            assert disclosed_in(read_origin(data, parser)) == told
        assert disclosed_in(read_origin(data + b"x", parser)) == []  # altered: nothing of it holds
    assert kind_of(b"%PDF-1.7", "a.bin") == "document"
    assert [kind_of(b"", name) for name in ("a.txt", "b.md", "c.wav", "d")] == ["text", "text", "audio", "other"]


def test_outputs_that_cannot_be_read_bound_a_share_and_decide_nothing():
    outputs = planted_outputs(1.0).query("kind == 'image'").head(20).copy()
    outputs.loc[outputs.index[:8], ["state", "mark", "source_type", "aigc", "disclosed", "label_share"]] = None
    asked = owed([one for one in duties() if one.id == "cn-metadata"], date(2026, 11, 28))
    found = duties_kept(outputs, asked, least=0.95, level=0.95, rng=np.random.default_rng(0))
    share = found.measure("duty_share", "cn-metadata")
    assert (share.value, share.missing) == (1, 8)
    assert share.low == pytest.approx(exact_binomial(12, 20)[0])
    assert found.table["outcome"].tolist() == ["open"]
    lost = duties_kept(outputs.head(8), asked, least=0.95, level=0.95, rng=np.random.default_rng(0))
    assert lost.headline.undefined == "no duty that is in force could be tested on these outputs"
    assert lost.measure("duty_share", "cn-metadata").undefined == "none of the outputs that it is about could be read"


def test_equal_outputs_are_one_unit():
    outputs = planted_outputs(1.0).query("kind == 'image'")
    outputs = pd.concat([outputs.head(5).assign(digest="a"), outputs.iloc[5:6]])
    found = Duties(rules=("iptc-source",)).judge({"items": outputs}, level=0.95, rng=np.random.default_rng(0))
    assert found.headline.n == {"items": 6, "units": 2}


@pytest.mark.parametrize(("options", "said"), [
    ({"rules": ("eu-marke",)}, "did you mean 'eu-marked'"), ({"rules": ("eu-notice",)}, "that outputs can show"),
    ({"day": "28.11.2026"}, "YYYY-MM-DD"), ({"at_least": 1.0}, "above 0"),
])  # fmt: skip
def test_options_that_ask_nothing_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Duties(**options)
