"""Containers and the cluster: each file read by what reads it, and of the image every step that needs no Docker run."""

from __future__ import annotations

import ast
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import yaml
from dashboard_fixtures import serving
from dockerfile_parse import DockerfileParser
from needs import ROOT, needs_library
from object_store import moto
from pipelines import STATE_KEY, bash
from schemas import published

DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The instructions of the Dockerfile, comments left out: (name, value), in order."""
    copy = tmp_path_factory.mktemp("image") / "Dockerfile"
    shutil.copy(DEPLOY / "Dockerfile", copy)
    return [
        (one["instruction"], one["value"])
        for one in DockerfileParser(str(copy)).structure
        if one["instruction"] != "COMMENT"
    ]


def last(image, name):
    return next(value for instruction, value in reversed(image) if instruction == name)


def given(image, name):
    return next(value.partition("=")[2] for word, value in image if word == "ARG" and value.startswith(f"{name}="))


def context(folder):
    """Copy of this checkout as a build sees it: what `Dockerfile.dockerignore` lets through."""
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    left_out = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]
    assert rules == ["*", *(f"!{one}" for one in kept), *(f"**/{one}" for one in left_out)]
    for name in kept:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*left_out))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


# ---- the image ------------------------------------------------------------------------------------------------------


def test_the_image_is_small_and_runs_as_nobody_in_particular(image):
    bases = [value for name, value in image if name == "FROM"]
    assert all("-slim" in base for base in bases)
    low, high = given(image, "PYTHON").split(".")
    assert (int(low), int(high)) >= (3, 11)
    assert int(last(image, "USER")) >= 1000
    assert f"--uid {last(image, 'USER')} " in last([one for one in image if "useradd" in one[1]], "RUN")
    assert not [value for name, value in image if name in ("ARG", "ENV") and SECRET.search(value)]
    assert not [value for name, value in image if name == "COPY" and "--from" not in value and value != ". ."]


def test_what_it_installs_is_what_the_project_declares(image):
    extras = given(image, "EXTRAS").split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    torch = next(one for one in PROJECT["dependencies"] if one.startswith("torch"))
    assert f'"{torch}"' in last(image, "RUN")


def test_its_steps_build_the_wheel_and_install_the_command(image, tmp_path):
    """Left out: Debian's packages, torch and what the wheel depends on, which are here already."""
    there = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_TARGET": "", "PIP_NO_INDEX": ""}
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    steps = [value for name, value in image if name == "RUN" and "apt-get" not in value]
    (source := tmp_path / "source").mkdir()
    context(source)
    for step in steps:
        script = step.replace("/wheels", str(tmp_path / "wheels"))
        assert script != step
        env = {**bare, **there, "PATH": path, "EXTRAS": given(image, "EXTRAS"), "TORCH_INDEX": ""}
        if "pip install" in step:
            env["PIP_TARGET"] = str(tmp_path / "installed")
        env = {key: value for key, value in env.items() if value or not key.startswith("PIP_")}
        done = subprocess.run(["sh", "-ec", script], cwd=source, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (command,) = json.loads(last(image, "ENTRYPOINT"))
    program = [sys.executable, tmp_path / "installed" / "bin" / command, "--version"]
    seen = {**bare, "PYTHONPATH": str(tmp_path / "installed")}
    told = subprocess.run(program, cwd=tmp_path, env=seen, capture_output=True, text=True, check=True)
    assert told.stdout == f"dokimasia {PROJECT['version']}\n"


def test_its_health_is_that_of_the_dashboard_which_it_starts(image, tmp_path):
    command, *words = json.loads(last(image, "CMD"))
    assert command == "show"
    assert words == ["--into", "audits"]
    health = last(image, "HEALTHCHECK")
    program = ast.literal_eval(health[health.index("[") :])
    assert program[0] == "python"
    assert f":{last(image, 'EXPOSE')}/healthz" in program[-1]
    with serving(tmp_path) as address:
        port = str(urlsplit(address).port)
        ask = [sys.executable, *program[1:-1], program[-1].replace(last(image, "EXPOSE"), port)]
        assert subprocess.run(ask, check=False).returncode == 0
    assert subprocess.run(ask, stderr=subprocess.DEVNULL, check=False).returncode == 1, "nobody answers"


# ---- the services ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services():
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    published("docker-compose.yml").validate(composed)
    return composed["services"]


def test_no_service_is_reached_from_another_machine(services):
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)
    ours = [one for one in services.values() if one["image"] == "dokimasia"]
    assert len(ours) == 2
    assert all(one["network_mode"] == "host" and "--host" not in one.get("command", []) for one in ours)
    endpoint = urlsplit(ours[0]["environment"]["AWS_ENDPOINT_URL"])
    assert f"127.0.0.1:{endpoint.port}:{endpoint.port}" in ports
    assert endpoint.hostname == "127.0.0.1"
    base = services["database"]["environment"]
    user, name = base["POSTGRES_USER"], base["POSTGRES_DB"]
    catalogue = f"postgresql://{user}:{base['POSTGRES_PASSWORD']}@127.0.0.1:5432/{name}"
    assert {one["environment"]["DOKIMASIA_CATALOGUE"] for one in ours} == {catalogue}


def test_passwords_come_from_a_file_that_git_does_not_see(services):
    wanted = set()
    for one in services.values():
        for name, value in one["environment"].items():
            if SECRET.search(name):
                (variable,) = re.fullmatch(r"\$\{([A-Z_]+):\?\}", value).groups()
                wanted.add(variable)
    lines = (DEPLOY / "compose.env.example").read_text("utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(example) == wanted
    assert {name for name, value in example.items() if value} == {"AWS_ACCESS_KEY_ID"}
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert any(fnmatch.fnmatch("deploy/compose.env", line) for line in ignored)
    assert not any(fnmatch.fnmatch("deploy/compose.env.example", line) for line in ignored)


def test_what_is_kept_lies_in_volumes_and_each_starts_when_the_others_are_well(services):
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    mounted = {one.partition(":")[0] for service in services.values() for one in service["volumes"]}
    assert set(composed["volumes"]) < mounted
    for one in services.values():
        for name, how in one.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[name]["healthcheck"]["test"]


def test_an_audit_lies_in_the_store_with_the_settings_of_the_services(services, pipeline):
    """moto in place of the store; a second container, with nothing but the settings, reads what the first wrote."""
    for library in ("obstore", "moto.server"):
        needs_library(library)
    place = services["dashboard"]["command"][-1]
    bucket = services["objects"]["environment"]["S3_BUCKET"]
    assert place.startswith(f"s3://{bucket}/")
    with moto() as url:
        told = {"AWS_ENDPOINT_URL": url, "DOKIMASIA_STATE_KEY": STATE_KEY}
        urlopen(Request(f"{url}/{bucket}", method="PUT")).close()
        for name, word in (("audit", "passed"), ("dashboard", "finished before")):
            given = services[name]["environment"].items()
            settings = {key: "x" if value.startswith("$") else value for key, value in given}
            env = settings | told | {"XDG_CACHE_HOME": str(pipeline / name), "DOKIMASIA_CATALOGUE": ""}
            done = bash(f"dokimasia run plan.yaml --into {place}", env)
            assert word in done.stdout + done.stderr
        with urlopen(f"{url}/{bucket}?list-type=2") as listed:
            assert b"/record.json</Key>" in listed.read()


# ---- the cluster ----------------------------------------------------------------------------------------------------


def test_ray_takes_the_cluster():
    util = needs_library("ray.autoscaler._private.util")
    cluster = util.prepare_config(yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text("utf-8")))
    util.validate_config(cluster)
    node = cluster["available_node_types"][cluster["head_node_type"]]
    assert node["min_workers"] == node["max_workers"] == len(cluster["provider"]["worker_ips"])
    assert cluster["docker"]["image"] == "dokimasia"
    assert any(one.endswith(":/work") for one in cluster["docker"]["run_options"]), "one folder for all"
