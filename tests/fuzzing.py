"""The fuzzer of `benchmarks/fuzz.py`, as a module."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_SPEC = spec_from_file_location("fuzz", Path(__file__).parents[1] / "benchmarks" / "fuzz.py")
assert _SPEC is not None
assert _SPEC.loader is not None
fuzz = sys.modules["fuzz"] = module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)
