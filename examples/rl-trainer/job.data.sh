#!/bin/bash -p
#SBATCH --job-name=rl-trainer
#SBATCH --nodes=1
#SBATCH --time=08:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# rl-trainer: 1 node of 8 GPUs, shared.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 862b058881e8, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=862b058881e8
	nodes=1 gpus=8 longest_grace=30 has_log=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=rl-trainer quoted_name='"rl-trainer"' output_dir='results/rl-trainer-{job.id}'
	roles=(trainer rollout)
	phases=()
	stop_order=(trainer rollout)
	paths=(
		/images/rl.sqsh
		/lustre/hf
		/lustre/rl
	)
	srun=(
		--container-image=/images/rl.sqsh
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,/lustre/rl:/rl,{job.dir}:{job.dir}'
	)
}

# 1 worker of 4 GPUs
role_trainer() {
	kind=task
	after=(rollout)
	task node=0 worker=0 gpus=0-3 port.master=29500 port.weights=20000
	workdir=/rl
	command=(
		torchrun
		--nnodes
		1
		--node-rank
		0
		--nproc-per-node
		4
		--master-addr
		'{ip}'
		--master-port
		29500
		train.py
		--model
		Qwen/Qwen3-8B
		--rollout-servers
		'{role.rollout.urls.http}'
		--weights-address
		'{ip}:20000'
		--output-dir
		'{job.dir}/checkpoints'
	)
}

# 2 workers of 2 GPUs
role_rollout() {
	tasks=2
	times 2 worker=1 gpus=2 port.http=1 port.master=1 port.rpc=1 port.nixl=1
	task node=0 worker=0 gpus=4-5 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600
	env+=(
		VLLM_PORT
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_PORT={port.nixl}'
		VLLM_SERVER_DEV_MODE=1
	)
	command=(
		vllm
		serve
		--host
		0.0.0.0
		--port
		'{port.http}'
		--model
		Qwen/Qwen3-8B
		--tensor-parallel-size
		2
		--weight-transfer-config
		'{"backend":"nccl"}'
	)
	probe ready 3600 http '{port.http}' /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:{port.http}/metrics'
	lists=(
		'role.rollout.urls.http=http://{url-host}:{port.http}'
	)
}

# ... program/plan.sh

# ... program/probes.sh

# ... program/http.sh

# ... program/logs.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

# ... program/main.sh
