#!/bin/bash -p
#SBATCH --job-name=two-jobs
#SBATCH --nodes=1
#SBATCH --time=01:00:00
#SBATCH --gpus-per-node=4
#SBATCH --mem=400G
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#SBATCH --cpus-per-task=32
#
# two-jobs: 1 node of 4 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 9c99042ea6d1, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=9c99042ea6d1
	nodes=1 gpus=4 longest_grace=30 has_log=yes
	job_name=two-jobs quoted_name='"two-jobs"' output_dir='results/two-jobs-{job.id}'
	first_port=20000 port_step=10 port_blocks=(0-9 11-199)
	roles=(server router)
	phases=(load)
	stop_order=(router server)
}

# 2 workers of 2 GPUs
role_server() {
	tasks=2
	times 2 worker=1 gpus=2 port.http=4 port.master=4 port.rpc=4 port.nixl=4
	task node=0 worker=0 gpus=0-1 port.http=port_offset+20000 port.master=port_offset+20001 port.rpc=port_offset+20002 port.nixl=port_offset+20003
	env+=(
		VLLM_PORT
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_PORT={port.nixl}'
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
	)
	probe ready 3600 http '{port.http}' /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:{port.http}/metrics'
}

# 1 worker
role_router() {
	after=(server)
	task node=0 worker=0 port.http=port_offset+20008 port.metrics=port_offset+20009
	command=(
		vllm-router
		--host
		0.0.0.0
		--port
		'{at.20008}'
		--prometheus-host
		0.0.0.0
		--prometheus-port
		'{at.20009}'
		--worker-urls
	)
	each command server '{it.url.http}'
	probe ready 660 http '{at.20008}' /readiness
	metrics='http://{url-host}:{at.20009}/metrics'
}

phase_load() {
	timeout=0
	task node=0 worker=0
	command=(
		vllm
		bench
		serve
		--base-url
		'http://{url-host.0}:{at.20008}'
		--model
		Qwen/Qwen3-8B
		--num-prompts
		512
	)
}

# ... program/plan.sh

# ... program/each.sh

# ... program/probes.sh

# ... program/http.sh

# ... program/logs.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/taken.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

# ... program/blocks.sh

# ... program/main.sh
