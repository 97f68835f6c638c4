#!/usr/bin/env bash
# Mutation testing of the planner and its ledger with mutmut: which changes of the code does no test notice?
# Hours on two cores. Everything stays in .cache/mutants, and a second run tests what has changed since.
#
# Usage: tools/mutants.sh [NAME]...
# Names of mutants, with `*` for any part, such as 'dynplan.planner.turns.*', are tested again whatever is known of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
copy=.cache/mutants

mkdir -p "$copy"
# Without what is no more there: mutmut would change it, and tests would be run that are gone.
rm -rf "$copy"/{dynplan,tests,tools,examples,docs} "$copy"/mutants/tests
git ls-files -z dynplan tests tools examples docs README.md LICENSE pyproject.toml | tar --null -T - -c | tar -x -C "$copy"
cd "$copy"
if [[ pyproject.toml -nt .venv/installed ]]; then
	"$OLDPWD/.venv/bin/python" -m venv --clear .venv
	# What dynplan and its tests need, without dynplan: the mutants are to be imported, not an installed one.
	.venv/bin/python -m pip install -q --disable-pip-version-check mutmut==3.8.1 '.[dev]'
	.venv/bin/python -m pip uninstall -q -y dynplan
	touch .venv/installed
fi
.venv/bin/python -m mutmut run --max-children "$(nproc)" "$@" | tr '\r' '\n' | tail -n 3
.venv/bin/python -m mutmut results
