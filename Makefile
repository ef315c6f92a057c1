# Every target makes what it needs first, starting from nothing but Python 3.11 or later.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MEMBERS := shared/domain shared/runtime services/intake services/processing services/metrics deploy/local
PINS := base local dev uv
TOOLS := deploy/k8s/tools tests/support/compose_loader
CODE := shared services deploy tests bench
# Files of tests that run side by side; each job has a Kafka and a PostgreSQL of its own.
JOBS ?= 3

# The first of these that is new enough; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	if command -v $$python >/dev/null 2>&1 && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done)

.PHONY: help demo up down status test check lint fmt bench chaos lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Start everything, send simulated applications through it, show the levels (ONCE=1 ends after the table)
	$(BIN)/qos demo $(if $(ONCE),--once)

up: $(READY) ## Start a local Kafka and PostgreSQL and create the topics
	$(BIN)/qos up

down: $(READY) ## Stop them; their data stays
	$(BIN)/qos down

status: $(READY) ## Say what runs and where
	@$(BIN)/qos status || true

test: lint ## Lint, types, architecture, and all tests (ARGS="tests/unit -k clock" for some)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

lint: $(READY) ## Lint, formatting, types, and who may import whom
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY) ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench: $(READY) ## Measure throughput and delay beside their peers
	$(BIN)/python -m bench $(ARGS)

# SEEDS=20 and FIRST=1 if nothing else is said.
chaos: $(READY) ## Run the system under faults and compare it with the fold (SEEDS=1 FIRST=17 ARGS="--jobs 2")
	PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first-seed $(FIRST)) $(ARGS)

# The largest set first; the smaller ones are parts of it. Tools that only some tests use have environments of their own.
lock: $(READY) ## Choose the newest versions that requirements/*.in allow, and pin them with hashes
	compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		$$1.in --output-file $$1.txt "$${@:2}"; }; \
	compile requirements/dev; \
	for part in base local uv; do compile requirements/$$part --constraint requirements/dev.txt; done; \
	for tools in $(TOOLS); do compile $$tools/requirements; done

clean: ## Delete the environment and the caches (not .qos/: `qos reset` does that)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# One environment for everything: uv is put into it with pip, checked by its hash, and then makes the rest of it equal
# to the pins. The members are installed in place.
$(READY): $(PINS:%=requirements/%.txt) $(MEMBERS:%=%/pyproject.toml)
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or later is needed. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@if ! [ -x $(BIN)/python ]; then $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) can't make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; fi
	@if ! [ -x $(BIN)/uv ]; then \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt; fi
	@echo "Installing what requirements/dev.txt pins into $(VENV) (600 MB; once)"
	@$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=--editable %)
	@touch $@
