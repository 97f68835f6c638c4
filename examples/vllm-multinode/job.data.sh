#!/bin/bash -p
#SBATCH --job-name=vllm-multinode
#SBATCH --nodes=2
#SBATCH --time=02:00:00
#SBATCH --gres=gpu:h100:8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@90
#SBATCH --output=%x-%j.out
#SBATCH --partition=batch
#SBATCH --account=inference
#
# vllm-multinode: 2 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 6b1c790e0aa7, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=6b1c790e0aa7
	nodes=2 gpus=8 longest_grace=60 has_log=yes has_followers=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=vllm-multinode quoted_name='"vllm-multinode"' output_dir='results/vllm-multinode-{job.id}'
	interfaces=(ib0)
	roles=(server)
	phases=(throughput)
	stop_order=(server)
	paths=(
		/lustre/hf
	)
	srun=(
		--container-image=vllm/vllm-openai:v0.18.1
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
	env=(
		NCCL_SOCKET_IFNAME=ib0
		GLOO_SOCKET_IFNAME=ib0
	)
}

# 1 worker of 16 GPUs
role_server() {
	tasks=2 workers=1 grace=60 alive=yes
	task node=0 worker=0 rank=0 num-tasks=2 gpus=0-7 port.http=8000 port.master=20000 leader=0 leader.port.http=8000 leader.port.master=20000
	task node=1 worker=0 rank=1 num-tasks=2 gpus=0-7 leader=0 leader.port.http=8000 leader.port.master=20000
	env+=(
		'VLLM_HOST_IP={ip}'
	)
	command=(
		vllm
		serve
		meta-llama/Llama-3.1-405B-Instruct-FP8
		--tensor-parallel-size
		8
		--pipeline-parallel-size
		2
		--nnodes
		2
		--node-rank
		'{rank}'
		--master-addr
		'{leader.ip}'
		--master-port
		20000
	)
	leader_args=(
		--host
		0.0.0.0
		--port
		8000
	)
	follower_args=(
		--headless
	)
	probe leader-ready 3600 http 8000 /health
	probe leader-alive 30x4 http 8000 /health
	fail_on_log='EngineCore failed to start|WorkerProc hit an exception'
	metrics='http://{url-host}:8000/metrics'
}

phase_throughput() {
	timeout=1800
	task node=0 worker=0
	command=(
		vllm
		bench
		serve
		--model
		meta-llama/Llama-3.1-405B-Instruct-FP8
		--base-url
		'http://{url-host.0}:8000'
		--dataset-name
		random
		--num-prompts
		1000
		--max-concurrency
		64
		--save-result
		--result-dir
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

# ... program/interfaces.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

images() {
	image 'dynplan-{job.id}.0' 0-1 vllm/vllm-openai:v0.18.1 \
		--container-image=vllm/vllm-openai:v0.18.1 \
		'--container-name=dynplan-{job.id}.0:create'
}

# ... program/images.sh

# ... program/main.sh
