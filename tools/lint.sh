#!/usr/bin/env bash
# Everything that reads the sources without running them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy

mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
if ! type -P shellcheck shfmt >/dev/null; then
	echo "lint.sh: shellcheck and shfmt are not installed: shell scripts are not checked" >&2
	((${DYNPLAN_REQUIRE_SLURM:-0} == 0)) || exit 1
	exit 0
fi
shellcheck --external-sources "${scripts[@]}"
shfmt -d "${scripts[@]}"
