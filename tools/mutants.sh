#!/usr/bin/env bash
# Mutation testing of the planner and its ledger with mutmut: which changes of the code does no test notice?
# About an hour on two cores. Everything stays in .cache/mutants, and a second run tests what has changed since.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
copy=.cache/mutants

mkdir -p "$copy"
git ls-files -z dynplan tests tools examples docs README.md LICENSE pyproject.toml | tar --null -T - -c | tar -x -C "$copy"
cd "$copy"
if [[ ! -e .venv/installed ]]; then
	"$OLDPWD/.venv/bin/python" -m venv --clear .venv
	# What dynplan and its tests need, without dynplan: the mutants are to be imported, not an installed one.
	.venv/bin/python -m pip install -q --disable-pip-version-check mutmut==3.8.1 '.[dev]'
	.venv/bin/python -m pip uninstall -q -y dynplan
	touch .venv/installed
fi
.venv/bin/python -m mutmut run --max-children "$(nproc)" | tr '\r' '\n' | tail -n 3
.venv/bin/python -m mutmut results
