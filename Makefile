# The two commands: `make demo` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BENCH  := .venv-bench

.DEFAULT_GOAL := help
.PHONY: help setup demo clients test check bench lock clean

help:            ## what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## make .venv and install the hash-locked dependencies

# uv installs in seconds; where it cannot be had, pip does the same from the same lock.
$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || $(PYTHON) -m virtualenv $(VENV) || \
	  { echo "pmom: $(PYTHON) cannot make a virtual environment (on Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pmom: Python 3.11 or newer is needed; say PYTHON=/path/to/python3.11"; exit 1; }
	@rm -f $(STAMP)
	@if $(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9 2>/dev/null; then \
	  $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.lock; \
	else \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock; \
	fi
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup      ## the main job on the emulators, start to end
	@$(BIN)/pmom demo

# Tolerant: what cannot be installed is told, and its tests are skipped with that reason (.ci/run takes no such skip).
clients: setup   ## install other people's clients into .clients/, for tests/clients
	@$(BIN)/python tests/clients/install.py

test: setup clients  ## style, types, import contracts, tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -q

# The peers live in a venv of their own: what they need must never reach the product's environment.
$(BENCH)/.installed: requirements-bench.lock | setup
	@test -x $(BENCH)/bin/python || $(BIN)/python -m venv $(BENCH) || $(PYTHON) -m virtualenv $(BENCH)
	@rm -f $@
	@if test -x $(BIN)/uv; then \
	  $(BIN)/uv pip install -q --python $(BENCH)/bin/python --require-hashes -r requirements-bench.lock; \
	else \
	  $(BENCH)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-bench.lock; \
	fi
	@touch $@

bench: setup $(BENCH)/.installed  ## measure against the peers; rewrites benchmarks/RESULTS.md
	@$(BENCH)/bin/python -m benchmarks all $(BENCH_ARGS)

lock: setup      ## renew the lock files (no registry host is recorded)
	@$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -U -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -U --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	@$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -U --group bench -c requirements.lock -o requirements-bench.lock pyproject.toml
	@for wanted in tests/clients/python/*.in; do \
	  $(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -U --python-version 3.11 -o requirements-clients-$$(basename $$wanted .in).lock $$wanted; \
	done
	@cd tests/clients/node && rm -f package-lock.json && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error

clean:           ## remove what the targets made
	rm -rf $(VENV) $(BENCH) .clients .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .demo
