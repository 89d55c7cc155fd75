# What a developer types; `make help` lists it.
# Needs make and Python 3.10 or newer with venv and pip. All else is installed into .venv and .build.

PYTHON ?= python3
PYTEST = .venv/bin/python -m pytest

# Stamps: touched when an environment is complete; one older than its sources is made anew.
DEV      := .venv/.ready
MELTANO  := .build/meltano/.ready
BACKENDS := .build/meltano-backends/.ready
PLUGINS  := .meltano/.ready
WHEEL    := .build/wheel/.ready
POSTGRES := .build/target-postgres/.ready
SNOWFLAKE := .build/target-snowflake/.ready
CHECKER  := .build/singer-tools/.ready
DBT      := .build/dbt/.ready
AIRFLOW  := .build/airflow/.ready
DBT_SNOWFLAKE := .build/dbt-snowflake/.ready
BENCH    := .build/bench/.ready
PEER     := .build/bench-peer/.ready
PIPELINEWISE := .build/bench-pipelinewise/.ready
SITE     := .build/docs/.ready
PACKAGE  := $(shell find tap_gainsight_px px_sandbox schemas -type f ! -name '*.pyc')

# $(call venv,<title>,<pip arguments>): a fresh environment in the folder of the target, silent unless it fails.
define venv
	@echo "Setting up $(1) …"
	@mkdir -p .build/logs
	@{ $(PYTHON) -m venv --clear $(@D) && \
	   $(@D)/bin/python -m pip install --disable-pip-version-check --progress-bar off $(2); \
	 } > .build/logs/$(notdir $(@D)).log 2>&1 \
	 || { tail -n 25 .build/logs/$(notdir $(@D)).log; echo "That did not work; the whole log: .build/logs/$(notdir $(@D)).log"; exit 1; }
	@touch $@
endef

# ---------------------------------------------------------------------------------------------
.DEFAULT_GOAL := help
.PHONY: help demo demo-reset try test lint docs site format types layers unit tap properties contract sandbox airflow e2e meltano snowflake transform soak soak-history soak-pipe bench newest-sdk wheel lock clean python

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What it installs does not wait for each other.
demo: ## Gainsight PX (a stand-in) into a real Postgres, and what it tells; again: only what is new
	@$(MAKE) --no-print-directory --silent -j2 $(DEV) $(PLUGINS) $(DBT)
	@.venv/bin/python -m demo

demo-reset: ## Forget what the demo loaded
	@rm -rf .demo

STREAM ?= users
try: $(DEV) ## One stream against the sandbox, with debug logs: make try STREAM=users [ARGS="--messages 50"]
	@.venv/bin/python -m demo.try_stream $(STREAM) $(ARGS)

# Every step runs, so that one run tells all that is wrong; the last line says how it went.
STEPS := lint types layers unit tap properties contract sandbox e2e site

test: $(DEV) $(MELTANO) $(PLUGINS) $(WHEEL) $(POSTGRES) $(CHECKER) $(DBT) ## Everything: checks and all tests
	@passed=0; failed=; begin=$$(date +%s); \
	for step in $(STEPS); do \
	  $(MAKE) --no-print-directory $$step && passed=$$((passed + 1)) || failed="$$failed $$step"; \
	done; \
	echo; echo "== make test: $$(( $$(date +%s) - begin )) s$${failed:+, failed:$$failed}"; \
	set -- $$failed; echo "steps: $$passed passed, $$# failed"; [ $$# -eq 0 ]

lint: $(DEV) ## Lint and format check, of the workflows too
	@echo; echo "== lint"
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/zizmor --offline --quiet --persona=pedantic .github

# What cog writes into: all that has its mark, so that none is forgotten.
GENERATED = $(shell git grep -lF '[[''[cog' -- '*.md' '*.yml')

docs: $(DEV) ## Write what the documentation has from the code anew: tables, settings, pages of streams, drawings
	@.venv/bin/python -m cogapp -r -I docs $(GENERATED)
	@.venv/bin/python -m docs.pages
	@.venv/bin/python -m docs.sources
	@if test -e $(SNOWFLAKE); then .venv/bin/python -m tests.snowflake.page 2> /dev/null; fi

# Zensical needs Python 3.11.
site: $(DEV) ## The documentation as a site, its links checked: .build/site/html
	@echo; echo "== site"
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  $(MAKE) --no-print-directory $(SITE) && .venv/bin/python docs/site.py .build/site/pages && \
	  .build/docs/bin/zensical build --strict --clean; \
	else \
	  echo "left out: Zensical needs Python 3.11 or newer"; \
	fi

format: $(DEV) ## Put the code in shape
	@.venv/bin/ruff check --fix --exit-zero .
	@.venv/bin/ruff format .

types: $(DEV) ## Types, strictly
	@echo; echo "== types"
	@.venv/bin/mypy

layers: $(DEV) ## Every import points to a lower layer
	@echo; echo "== layers"
	@.venv/bin/lint-imports --no-cache --no-logo

unit: $(DEV) ## Unit tests: the quick ones
	@echo; echo "== unit tests"
	@$(PYTEST) tests/unit

# All folders of tests that have no step of their own, so that none is forgotten.
TAP_TESTS = $(filter-out $(addprefix tests/,unit properties contract sandbox e2e airflow meltano snowflake transform __pycache__),$(patsubst %/,%,$(wildcard tests/*/)))

tap: $(DEV) ## The tap's parts and whole runs of it, against the sandbox
	@echo; echo "== tap tests"
	@$(PYTEST) -n 3 --dist loadfile $(TAP_TESTS)

properties: $(DEV) ## Property tests (Hypothesis)
	@echo; echo "== property tests"
	@$(PYTEST) -n 2 tests/properties

contract: $(DEV) ## Table, schemas, API contract, meltano.yml and README agree
	@echo; echo "== contract tests"
	@$(PYTEST) tests/contract

sandbox: $(DEV) ## Tests of the stand-in for PX
	@echo; echo "== sandbox tests"
	@$(PYTEST) -n 2 tests/sandbox

e2e: $(DEV) $(MELTANO) $(PLUGINS) $(WHEEL) $(POSTGRES) $(CHECKER) $(DBT) ## The built wheel into a real Postgres
	@echo; echo "== end-to-end tests"
	@$(PYTEST) -n 2 --dist loadfile tests/e2e

# Not among the steps of `make test`: it takes five minutes.
meltano: $(DEV) $(WHEEL) $(POSTGRES) $(BACKENDS) ## Meltano in production: interruptions, overlaps, STATE in Postgres and S3
	@echo; echo "== Meltano in production"
	@$(PYTEST) -n 2 tests/meltano

# Not among the steps of `make test`: it takes four minutes, two of them to install. That any one stream may be missing is
# the same for every database: `make transform` shows it.
snowflake: $(DEV) ## What is loaded into Snowflake, and the dbt package's marts of it, against an imitation
	@echo; echo "== target-snowflake and the dbt package, against an imitation of Snowflake"
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  $(MAKE) --no-print-directory $(SNOWFLAKE) $(DBT_SNOWFLAKE) && $(PYTEST) tests/snowflake && \
	  $(PYTEST) tests/transform --warehouse=snowflake -k 'not any_one_stream'; \
	else \
	  echo "left out: fakesnow needs Python 3.11 or newer"; \
	fi

# Not among the steps of `make test`: it takes two minutes and a half, one of them to install.
transform: $(DEV) $(POSTGRES) $(DBT) ## The dbt package on a real Postgres, its marts against figures of the sandbox
	@echo; echo "== dbt package"
	@$(PYTEST) tests/transform

# Not among the steps of `make test`: it takes some six minutes, one of them to install.
airflow: $(DEV) $(MELTANO) $(POSTGRES) $(AIRFLOW) ## The DAGs by a real Airflow: a backfill in shards, one of them killed, handed over
	@echo; echo "== DAGs for Airflow"
	@$(PYTEST) tests/airflow

SEEDS ?= 200
soak: $(DEV) ## Random faults and kills for as long as you like: make soak SEEDS=1000
	@.venv/bin/python -m tests.chaos --seeds $(SEEDS)

# One of them into a real Postgres, by daily runs: tests/e2e/test_history.py.
COURSES ?= 3
soak-history: $(DEV) ## A month of hourly runs while the past changes, in simulated time: make soak-history COURSES=10
	@.venv/bin/python -m tests.history --seeds $(COURSES)

EXAMPLES ?= 500
soak-pipe: $(DEV) $(POSTGRES) ## Odd worlds through tap and loader, for as long as you like: make soak-pipe EXAMPLES=2000
	@PIPE_EXAMPLES=$(EXAMPLES) $(PYTEST) tests/e2e/test_whole_pipe.py

# ARGS: `pipe` for one section, which leaves the others as they are; `--quick`.
bench: $(DEV) $(BENCH) $(PEER) $(PIPELINEWISE) $(POSTGRES) ## Measure beside the peers, write docs/performance.md (half an hour; ARGS=--quick)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' && $(MAKE) --no-print-directory $(SNOWFLAKE) || true
	@.venv/bin/python -m benchmarks $(ARGS)

newest-sdk: python ## Whole runs and both record paths on the newest Singer SDK, pre-releases too
	@$(PYTHON) -m venv --clear .build/newest-sdk
	@.build/newest-sdk/bin/python -m pip install --quiet -r requirements/dev.txt
	@.build/newest-sdk/bin/python -m pip install --quiet --upgrade --pre singer-sdk
	@PYTHONPATH=. .build/newest-sdk/bin/python -m pytest -n 2 tests/properties/test_record_path.py tests/streams/test_both_ways.py tests/tap/test_batch.py tests/tap/test_parquet.py tests/tap/test_catalog.py tests/tap/test_events.py

wheel: $(DEV) ## dist/: the wheel, built by way of the sdist
	@rm -rf dist
	@.venv/bin/python -m build --no-isolation --outdir dist . > .build/logs/build.log 2>&1 || { tail -n 25 .build/logs/build.log >&2; exit 1; }
	@ls dist/*

lock: python ## requirements/: the newest versions that pyproject.toml and *.in allow
	@$(PYTHON) -m venv .build/uv && .build/uv/bin/python -m pip install --quiet uv
	@for name in meltano meltano-backends target-postgres singer-tools dbt airflow; do $(UV_COMPILE) requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	@for name in target-snowflake dbt-snowflake docs; do $(subst 3.10,3.11,$(UV_COMPILE)) requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	@$(UV_COMPILE) pyproject.toml --extra parquet --extra sandbox --group dev -o requirements/dev.txt
# One file for every Python from 3.10 on, and no index address in it.
UV_COMPILE = .build/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-header --no-annotate

clean: ## Remove all that was installed, built and loaded
	@rm -rf .venv .build .demo .meltano dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find tap_gainsight_px px_sandbox tests demo -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	 || { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3.12 …"; exit 1; }

.venv/.pinned: requirements/dev.txt | python
	$(call venv,the development environment (half a minute),-r requirements/dev.txt)

$(DEV): .venv/.pinned pyproject.toml
	@.venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e . \
	 > .build/logs/editable.log 2>&1 || { tail -n 25 .build/logs/editable.log; exit 1; }
	@touch $@

$(MELTANO): requirements/meltano.txt | python
	$(call venv,Meltano (15 seconds),-r requirements/meltano.txt)

$(BACKENDS): requirements/meltano-backends.txt | python
	$(call venv,Meltano with its backends for STATE (a minute),-r requirements/meltano-backends.txt)

$(POSTGRES): requirements/target-postgres.txt | python
	$(call venv,target-postgres (15 seconds),-r requirements/target-postgres.txt)

$(AIRFLOW): requirements/airflow.txt | python
	$(call venv,Airflow (a minute),--prefer-binary -r requirements/airflow.txt)

$(DBT): requirements/dbt.txt | python
	$(call venv,dbt (half a minute),-r requirements/dbt.txt)

$(SNOWFLAKE): requirements/target-snowflake.txt | python
	$(call venv,target-snowflake and fakesnow (a minute),-r requirements/target-snowflake.txt)

$(DBT_SNOWFLAKE): requirements/dbt-snowflake.txt | python
	$(call venv,dbt for Snowflake (half a minute),-r requirements/dbt-snowflake.txt)

$(BENCH): requirements/bench.txt | python
	$(call venv,dlt and orjson for the benchmarks (15 seconds),-r requirements/bench.txt)

$(PEER): requirements/bench-peer.txt | python
	$(call venv,the earlier public tap for the benchmarks (15 seconds),-r requirements/bench-peer.txt)

$(SITE): requirements/docs.txt | python
	$(call venv,Zensical for the site (10 seconds),-r requirements/docs.txt)

$(PIPELINEWISE): requirements/bench-pipelinewise.txt | python
	$(call venv,pipelinewise-target-postgres for the benchmarks (10 seconds),-r requirements/bench-pipelinewise.txt)

$(CHECKER): requirements/singer-tools.txt | python
	$(call venv,singer-check-tap (5 seconds),-r requirements/singer-tools.txt)

# The tap's declared dependencies are resolved from the wheel itself; the pins only choose their versions.
$(WHEEL): $(PACKAGE) pyproject.toml | $(DEV)
	@$(MAKE) --no-print-directory wheel > /dev/null
	$(call venv,the built wheel (10 seconds),-c requirements/dev.txt "$$(echo dist/*.whl)[sandbox]")

# By pip, as everything here: Meltano's own choice, uv, knows nothing of pip's configuration (index, certificates).
$(PLUGINS): meltano.yml pyproject.toml requirements/dev.txt requirements/target-postgres.txt $(MELTANO)
	@echo "Setting up Meltano's plugins: the tap and target-postgres (15 seconds) …"
	@MELTANO_VENV_BACKEND=virtualenv .build/meltano/bin/meltano install --clean tap-gainsight-px target-postgres \
	 > .build/logs/plugins.log 2>&1 || { tail -n 25 .build/logs/plugins.log; exit 1; }
	@touch $@
