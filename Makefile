# make app: install and open the app. make test: install what tests need and run them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LISTS := tests/security/test_lists.py
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: app test test-all lint format docs clean

app: $(VENV)/.app
	$(BIN)/streamlit run streamlit_app.py

test: $(VENV)/.dev
	@# The library in one process, pages and browsers in another: two trainings at once would keep
	@# each other waiting, and two browsers as well. LISTS opens pages, and evens out the times.
	@$(BIN)/python -m pytest -m "not slow" tests/unit tests/security --ignore $(LISTS) \
		> $(VENV)/library.log 2>&1 & library=$$!; \
	$(BIN)/python -m pytest -m "not slow" tests/app tests/browser $(LISTS); pages=$$?; \
	wait $$library; library=$$?; cat $(VENV)/library.log; \
	test $$pages -eq 0 && test $$library -eq 0

test-all: lint
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/codespell
	PYTHONPATH=. $(BIN)/lint-imports --no-cache
	$(BIN)/python -m mypy --no-error-summary fer_core ui/services

format: $(VENV)/.dev
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

$(VENV)/.app: requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt tests/install_browser.sh | $(VENV)/bin/python
	$(PIP) -r requirements-dev.txt
	sh tests/install_browser.sh $(BIN)/python
	touch $@ $(VENV)/.app
