#!/bin/bash -p
#SBATCH --job-name=give-back
#SBATCH --nodes=2
#SBATCH --time=01:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# give-back: 2 nodes of 8 GPUs, shared.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan cbc910e2b4e6, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=cbc910e2b4e6
	nodes=2 gpus=8 longest_grace=30 has_log=yes has_followers=yes world=''
	job_name=give-back quoted_name='"give-back"' output_dir='results/give-back-{job.id}'
	roles=(nccl decode prefill)
	phases=(smoke)
	stop_order=('decode prefill' nccl)
}

# 1 worker of 16 GPUs
role_nccl() {
	tasks=16 workers=1 world=yes kind=task until=(decode prefill)
	times 8 rank=1 local-rank=1
	task node=0 worker=0 rank=0 num-tasks=16 gpus=0-7 leader=0 node-rank=0 local-rank=0
	times 8 rank=1 local-rank=1
	task node=1 worker=0 rank=8 num-tasks=16 gpus=0-7 leader=0 node-rank=1 local-rank=0
	command=(
		all_reduce_perf
		--minbytes
		8M
		--maxbytes
		1G
		--stepfactor
		2
	)
	srun=(
		--mpi=pmix
	)
}

# 2 workers of 4 GPUs
role_decode() {
	tasks=2
	after=(nccl)
	times 2 node=1 worker=1
	task node=0 worker=0 gpus=0-3 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600
	env+=(
		VLLM_PORT
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		VLLM_NIXL_SIDE_CHANNEL_PORT=5600
	)
	command=(
		vllm
		serve
		--host
		0.0.0.0
		--port
		8000
		--model
		Qwen/Qwen3-0.6B
		--tensor-parallel-size
		4
	)
	probe ready 3600 http 8000 /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:8000/metrics'
}

# 2 workers of 4 GPUs
role_prefill() {
	tasks=2
	after=(nccl)
	times 2 node=1 worker=1
	task node=0 worker=0 gpus=4-7 port.http=8001 port.master=29502 port.rpc=29551 port.nixl=5601
	env+=(
		VLLM_PORT
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		VLLM_NIXL_SIDE_CHANNEL_PORT=5601
	)
	command=(
		vllm
		serve
		--host
		0.0.0.0
		--port
		8001
		--model
		Qwen/Qwen3-0.6B
		--tensor-parallel-size
		4
	)
	probe ready 3600 http 8001 /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:8001/metrics'
}

phase_smoke() {
	timeout=0
	task node=0 worker=0
	command=(
		curl
		--fail
		'http://{url-host.0}:8000/v1/models'
	)
}

# ... program/plan.sh

# ... program/probes.sh

# ... program/http.sh

# ... program/logs.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/worlds.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

# ... program/main.sh
