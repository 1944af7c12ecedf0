"""Images from a server and images made elsewhere: dealt draw by draw, hostile ones refused, one by one."""

from __future__ import annotations

import base64
import csv
import json
from collections import Counter

import numpy as np
import pytest
from image_models import FIXED, deal, png, told
from PIL import ImageFile

from audit.ask.identity import others
from audit.errors import DataError, EndpointError, ModelError, UsageError
from audit.model import Verifiable, abilities_of
from audit.models.image_endpoint import ImageEndpoint
from audit.models.image_outputs import ImageOutputs
from audit.models.remote.addresses import followed

RNG = np.random.default_rng(0)
IMAGES = {name: list(RNG.integers(0, 256, (3, 3, 8, 10), dtype=np.uint8)) for name in ("a nurse", "a judge")}


def _endpoint(server, **options):
    return ImageEndpoint(url=server.url, name="painter", **{"retries": 0, "timeout": 20.0, **options})


def _open(server, **options):
    return _endpoint(server, **options).open()


def test_a_server_s_images_come_as_they_are():
    with deal(IMAGES) as server:
        model = _open(server, seeded=False, concurrency=1)
        drawn = model.sample(["a nurse", "a judge", "a nurse"], seed=1)
        model.close()
    assert abilities_of(model) == {"sample"}
    assert isinstance(model, Verifiable)
    for one, (prompt, number) in zip(drawn, [("a nurse", 0), ("a judge", 0), ("a nurse", 1)], strict=True):
        np.testing.assert_array_equal(one.content, IMAGES[prompt][number])
    asked = [body for body in server.bodies if body["prompt"] != FIXED]
    assert asked[0] == {"model": "painter", "prompt": "a nurse", "n": 1, "response_format": "b64_json"}
    assert model.fingerprint.endswith(" (unverifiable)")


def test_every_draw_has_a_seed_of_its_own_that_depends_on_prompt_and_number():
    with deal(IMAGES, by_seed=True) as server:
        model = _open(server)
        model.sample(["a nurse"] * 3, seed=1)
        model.sample(["a nurse"], seed=1, numbers=[2])
        model.close()
    seeds = [body["seed"] for body in server.bodies if body["prompt"] == "a nurse"]
    assert len(set(seeds[:3])) == 3
    assert seeds[3] in seeds[:3]
    assert "seed" not in model.missing


def test_parameters_of_the_plan_go_along_and_null_leaves_one_out():
    with deal(IMAGES, refuses=["seed", "response_format"]) as server:
        with pytest.raises(EndpointError, match=r"no image for a fixed prompt: HTTP 400: .*Unknown parameter"):
            _open(server)
        model = _open(server, seeded=False, sampling={"response_format": None, "size": "8x10", "steps": 9})
        (drawn,) = model.sample(["a nurse"], seed=1, steps=3)
        model.close()
    assert drawn.finish == "stop"
    assert server.bodies[-1] == {"model": "painter", "prompt": "a nurse", "n": 1, "size": "8x10", "steps": 3}


def test_another_model_behind_the_address_is_seen_where_seeds_fix_a_draw():
    with deal(IMAGES, by_seed=True) as server:
        model = _open(server)
        facts = json.loads(json.dumps(model.identity()))
        assert np.shape(facts["picture"]) == (8, 8)
        assert others({"main": facts}, {"main": model}) == []
        server.answer = lambda body: told(np.full((3, 16, 16), 10, np.uint8))  # one level off: the same model
        assert model.still(facts)
        server.answer = lambda body: told(np.full((3, 16, 16), 90, np.uint8))
        assert not model.still(facts)
        model.close()
    assert model.fixed_calls == 6
    assert _endpoint(server).fixed_calls == (4, 4)


def test_a_server_that_draws_anew_for_a_seed_says_so_and_is_no_stranger():
    with deal(IMAGES) as server:
        model = _open(server)
        assert model.missing["seed"] == "the same seed gave two different draws"
        assert model.still(model.identity())
        model.close()


def _b64(data):
    return {"data": [{"b64_json": base64.b64encode(data).decode()}]}


BOMB = png(np.zeros((3, 2049, 2048), np.uint8))
HOSTILE = {
    "an address elsewhere": ({"data": [{"url": "http://169.254.169.254/x.png"}]},
                             "an address at 169.254.169.254, which the plan does not name (`follow`)"),
    "an address of a file": ({"data": [{"url": "file:///etc/passwd"}]}, "an address that is not of http or https"),
    "an address with a user": ({"data": [{"url": "http://127.0.0.1@elsewhere/x"}]}, "not of http or https"),
    "no address": ({"data": [{"url": "http://[::1/x"}]}, "an address that is none"),
    "an address with control characters": ({"data": [{"url": "/files/a\x01b"}]}, "an address that is none"),
    "an address without end": ({"data": [{"url": "/" + "a" * 70_000}]}, "an address that is none"),
    "nothing there": ({"data": [{"url": "/files/none.png"}]}, "at the address in the answer: HTTP 404"),
    "another place there": ({"data": [{"url": "/files/moved.png"}]}, "at the address in the answer: HTTP 302"),
    "no image there": ({"data": [{"url": "/files/text.png"}]}, "not one of the formats"),
    "too much there": ({"data": [{"url": "/files/huge.png"}]}, "is longer than 32 MiB"),
    "no image": ({"data": [{"b64_json": 7}]}, "answer without image"),
    "none": ({"data": []}, "answer with 0 images, not one"),
    "no list": ({"data": "x"}, "answer with no images, not one"),
    "no base64": ({"data": [{"b64_json": "?"}]}, "is no base64"),
    "no file of an image": (_b64(b"%!PS-Adobe showpage"), "not one of the formats"),
    "cut short": (_b64(png(IMAGES["a nurse"][0])[:90]), "cannot be read as an image"),
    "too large": (_b64(BOMB), "2049 x 2048 pixels; allowed: 4,194,304 in all"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_an_answer_that_holds_no_image_is_an_error_of_that_item(case, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as WeasyPrint has it, once it is imported
    answer, why = HOSTILE[case]
    files = {"text.png": b"no image", "huge.png": bytes((32 << 20) + 1), "moved.png": 302}
    with deal(IMAGES, by_seed=True, files=files) as server:
        model = _open(server)
        server.answer = lambda body: answer if body["prompt"] == "a judge" else told(IMAGES["a nurse"][0])
        good, bad = model.sample(["a nurse", "a judge"], seed=1)
        model.close()
    assert good.finish == "stop"
    assert (bad.content, bad.finish) == (None, "error")
    assert why in bad.problem


def test_an_image_is_fetched_from_the_server_itself_and_where_the_plan_says_so(monkeypatch):
    """Relative, whole, and on another port, where it takes `follow`; the key goes to the server itself alone."""
    monkeypatch.setenv("PAINT_KEY", "sk-very-secret-1234")
    nurse, judge = (IMAGES[name][0] for name in IMAGES)
    here, there = {"n.png": png(nurse)}, {"j.png": png(judge)}
    with deal(IMAGES, by_seed=True, files=here) as server, deal({}, files=there) as two:
        home, other = (one.url.removesuffix("/v1") for one in (server, two))
        for follow, count in (((), 2), ((other.removeprefix("http://"),), 3)):
            server.answer = None
            model = _open(server, follow=follow, key_env="PAINT_KEY", concurrency=1)
            places = iter(("/files/n.png", f"{home}/files/n.png", f"{other}/files/j.png"))
            server.answer = lambda body, places=places: {"data": [{"url": next(places)}]}
            drawn = model.sample(["a nurse"] * 3, seed=1)
            model.close()
            assert [one.finish for one in drawn] == ["stop"] * count + ["error"] * (3 - count)
        for one, image in zip(drawn, (nurse, nurse, judge), strict=True):
            np.testing.assert_array_equal(one.content, image)
    assert {key for _, key in server.fetched} == {"Bearer sk-very-secret-1234"}
    assert two.fetched == [("j.png", None)]


def test_an_answer_cannot_lead_from_an_encrypted_line_to_one_in_the_clear():
    """A name proves itself by its certificate alone: in the clear it may stand for a machine of the inner network."""
    base, hosts = "https://a.example/v1", ["b.example"]
    assert followed("https://b.example/x", base, hosts) == ("https://b.example/x", False)
    assert followed("/x", base, hosts) == ("https://a.example/x", True)
    assert followed("http://b.example/x", "http://a.example/v1", hosts) == ("http://b.example/x", False)
    for url in ("http://b.example/x", "http://a.example/x", "http://a.example:443/x"):
        with pytest.raises(ValueError, match="not encrypted, as the server's own is"):
            followed(url, base, [*hosts, "a.example", "a.example:443"])


def test_where_nothing_comes_any_more_the_audit_ends():
    with deal(IMAGES, by_seed=True) as server:
        model = _open(server)
        server.answer = lambda body: {"data": []}
        with pytest.raises(EndpointError, match="no image for a fixed prompt: answer with 0 images"):
            model.sample(["a nurse"], seed=1)
        model.close()


def test_a_key_that_comes_back_is_not_kept(monkeypatch):
    monkeypatch.setenv("PAINT_KEY", "sk-very-secret-1234")
    with deal(IMAGES, by_seed=True) as server:
        model = _open(server, key_env="PAINT_KEY")
        server.answer = lambda body: told(IMAGES["a nurse"][0]) | (
            {"revised_prompt": "for sk-very-secret-1234"} if body["prompt"] == "a judge" else {}
        )
        _, bad = model.sample(["a nurse", "a judge"], seed=1)
        model.close()
    assert bad.problem == "answer holds the key; it is not kept"
    monkeypatch.delenv("PAINT_KEY")
    with pytest.raises(UsageError, match="PAINT_KEY is not set"):
        ImageEndpoint(url="http://127.0.0.1:9/v1", name="m", key_env="PAINT_KEY").open()


@pytest.mark.parametrize(("options", "allowed"), [
    ({"url": "file:///etc/passwd"}, "allowed: http"), ({"url": "http://169.254.169.254/v1"}, "link-local"),
    ({"follow": ("169.254.169.254",)}, "link-local"), ({"follow": ("http://x/y",)}, "allowed: a host such as"),
    ({"sampling": {"n": 4}}, "sampling sets n"), ({"concurrency": 0}, "concurrency 0"), ({"timeout": 0}, "timeout 0"),
])  # fmt: skip
def test_options_of_an_endpoint_that_cannot_hold_are_refused(options, allowed):
    with pytest.raises(ValueError, match=allowed):
        ImageEndpoint(**{"url": "http://127.0.0.1:9/v1", "name": "m", **options})


@pytest.fixture
def made(tmp_path):
    """A folder of images with its table."""
    rows = []
    (tmp_path / "pictures").mkdir()
    for prompt, images in IMAGES.items():
        for k, image in enumerate(images):
            file = f"pictures/{prompt} {k}.png"
            (tmp_path / file).write_bytes(png(image))
            rows.append((prompt, file))
    return _table(tmp_path, rows)


def _table(folder, rows):
    with (folder / "outputs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("prompt", "image"), *rows])
    return folder / "outputs.csv"


def test_images_made_elsewhere_are_dealt_in_their_order_and_never_twice(made):
    model = ImageOutputs(made).open()
    assert abilities_of(model) == {"sample"}
    assert model.name == "outputs"
    drawn = model.sample(["a nurse", "a judge", "a nurse"], seed=1)
    for one, (prompt, number) in zip(drawn, [("a nurse", 0), ("a judge", 0), ("a nurse", 1)], strict=True):
        np.testing.assert_array_equal(one.content, IMAGES[prompt][number])
    (late,) = model.sample(["a nurse"], seed=1, numbers=[3])
    assert late.problem == "draw 4; for this prompt the table has 3"
    assert model.sample(["a cook"], seed=1)[0].problem == "outputs.csv has no image for this prompt"


def test_their_fingerprint_is_of_the_table_and_of_every_image(made):
    source = ImageOutputs(made)
    before = source.fingerprint()
    file = made.parent / "pictures" / "a nurse 0.png"
    file.write_bytes(png(255 - IMAGES["a nurse"][0]))
    after = source.fingerprint()
    made.write_text(made.read_text().replace("a judge,", "a cook,"))
    assert len({before, after, source.fingerprint(), ImageOutputs(made, prompt="image").fingerprint()}) == 4


def test_what_is_no_image_is_an_error_of_that_draw(made):
    folder = made.parent / "pictures"
    (folder / "a nurse 0.png").write_bytes(b"not an image")
    (folder / "a nurse 1.png").unlink()
    _table(made.parent, [("a nurse", f"pictures/a nurse {k}.png") for k in range(3)] + [("a nurse", "")])
    problems = Counter(str(one.problem) for one in ImageOutputs(made).open().sample(["a nurse"] * 4, seed=0))
    assert problems == {
        "image file a nurse 0.png cannot be used: cannot be read as an image (not one of the formats)": 1,
        "image file a nurse 1.png cannot be used: No such file or directory": 1,
        "None": 1, "the table's output is empty": 1,
    }  # fmt: skip


def test_tables_that_lead_out_or_say_nothing_are_refused(tmp_path):
    with pytest.raises(ModelError, match="lies outside; allowed: files in the table's folder"):
        ImageOutputs(_table(tmp_path, [("a nurse", "../../etc/passwd")])).open()
    (tmp_path / "out.png").symlink_to("/etc/passwd")
    with pytest.raises(ModelError, match="lies outside"):
        ImageOutputs(_table(tmp_path, [("a nurse", "out.png")])).open()
    with pytest.raises(DataError, match="row 1: prompt or image is no text"):
        ImageOutputs(_table(tmp_path, [("", "x.png")])).open()
    with pytest.raises(DataError, match="no column 'picture'"):
        ImageOutputs(_table(tmp_path, [("a", "x.png")]), image="picture").open()
    with pytest.raises(DataError, match="no such file"):
        ImageOutputs(tmp_path / "none.csv").fingerprint()
