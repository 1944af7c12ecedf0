"""Ray against one process: the same bytes, whatever is lost on the way, and nothing asked twice that was stored."""

import io
import os
import threading
import time
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import test_audit_shards as shards
from markov import Repeats
from needs import needs_library
from object_store import Bucket, moto
from ray_parts import Answering, Logged, Pictures, wait_for

from audit.cli.app import execute
from audit.data.tabular import File
from audit.errors import BudgetError
from audit.execute import RayExecutor, RunCallbacks, ray_executor, run
from audit.execute.ahead import Order
from audit.execute.ray_actor import Holder, Setting
from audit.models.endpoint import OpenAIEndpoint
from audit.plan import Check, Plan
from audit.prices import Budget
from audit.probes.bias.representation import Representation
from audit.probes.factuality.closed_book import ClosedBook
from audit.record import Limit
from audit.storage import access

pytestmark = pytest.mark.slow
TEXTS = [a + b + c + d for a in "abc" for b in "abc" for c in "abc" for d in "abc"]
LIMIT = Limit(measure="repeat_share", at_most=0.95)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes; this process is on the first, and the second may be lost. A worker starts when an actor wants one."""
    ray = needs_library("ray")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # as the executor has it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own making
        made = Cluster(initialize_head=True, connect=False, head_node_args={
            "num_cpus": 3, "include_dashboard": False, "object_store_memory": 80 << 20,
            "include_log_monitor": False, "no_monitor": True,  # nobody reads the logs here, and no node is hired
            "_system_config": {
                "enable_worker_prestart": False, "prestart_worker_first_driver": False,
                "scheduler_spread_threshold": 0.0,  # of two nodes both get actors
            },
        })  # fmt: skip
        ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def executor(cluster):
    """For the audit and two workers, each a process of a second and a half: tests to which one is enough say so."""
    with RayExecutor(models=3) as one:
        yield one


def text_plan(tmp_path, texts=TEXTS, **model):
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "\n".join(texts) + "\n")
    checks = (Check("limited", Repeats(), {"items": File(path)}, LIMIT),
              Check("early", Repeats(), {"items": File(path)}, LIMIT, stop="early"))  # fmt: skip
    log = tmp_path / "asked.log"
    return Plan("Texts", checks, model=Logged(log=log, **model), shard=8), log


def image_plan(tmp_path):
    rng = np.random.default_rng(1)
    seen = [rng.random((4, 4)).round(6) for _ in range(60)]
    known = [{"image": one.tolist(), "label": "a" if one.mean() > 0.5 else "b"} for one in seen]
    data = {"items": shards.written(tmp_path, [{"image": one.tolist()} for one in seen], "items"),
            "calibration": shards.written(tmp_path, known, "known")}  # fmt: skip
    log, check = tmp_path / "asked.log", Check("shares", Representation("main"), data)
    return Plan("Images", (check,), model=Pictures(log), shard=8), log


def asked(log):
    return Counter(log.read_text().splitlines()) if log.exists() else Counter()


def both(plan, log, tmp_path, executor, remarks=None):
    """Run a plan here and on the cluster; return (what was asked here, what there), the records being equal."""
    here = run(plan, into=tmp_path / "here")
    first = asked(log)
    log.unlink()
    watch = RunCallbacks(on_remark=lambda line: None if remarks is None else remarks.append(line))
    there = run(plan, into=tmp_path / "there", on=executor, watch=watch)
    assert (there.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert there.run.evidence == here.run.evidence
    return first, asked(log)


@pytest.mark.parametrize("plan_of", [text_plan, image_plan], ids=["texts, also stopped early", "images"])
def test_the_record_is_that_of_one_process(tmp_path, executor, plan_of):
    """Draws are for no prompt, so that their numbers go on from shard to shard."""
    remarks = []
    here, there = both(*plan_of(tmp_path), tmp_path, executor, remarks)
    assert there == here
    assert remarks == [], "all was answered ahead"


@pytest.mark.parametrize("stands", [False, True], ids=["ended", "silent"])
def test_a_lost_actor_costs_the_answers_in_flight(tmp_path, executor, monkeypatch, stands):
    """One that ends has another beside it; of the silent one, which is alone, all waits until it is given up."""
    executor.models = 2 if stands else 3
    monkeypatch.setattr(ray_executor, "_SILENT", 2.0 if stands else 60.0)
    plan, log = text_plan(tmp_path, fatal=tmp_path / "fatal", at="bbc", stands=stands)
    (tmp_path / "fatal").touch()
    remarks: list[str] = []
    here = run(plan, into=tmp_path / "here")
    first = asked(log)
    log.unlink()
    (tmp_path / "fatal").unlink()
    there = run(plan, into=tmp_path / "there", on=executor, watch=RunCallbacks(on_remark=remarks.append))
    lost = int((tmp_path / "fatal").read_text())
    end = time.monotonic() + 60
    while Path(f"/proc/{lost}").exists():
        assert time.monotonic() < end, "an actor that is given up must not ask on"
        time.sleep(0.05)
    assert (there.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert (asked(log) - first).total() <= 16, "one shard of 8 texts, each asked about in two forms"
    assert remarks == []


def settled(log):
    """Return what was asked when nobody asks any more: workers that were ended may take a moment."""
    while (seen := asked(log)) != (time.sleep(0.5) or asked(log)):
        pass
    return seen


def stop(items):
    raise KeyboardInterrupt


@pytest.mark.parametrize("order", [(True, False), (False, True)], ids=["cluster, then here", "here, then cluster"])
def test_an_interrupted_run_goes_on_elsewhere(tmp_path, executor, order):
    """Two workers are interrupted; one goes on."""
    executor.models = 3 if order[0] else 2
    plan, log = text_plan(tmp_path)
    here = run(plan, into=tmp_path / "here")
    first = asked(log)
    log.unlink()
    with pytest.raises(KeyboardInterrupt):
        run(plan, into=tmp_path / "cut", watch=RunCallbacks(on_answer=stop), on=executor if order[0] else None)
    assert sum(1 for _ in (tmp_path / "cut").glob("*/journal.jsonl")) == 1
    before, stored = settled(log), list((tmp_path / "cut").glob("*/observed/*/*.parquet"))
    answers = sum(pq.read_metadata(one).num_rows for one in stored)
    assert 0 < answers <= before.total()
    done = run(plan, into=tmp_path / "cut", on=executor if order[1] else None)
    assert (done.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert (asked(log) - before).total() == first.total() - answers, "what was stored is not asked again"
    assert set(asked(log)) == set(first)


def test_a_model_that_raises_crashes_the_check_with_the_same_words(tmp_path, executor):
    plan, _ = text_plan(tmp_path, at="cab", raises=True)
    executor.models = 2
    remarks: list[str] = []
    here = run(plan, into=tmp_path / "here")
    there = run(plan, into=tmp_path / "there", on=executor, watch=RunCallbacks(on_remark=remarks.append))
    assert (there.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert there.finding("limited").verdict == "crashed"
    assert "no answer to cab" in there.finding("limited").why
    assert remarks == []


def test_a_worker_that_computes_otherwise_is_told_and_not_used(tmp_path, executor, monkeypatch):
    plan, log = text_plan(tmp_path)
    monkeypatch.setattr("audit.execute.ray_executor.facts_of", lambda models: {"main": ["another", {}]})
    remarks, executor.models = [], 2
    here, there = both(plan, log, tmp_path, executor, remarks)
    assert there == here
    assert "is not used: main: it has ['sha256:markov-0.8', {}], the audit ['another', {}]" in remarks[0]


def test_no_room_for_a_worker_is_told(tmp_path, cluster, monkeypatch):
    plan, log = text_plan(tmp_path)
    monkeypatch.setattr("audit.execute.ray_executor._needs", lambda door: {"num_cpus": 999, "num_gpus": 0})
    remarks = []
    with RayExecutor() as executor:
        here, there = both(plan, log, tmp_path, executor, remarks)
    assert there == here
    assert remarks == ["ray: no room for a worker, which needs 999 cpus; the audit asks alone"]


# --- budgets, and stores of objects ---


def paid_plan(tmp_path, url, budget):
    rows = [{"question": f"What is number {number}?", "aliases": ["so"]} for number in range(48)]
    data = {"items": shards.written(tmp_path, rows, "numbers")}
    model = OpenAIEndpoint(url, "tiny", concurrency=3, budget=budget)
    return Plan("Paid", (Check("numbers", ClosedBook(mode="generate"), data),), model=model, shard=8)


def test_workers_share_a_budget_and_a_larger_one_asks_nothing_twice(tmp_path, executor):
    with Answering() as server:
        url, prompts = server.url, server.prompts
        here = run(paid_plan(tmp_path, url, None), into=tmp_path / "here")
        fixed = server.cleared()
        with pytest.raises(BudgetError, match=f"the budget of {fixed + 20} calls is used up: {fixed + 20} calls"):
            run(paid_plan(tmp_path, url, Budget(calls=fixed + 20)), into=tmp_path / "there", on=executor)
        assert len(prompts) == fixed + 20, "not one more, and to the last"
        remarks: list[str] = []
        watch = RunCallbacks(on_remark=remarks.append)
        executor.models = 2
        done = run(paid_plan(tmp_path, url, Budget(calls=500)), into=tmp_path / "there", on=executor, watch=watch)
        assert (done.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
        assert set(Counter(one for one in prompts if "number" in one).values()) == {1}
        assert done.run.spent["main"].calls == len(prompts)
        assert not any(line.startswith("ray:") for line in remarks), "all was answered by workers"


def test_a_killed_worker_spends_nothing_twice_and_takes_nothing_with_it(tmp_path, executor):
    with Answering() as server:
        here = run(paid_plan(tmp_path, server.url, None), into=tmp_path / "here")
        most = server.cleared() + 30
        server.kill_at = 10
        with pytest.raises(BudgetError, match=f"the budget of {most} calls is used up: {most} calls"):
            run(paid_plan(tmp_path, server.url, Budget(calls=most)), into=tmp_path / "there", on=executor)
        assert server.killed
        assert most - 2 <= len(server.prompts) <= most, "two were in flight besides, and may not have been sent"
        executor.models = 2
        done = run(paid_plan(tmp_path, server.url, Budget(calls=500)), into=tmp_path / "there", on=executor)
    assert (done.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    twice = Counter(one for one in server.prompts if "number" in one) - Counter(server.numbers)
    assert twice.total() <= 3, "what the killed one had in flight"
    assert 0 <= done.run.spent["main"].calls - len(server.prompts) <= 2
    assert not list(done.folder.glob(".spent-*"))


def test_results_go_into_a_store_and_on_from_there_on_another_machine(tmp_path, executor, monkeypatch):
    for library in ("obstore", "moto"):
        needs_library(library)
    plan, log = text_plan(tmp_path)
    here = run(plan, into=tmp_path / "here")
    first = asked(log)
    log.unlink()

    def go(machine):
        monkeypatch.setattr(access, "_COPIES", {})
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / machine))

    with moto() as server:
        for name, value in (("ENDPOINT_URL", server), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"),
                            ("REGION", "us-east-1")):  # fmt: skip
            monkeypatch.setenv(f"AWS_{name}", value)
        bucket = Bucket(server, "ray").make()
        go("one")
        with pytest.raises(KeyboardInterrupt):
            run(plan, into="s3://ray/audits", on=executor, watch=RunCallbacks(on_answer=stop))
        before, stored = settled(log), [key for key in bucket.listed() if key.endswith(".parquet")]
        answers = sum(pq.read_metadata(io.BytesIO(bucket.get(key))).num_rows for key in stored)
        assert 0 < answers <= before.total()
        go("two")
        executor.models = 2
        done = run(plan, into="s3://ray/audits", on=executor)
        assert bucket.get(f"audits/{done.folder.name}/record.json") == (here.folder / "record.json").read_bytes()
        assert (asked(log) - before).total() == first.total() - answers, "what the store holds is not asked again"


def test_a_machine_that_does_not_see_the_audit_is_told_in_one_line(tmp_path, monkeypatch):
    ray = needs_library("ray")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    plan, _ = text_plan(tmp_path)
    order = Order(plan, tmp_path / "cache" / "0a1b", "0a1b", alone=False, drawn=False)
    place = "s3://bucket/audits/0a1b"
    setting = Setting(ray.cloudpickle.dumps(order), ("", ""), 1, tmp_path, place, (), {}, paid=False)
    assert Holder().open(setting, "one")[1] == f"{place} is not there; allowed: a folder that every node sees"
    order.folder.mkdir(parents=True)
    why = Holder().open(replace(setting, paid=True), "one")[1]
    assert why == "it has not the key by which answers that a budget paid are kept one by one"


# --- the command ------------------------------------------------------------------------------------------------------

PLAN = """
title: {title}
model: {{use: table, path: outputs-{table}.jsonl, prompt: prompt}}
seed: {seed}
checks:
  - name: words
    probe: {{use: factuality.closed_book, mode: generate, prompt: "{{question}} A:"}}
    data: {{use: file, path: questions.jsonl}}
    limit: {{measure: contains, at_least: {least}}}
"""


def written_plans(tmp_path, *limits):
    shards.written(tmp_path, shards.QUESTIONS, "questions")
    prompts = [f"{row['question']} A:" for row in shards.QUESTIONS]
    for table in range(2):
        rows = [{"prompt": one, "output": f"the ferry {table}"} for one in prompts]
        shards.written(tmp_path, rows, f"outputs-{table}")
    paths = [tmp_path / f"{number}.yaml" for number in range(len(limits))]
    for number, (path, least) in enumerate(zip(paths, limits, strict=True)):
        path.write_text(PLAN.format(title=f"Plan {number}", seed=number, table=number % 2, least=least))
    return [str(path) for path in paths]


def test_plans_side_by_side_with_a_limit_of_models_in_memory(tmp_path, cluster, capfd):
    """The third asks the first one's model again, and says so: it waits for it."""
    plans = written_plans(tmp_path, 0.001, 0.99, 0.002)
    code = execute(["run", *plans, "--into", str(tmp_path / "there"), "--on", "ray", "--models", "4"])
    out, err = capfd.readouterr()
    assert code == 1, err
    assert all(f"Plan {number}: 1 check into" in err for number in range(3))
    assert "Failed: 1 of 1 checks" in out
    local = execute(["run", *plans, "--into", str(tmp_path / "here")])
    assert local == 1
    here, there = (sorted(path.read_bytes() for path in (tmp_path / name).glob("*/record.json"))
                   for name in ("here", "there"))  # fmt: skip
    assert here == there
    assert len(here) == 3
    assert sum(b'"attempts":' in record for record in here) == 1


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    (plan,) = written_plans(tmp_path, 0.001)
    assert execute(["run", plan, "--into", str(tmp_path / "a"), "--on", "ray"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "dokimasia: --on ray needs Ray, which is not installed; install dokimasia[ray]"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--on", "spark"], "--on spark; allowed: ray, ray://HOST:PORT, ray://auto"),
        (["--on", "ray://"], "--on ray://; allowed: ray, ray://HOST:PORT, ray://auto"),
        (["--models", "2"], "--models goes with --on; here one plan is run after the other"),
    ],
)
def test_a_place_that_there_is_not(tmp_path, capsys, words, told):
    (plan,) = written_plans(tmp_path, 0.001)
    assert execute(["run", plan, "--into", str(tmp_path / "a"), *words]) == 2
    assert capsys.readouterr().err == f"dokimasia: {told}\n"


def test_an_error_in_one_plan_leaves_the_others_their_turn(tmp_path, capsys):
    plans = written_plans(tmp_path, 0.001, 0.001)
    broken = tmp_path / "0.yaml"
    broken.write_text(broken.read_text().replace("outputs-0.jsonl", "torn.jsonl"))
    (tmp_path / "torn.jsonl").write_text("{")
    assert execute(["run", *plans, "--into", str(tmp_path / "a")]) == 2
    out, err = capsys.readouterr()
    assert "torn.jsonl" in err
    assert "Passed" in out


# --- last, as the cluster is another one from then on


def test_a_lost_node_costs_the_answers_in_flight(tmp_path, cluster, executor):
    """Its workers' tasks go to those of the node that is left."""
    from ray._private.state import available_resources_per_node

    plan, log = text_plan(tmp_path, [*TEXTS, *(text + "a" for text in TEXTS)], slow=0.02)
    here = run(replace(plan, model=replace(plan.model, slow=0.0)), into=tmp_path / "here")
    first = asked(log)
    log.unlink()
    node = cluster.add_node(num_cpus=2, object_store_memory=80 << 20)
    done = []
    executor.models = 4
    thread = threading.Thread(target=lambda: done.append(run(plan, into=tmp_path / "there", on=executor)))
    thread.start()
    wait_for(log, lines=60)
    assert available_resources_per_node()[node.node_id].get("CPU", 0) < 2, "it has workers to lose"
    cluster.remove_node(node, allow_graceful=False)
    thread.join(600)
    assert (done[0].folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert (asked(log) - first).total() <= 4 * 16, "what its two workers were at, at most"
