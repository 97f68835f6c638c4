#!/bin/bash -p
#SBATCH --job-name=explicit-hosts
#SBATCH --nodes=3
#SBATCH --nodelist=gpu01,gpu02,gpu03
#SBATCH --time=01:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# explicit-hosts: 3 nodes of 8 GPUs, shared.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 89ef82a25150, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=89ef82a25150
	nodes=3 gpus=8 longest_grace=30
	job_name=explicit-hosts quoted_name='"explicit-hosts"' output_dir='results/explicit-hosts-{job.id}'
	roles=(decode prefill)
	phases=(models)
	stop_order=('decode prefill')
}

# 2 workers of 4 GPUs
role_decode() {
	tasks=2
	times 2 node=1 worker=1
	task node=0 worker=0 gpus=0-3 port.http=8000
	command=(
		vllm
		serve
		Qwen/Qwen3-0.6B
		--tensor-parallel-size
		4
		--port
		8000
	)
	probe ready 1800 http 8000 /health
}

# 2 workers of 4 GPUs
role_prefill() {
	tasks=2
	times 2 node=1 worker=1 gpus=-4 port.http=-1
	task node=1 worker=0 gpus=4-7 port.http=8001
	command=(
		vllm
		serve
		Qwen/Qwen3-0.6B
		--tensor-parallel-size
		4
		--port
		'{port.http}'
	)
	probe ready 1800 http '{port.http}' /health
}

phase_models() {
	timeout=0
	task node=0 worker=0
	command=(
		curl
		--fail
		'http://{url-host.0}:8000/v1/models'
		'http://{url-host.1}:8001/v1/models'
	)
}

# ... program/plan.sh

# ... program/probes.sh

# ... program/http.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

named_hosts=(gpu01 gpu02 gpu03)

# ... program/hosts.sh

# ... program/main.sh
