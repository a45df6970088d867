# `make run` runs Pycemaker, `make test` tests it, `make check` is the short way while one writes; each makes .venv first
# where it is missing or out of date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SIDE_BY_SIDE := --dist=worksteal --numprocesses
# Half of `make test` waits: for kernels, servers and deadlines. Two processes a core keep the cores busy meanwhile.
TWO_A_CORE = $(shell $(BIN)/python -c 'import os; print(2 * (os.cpu_count() or 1))')
BABEL := $(BIN)/python -m babel.messages.frontend --quiet
TAGS := $(basename $(notdir $(wildcard pycemaker/i18n/*.po)))
# Without it each process of the tests would compile the same modules again, which is a third of `make check`.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run check test lint bench messages clean

run: $(VENV)/run
	@exec $(BIN)/python server.py

check: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) auto tests/unit

test: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(TWO_A_CORE)

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/test
	$(BIN)/python -m tests.bench

messages: $(VENV)/run
	@$(BABEL) extract --mapping pyproject.toml --no-location --sort-by-file --output $(VENV)/messages.pot .
	@for tag in $(TAGS); do $(BABEL) update --input-file $(VENV)/messages.pot --locale $$tag \
		--output-file pycemaker/i18n/$$tag.po --width 110 --ignore-obsolete --ignore-pot-creation-date || exit; done
	@$(BIN)/python -m tests.catalogues

$(VENV)/run: requirements.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pycemaker needs Python 3.11 or later")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing requirements.txt into $(VENV) (some minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/test: $(VENV)/run tests/requirements.txt
	@echo "installing tests/requirements.txt into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
