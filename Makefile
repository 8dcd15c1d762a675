# One or two visible lines per target. PYTHON chooses the interpreter: PYTHON=python3.13 make test; ARGS is passed on.
PYTHON ?= python3
VENV := .venv/$(notdir $(PYTHON))

.PHONY: serve test test-quick test-long lint audit oldest docs docs-serve bench plugin profile fuzz soak chaos
serve: $(VENV)/ready
	$(VENV)/bin/uwsgi --plugin $$($(VENV)/bin/trio-worker build-plugin --into $(VENV)) --ini uwsgi.ini $(ARGS)

test: $(VENV)/ready
	$(VENV)/bin/python -m pytest $(ARGS)

test-quick: $(VENV)/ready
	$(VENV)/bin/python -m pytest tests/unit tests/serving/test_one_socket.py $(ARGS)

test-long: $(VENV)/ready
	$(VENV)/bin/python -m pytest -m long $(ARGS)

lint: $(VENV)/ready
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy

audit: $(VENV)/ready
	-$(VENV)/bin/pip install --quiet -e '.[audit]'
	$(VENV)/bin/python tests/audit.py

oldest: $(VENV)/ready
	$(VENV)/bin/python tests/oldest.py >.venv/oldest.txt && $(PYTHON) -m venv .venv/oldest && .venv/oldest/bin/pip install --quiet -c .venv/oldest.txt -e '.[uwsgi,quart,top,metrics,telemetry,reload,compress,test]'
	.venv/oldest/bin/python -m pytest $(or $(ARGS),tests/unit tests/serving/test_one_socket.py tests/websocket tests/http2 tests/quart)

docs: $(VENV)/ready
	$(VENV)/bin/pip install --quiet -e '.[docs]' && $(VENV)/bin/python docs/generated.py && NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict $(ARGS)

docs-serve: $(VENV)/ready
	$(VENV)/bin/pip install --quiet -e '.[docs]' && NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs serve $(ARGS)

bench: $(VENV)/ready
	$(VENV)/bin/pip install --quiet -e '.[bench]' && $(VENV)/bin/python -m benchmarks $(ARGS)

plugin: $(VENV)/ready
	$(VENV)/bin/trio-worker build-plugin

profile: $(VENV)/ready
	$(VENV)/bin/pip install --quiet -e '.[bench]' && $(VENV)/bin/python -m benchmarks.profile $(ARGS)

soak: $(VENV)/ready
	$(VENV)/bin/pip install --quiet -e '.[soak]' && $(VENV)/bin/python -m soak $(ARGS)

fuzz: $(VENV)/ready
	$(VENV)/bin/pip install --quiet -e '.[fuzz]' && PYTHONPATH=tests $(VENV)/bin/python -m fuzz $(ARGS)

chaos: $(VENV)/ready
	PYTHONPATH=tests $(VENV)/bin/python -m chaos $(ARGS)

$(VENV)/ready: pyproject.toml hatch_build.py $(wildcard trio_worker/protocols/*.[ch] trio_worker/master/figures/*.c)
	$(PYTHON) -m venv $(VENV) && $(VENV)/bin/pip install --quiet -e '.[uwsgi,quart,test,dev]' && touch $@
