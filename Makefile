# `make help` lists the targets; docs/install.md says what `make` installs and where.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .bench/venv
BENCH_PIP := $(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
MUTANTS ?= 5000
REQUESTS ?= 300
MINUTES ?= 30
CLIENTS := tests/javascript
PAGES := tests/browser
SEED ?= 0
SEEDS ?= 5
KILLS ?= 200
STORE ?= chroma
AGENT_SEEDS ?= 20
QUESTION ?= How many days of paid annual leave does a full-time employee get?
# Passed through the environment, where quotes and dollar signs are only characters.
export QUESTION

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser test-javascript lint types imports docs docs-serve check fix matrix agents fuzz fuzz-server soak soak-server soak-sync soak-stores soak-ray schemas bench bench-pdf bench-evaluation bench-retrieval bench-answers bench-pipelines bench-header bench-speed bench-chunking bench-queries bench-scale bench-sync bench-startup bench-schema bench-threads bench-quality bench-map bench-engine profile-engine clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml constraints.txt tools/install.py
	@$(PYTHON) tools/install.py $(VENV)

demo: $(VENV)/.ready ## index examples/documents and answer QUESTION="…" from them
	@printf '%s\n\n' "$$QUESTION"
	@$(BIN)/gpt4all ask --docs examples/documents -- "$$QUESTION"

test: $(VENV)/.ready ## run the whole test suite, sockets blocked
	@$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile

test-browser: $(VENV)/.ready $(PAGES)/node_modules/.ready ## the web page in Chromium, with axe-core; needs chromium, and npm once
	@$(BIN)/python -m pytest -q tests/browser --numprocesses 2 --dist worksteal

test-javascript: $(VENV)/.ready $(CLIENTS)/node_modules/.ready ## OpenAI's client of npm against the server; needs node and npm
	@cd $(CLIENTS) && PYTHON="$(abspath $(BIN))/python" node --test
	@$(BIN)/python -m pytest -q tests/examples -k npms_client

$(CLIENTS)/node_modules/.ready $(PAGES)/node_modules/.ready: %/node_modules/.ready: %/package.json
	@command -v node >/dev/null && command -v npm >/dev/null || \
		{ echo "node or npm is missing; on Debian: apt-get install nodejs npm" >&2; exit 1; }
	@cd $* && npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel error
	@touch $@

lint: $(VENV)/.ready ## format and lint rules
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/.ready ## type check, strict
	@$(BIN)/mypy

imports: $(VENV)/.ready ## which package may import which
	@$(BIN)/lint-imports --no-cache

docs: $(VENV)/.ready ## these pages as a site in site/, built strictly: no page or heading that a link misses
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-serve: $(VENV)/.ready ## the site at http://127.0.0.1:8000, built anew whenever a page changes
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

check: lint types imports docs test ## lint, types, imports, docs and test: what CI runs

fix: $(VENV)/.ready ## format the code and mend what can be mended
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

matrix: $(VENV)/.ready ## every template, asked for answers in every way; a usual test run takes a sample
	@ANSWER_MATRIX=whole $(BIN)/python -m pytest -q tests/core/test_answer_matrix.py tests/core/test_tool_formats_ruled.py

agents: $(VENV)/.ready ## agents of both frameworks on the starter model; AGENT_SEEDS=20, a usual test run takes two
	@AGENT_SEEDS=$(AGENT_SEEDS) $(BIN)/python -m pytest -q \
		tests/langchain/test_langchain_agents_starter.py tests/llamaindex/test_llamaindex_agents_starter.py

fuzz: $(VENV)/.ready ## thousands of damaged models, adapters, templates, rules, answers; MUTANTS=5000 SEED=0
	@FUZZ_MUTANTS=$(MUTANTS) FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -q --timeout 3600 tests/fuzz
	@FUZZ_MUTANTS=$(MUTANTS) $(BIN)/python -m pytest -q --timeout 3600 -m hypothesis tests

fuzz-server: $(VENV)/.ready ## REQUESTS=300 of each kind at each address of the server, right and wrong ones
	@FUZZ_REQUESTS=$(REQUESTS) $(BIN)/python -m pytest -q --timeout 3600 tests/app/server/test_contract.py

soak: $(VENV)/.ready ## crowds on one model for MINUTES=30: texts, accounts, memory
	@$(BIN)/python tests/core/crowd.py --minutes $(MINUTES)

soak-server: $(VENV)/.ready ## 100 clients that stream from one server for MINUTES=30, and 20 that hang up
	@PYTHONPATH=tests $(BIN)/python tests/app/server/soak_server.py --minutes $(MINUTES)

soak-sync: $(VENV)/.ready ## syncs killed at every write (KILLS=200), random changes, crowds on one index
	@$(BIN)/python tests/localdocs/soak_sync.py --runs $(KILLS) --seed $(SEED)

soak-stores: $(VENV)/.ready ## vector servers (STORE=chroma or qdrant) killed in the middle of syncs (KILLS=200)
	@$(BIN)/python tests/localdocs/soak_stores.py --store $(STORE) --runs $(KILLS) --seed $(SEED)

soak-ray: $(VENV)/.ready ## syncs on two nodes of Ray, processes of which are killed (KILLS=200), and through an address
	@RAY_ADDRESSES=1 $(BIN)/python -m pytest -q tests/localdocs/test_scale_ray.py
	@$(BIN)/python tests/localdocs/soak_ray.py --runs $(KILLS) --seed $(SEED)

schemas: $(VENV)/.ready ## random answers under published JSON schemas; JSON_SCHEMAS=folder SEEDS=5
	@$(BIN)/python tests/core/walk_json_schemas.py --seeds $(SEEDS)

bench: $(VENV)/.ready ## answer quality of the starter model; BEIR=folder with SQuAD 2.0
	@$(BIN)/python -m benchmarks.quote_mode $(if $(BEIR),"$(BEIR)")

bench-pdf: $(VENV)/.ready ## pages a second against pdfium alone; PDFS="folder …" besides a made file
	@$(BIN)/python benchmarks/pdf.py $(PDFS)

PEERS := benchmarks/peers.txt benchmarks/engine/peers.txt

bench-evaluation: $(VENV)/.ready ## tokens and time that questions of HellaSwag take; DATA=folder with the real ones
	@$(BIN)/python -m benchmarks.evaluation $(if $(DATA),--data "$(DATA)")

$(BENCH)/.peers: tools/install.py constraints.txt $(PEERS) benchmarks/engine/peers_torch.txt
	@mkdir -p .bench
	@$(PYTHON) tools/install.py $(BENCH)
	@$(BENCH_PIP) $(PEERS:%=-r %)
	@$(BENCH_PIP) -r benchmarks/engine/peers_torch.txt || \
		echo "no CPU build of PyTorch in this package index: sentence-transformers is left out" >&2
	@touch $@

bench-retrieval: $(BENCH)/.peers ## nDCG of search beside other recipes, its steps, least scores; BEIR="folder folder"
	@$(BENCH)/bin/python -m benchmarks.retrieval $(BEIR)
	@$(BENCH)/bin/python -m benchmarks.retrieval $(BEIR) --steps
	@$(BENCH)/bin/python -m benchmarks.min_score $(BEIR)

bench-answers: $(BENCH)/.peers ## answers, citations and refusals beside LangChain's recipe; BEIR=folder with SQuAD 2.0
	@$(BENCH)/bin/python -m benchmarks.answers "$(BEIR)"
	@$(BENCH)/bin/python -m benchmarks.citations "$(BEIR)"
	@$(BENCH)/bin/python -m benchmarks.abstention "$(BEIR)" --picture docs/images/abstention.svg

bench-pipelines: $(BENCH)/.peers ## time to index files beside both frameworks' pipelines; BEIR="folder …"
	@$(BENCH)/bin/python -m benchmarks.pipelines $(BEIR) $(BENCH_OPTIONS)

bench-header: $(BENCH)/.peers ## time to read a model's header beside the package gguf; MODELS="file …"
	@$(BENCH)/bin/python -m benchmarks.header $(MODELS)

bench-speed: $(VENV)/.ready ## speed as `models recommend` foretells it against the real one; MODELS="file …"
	@$(BIN)/python -m benchmarks.foretold_speed $(MODELS)

bench-chunking: $(BENCH)/.peers ## spans found, beside other ways of cutting; CHUNKING=folder of chunking_evaluation
	@$(BENCH)/bin/python benchmarks/chunking.py "$(CHUNKING)" --recursive 200 400 --fixed 250/125

bench-queries: $(BENCH)/.peers ## time, disk and memory as an index grows to 100,000 passages; BEIR="folder …"
	@$(BENCH)/bin/python -m benchmarks.queries $(BEIR) $(if $(PICTURE),--picture "$(PICTURE)")

bench-scale: $(BENCH)/.peers ## time, disk, memory, speed, recall up to 1,000,000 passages: hours; BEIR="folder …" SIZES="1000 …"
	@$(BENCH)/bin/python -m benchmarks.scale $(BEIR) $(if $(SIZES),--sizes $(SIZES)) $(BENCH_OPTIONS)
	@$(BENCH)/bin/python -m benchmarks.scale_report .bench/results/scale.jsonl $(if $(PICTURE),--picture "$(PICTURE)")

bench-sync: $(VENV)/.ready ## syncs against walking the folder, against embedding alone, and their memory
	@$(BIN)/python benchmarks/sync.py --files 10000 --texts 16 --memory 10000 100000
	@$(BIN)/python benchmarks/sync.py --files 0 --texts 0 --memory 10000 100000 --a-directory 10

bench-startup: $(VENV)/.ready ## the command line's first answer, an import, and the memory that is given back
	@$(BIN)/python -m benchmarks.startup

bench-schema: $(VENV)/.ready ## fields that a model gets right under a schema, shown and not
	@$(BIN)/python benchmarks/shown_schema.py

bench-threads: $(VENV)/.ready ## tokens/s on quiet and busy cores, by how long threads look before they sleep
	@for turns in 0 300 600 1000; do echo "GOMP_SPINCOUNT=$$turns"; \
		GOMP_SPINCOUNT=$$turns $(BIN)/python benchmarks/contention.py || exit; done

bench-quality: $(BENCH)/.peers ## the picture of quality over memory; RESULTS="of `gpt4all eval --json` …"
	@$(BENCH)/bin/python -m benchmarks.quality docs/images/quality.svg $(RESULTS)

bench-map: $(BENCH)/.peers ## neighbours and topics of maps by UMAP and PCA, time for 1,000 to 20,000; BEIR=folder with SQuAD 2.0
	@$(BENCH_PIP) -e '.[map]'
	@$(BENCH)/bin/python -m benchmarks.maps "$(BEIR)"

bench-engine: $(BENCH)/.peers ## speed against the limit and other engines; ROWS="one-stream …" for some
	@$(BENCH)/bin/python -m benchmarks.engine $(if $(ROWS),--only $(ROWS)) $(BENCH_OPTIONS)

profile-engine: $(BENCH)/.peers ## where the engine's thread spends its time with eight requests
	@$(BENCH)/bin/python -m benchmarks.engine.profile_engine

clean: ## remove the virtual environment and all caches
	@rm -rf $(VENV) .bench site $(CLIENTS)/node_modules $(PAGES)/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
