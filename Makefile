# Each target does its own set-up in .venv; PYTHON chooses the interpreter, ARGS goes to the command.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve test lint fix bench docs clean

serve: $(VENV)/.serve
	$(BIN)/geminid serve $(ARGS)

test: $(VENV)/.test
	$(BIN)/geminid models pull smollm2-135m
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
