#!/usr/bin/env bash
# Run the tests that need no Slurm on every other Python of 3.11 to 3.14 that the machine has: those on
# PATH and pyenv's, side by side. The one of .venv has run them already, and the laws of the planner, which take long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# Print a Python of version 3.MINOR that can make environments, or nothing.
find_python() { # MINOR
	local python
	for python in "python3.$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/"python3.$1"; do
		# A shim of pyenv is on PATH for versions that it then refuses to run.
		if [[ $(version "$python") == "3.$1" ]] && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
			echo "$python"
			return
		fi
	done
}

run_tests() { # MINOR PYTHON
	local venv=.cache/venv-3.$1 stamp
	echo "+ $2: pytest -m 'not slurm'"
	stamp=$("$2" -VV && cat pyproject.toml)
	if [[ $(cat "$venv/installed" 2>/dev/null) != "$stamp" ]]; then
		"$2" -m venv --clear "$venv"
		"$venv/bin/python" -m pip install -q --disable-pip-version-check -e '.[test]'
		printf '%s\n' "$stamp" >"$venv/installed"
	fi
	"$venv/bin/python" -m pytest -q -p no:cacheprovider -m 'not slurm' --ignore=tests/launch --ignore=tests/laws
}

ours=$(version .venv/bin/python)
declare -A running=()
mkdir -p .cache
for minor in 11 12 13 14; do
	python=$([[ $ours == "3.$minor" ]] || find_python "$minor")
	if [[ -n $python ]]; then
		run_tests "$minor" "$python" >".cache/tests-3.$minor.log" 2>&1 &
		running[$minor]=$!
	fi
done
failed=0
for minor in "${!running[@]}"; do
	wait "${running[$minor]}" || failed=1
	cat ".cache/tests-3.$minor.log"
done
if ((failed)); then
	exit 1
fi
echo "tested on Python: $ours,$(printf " 3.%s" "${!running[@]}")"
