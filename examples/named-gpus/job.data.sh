#!/bin/bash -p
#SBATCH --job-name=named-gpus
#SBATCH --nodes=2
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# named-gpus: 2 nodes of 8 GPUs, shared.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan fb32ac38f150, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=fb32ac38f150
	nodes=2 gpus=8 longest_grace=30
	job_name=named-gpus quoted_name='"named-gpus"' output_dir='results/named-gpus-{job.id}'
	roles=(decode prefill draft)
	phases=()
	stop_order=('decode prefill draft')
}

# 2 workers of 2 GPUs
role_decode() {
	tasks=2
	times 2 node=1 worker=1
	task node=0 worker=0 gpus=2-3 port.http=8000
	command=(
		serve
		--port
		8000
		--gpus
		'2,3'
	)
	probe ready 3600 http 8000 /health
}

# 4 workers of 2 GPUs
role_prefill() {
	tasks=4
	times 2 node=1 worker=2
	task node=0 worker=0 gpus=0-1 port.http=8001
	task node=0 worker=1 gpus=4-5 port.http=8002
	command=(
		serve
		--port
		'{port.http}'
		--gpus
		'{gpus}'
	)
	probe ready 3600 http '{port.http}' /health
}

# 1 worker of 1 GPU
role_draft() {
	task node=0 worker=0 gpus=7 port.http=8003
	command=(
		serve
		--port
		8003
	)
	probe ready 3600 http 8003 /health
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

# ... program/main.sh
