#!/bin/bash -p
#SBATCH --job-name=sizes
#SBATCH --nodes=1
#SBATCH --time=01:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# sizes: 1 node of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 682094907a3b, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=682094907a3b
	nodes=1 gpus=8 longest_grace=30 has_log=yes
	job_name=sizes quoted_name='"sizes"' output_dir='results/sizes-{job.id}'
	roles=(server)
	phases=(load)
	stop_order=(server)
}

# 1 worker of 1 GPU
role_server() {
	task node=0 worker=0 gpus=0 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600
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
		Qwen/Qwen3-32B
		--tensor-parallel-size
		1
		--max-model-len
		8192
	)
	probe ready 3600 http 8000 /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:8000/metrics'
}

phase_load() {
	timeout=1200
	task node=0 worker=0
	command=(
		aiperf
		profile
		--model
		Qwen/Qwen3-32B
		--url
		'http://{url-host.0}:8000'
		--endpoint-type
		chat
		--concurrency
		8
		--request-count
		2000
		--output-artifact-dir
		'{phase.dir}'
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
