#!/usr/bin/env bash
# Everything that reads the sources without running them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy

if ! type -P shellcheck shfmt >/dev/null; then
	echo "lint.sh: without shellcheck and shfmt the shell scripts are not checked" >&2
	exit "${DYNPLAN_REQUIRE_SLURM:-0}"
fi
shfmt -d .ci/run bench dynplan tests tools
# Not those of dynplan: they are parts, and tests check the scripts that the parts make.
find .ci/run bench tests tools \( -name '*.sh' -o -path .ci/run \) -exec shellcheck --external-sources {} +

if type -P node >/dev/null; then
	for script in dynplan/views/*.js; do node --check "$script"; done
fi
