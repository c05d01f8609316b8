# Every chore is a target; `make help` lists them. CI calls the same ones.
# Needs Python 3.11 or later; `make PYTHON=/path/to/python3.13 …` names one.

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
RUN := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help setup operator run start stack test cover faults check bench docs format lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r n t; do printf '  make %-8s %s\n' "$$n" "$$t"; done

setup: ## make .venv with everything, Azurite included; every other target calls it
	@test -n "$(PYTHON)" || { echo "setup needs Python 3.11 or later: install it, or call make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) scripts/setup.py

operator: ## make .venv with what an operator's commands need alone: no tests, no local stack
	@test -n "$(PYTHON)" || { echo "operator needs Python 3.11 or later: install it, or call make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) scripts/setup.py --operator

run: setup ## see it run: local stack, one run on sample customers, the notices read back
	@$(RUN) -m local run

start: setup ## keep the local stack up, write local.settings.json, and `func start` where Core Tools is there
	@$(RUN) -m local start

stack: setup ## the same without `func start`, for an editor that starts the host itself
	@$(RUN) -m local start --no-host

test: setup ## run all tests, in two processes
	@$(RUN) -m pytest --numprocesses 2 --dist loadfile

cover: setup ## every branch of the pure core by the unit tests alone
	@$(BIN)/coverage run -m pytest --quiet tests/unit tests/commands/explain
	@$(BIN)/coverage report --fail-under=100 --include='due_notices/calendars.py,due_notices/currencies.py,due_notices/time_zones.py,due_notices/obligations.py,due_notices/adapters/graph_users.py,due_notices/stages.py,due_notices/ladder.py,due_notices/planning.py,due_notices/in_force.py,due_notices/ownership.py,due_notices/function_timeout.py,due_notices/message.py,due_notices/model.py,due_notices/secret.py,due_notices/policy.py,due_notices/report.py,due_notices/commands/explain/views.py'

faults: setup ## the long form of the fault tests: kill hundreds of ticks, write the table into docs/reliability.md
	@$(RUN) -m tests.faults

check: setup ## lint, types, import contracts, what Azure Functions expects, vulnerabilities, secrets in files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(RUN) scripts/check_supply_chain.py
	@$(RUN) scripts/check_project.py

bench: setup ## measure, side by side with what a user would write instead (half an hour or more; LONG=1: longer, and a million users)
	@test -x .venv-bench/bin/python || $(BIN)/uv venv --quiet --python $(RUN) .venv-bench
	@$(BIN)/uv pip install --quiet --python .venv-bench/bin/python -r bench/requirements.txt
	@$(RUN) -m bench --contenders .venv-bench/bin/python $(if $(LONG),--long)

format: setup ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: setup ## write the tables of settings and refusals into the documents
	@$(RUN) scripts/write_docs.py

lock: setup ## compile the pinned requirements from the hand-written lists
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header bench/requirements.in -o bench/requirements.txt

clean: ## remove what setup and the tools have made
	@rm -rf .venv .venv-bench .venv.lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
