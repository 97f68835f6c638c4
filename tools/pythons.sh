#!/usr/bin/env bash
# Run the tests that need no Slurm on every other Python of 3.11 to 3.14 that the machine has: those on
# PATH and pyenv's. The one of .venv has run them already, and the laws of the planner, which take long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

done=" $(version .venv/bin/python) "
for minor in 11 12 13 14; do
	[[ $done != *" 3.$minor "* ]] || continue
	for python in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/"python3.$minor"; do
		# A shim of pyenv is on PATH for versions that it then refuses to run.
		[[ $(version "$python") == "3.$minor" ]] || continue
		"$python" -c 'import ensurepip, venv' 2>/dev/null || continue
		venv=.cache/venv-3.$minor
		echo "+ $python: pytest -m 'not slurm'"
		stamp=$("$python" -VV && cat pyproject.toml)
		if [[ $(cat "$venv/installed" 2>/dev/null) != "$stamp" ]]; then
			"$python" -m venv --clear "$venv"
			"$venv/bin/python" -m pip install -q --disable-pip-version-check -e '.[test]'
			printf '%s\n' "$stamp" >"$venv/installed"
		fi
		"$venv/bin/python" -m pytest -q -m 'not slurm' --ignore=tests/launch --ignore=tests/laws
		done+="3.$minor "
		break
	done
done
echo "tested on Python:$done"
