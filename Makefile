# make demo   set everything up and open napari with a sample project (without a display: run it headless)
# make test   set everything up and run the tests
# make lint   style, types and the import contract
# Everything is installed into $(VENV); delete that folder to start afresh.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/.installed
	@$(BIN)/napari-tomopick demo

test: $(VENV)/.installed-tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer, with venv, is needed: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	bash tools/system-packages.sh
	$(INSTALL) -e ".[all]"
	@touch $@

$(VENV)/.installed-tests: $(VENV)/.installed
	bash tools/system-packages.sh tests
	$(INSTALL) --group test
	@touch $@

$(VENV)/.installed-lint: $(VENV)/.installed
	$(INSTALL) --group lint
	@touch $@

clean:
	rm -rf $(VENV) demo-output
