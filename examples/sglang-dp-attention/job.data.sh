#!/bin/bash -p
#SBATCH --job-name=sglang-dp-attention
#SBATCH --nodes=2
#SBATCH --time=02:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# sglang-dp-attention: 2 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan ae3a8dcd369d, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=ae3a8dcd369d
	nodes=2 gpus=8 longest_grace=30 has_log=yes has_followers=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=sglang-dp-attention quoted_name='"sglang-dp-attention"' output_dir='results/sglang-dp-attention-{job.id}'
	roles=(server client)
	phases=()
	stop_order=(client server)
	paths=(
		/lustre/hf
	)
	srun=(
		--container-image=lmsysorg/sglang:v0.5.23
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
}

# 1 worker of 16 GPUs
role_server() {
	tasks=2 workers=1
	task node=0 worker=0 rank=0 num-tasks=2 gpus=0-7 port.http=30000 port.dist=20000-20013 port.nccl=20014 leader=0 leader.port.http=30000 leader.port.dist=20000-20013 leader.port.nccl=20014
	task node=1 worker=0 rank=1 num-tasks=2 gpus=0-7 port.http=30000 port.nccl=20014 leader=0 leader.port.http=30000 leader.port.dist=20000-20013 leader.port.nccl=20014
	env+=(
		'SGLANG_HOST_IP={ip}'
	)
	command=(
		python3
		-m
		sglang.launch_server
		--nnodes
		2
		--node-rank
		'{rank}'
		--dist-init-addr
		'{leader.url-ip}:20000'
		--nccl-port
		20014
		--host
		0.0.0.0
		--port
		30000
		--enable-metrics
		--model-path
		deepseek-ai/DeepSeek-V3
		--trust-remote-code
		--tp-size
		16
		--attn-dp-size
		16
		--ep-size
		16
		--moe-a2a-backend
		deepep
		--mem-fraction-static
		0.85
	)
	probe leader-ready 3600 http 30000 /health
	fail_on_log='Scheduler hit an exception|DetokenizerManager hit an exception|Received sigquit from a child process|Initialization failed. warmup error'
	metrics='http://{url-host}:30000/metrics'
}

# 1 worker
role_client() {
	kind=task
	after=(server)
	task node=0 worker=0
	command=(
		python3
		-m
		sglang.bench_serving
		--output-file
		'{job.dir}/sglang-bench.jsonl'
		--backend
		sglang
		--base-url
		'http://{url-host.0}:30000'
		--model
		deepseek-ai/DeepSeek-V3
		--dataset-name
		random
		--random-input-len
		1024
		--random-output-len
		256
		--num-prompts
		2048
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

images() {
	image 'dynplan-{job.id}.0' 0-1 lmsysorg/sglang:v0.5.23 \
		--container-image=lmsysorg/sglang:v0.5.23 \
		'--container-name=dynplan-{job.id}.0:create'
}

# ... program/images.sh

# ... program/main.sh
