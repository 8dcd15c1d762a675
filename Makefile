# One or two visible lines per target. PYTHON chooses the interpreter: PYTHON=python3.13 make test
PYTHON ?= python3
VENV := .venv/$(notdir $(PYTHON))

.PHONY: serve test lint bench plugin
serve: $(VENV)/ready
	$(VENV)/bin/uwsgi --ini uwsgi.ini

test: $(VENV)/ready
	$(VENV)/bin/python -m pytest

lint: $(VENV)/ready
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy

bench: $(VENV)/ready
	$(VENV)/bin/pip install --quiet -e '.[bench]' && $(VENV)/bin/python -m benchmarks

plugin: $(VENV)/ready
	$(VENV)/bin/trio-worker build-plugin

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV) && $(VENV)/bin/pip install --quiet -e '.[uwsgi,quart,test,dev]' && touch $@
