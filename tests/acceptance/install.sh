#!/usr/bin/env bash
# Install the real stack for `make acceptance` into .cache/ of the project: AIPerf and Dynamo in an
# environment of their own, a model without weights, and Debian's etcd and NATS. Does nothing twice.
# PYTHON names the interpreter, which must be 3.10 to 3.13: AIPerf has no other.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$here/../../.cache
venv=$cache/stack

"$here/../../tools/install.sh" stack
type -P etcd nats-server >/dev/null || exit 1

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

stamp=$(cat "$here/requirements.txt" "$here/constraints.txt")
if [[ $(cat "$venv/installed" 2>/dev/null) != "$stamp" ]]; then
	mkdir -p "$cache"
	python -m venv --clear "$venv"
	"$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" -c "$here/constraints.txt"
	printf '%s\n' "$stamp" >"$venv/installed"
fi
"$venv/bin/python" "$here/make_model.py" "$cache/model"
