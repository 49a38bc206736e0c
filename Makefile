# Everything a checkout needs; `make help` lists it. Works in any folder.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.made-for-demo
DEV := $(VENV)/.made-for-development
INPUTS := pyproject.toml constraints.txt deploy/make_venv.sh

.DEFAULT_GOAL := help
.PHONY: help demo test check bench screenshots clean-data dev browser

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  Options of the demo: make demo ARGS="--http-port 8060 --data-dir /tmp/city", or CITYOPS_HTTP_PORT=8060 make demo'

demo: $(RUNTIME) ## run the whole city on this machine; Ctrl-C stops it
	@exec $(BIN)/python -m launch $(ARGS) demo

test: dev browser ## run all tests, on throw-away databases and brokers
	@exec $(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

check: dev ## what CI checks besides the tests: lint, format, types, the room plan
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m pyright
	$(BIN)/lint-imports

bench: dev ## run the benchmarks, each with its peer or limit in the same run (nab.py wants its corpus: run it by hand)
	@set -e; for file in benchmarks/*.py; do \
		case $$file in */_*|*/nab.py) continue ;; esac; \
		echo "== $$file"; $(BIN)/python $$file $(ARGS); \
	done

screenshots: dev browser ## photograph every page into build/screenshots, the README's into docs/img
	@exec $(BIN)/python docs/make_pictures.py $(ARGS)

clean-data: $(RUNTIME) ## forget the demo's data
	@exec $(BIN)/python -m launch $(ARGS) clean-data

dev: $(DEV)

browser:
	@deploy/get_chromium.sh

$(RUNTIME): $(INPUTS)
	@PYTHON="$(PYTHON)" deploy/make_venv.sh $(VENV) .
	@touch $@

$(DEV): $(INPUTS)
	@PYTHON="$(PYTHON)" deploy/make_venv.sh $(VENV) '.[dev]'
	@touch $(RUNTIME) $@
