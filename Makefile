# `make` takes the newest supported Python, STACK=allennlp one that AllenNLP's own stack runs on.
VENV = .venv$(if $(STACK),-$(STACK))
PYTHON = $(VENV)/bin/python
CODE = biome_interpret benchmarks tests scripts docs/examples setup.py

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-15s%s\n", $$1, $$2 }' Makefile

setup: ## Make .venv, or bring it up to date (STACK=allennlp: .venv-allennlp)
	@STACK=$(STACK) scripts/setup.sh dev

demo: ## Explain a few predictions of the model in fixtures/
	@STACK=$(STACK) scripts/setup.sh
	@$(PYTHON) scripts/demo.py

# Every model the tests need is in the tree: nothing may ask the Hugging Face hub.
test soak: export HF_HUB_OFFLINE = 1
test soak: export TRANSFORMERS_OFFLINE = 1
# Several threads slow these small models down, several times over on a busy machine.
test soak compare: export OMP_NUM_THREADS := $(or $(OMP_NUM_THREADS),1)
test: setup ## Run the tests; ARGS="-k name" goes to pytest
	@$(PYTHON) -m pytest $(ARGS)

mutate: setup ## Break the package in many ways and see that tests notice (ARGS="--only NAME")
	@$(PYTHON) scripts/mutate.py $(ARGS)

soak: setup ## Interpret 20,000 odd inputs in one process (ARGS="--inputs N --seed S")
	@$(PYTHON) scripts/soak.py $(ARGS)

compare: ## Compare predictions and scores of both stacks
	@STACK= scripts/setup.sh dev
	@BIOME_PYTHON= STACK=allennlp scripts/setup.sh dev
	@.venv-allennlp/bin/python scripts/compare_stacks.py write build/stacks
	@.venv/bin/python scripts/compare_stacks.py check build/stacks

check: setup ## Check format, lint and types
	@$(PYTHON) -m ruff format --check $(CODE)
	@$(PYTHON) -m ruff check $(CODE)
	@$(PYTHON) -m mypy

format: setup ## Format the code and sort its imports
	@$(PYTHON) -m ruff check --select I --fix $(CODE)
	@$(PYTHON) -m ruff format $(CODE)

# The notebook is run each time: what it shows may have changed without it.
docs: export NO_MKDOCS_2_WARNING = 1
docs: setup ## Build the documentation in build/docs; a warning is an error
	@rm -rf .cache/mkdocs-jupyter
	@$(PYTHON) -m mkdocs build --quiet --strict

pictures: setup ## Make the pictures of docs/ anew (ARGS=--report for those of its pages)
	@$(PYTHON) scripts/docs/architecture.py
	@$(PYTHON) scripts/docs/pictures.py $(ARGS)
	@$(PYTHON) scripts/docs/refinement_figure.py

fixture: setup ## Train the model in fixtures/ again (needs BIOME_INTERPRET_DATA)
	@PYTHON=$(CURDIR)/$(PYTHON) scripts/train_fixture.sh

bench: setup ## Measure against AllenNLP, Captum, Interpreto (needs BIOME_INTERPRET_DATA)
	@$(PYTHON) -W ignore -m benchmarks $(ARGS)

# A dev lock holds everything, the other one the part of it that the package itself needs.
LOCK = uv $(1) pip compile --universal --python-version $(2) --excludes locks/left-out.txt --quiet \
	--no-annotate --custom-compile-command "make locks" setup.cfg
TODAY = $(call LOCK,--no-config,3.11) --override locks/today-overrides.txt -c locks/today-tried.txt
locks: ## Make locks/ anew with the newest releases (needs uv)
	$(call LOCK,,3.8) --extra dev --upgrade -o locks/allennlp-dev.txt
	$(call LOCK,,3.8) -c locks/allennlp-dev.txt -o locks/allennlp.txt
	printf '%s==2.10.1\n' allennlp allennlp-models | $(TODAY) - --extra dev --upgrade -o locks/today-dev.txt
	printf '%s==2.10.1\n' allennlp | $(TODAY) - -c locks/today-dev.txt -o locks/today.txt

clean: ## Remove the environments and everything else that was made
	rm -rf .venv .venv-allennlp .cache build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup demo test mutate soak compare check format docs pictures fixture bench locks clean
