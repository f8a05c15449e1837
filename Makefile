# make demo   ask the example documents a question        make test    run the tests
# make check  what CI runs                                 make fix     format and mend
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUESTION ?= How many days of paid annual leave does a full-time employee get?
PACKAGES := gpt4all_core gpt4all_localdocs gpt4all_app langchain_gpt4all llamaindex_gpt4all

.DEFAULT_GOAL := help
.PHONY: help demo test check fix lint types imports bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml constraints.txt tools/install.py
	@$(PYTHON) tools/install.py $(VENV)

demo: $(VENV)/.ready ## index examples/documents and answer a question about them
	@$(BIN)/gpt4all ask "$(QUESTION)" --docs examples/documents

test: $(VENV)/.ready ## run the whole test suite, sockets blocked
	@$(BIN)/python -m pytest -q

lint: $(VENV)/.ready
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/.ready
	@$(BIN)/mypy

imports: $(VENV)/.ready
	@$(BIN)/lint-imports --no-cache

check: lint types imports test ## format, lint, types, import rules and tests: what CI runs

fix: $(VENV)/.ready ## format the code and mend what can be mended
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(VENV)/.ready ## answer quality of the starter model; BEIR=folder with SQuAD 2.0
	@$(BIN)/python benchmarks/quote_mode.py $(BEIR)

clean: ## remove the virtual environment and all caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
