#!/bin/bash -p
#SBATCH --job-name=vllm-ep
#SBATCH --nodes=2
#SBATCH --time=02:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# vllm-ep: 2 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 64e8ec150846, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=64e8ec150846
	nodes=2 gpus=8 longest_grace=30 has_log=yes has_followers=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=vllm-ep quoted_name='"vllm-ep"' output_dir='results/vllm-ep-{job.id}'
	roles=(server client)
	phases=()
	stop_order=(client server)
	paths=(
		/lustre/hf
	)
	srun=(
		--container-image=vllm/vllm-openai:v0.33.0
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
}

# 1 worker of 16 GPUs
role_server() {
	tasks=2 workers=1
	task node=0 worker=0 rank=0 num-tasks=2 gpus=0-7 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600-5615 leader=0 leader.port.http=8000 leader.port.master=29501 leader.port.rpc=29550 leader.port.nixl=5600-5615 expr.0=0
	task node=1 worker=0 rank=1 num-tasks=2 gpus=0-7 port.nixl=5600-5615 leader=0 leader.port.http=8000 leader.port.master=29501 leader.port.rpc=29550 leader.port.nixl=5600-5615 expr.0=1
	env+=(
		VLLM_PORT
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		VLLM_NIXL_SIDE_CHANNEL_PORT=5600
	)
	command=(
		vllm
		serve
		--nnodes
		2
		--node-rank
		'{rank}'
		--master-addr
		'{leader.ip}'
		--master-port
		29501
	)
	when command expr.0 --headless
	command+=(
		--data-parallel-rpc-port
		29550
		--host
		0.0.0.0
		--port
		8000
		--model
		deepseek-ai/DeepSeek-V3
		--data-parallel-size
		16
		--enable-expert-parallel
	)
	probe leader-ready 3600 http 8000 /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:8000/metrics'
}

# 1 worker
role_client() {
	kind=task
	after=(server)
	task node=0 worker=0
	command=(
		vllm
		bench
		serve
		--save-result
		--result-dir
		'{job.dir}'
		--ready-check-timeout-sec
		60
		--model
		deepseek-ai/DeepSeek-V3
		--base-url
		'http://{url-host.0}:8000'
		--dataset-name
		random
		--num-prompts
		1024
	)
}

# ... program/plan.sh

# ... program/when.sh

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

images() {
	image 'dynplan-{job.id}.0' 0-1 vllm/vllm-openai:v0.33.0 \
		--container-image=vllm/vllm-openai:v0.33.0 \
		'--container-name=dynplan-{job.id}.0:create'
}

# ... program/images.sh

# ... program/main.sh
