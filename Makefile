# Each target does its own set-up in .venv; PYTHON chooses the interpreter, ARGS goes to the command.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

SEEDS ?= seeds
ENGINE ?= embedded

.PHONY: serve test lint fix bench endurance peers scale docs seeds clients suites conformance ray vllm witness clean

serve: $(VENV)/.serve
	$(BIN)/geminid serve $(ARGS)

test: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/geminid models pull efficientnet-lite0
	$(BIN)/geminid models pull whisper-tiny-en
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/python bench/overhead.py $(ARGS)
	$(BIN)/python bench/constraints.py $(ARGS)
	$(BIN)/geminid models pull efficientnet-lite0
	$(BIN)/geminid models pull whisper-tiny-en
	$(BIN)/python bench/media.py $(ARGS)
	$(BIN)/python bench/safety.py
	$(BIN)/python bench/citations.py
	$(BIN)/python bench/guarding.py $(ARGS)
	$(BIN)/python bench/storage.py
	$(BIN)/python bench/admission.py
	$(BIN)/python bench/metering.py
	$(BIN)/python bench/prefixes.py
	$(BIN)/python bench/workers.py $(ARGS)

# Kills servers and replicas under load, floods them, and adds up what they recorded, for half an hour. DATABASE is the
# URL of a PostgreSQL to experiment with.
endurance: $(VENV)/.test
	$(BIN)/python bench/crash.py
	$(BIN)/python bench/usage_totals.py
	$(if $(DATABASE),$(BIN)/python bench/crash.py --database $(DATABASE))
	$(if $(DATABASE),$(BIN)/python bench/quotas.py $(DATABASE))
	$(BIN)/python bench/failover.py

# geminid beside other gateways, which are installed into the user's cache: make peers ARGS="--quick"
peers: $(VENV)/.test
	$(BIN)/python bench/peers.py $(ARGS)

# AIPerf, which is installed into the user's cache, asks both doors.
witness: $(VENV)/.test
	$(BIN)/python bench/witness.py $(ARGS)

# How throughput grows with workers and replicas, and a simulated fleet: make scale ARGS="--quick"
scale: $(VENV)/.test
	$(BIN)/python bench/scale.py $(ARGS)

# Installs client libraries for many languages into the user's cache, and runs them.
clients: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/python -m pytest -m clients tests/clients/matrix $(ARGS)

# Runs the samples of documentation pages, unchanged: make seeds SEEDS=folder ARGS="--only python,curl"
seeds: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/geminid models pull efficientnet-lite0
	$(BIN)/geminid models pull whisper-tiny-en
	$(BIN)/python tests/seeds/run_samples.py $(SEEDS) $(ARGS)

# Installs test suites of others into the user's cache, and runs them: make suites ARGS="--only genai,langchain"
suites: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/python tests/suites/run_suites.py $(ARGS)

# Schemas, functions and sampling, asked of one engine: make conformance ENGINE=pool, or a geminid.toml.
conformance: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/python -m pytest tests/conformance --engine $(ENGINE) $(ARGS)

# Runs a real vLLM before the default weights, as docs/engines.md tells: make vllm GEMINID_VLLM_PYTHON=vllm/bin/python
vllm: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/python -m pytest -m vllm tests/deploy/vllm $(ARGS)

# Installs Ray into the user's cache, deploys two replicas and kills them.
ray: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
	$(BIN)/python -m pytest -m ray tests/deploy/ray $(ARGS)

docs: $(VENV)/.serve
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV)

$(VENV)/.serve: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.test: $(VENV)/.serve
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --group test
	touch $@

$(VENV)/.lint: $(VENV)/.serve
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --group lint
	touch $@
