"""Logs in the shapes that other tools write, made here of items of our own."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

DATE = "2026-11-28T10-00-00.000000"
KEY = "sk-plantedA1B2C3D4E5F6G7H8I9J0"
"""A planted key, which no file of an audit may hold."""


def write(path: Path, *rows: Any, lines: bool = True) -> Path:
    """Write JSON lines, or one JSON value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows) if lines else json.dumps(rows[0])
    path.write_text(text, "utf-8")
    return path


def table(path: Path, scores: list[float | None], **more: Any) -> Path:
    """Write a plain table of scored answers, a row a score; `more` are columns, one value for all or one a row."""
    rows = [{"item": f"q{place}", "score": score} for place, score in enumerate(scores)]
    for name, cells in more.items():
        for place, row in enumerate(rows):
            row[name] = cells[place] if isinstance(cells, list) else cells
    return write(path, *rows)


def lm_eval(
    folder: Path, right: list[int], *, filters: tuple[str, ...] = ("none",), mean: float | None = None,
    count: int | None = None, higher: bool | None = True,
) -> Path:
    """Write a run of one generated task, `toy`, and return its results file."""
    rows = [
        {"doc_id": place, "doc": {"question": f"{place}+1?", "kind": "even" if place % 2 == 0 else "odd"},
         "target": str(place + 1), "arguments": {"gen_args_0": {"arg_0": f"Q: {place}+1?", "arg_1": {}}},
         "resps": [["x"]], "filtered_resps": [str(place + (1 if one else 2))], "filter": name,
         "metrics": ["exact_match"], "doc_hash": f"d{place}", "prompt_hash": "p", "target_hash": "t",
         "exact_match": float(one)}
        for name in filters for place, one in enumerate(right)
    ]  # fmt: skip
    write(folder / f"samples_toy_{DATE}.jsonl", *rows)
    told = sum(right) / len(right) if mean is None else mean
    results = {f"exact_match,{name}": told for name in filters} | {f"exact_match_stderr,{filters[0]}": 0.1}
    return write(folder / f"results_{DATE}.json", {
        "results": {"toy": {"alias": "toy", **results}}, "n-samples": {"toy": {"original": 999, "effective":
                                                                      len(right) if count is None else count}},
        "higher_is_better": {"toy": {"exact_match": higher}}, "lm_eval_version": "0.4.13", "model_name": "demo",
        "configs": {"toy": {"metric_list": [{"metric": "exact_match", "aggregation": "mean"}]}},
        "config": {"model": "hf", "model_args": f"pretrained=demo,api_key={KEY}"},
    }, lines=False)  # fmt: skip


def choices(folder: Path, picked: list[int], target: int, acc: list[float]) -> Path:
    """Write the samples of a multiple-choice task of three choices, `picked` the likeliest ones."""
    return write(folder / f"samples_pick_{DATE}.jsonl", *(
        {"doc_id": place, "doc": {"q": f"q{place}"}, "target": str(target), "filter": "none", "metrics": ["acc"],
         "arguments": {f"gen_args_{n}": {"arg_0": "Q", "arg_1": f" choice {n}"} for n in range(3)},
         "filtered_resps": [["-1.0" if n == one else "-2.0", "False"] for n in range(3)], "acc": acc[place]}
        for place, one in enumerate(picked)
    ))  # fmt: skip


def inspect_log(scores: dict[str, list[Any]], *, epochs: int = 1, errors: tuple[int, ...] = (), **more: Any) -> Any:
    """Return a log of Inspect AI as it stands in a `.json`: scorer -> values, a sample and epoch each."""
    count = len(next(iter(scores.values())))
    samples = [
        {"id": f"s{place // epochs}", "epoch": place % epochs + 1, "input": f"What is {place // epochs}?",
         "target": "yes", "output": {"choices": [], "completion": f"answer {place}"},
         "scores": {} if place in errors else {name: {"value": values[place]} for name, values in scores.items()},
         "metadata": {"kind": "even" if place % 2 == 0 else "odd"},
         **({"error": {"message": f"refused with {KEY}", "traceback": ""}} if place in errors else {})}
        for place in range(count)
    ]  # fmt: skip
    told = [{"name": name, "scorer": name, "metrics": {"accuracy": {"value": more.get("mean")}}} for name in scores]
    return {
        "version": 2, "status": "success",
        "eval": {"task": "toy", "task_id": "t", "run_id": "r", "model": "mock/model", "packages": {"inspect_ai": "0.3"},
                 "model_args": {"api_key": KEY}, "scorers": [{"name": name} for name in scores]},
        "results": {"scores": told} if "mean" in more else {"scores": [{**one, "metrics": {"accuracy": {"value": None}}}
                                                                      for one in told]},
        "samples": samples,
    }  # fmt: skip


def eval_archive(path: Path, log: dict[str, Any]) -> Path:
    """Write a log of Inspect AI as `.eval`, compressed with Zstandard."""
    head = {key: value for key, value in log.items() if key != "samples"}
    entries = {f"samples/{one['id']}_epoch_{one['epoch']}.json": json.dumps(one).encode() for one in log["samples"]}
    return zipped(path, {"_journal/start.json": b"{}", **entries, "header.json": json.dumps(head).encode()})


def zipped(path: Path, entries: dict[str, bytes], *, method: int = 93, mode: int = 0, says: int | None = None) -> Path:
    """Write an archive by hand, so that it may hold what no tool writes; says: size that the first entry claims."""
    import pyarrow as pa

    body, listed = b"", b""
    for place, (name, data) in enumerate(entries.items()):
        packed = {0: bytes, 93: lambda one: pa.compress(one, "zstd", asbytes=True)}[method](data)
        size = says if says is not None and place == 0 else len(data)
        facts = struct.pack("<HHHHHIIIHH", 63, 0, method, 0, 0, zlib.crc32(data), len(packed), size, len(name), 0)
        listed += (b"PK\x01\x02" + struct.pack("<H", 0x031E) + facts
                   + struct.pack("<HHHII", 0, 0, 0, mode << 16, len(body)) + name.encode())  # fmt: skip
        body += b"PK\x03\x04" + facts + name.encode() + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(listed), len(body), 0)
    path.write_bytes(body + listed + b"PK\x05\x06" + end)
    return path


def garak(path: Path, scores: list[list[float | None]], *, fails: int | None = None, **setup: Any) -> Path:
    """Write a report of garak: the scores of one detector on each attempt's outputs."""
    counted = [one for row in scores for one in row if one is not None]
    told = sum(one >= setup.get("run.eval_threshold", 0.5) for one in counted) if fails is None else fails
    attempts = [
        {"entry_type": "attempt", "uuid": f"u{place}", "seq": place, "status": status, "probe_classname": "made.Up",
         "prompt": {"turns": [{"role": "user", "content": {"text": f"Say {place}"}}]}, "goal": "say it",
         "outputs": [None if one is None else {"text": f"no {n}"} for n, one in enumerate(row)],
         "detector_results": {"made.Detector": row} if status == 2 else {}}
        for place, row in enumerate(scores) for status in (1, 2)
    ]  # fmt: skip
    return write(
        path, {"entry_type": "start_run setup", "plugins.target_type": "test.Repeat", "key": KEY, **setup},
        {"entry_type": "init", "garak_version": "0.17.1", "run": "r"}, *attempts,
        {"entry_type": "eval", "probe": "made.Up", "detector": "made.Detector", "passed": len(counted) - told,
         "fails": told, "total_evaluated": len(counted)},
    )  # fmt: skip


def promptfoo(path: Path, outcomes: list[int], *, repeat: int = 1, version: int = 3) -> Path:
    """Write results of promptfoo: 1 = success, 0 = an assertion failed, 2 = an error."""
    rows = [
        {"testIdx": place, "promptIdx": 0, "provider": {"id": "ours"}, "prompt": {"raw": f"Q{place // repeat}"},
         "vars": {"n": place // repeat}, "testCase": {"assert": [{"type": "equals", "value": "4"}]},
         "response": {"output": "4"}, "success": one == 1, "score": int(one == 1),
         "namedScores": {"right": int(one == 1)},
         "failureReason": {1: 0, 0: 1, 2: 2}[one], "error": None if one == 1 else f"bad {KEY}"}
        for place, one in enumerate(outcomes)
    ]  # fmt: skip
    counts = {f"test{name}Count": outcomes.count(one) for name, one in (("Pass", 1), ("Fail", 0), ("Error", 2))}
    return write(path, {
        "evalId": "eval-1", "results": {"version": version, "prompts": [{"raw": "{{q}}", "metrics": counts}],
                                        "results": rows},
        "config": {"env": {"OPENAI_API_KEY": KEY}}, "metadata": {"promptfooVersion": "0.121"},
    }, lines=False)  # fmt: skip


def deepeval(path: Path, rows: list[tuple[float | None, bool]], *, passed: int) -> Path:
    """Write a test run of DeepEval: (score, success) of the one metric of each case; no score = an error."""
    cases = [
        {"name": f"case {place}", "input": f"Q{place}", "actualOutput": "a", "expectedOutput": "b", "success": success,
         "metricsData": [{"name": "Bias", "threshold": 0.5, "score": score, "success": success,
                          "evaluationModel": "judge-1", "error": None if score is not None else f"bad {KEY}"}]}
        for place, (score, success) in enumerate(rows)
    ]  # fmt: skip
    return write(path, {"testCases": cases, "testPassed": passed, "testFailed": len(rows) - passed}, lines=False)


def openai_evals(path: Path, right: list[bool | None]) -> Path:
    """Write an event log of OpenAI evals; None = an error."""
    rows: list[Any] = []
    for place, one in enumerate(right):
        event = {"run_id": "x", "sample_id": f"toy.{place}"}
        rows.append({**event, "type": "sampling", "data": {"prompt": f"Q{place}", "sampled": ["4"]}})
        data = {"message": f"bad {KEY}"} if one is None else {"correct": one, "expected": "4"}
        rows.append({**event, "type": "error" if one is None else "match", "data": data})
    known = [one for one in right if one is not None]
    spec = {"completion_fns": ["demo"], "eval_name": "toy.dev.v0", "run_config": {"api_key": KEY}}
    return write(path, {"spec": spec}, *rows, {"final_report": {"accuracy": sum(known) / len(known)}})


def every_eval_ever(path: Path, scores: list[float], stated: float, *, lower: bool = False) -> Path:
    """Write an aggregate of Every Eval Ever with its instances beside it."""
    rows = [
        {"evaluation_name": "toy", "evaluation_result_id": "toy.acc", "sample_id": f"s{place}",
         "input": {"raw": f"Q{place}", "reference": ["4"]}, "output": {"raw": ["4"]}, "evaluation": {"score": score}}
        for place, score in enumerate(scores)
    ]  # fmt: skip
    beside = write(path.with_name(f"{path.stem}_samples.jsonl"), *rows)
    digest = hashlib.sha256(beside.read_bytes()).hexdigest()
    metric = {"metric_name": "accuracy", "lower_is_better": lower, "min_score": 0, "max_score": 10}
    return write(path, {
        "evaluation_id": "toy/1", "source_metadata": {}, "model_info": {"id": "org/model"},
        "eval_library": {"name": "ours", "version": "1"}, "detailed_evaluation_results": {"checksum": digest},
        "evaluation_results": [{"evaluation_result_id": "toy.acc", "evaluation_name": "toy", "metric_config": metric,
                                "score_details": {"score": stated}}],
    }, lines=False)  # fmt: skip


def helm(folder: Path, right: list[float], *, lost: tuple[int, ...] = ()) -> Path:
    """Write a run of HELM: each instance, and a perturbed copy of it that is always wrong."""
    changed = {"name": "typos"}
    states, stats = [], []
    for place, one in enumerate(right):
        for copy in (None, changed):
            instance = {"id": f"id{place}", "input": {"text": f"Q{place}"}, "split": "test",
                        "references": [{"output": {"text": "four"}, "tags": ["correct"]}],
                        **({"perturbation": copy} if copy else {})}  # fmt: skip
            result = {"success": place not in lost, "completions": [{"text": " B"}]}
            states.append({"instance": instance, "train_trial_index": 0, "output_mapping": {"A": "five", "B": "four"},
                           "request": {"prompt": f"Q: {place}"}, "result": result})  # fmt: skip
            name = {"name": "exact_match", "split": "test", **({"perturbation": copy} if copy else {})}
            told = [{"name": name, "count": 1, "mean": 0.0 if copy else one},
                    {"name": {**name, "name": "num_prompt_tokens"}, "count": 1, "mean": 7.0}]  # fmt: skip
            stats.append({"instance_id": f"id{place}", "train_trial_index": 0, "stats": told,
                          **({"perturbation": copy} if copy else {})})  # fmt: skip
    kept = [one for place, one in enumerate(right) if place not in lost]
    write(folder / "scenario_state.json", {"request_states": states}, lines=False)
    write(folder / "per_instance_stats.json", stats, lines=False)
    write(folder / "run_spec.json", {"name": "toy:subject=a,model=org_m", "adapter_spec": {"model": "org/m"}},
          lines=False)  # fmt: skip
    mean = {"name": {"name": "exact_match", "split": "test"}, "count": 1, "mean": sum(kept) / len(kept)}
    write(folder / "stats.json", [mean], lines=False)
    return folder
