#!/usr/bin/env bash
# Build the wheel, install it into an empty environment, and compile an example with that copy alone:
# are the script's own .sh files really in it, and the data of the engines?
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD venv=$PWD/.cache/venv-wheel

rm -rf .cache/wheel
.venv/bin/python -m pip wheel -q --disable-pip-version-check --no-deps --wheel-dir .cache/wheel .
.venv/bin/python -m venv --clear "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check .cache/wheel/*.whl

cd / # nothing of the project is in reach but the wheel
"$venv/bin/dynplan" compile "$root/examples/dynamo-shared/job.toml" -o "$root/.cache/wheel/job.sbatch"
# The flags of engines are in it too.
printf '[cluster]\ngpus-per-node = 8\n[roles.a]\nengine = "vllm"\nargs = { model = "m", gpu-memory-utilisation = 0.9 }\n' |
	"$venv/bin/dynplan" check - 2>&1 | grep -q 'did you mean .gpu-memory-utilization.?'
"$venv/bin/dynplan" explain D203 >/dev/null                             # and the texts of the codes
"$venv/bin/dynplan" init vllm vllm-router | "$venv/bin/dynplan" check - # and the beginnings of jobs
"$venv/bin/dynplan" schema job >/dev/null
test -s "$venv/share/man/man1/dynplan.1"
cd "$root"
.venv/bin/dynplan compile examples/dynamo-shared/job.toml | cmp - .cache/wheel/job.sbatch
echo "the wheel compiles the same script: $(cd .cache/wheel && ls -- *.whl)"
