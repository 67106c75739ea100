PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check lint types unit coverage browser database screenshots docs mutants faults generators bench format clean always
.DEFAULT_GOAL := test
export MAKECMDGOALS

demo: $(VENV)/.installed
	@$(BIN)/maxapi-mock demo

# Without the tests that are slow; with WHOLE=1, with them.
test: lint types unit

check:
	.ci/run

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/pytest -n auto $(if $(WHOLE),,-m "not slow" --hypothesis-profile=quick) $(UNIT)

coverage: $(VENV)/.dev
	$(BIN)/pytest -n auto --cov --cov-report=term

browser: $(VENV)/.dev
	.ci/browser $(VENV)

database:
	.ci/database

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.console.screenshots

docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -q -E -n -W --keep-going docs build/docs

mutants: $(VENV)/.dev
	$(BIN)/python -m tests.mutants.trials $(if $(WHOLE),--whole)

# Servers that keep state are killed, paused and lose their database during 10,000 submissions.
faults: $(VENV)/.dev database
	MAXAPI_NEEDS_DATABASE=1 MAXAPI_FAULTS=10000 $(BIN)/pytest -o timeout=3600 --durations=2 \
		tests/state/test_faults.py

generators: $(VENV)/.dev
	$(BIN)/python -m tests.generators

bench: $(VENV)/.dev
	$(BIN)/python bench/bench.py $(if $(QUICK),--quick) $(if $(SOAK),--soak) $(if $(SERVERS),--servers) $(if $(ONLY),--only $(ONLY))

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.installed: always
	@.ci/environment "$(or $(PYTHON),python3)" $(VENV)

$(VENV)/.dev: always
	@.ci/environment "$(or $(PYTHON),python3)" $(VENV) dev

always:

clean:
	rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
