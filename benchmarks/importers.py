"""Logs that other tools write, made from scratch and imported: the tool's own mean beside ours, of every scorer.

`python benchmarks/importers.py [--into FOLDER] [WORD ...]`: tools whose name holds a WORD, or all; each is installed
into an environment of its own below FOLDER (default /tmp/importers), which takes minutes and package registries, and
run on items made here. No server is asked: Inspect AI and garak answer by stand-ins of their own, promptfoo by a
function, lm-evaluation-harness by the reference language model and SmolLM2. Prints tool, version, task, scorer,
answers, the tool's mean, ours, and the difference; exit code 1 where one is above 1e-9. Logs of HELM, OpenAI evals and
Every Eval Ever, which need servers, are imported from files: `--log PATH`, as often as there are some.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from audit.errors import DataError
from audit.importers import open_log
from audit.reference import find_language_model
from audit.reference.cards import WEIGHTS

INSPECT = '''
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, match, mean, scorer
from inspect_ai.solver import solver

@solver
def says():
    async def solve(state, generate):
        if state.sample_id == "q3" and state.epoch == 2:
            raise RuntimeError("no answer")
        state.output.completion = state.metadata["says"] if state.epoch == 1 else state.metadata["again"]
        return state
    return solve

@scorer(metrics=[mean()])
def length():
    async def score(state, target):
        return Score(value=len(state.output.completion) / 10)
    return score

@task
def sums():
    rows = [Sample(id=f"q{n}", input=f"What is {n} + 1?", target=str(n + 1), metadata={
        "says": str(n + 1) if n % 3 else "no", "again": str(n + 1) if n % 4 else "no"}) for n in range(12)]
    return Task(dataset=MemoryDataset(rows), solver=[says()], scorer=[match(), length()], epochs=2, fail_on_error=False)
'''
DEEPEVAL = '''
from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, DisplayConfig, ErrorConfig
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase

class Letters(BaseMetric):
    def __init__(self, name, below=False):
        self.threshold, self.name, self.below, self.async_mode, self.evaluation_model = 0.5, name, below, False, None
        self.strict_mode = False
    @property
    def __name__(self):
        return self.name
    def measure(self, case, *args, **options):
        if case.input.endswith("4?") and not self.below:
            raise RuntimeError("the judge gave no answer")
        share = len(set(case.actual_output) & set(case.expected_output)) / len(set(case.expected_output))
        self.score = 1 - share if self.below else share
        self.success = self.score <= self.threshold if self.below else self.score >= self.threshold
        return self.score
    async def a_measure(self, case, *args, **options):
        return self.measure(case)
    def is_successful(self):
        return bool(self.success)

words = ["plum", "pl", "map", "zzz", "plum", "lump", "p", "axe"]
cases = [LLMTestCase(name=f"case {n}", input=f"Which word, {n}?", actual_output=word, expected_output="plum")
         for n, word in enumerate(words)]
evaluate(cases, metrics=[Letters("Letters"), Letters("Other letters", below=True)],
         async_config=AsyncConfig(run_async=False), error_config=ErrorConfig(ignore_errors=True),
         display_config=DisplayConfig(print_results=False, show_indicator=False))
'''
PROVIDER = """
module.exports = class {
  id() { return 'ours'; }
  async callApi(prompt, context) {
    const n = context.vars.n;
    return n === 4 ? { error: 'no answer' } : { output: n % 3 ? String(n + 1) : 'no' };
  }
};
"""
BAGS = """
task: bags
dataset_path: json
dataset_kwargs: {data_files: {test: ITEMS}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: gold
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""


def environment(folder: Path, *packages: str) -> Path:
    """Return the `bin` of an environment with these packages."""
    if not (folder / "bin").is_dir():
        venv.create(folder, with_pip=True, symlinks=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if packages:
        subprocess.run([*pip, *packages], env=_alone(), check=True)
    return folder / "bin"


def _alone() -> dict[str, str]:
    """Return the variables of this process without where its modules lie."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def called(words: list[object], folder: Path, **variables: str) -> None:
    """Run a tool in a folder; what it says is kept in `run.log` there."""
    with (folder / "run.log").open("wb") as log:
        env = {**_alone(), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", **variables}
        subprocess.run([str(one) for one in words], cwd=folder, env=env, stdout=log, stderr=log, check=True)


def inspect_ai(folder: Path) -> list[Path]:
    """Two epochs of twelve items, one of which fails once; as `.eval` and as `.json`."""
    bins = environment(folder / "env", "inspect-ai")
    (folder / "sums.py").write_text(INSPECT)
    called([bins / "inspect", "eval", "sums.py", "--model", "mockllm/model", "--display", "plain"], folder,
           INSPECT_LOG_DIR="logs")  # fmt: skip
    called([bins / "inspect", "log", "convert", "logs", "--to", "json", "--output-dir", "json"], folder)
    return [*folder.glob("logs/*.eval"), *folder.glob("json/*.json")]


def lm_eval(folder: Path) -> list[Path]:
    """Forty questions with three choices, put to SmolLM2 and to the reference language model."""
    bins = environment(folder / "env", "lm-eval")
    here = next(Path(place) for place in sys.path if place.endswith("site-packages"))
    next((folder / "env").glob("lib/*/site-packages")).joinpath("zz_here.pth").write_text(str(here))  # torch lies there
    rng, colours, rows = random.Random(7), ["red", "blue", "green", "yellow", "white", "black"], []
    for _ in range(40):
        own, other, third = rng.sample(colours, 3)
        choices = rng.sample([own, other, third], 3)
        question = f"Mira has a {own} bag and Toma has a {other} bag. The bag of Mira is"
        rows.append({"question": question, "choices": choices, "gold": choices.index(own)})
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "bags.yaml").write_text(BAGS.replace("ITEMS", str(folder / "items.jsonl")))
    file = find_language_model()
    models = {"reference": f"pretrained={WEIGHTS / 'language' / 'sound'},dtype=float32"}
    if file is not None:
        models["smollm2"] = f"pretrained={file.parent},gguf_file={file.name},dtype=float32"
    for name, args in models.items():
        called([bins / "lm_eval", "--model", "hf", "--model_args", args, "--tasks", "bags", "--include_path", folder,
                "--output_path", folder / name, "--log_samples", "--device", "cpu"], folder)  # fmt: skip
    return [folder / name for name in models]


def garak(folder: Path) -> list[Path]:
    """Two probes, answered by a generator that repeats what it is told."""
    bins = environment(folder / "env", "garak")
    words = ["--target_type", "test.Repeat", "--probes", "lmrc.Profanity,dan.Ablation_Dan_11_0", "--generations", "2"]
    called([bins / "garak", *words, "--report_prefix", folder / "made"], folder, XDG_DATA_HOME=str(folder / "data"))
    return [folder / "made.report.jsonl"]


def promptfoo(folder: Path) -> list[Path]:
    """Ten tests, each twice, one of which the provider does not answer."""
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "promptfoo"], cwd=folder, check=True)
    (folder / "provider.js").write_text(PROVIDER)
    tests = [{"vars": {"n": n}, "assert": [{"type": "equals", "value": str(n + 1)}]} for n in range(10)]
    config = {"prompts": ["What is {{n}} + 1?"], "providers": ["file://provider.js"], "tests": tests}
    (folder / "promptfooconfig.json").write_text(json.dumps(config))
    words = [folder / "node_modules/.bin/promptfoo", "eval", "--no-cache", "--repeat", "2", "-o", "out.json"]
    try:
        called(words, folder, PROMPTFOO_DISABLE_TELEMETRY="1", PROMPTFOO_CONFIG_DIR=str(folder / "config"))
    except subprocess.CalledProcessError as error:
        if error.returncode != 100:  # so it says that a test failed
            raise
    return [folder / "out.json"]


def deepeval(folder: Path) -> list[Path]:
    """Eight test cases under two metrics, one of which fails once."""
    bins = environment(folder / "env", "deepeval")
    (folder / "made.py").write_text(DEEPEVAL)
    called([bins / "python", "made.py"], folder, DEEPEVAL_TELEMETRY_OPT_OUT="YES")
    return [folder / ".deepeval" / ".latest_run_full.json"]


TOOLS: dict[str, Callable[[Path], list[Path]]] = {
    "inspect-ai": inspect_ai, "lm-eval": lm_eval, "garak": garak, "promptfoo": promptfoo, "deepeval": deepeval,
}  # fmt: skip


def compared(path: Path) -> float:
    """Print what a log holds beside the tool's own numbers, and return the greatest difference."""
    contents, worst = open_log(path).contents(), 0.0
    print(f"{contents.log.tool} {contents.log.version or ''}: {path.name}, model {contents.log.model or 'not told'}")
    for (task, scorer), one in contents.counted.items():
        stated = contents.log.aggregates.get((task, scorer))
        apart = None if stated is None or one.mean is None else abs(one.mean - stated.value)
        worst = max(worst, apart or 0.0)
        theirs = "states none" if stated is None else f"says {stated.value:.12g}"
        told = "" if apart is None else f", difference {apart:.1e}"
        mean = "no score" if one.mean is None else f"{one.mean:.12g}"
        print(f"  {task[:40]:<40} {scorer[:44]:<44} {one.answers:>5} answers  {theirs}, ours {mean}{told}")
    return worst


def main() -> int:
    """Make, import, print; return 1 where a difference is above 1e-9."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--into", type=Path, default=Path("/tmp/importers"))
    parser.add_argument("--log", type=Path, action="append", default=[])
    asked = parser.parse_args()
    worst = max([compared(path) for path in asked.log], default=0.0)
    for name, made in TOOLS.items():
        if (asked.words and not any(word in name for word in asked.words)) or (asked.log and not asked.words):
            continue
        folder = asked.into.absolute() / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            worst = max([worst, *map(compared, made(folder))])
        except (subprocess.CalledProcessError, OSError, DataError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            worst = 1.0
    print(f"greatest difference: {worst:.1e}")
    return int(worst > 1e-9)


if __name__ == "__main__":
    sys.exit(main())
