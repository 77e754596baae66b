# Two commands matter: make demo, make test. Everything below only prepares a .venv and calls the product.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=
TEST_ARGS ?=
PIP_QUIET := --quiet --disable-pip-version-check --no-input
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-long bench-page lint docs pictures compose-podman lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime ## run the main job against the built-in simulator; ends with a verdict
	@$(BIN)/softphone-monitor demo $(DEMO_ARGS)

test: lint ## lint, types and the whole test suite
	@$(BIN)/pytest -m "calculating and not long" -n auto --timeout 900 $(TEST_ARGS)
	@$(BIN)/pytest -m "sharing and not long" -n 4 --dist loadfile --no-loadscope-reorder --timeout 300 $(TEST_ARGS)
	@$(BIN)/pytest -m "pairing and not long" -n 2 --dist loadfile --no-loadscope-reorder --timeout 300 $(TEST_ARGS)
	@$(BIN)/pytest -m "not calculating and not sharing and not pairing and not long" $(TEST_ARGS)

coverage: $(VENV)/.dev ## the whole test suite with branch coverage, which makes it half as slow again
	@$(BIN)/coverage erase
	@$(MAKE) --no-print-directory test TEST_ARGS="--cov --cov-append --cov-report= $(TEST_ARGS)"
	@$(BIN)/coverage report

test-long: $(VENV)/.dev ## the checks that take minutes to an hour
	@$(BIN)/pytest -m long $(TEST_ARGS)

bench-page: $(VENV)/.dev ## how soon the live page shows what happens and how long it blocks, in the real Chromium
	@$(BIN)/python -m tests.browser.bench

lint: $(VENV)/.dev ## ruff and mypy only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/.dev ## write what is generated again: reference pages, Grafana dashboards, the PrometheusRule
	@$(BIN)/softphone-monitor config reference > docs/configuration.md
	@$(BIN)/python -m monitor.outputs.catalogue > docs/metrics.md
	@$(BIN)/python -m dashboards.grafana.generator
	@$(BIN)/python -m dashboards.kubernetes.generate

pictures: $(VENV)/.dev ## make docs/images and the example reports again: simulated weeks, a real Prometheus, a real Chromium
	@$(BIN)/pip install $(PIP_QUIET) -e ".[pictures]"
	@$(BIN)/python -m tests.dashboards.grafana.pictured
	@$(BIN)/python -m tests.example_reports
	@$(BIN)/python -m tests.browser.pictured

compose-podman: $(VENV)/.dev ## build and run docker-compose.yml with podman on Debian, as root, without any image registry
	@$(BIN)/python dashboards/container/run_with_podman.py

lock: ## resolve the dependencies again, for every platform, with hashes and without any index address
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-header -q pyproject.toml -o requirements.lock
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-header -q --extra dev pyproject.toml -o requirements-dev.lock

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.*

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; '$(PYTHON)' is older. Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Creating $(VENV) ..." >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the runtime packages ..." >&2
	@$(BIN)/pip install $(PIP_QUIET) --require-hashes -r requirements.lock
	@$(BIN)/pip install $(PIP_QUIET) --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing the runtime and development packages ..." >&2
	@$(BIN)/pip install $(PIP_QUIET) --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install $(PIP_QUIET) --no-deps -e .
	@touch $@ $(VENV)/.runtime
