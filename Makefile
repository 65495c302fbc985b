# Everything below sets itself up: it needs Python 3.11 or newer, Node 20 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
# What Python compiles is kept, whatever the machine is set to: tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo screenshots ready test pytest js unit newer lint fmt spec bench bench-peers bench-js docs lock clean

# The environment is keyed on the bytes of its requirements, so a second run costs nothing.
key = $(shell cat requirements/$(1).txt pyproject.toml | cksum | cut -d' ' -f1)
DEMO := $(VENV)/.demo-$(call key,server)
DEV := $(VENV)/.dev-$(call key,dev)
PEERS_VENV ?= $(VENV)-peers
NPM := js/node_modules/.installed-$(shell cat js/package-lock.json | cksum | cut -d' ' -f1)
HTMX := src/pennon/control/ui/static/htmx.min.js
PEERS := $(PEERS_VENV)/.peers-$(call key,peers)

help: ## Show what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python $(PEERS_VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Pennon needs Python 3.11 or newer; name one with: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(patsubst %/bin/python,%,$@)

$(DEMO): | $(BIN)/python
	@sh scripts/install $(BIN)/python server
	@touch $@

$(DEV): | $(BIN)/python
	@sh scripts/install $(BIN)/python dev
	@touch $@

$(PEERS): | $(PEERS_VENV)/bin/python
	@sh scripts/install $(PEERS_VENV)/bin/python peers
	@touch $@

$(NPM): js/package-lock.json
	cd js && npm ci --no-progress --loglevel=error
	@touch $@

# Pages do without it, and save waiting with it.
$(HTMX): pages/package-lock.json
	cd pages && npm ci --no-progress --loglevel=error
	cp pages/node_modules/htmx.org/dist/htmx.min.js $@
	@touch $@

demo: $(DEMO) $(HTMX) ## Run Pennon with a shop's flags, live, in one process
	$(BIN)/pennon demo

screenshots: $(DEV) $(HTMX) ## Take a picture of each page, in Chromium: all in build/screenshots, then the README's two
	$(BIN)/python -m scripts.screenshots $(ARGS)
	$(BIN)/python -m scripts.screenshots --docs

ready: $(DEV) $(NPM) $(HTMX) ## Set up what tests and checks need; with -j all at once

# PENNON_LONG_TESTS=1 tries far more of everything that is drawn, for hours; HYPOTHESIS_PROFILE=long only of the laws.
test: ready ## Run every test, JavaScript's beside Python's: both wait much
	@scripts/beside "$(MAKE) --no-print-directory js" "$(MAKE) --no-print-directory pytest"

pytest: $(DEV) $(HTMX) ## Run the tests in Python: some of them open pages, and ask JavaScript
	$(BIN)/python -m pytest $(ARGS)

# Dots, failures, and what tests have measured: sizes of bundles, how long a change takes to a page.
REPORTERS := --test-reporter=dot --test-reporter-destination=stdout \
  --test-reporter=./js/test/measured.js --test-reporter-destination=stdout

js: $(DEV) $(NPM) ## Run the tests of the JavaScript package, in Node, in Chromium and in the workers' runtime
	PENNON=$(abspath $(BIN)/pennon) node --test --test-concurrency=2 --test-timeout=600000 $(REPORTERS) $$(find js/test -name "*.test.js")

unit: $(DEV) ## Run the unit tests and the vectors: no server, a few seconds
	$(BIN)/python -m pytest tests/unit tests/spec $(ARGS)

# What another Python can break: numbers, texts, hashes, patterns, the syntax tree, threads, loops and forks.
PURE := $(addprefix tests/unit/,bucketing bus codemod engine events ingest model openfeature protocol sdk stream) \
  tests/unit/test_importing.py tests/integration/test_fork.py --ignore=tests/spec/test_javascript.py

# A shim of pyenv may be found that runs nothing, so each candidate is tried.
newer: ## Run on Python 3.13, if it is here, what a newer Python can break: the pure parts, and forks
	@newer=; for candidate in python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python3.13; do \
	  if "$$candidate" -c '' 2>/dev/null; then newer=$$candidate; fi; done; \
	if [ -z "$$newer" ]; then echo "python3.13 is not here, so the tests ran on one Python only"; \
	else HYPOTHESIS_PROFILE=few $(MAKE) --no-print-directory spec PYTHON="$$newer" VENV=.venv-3.13 ARGS="-n0 $(PURE)"; fi

lint: $(DEV) $(NPM) ## Check style, types, layers and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.generate --check
	cd js && node_modules/.bin/tsc -p . && node_modules/.bin/depcruise --config .dependency-cruiser.json --output-type err .
	cd js && node scripts/bundle.js --check

fmt: $(DEV) $(NPM) ## Format the code and write generated files anew
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format .
	$(BIN)/python -m scripts.generate
	cd js && node scripts/bundle.js

spec: $(DEV) ## Check the vectors against their schema and run them
	$(BIN)/python -m pytest tests/spec $(ARGS)

bench: $(DEV) ## Measure what is fast, each against something, and print ratios
	$(BIN)/python -m bench $(ARGS)

bench-peers: $(PEERS) ## Measure evaluation beside the SDKs of others, in an environment of its own
	$(PEERS_VENV)/bin/python -m bench evaluation $(ARGS)

bench-js: bench/js/node_modules ## Measure evaluation in JavaScript beside the SDKs of others
	node bench/js/index.js $(ARGS)

bench/js/node_modules: bench/js/package-lock.json
	cd bench/js && npm ci --no-audit --no-fund

docs: $(DEV) ## Check the documentation: examples run, references are complete, links lead somewhere
	$(BIN)/python -m pytest tests/docs $(ARGS)

lock: $(DEV) ## Pin the newest versions of everything in requirements/
	@for extra in server dev peers; do \
	  $(BIN)/uv pip compile -q --upgrade pyproject.toml --extra $$extra --extra build --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header -o requirements/$$extra.txt; done

clean: ## Remove what was built
	rm -rf $(VENV) $(PEERS_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
