# The verbs of the project. Each installs what it needs first.
#   make install   make check   make test   make demo   make bench   make soak

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest

.PHONY: help install lock openapi check test demo bench soak clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo      a running ledger with real agencies and made-up certificates'
	@echo 'make test      every check and every test'
	@echo 'make check     lint, types and architecture, in under two minutes'
	@echo 'make bench     how fast this machine records'
	@echo 'make soak      a thousand kills, sieges, fuzzing, and what is left after them; an hour or more'
	@echo 'make install   the virtual environment in $(VENV)'
	@echo 'make lock      new versions into requirements.txt (needs uv)'
	@echo 'make openapi   the contract into docs/reference/openapi.json'

install: $(READY)

$(READY): requirements.txt pyproject.toml
	@sh .ci/venv $(VENV)
	@touch $@

lock:
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --exclude-newer '7 days' --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' \
	  --extra dev --extra embedded --extra s3 --extra seal --upgrade --output-file requirements.txt pyproject.toml

openapi: install
	$(BIN)/python -m api.published docs/reference/openapi.json

check: install
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(PYTEST) --quiet tests/test_architecture.py

# One worker per core; tests of one module stay together, so that module fixtures are built once.
test: check
	$(PYTEST) -n logical --maxprocesses 8 --dist loadfile

demo: install
	$(BIN)/sijill demo

# A short round of each; docs/performance.md has the long ones.
bench: install
	$(BIN)/sijill bench append
	$(BIN)/sijill bench issue
	$(BIN)/sijill bench verify --certificates 20000

soak: install
	$(BIN)/python -m tests.faults.soak
	$(BIN)/python -m tests.faults.store
	$(BIN)/python -m tests.faults.again --rounds 5
	$(BIN)/python -m tests.faults.hostile --minutes 10
	$(BIN)/python -m tests.fuzzing --seconds 60

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
