# `make demo` and `make test` need nothing but Python and make; `make help` lists the rest.

.PHONY: help demo slurm test docs docs-links acceptance acceptance-all slurms laws mutants bench golden lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: pyproject.toml tools/install.sh
	@tools/install.sh venv

demo: .venv/installed ## compile an example and, as root on Debian or Ubuntu, run it on a throwaway Slurm
	@.venv/bin/python -m tools.demo

slurm: .venv/installed ## a shell on a throwaway Slurm of two nodes, as root on Debian or Ubuntu
	@tools/install.sh slurm
	@.venv/bin/python -m tests.testbed shell --nodes 2

test: .venv/installed ## everything that checks the project
	tools/install.sh checks slurm containers docs
	tools/lint.sh
	.cache/docs/bin/python -m tools.site
	.venv/bin/python -m tests.launch.bashes
	.venv/bin/python -m tests.slurm.containers.bring
	.venv/bin/python -m pytest
	tools/pythons.sh
	tools/wheel.sh

docs: ## the documentation as a site, build/site/index.html; a warning or a link that leads nowhere is an error
	@tools/install.sh docs
	@.cache/docs/bin/python -m tools.site

docs-links: docs ## the same, and whether what it links to elsewhere is there; needs the internet
	@.cache/docs/bin/python -m sphinx -q -b linkcheck -c tools/site build/site-source build/site-links

acceptance: .venv/installed ## real engines on a throwaway Slurm, without GPUs: Dynamo, Ray, torchrun, routers
	tools/install.sh slurm
	tests/acceptance/install.sh dynamo dynamo-newest ray routers torch
	.venv/bin/python -m pytest tests/acceptance --ignore tests/acceptance/test_vllm.py

acceptance-all: acceptance ## the same, and vLLM built for CPUs: nine minutes and 4 GB more
	tests/acceptance/install.sh vllm
	.venv/bin/python -m pytest tests/acceptance/test_vllm.py

slurms: .venv/installed ## the Slurm tests under 24.11 and 26.05, and that 20.11 is refused, as root on Debian
	tools/slurms.sh

laws: .venv/installed ## the planner's laws, at least 20,000 examples each
	DYNPLAN_EXAMPLES=20000 .venv/bin/python -m pytest --timeout=0 tests/laws

mutants: .venv/installed ## mutation testing of the planner, some hours
	tools/mutants.sh

bench: .venv/installed ## what things cost, all in one table, as root with Slurm; about four minutes
	@.venv/bin/python -m bench

golden: .venv/installed ## write anew what stands beside the examples; read the diff
	.venv/bin/python -m tests.golden

lint: .venv/installed ## read the sources without running them
	tools/install.sh checks
	tools/lint.sh

format: .venv/installed ## format all sources
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	shfmt -w .ci bench dynplan tests tools

clean: ## remove what the targets made
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist demo results *.egg-info
