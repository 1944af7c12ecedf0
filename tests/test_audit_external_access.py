"""What a plan may reach: told where it runs freely, refused with line and column where it is confined."""

import os
from pathlib import Path

import pytest
import yaml

from audit import run
from audit.cli.app import execute
from audit.errors import PlanError
from audit.plan import Confined, load_plan, reaches
from audit.watermarks.keys import write_mark_key
from audit.watermarks.text.keyed import new_text_key

ROOT = Path(__file__).parents[1]
SECRET = "AKIATOKENCANARY"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A repository with a plan, and things that lie outside."""
    (home := tmp_path / "repository").mkdir()
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "photos").mkdir()
    (home / "facts.csv").write_text("question,aliases\nWhat?,a\nWho?,b\n")
    (home / "outputs.csv").write_text("prompt,output\nWhat?,a\n")
    monkeypatch.chdir(home)
    return home


TABLE = "{use: table, path: outputs.csv, prompt: prompt, output: output}"


def plan(folder: Path, *, model=TABLE, data="facts.csv") -> Path:
    text = f"""\
title: T
model: {model}
checks:
  - name: facts
    probe: {{use: factuality.closed_book}}
    data: {{use: file, path: {data}, format: csv}}
"""
    (folder / "plan.yaml").write_text(text)
    return folder / "plan.yaml"


def refused(path: Path, *variables: str) -> str:
    with pytest.raises(PlanError) as error:
        load_plan(path, Confined(variables))
    return str(error.value)


def endpoint(variable: str) -> str:
    return f"{{use: endpoint, url: 'http://127.0.0.1:9/v1', name: m, key_env: {variable}}}"


def test_below_its_own_folder_a_confined_plan_reads_as_any(site):
    assert load_plan(plan(site), Confined()) == load_plan(plan(site))


@pytest.mark.parametrize("data", ["../secret", "/etc/passwd", "/proc/self/environ", "../gone", "link"])
def test_nothing_outside_is_read_nor_told_to_exist(site, data):
    (site / "link").symlink_to("../secret")
    assert "plan.yaml:6:" in refused(plan(site, data=data))
    assert "lies outside the plan's folder" in refused(plan(site, data=data))
    assert SECRET not in refused(plan(site, data=data))


def test_no_pipe_no_device_and_no_link_in_a_folder(site, tmp_path):
    os.mkfifo(site / "pipe")
    assert "is no regular file" in refused(plan(site, data="pipe"))
    (site / "model").mkdir()
    (site / "model" / "config.json").symlink_to(tmp_path / "secret")
    assert "lies outside" in refused(plan(site, model="{use: vae, path: model}"))
    (site / "model" / "config.json").unlink()
    (site / "model" / "deep").symlink_to(tmp_path)
    assert "lies outside" in refused(plan(site, model="{use: vae, path: model}"))


def test_only_variables_that_are_meant_for_plans_or_allowed(site):
    told = refused(plan(site, model=endpoint("AWS_SECRET_ACCESS_KEY")))
    assert "plan.yaml:2:" in told
    assert "'AWS_SECRET_ACCESS_KEY' is not allowed by --confined" in told
    for name in ("DOKIMASIA_KEY", "XDOKIMASIA_KEY_A", "PATH"):
        assert "is not allowed" in refused(plan(site, model=endpoint(name)))
    load_plan(plan(site, model=endpoint("DOKIMASIA_KEY_OURS")), Confined())
    load_plan(plan(site, model=endpoint("MODEL_KEY")), Confined(("MODEL_KEY",)))


@pytest.mark.parametrize("confined", [None, Confined(), Confined(("DOKIMASIA_STATE_KEY",))])
def test_no_plan_reads_what_vouches_for_stored_audits(site, confined):
    with pytest.raises(PlanError, match="'DOKIMASIA_STATE_KEY' vouches for what is stored here and goes to nobody"):
        load_plan(plan(site, model=endpoint("DOKIMASIA_STATE_KEY")), confined)


def test_what_a_free_plan_reaches_is_told_once(site, tmp_path):
    read = load_plan(plan(site, model=endpoint("AWS_SECRET_ACCESS_KEY"), data="../secret"))
    assert list(reaches(read, site)) == [
        "sends the key in AWS_SECRET_ACCESS_KEY to 127.0.0.1:9",
        f"reads outside the plan's folder: {tmp_path / 'secret'}",
    ]
    assert list(reaches(load_plan(plan(site)), site)) == []


def test_the_command_tells_it_before_it_asks(site, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    path = str(plan(site, model=endpoint("AWS_SECRET_ACCESS_KEY"), data="../secret"))
    assert execute(["run", path, "--quiet"]) == 2
    told = capsys.readouterr().err
    assert told.splitlines()[:2] == [
        "sends the key in AWS_SECRET_ACCESS_KEY to 127.0.0.1:9",
        f"reads outside the plan's folder: {tmp_path / 'secret'}",
    ]
    assert SECRET not in told
    for words in (["run"], ["check-plan"], ["plan-size"], ["run", "--dry-run"]):
        assert execute([*words, path, "--confined", "--allow-env", "AWS_SECRET_ACCESS_KEY"]) == 2
        assert "lies outside the plan's folder" in capsys.readouterr().err
        assert execute([*words, path, "--confined"]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 2
    assert execute(["run", path, "--allow-env", "X"]) == 2
    assert "--allow-env goes with --confined" in capsys.readouterr().err


MARK = """\
  - name: mark
    probe: {use: provenance.text_mark, key_env: MARK_KEY, known_keys: [mine.dokimasia-key]}
    data: {use: file, path: facts.csv, format: csv, fields: {text: question}}
"""
NO_KEYS = [
    "model main: key_env: MODEL_KEY is not set in the environment",
    "check mark: key_env: MARK_KEY holds no key; allowed: an integer, 1 or more",
]


@pytest.mark.parametrize("gating", ["", "    limit: {measure: detection_rate, at_least: 0.5}\n"])
def test_a_key_that_is_not_there_is_a_mistake_of_the_plan_before_anything_runs(site, capsys, monkeypatch, gating):
    monkeypatch.delenv("MODEL_KEY", raising=False)
    monkeypatch.delenv("MARK_KEY", raising=False)
    write_mark_key(site / "mine.dokimasia-key", new_text_key("kgw-lefthash"))
    path = plan(site, model=endpoint("MODEL_KEY"))
    path.write_text(path.read_text() + MARK + gating)
    for words in (["run", "plan.yaml", "--quiet"], ["run", "plan.yaml", "--dry-run"]):
        assert execute(words) == 2
        sends, first, second = capsys.readouterr().err.splitlines()
        assert [sends, first, second] == [
            "sends the key in MODEL_KEY to 127.0.0.1:9", f"dokimasia: {NO_KEYS[0]}", NO_KEYS[1]
        ]
    assert not list(site.glob("audits/*"))
    with pytest.raises(PlanError) as told:
        run(path)
    assert list(told.value.problems) == NO_KEYS
    assert execute(["check-plan", "plan.yaml"]) == 0  # who commits a plan needs none of its keys, but is told
    assert capsys.readouterr().err.splitlines() == [f"plan.yaml: {one}; 'run' needs it" for one in NO_KEYS]
    monkeypatch.setenv("MODEL_KEY", SECRET)
    monkeypatch.setenv("MARK_KEY", "15")
    assert execute(["run", "plan.yaml", "--dry-run"]) == 0
    (site / "mine.dokimasia-key").write_text("{}")
    assert execute(["run", "plan.yaml", "--dry-run"]) == 2
    assert "check mark: " in capsys.readouterr().err


def test_the_templates_confine():
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    action = yaml.safe_load((ROOT / "ci/github/action.yml").read_text())
    job = yaml.safe_load((ROOT / "ci/gitlab/dokimasia.yml").read_text())
    assert hooks[0]["entry"] == "dokimasia check-plan --confined"
    assert action["inputs"]["run-options"]["default"] == "--confined"
    assert job[".dokimasia"]["variables"]["DOKIMASIA_RUN_OPTIONS"] == "--confined"
