#!/bin/bash -p
#SBATCH --job-name=fill
#SBATCH --nodes=3
#SBATCH --time=04:00:00
#SBATCH --gpus-per-node=4
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# fill: 3 nodes of 4 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 10ef32436c7a, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=10ef32436c7a
	nodes=3 gpus=4 longest_grace=30 has_followers=yes
	job_name=fill quoted_name='"fill"' output_dir='results/fill-{job.id}'
	roles=(train)
	phases=()
	stop_order=(train)
}

# 2 workers of 6 GPUs
role_train() {
	tasks=4 workers=2 kind=task
	task node=0 worker=0 rank=0 num-tasks=2 gpus=0-3 port.master=29500 leader=0 leader.port.master=29500 expr.0=0
	task node=1 worker=0 rank=1 num-tasks=2 gpus=0-1 leader=0 leader.port.master=29500 expr.0=4
	task node=2 worker=1 rank=0 num-tasks=2 gpus=0-3 port.master=29500 leader=2 leader.port.master=29500 expr.0=0
	task node=1 worker=1 rank=1 num-tasks=2 gpus=2-3 leader=2 leader.port.master=29500 expr.0=4
	env+=(
		'FIRST_RANK={expr.0}'
	)
	command=(
		torchrun
		--nnodes
		2
		--node-rank
		'{rank}'
		--nproc-per-node
		'{gpu-count}'
		--master-addr
		'{leader.ip}'
		--master-port
		29500
		train.py
		--seed
		'{worker}'
	)
}

# ... program/plan.sh

# ... program/probes.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

# ... program/main.sh
