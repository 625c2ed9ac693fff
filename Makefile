# `make demo` shows Noren, `make test` proves it. Needs python3 (3.11 or newer, with venv), make and git.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
AS_ROOT := $(shell [ "$$(id -u)" != 0 ] || echo --allow-root)
RUFF := $(PY) -m ruff
PYTEST := $(PY) -m pytest -q

# Some hundred processes are started here; where Python may keep no compiled modules, each compiles all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo lab test check lint soak bench picture pins clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) ## Run notebooks/quickstart.ipynb from end to end: three releases under live traffic
	$(PY) notebooks/demo.py

lab: $(INSTALLED) ## Open the quickstart in JupyterLab
	$(PY) -m jupyterlab --ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/quickstart.ipynb $(AS_ROOT)

# Three at once on two cores: much of what the slow tests do is to wait for processes, and four stand in each other's
# way. The tests of one file share theirs. Files come in the order of tests/conftest.py, slow ones first: xdist's own
# begins with those that have many tests.
test: lint ## Everything that CI runs
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder -m "not soak"

check: lint ## The quick part of it, for while you work
	$(PYTEST) -m "not slow and not soak"

lint: $(INSTALLED) ## Format, lint and types
	$(RUFF) format --check
	$(RUFF) check
	$(PY) -m mypy

soak: $(INSTALLED) ## Long statistical tests
	$(PYTEST) -m soak

bench: $(INSTALLED) ## Measure: every bench/*.py
	$(PY) -m bench

picture: $(INSTALLED) ## Take the README's picture anew: the quickstart's canary in JupyterLab
	RELEASE_VIEW_PICTURE=docs/images/release-view.png $(PYTEST) tests/browser/test_quickstart_in_lab.py

pins: ## Renew constraints.txt from the newest packages that fit
	rm -rf $(VENV)
	echo "# being renewed" > constraints.txt
	$(MAKE) $(INSTALLED)
	{ echo '# One whole set of packages on which the tests pass. `make` installs with it; `make pins` renews it.'; \
	  $(PY) -m pip freeze --exclude-editable --exclude noren; } > constraints.txt
	touch $(INSTALLED)

clean: ## Remove what was made here: the environment, caches, the demo's state
	@if [ -e .demo/home/run ] && [ -x $(PY) ]; then $(VENV)/bin/noren --home .demo/home down; fi
	rm -rf $(VENV) .demo .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Only done again when what is to be installed has changed.
$(INSTALLED): pyproject.toml constraints.txt | $(PY)
	@echo "installing Noren and its tools into $(VENV): 1.6 GB, some minutes where nothing is cached"
	@$(PY) tools/install.py
	@touch $@

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Noren needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Say make PYTHON=python3.12, for example."; \
	  exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
