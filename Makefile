# Needs Python 3.10 or newer with venv, and make. `make PYTHON=python3.12 test` picks another Python; where the pinned
# torch has no wheel, name the one to use: `make TORCH=torch test`.
PYTHON ?= python3
TORCH ?= torch==2.13.0
# Tests run in so many processes; most of them wait for processes of their own.
WORKERS ?= 2

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
SET_UP := $(VENV)/.set-up
TOOLS := $(VENV)/.tools

# The project's own environment comes first on PATH: `reenact run train.py` uses the python that is found there.
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench clean distclean

help:
	@echo "make demo       record the example, verify it, change it, say what differs"
	@echo "make test       linters, types, import contracts, tests"
	@echo "make lint       linters, types and import contracts only"
	@echo "make bench      what recording costs, as ratios"
	@echo "make clean      remove what the above wrote; make distclean: $(VENV) too"

$(SET_UP): pyproject.toml hatch_build.py src/reenact/fingerprint/w64.c src/reenact/probe/audit.c src/reenact/probe/steps.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "reenact needs Python 3.10 or newer: make PYTHON=...")'
	@echo "setting up $(VENV) (once)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade "pip>=25.1"
	@$(PIP) install --quiet --editable . "$(TORCH)" numpy scikit-learn
	@touch $@

$(TOOLS): $(SET_UP)
	@$(PIP) install --quiet --group test --group lint
	@touch $@

demo: $(SET_UP)
	@sh scripts/demo.sh

lint: $(TOOLS)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: lint
	$(VENV)/bin/pytest -q -n $(WORKERS) $(PYTEST)

bench: $(SET_UP)
	$(VENV)/bin/python benchmarks/run.py

clean:
	rm -rf .demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
