# make report: the default report.   make test: every test.   make help: the rest.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
# Each stamp is made anew when the pins or the dependencies change; an editable installation follows the code by itself.
PRODUCT := $(VENV)/.product
DEVELOP := $(VENV)/.develop
LIVE := $(VENV)/.live
PINS := pyproject.toml constraints.txt
WORKERS ?= 2
# What excites a unit of the default model is found in more pictures than the report shows; the wheel lacks them: inputs/CREDITS.md.
EXAMPLES := $(if $(filter --config% --dataset% --images% --model%,$(ARGS)),,--dataset inputs/examples/list.txt)

.DEFAULT_GOAL := help
.PHONY: help report demo serve test quality bench format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

report: $(PRODUCT) ## the default report, into site/ (ARGS="--preset standard ..." goes to convatlas build)
	@$(BIN)/convatlas build $(EXAMPLES) $(ARGS)

demo: $(LIVE) ## the published demo, into site/: the default report with the live page, for a host of pages (ARGS as for report)
	@tools/runtime.sh $(BIN)/python
	@$(BIN)/convatlas build --live $(EXAMPLES) $(ARGS)

serve: $(PRODUCT) ## serve site/ on this computer
	@$(BIN)/convatlas serve $(ARGS)

test: $(DEVELOP) ## every test, in a browser too (ARGS="tests/test_config.py -k ..." goes to pytest)
	@tools/browser.sh $(BIN)/python
	@tools/latex.sh
	@tools/runtime.sh $(BIN)/python
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile $(ARGS)

quality: $(DEVELOP) ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(DEVELOP) ## put the code into the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEVELOP) ## the measurements in bench/; a bound that is missed fails it at the end (LUCENT=FOLDER: beside lucent)
	@failed=0; for script in bench/[!_]*.py; do echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || failed=1; done; exit $$failed

clean: ## remove what was built; the store and .venv stay
	rm -rf site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@python=$$(tools/python.sh) && "$$python" -m venv $(VENV)

$(PRODUCT): $(PINS) | $(BIN)/python
	@echo "Installing Conv Atlas into $(VENV): torch is large, the first time takes some minutes ..."
	@$(PIP) -e '.[lrp]'
	@touch $@

# The live page's model is written by torch's exporter, which needs these.
$(LIVE): $(PINS) | $(BIN)/python
	@echo "Installing Conv Atlas into $(VENV), with what writes a model for the browser ..."
	@$(PIP) -e '.[lrp,live]'
	@touch $(PRODUCT) $@

# quantus asks for opencv-python, which needs display libraries and writes over the headless build: docs/adr/0001.
$(DEVELOP): $(PINS) | $(BIN)/python
	@echo "Installing Conv Atlas, its tools and its reference libraries into $(VENV) ..."
	@$(PIP) -e '.[dev,oracles,timm,live,bench]'
	@$(BIN)/python -m pip --disable-pip-version-check uninstall -q -y opencv-python
	@$(PIP) --force-reinstall --no-deps opencv-python-headless
	@touch $(PRODUCT) $(LIVE) $@
