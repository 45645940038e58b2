# Everything needs Python 3.11, 3.12 or 3.13 and make, nothing else; `make help` lists the targets.
PYTHON ?= $(firstword $(foreach v,python3.11 python3.12 python3.13 python3,$(shell command -v $(v) 2>/dev/null)))
BIN := .venv/bin
READY := .venv/.ready
export TZ := UTC
# Libraries that would report their use to their makers are told not to.
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED := False

.PHONY: help demo test test-slow lint audit bench fuzz golden airflow clean install lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## create .venv with the locked packages and compile the kernels

$(READY): requirements.lock bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed (make PYTHON=... names one)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r bootstrap.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m rating.warm & $(BIN)/python -m asn1.warm && $(BIN)/python -m mediation.warm && wait $$!
	@touch $(READY)

demo: $(READY) ## run the example operator: four partners, 5,000 records, SFTP to ledger
	@$(BIN)/ratemill demo

test: $(READY) ## the unit tests, then those that run the whole pipeline
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not airflow and not e2e"
	$(BIN)/python -m pytest -n auto --dist worksteal -m "e2e and not slow and not airflow"

THIN ?= 1
AIRFLOW ?=
test-slow: $(READY) ## the tests that take longer: crashes, Airflow; make test-slow THIN=5 does a fifth
	$(BIN)/python -m pytest -n auto --dist worksteal -m "slow and not airflow" -k "not speed" \
	  --thin $(THIN)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m airflow -k "$(AIRFLOW)"
	$(BIN)/python -m pytest -m "slow and not airflow" -k speed

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

audit: $(READY) ## known holes in the locked packages; needs the network, says so without it
	@.ci/audit

bench: $(READY) ## measure: make bench PART=collect, decode, formats, pipeline, rating, posting, rerate
	@$(BIN)/python tests/bench/run.py $(PART)

COUNT ?= 2000
fuzz: $(READY) ## damaged files through both decoders, bounds checked: make fuzz COUNT=200000
	@RATEMILL_KERNEL_CHECKED=1 $(BIN)/python tests/fuzz/fuzz_run.py --count $(COUNT)

golden: $(READY) ## write the sample files and their goldens anew; review the difference
	$(BIN)/python sample_data/generate.py --out sample_data/inbox
	$(BIN)/python sample_data/generate_ready.py --out sample_data/ready
	$(BIN)/python tests/golden/regenerate.py

airflow: $(READY) ## Airflow with the example home on loopback; Ctrl-C stops it
	@$(BIN)/python -m ratemill.airflow_stack

lock: $(READY) ## resolve the dependencies anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --group dev --extra cluster pyproject.toml -o requirements.lock

clean: ## remove what make and the demo made
	rm -rf .venv .ratemill .airflow .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
