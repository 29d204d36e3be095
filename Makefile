# make demo [PHOTO=path] [ONCE=1]   the six steps on one photo
# make up [ARGS="--port 9000"]      the whole system on this machine
# make install                      nothing but the installation into .venv, such as on every host
# make test                         everything that CI runs
# make chaos [MINUTES=10] [SEED=1]   kill everything under load, and count what is lost [JSON=file] [RATE=2]
# make check                        the fast part: format, lint, types, layers, spelling

# Of an environment that is active, the Python that it was made with: this one makes and fills environments.
PYTHON ?= $(shell python3 -c 'import sys; print(getattr(sys, "_base_executable", None) or sys.executable)')
VENV   := .venv
BIN    := $(VENV)/bin
APP    := $(VENV)/.app
DEV    := $(VENV)/.dev
# pip of the machine installs into the new environment, so that neither ensurepip nor an upgrade of pip is needed.
PIP    := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --quiet

# At a terminal, Ctrl-C goes to the program alone, which ends well; make would call it an error.
ALONE  := if [ -t 0 ]; then set -m; fi;

.DEFAULT_GOAL := help
.PHONY: help install demo up test chaos check openapi docs lock clean

help: ## say what can be made
	@sed -n 's/^# make/make/p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Safelight needs Python 3.11 or newer; set PYTHON=")'
	@$(PYTHON) -m venv --without-pip $(VENV)

$(APP): requirements/app.txt requirements/build.txt pyproject.toml clients/python/pyproject.toml | $(BIN)/python
	@echo "Installing Safelight into $(VENV) (once; about a minute)"
	@$(PIP) install --require-hashes -r requirements/app.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation -e clients/python -e .
	@touch $@

$(DEV): requirements/dev.txt $(APP)
	@echo "Installing the tools of the tests into $(VENV) (once)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

install: $(APP)

demo: $(APP)
	@$(ALONE) ONCE=$(ONCE) $(BIN)/safelight demo $(if $(PHOTO),"$(PHOTO)"); exit $$?

up: $(APP)
	@$(ALONE) $(BIN)/safelight up $(ARGS); exit $$?

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

test: check
	$(BIN)/pytest -n 2 --dist loadfile --ignore tests/journey/test_kill.py --ignore tests/chaos
	$(BIN)/pytest tests/journey/test_kill.py tests/chaos

MINUTES ?= 10
RATE    ?= 2
chaos: $(DEV)
	@PYTHONPATH=tests $(BIN)/python -m chaos --minutes $(MINUTES) --rate $(RATE) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json "$(JSON)")

openapi: $(APP) ## write openapi.json anew
	@$(BIN)/python -c 'import sys; from safelight.apps.api import openapi_json; sys.stdout.buffer.write(openapi_json())' > openapi.json

docs: $(APP) ## write the pages of the reference anew, which are made from the code
	@$(BIN)/python -m safelight.cli.reference docs/reference

lock: ## resolve the requirements anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --upgrade requirements/app.in -o requirements/app.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --upgrade -c requirements/app.txt requirements/build.in -o requirements/build.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --upgrade -c requirements/app.txt -c requirements/build.txt requirements/dev.in -o requirements/dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
