#!/bin/bash -p
#SBATCH --job-name=sglang-disagg
#SBATCH --nodes=4
#SBATCH --time=01:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@215
#SBATCH --output=%x-%j.out
#
# sglang-disagg: 4 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 80061ccb6b46, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=80061ccb6b46
	nodes=4 gpus=8 longest_grace=185 has_log=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=sglang-disagg quoted_name='"sglang-disagg"' output_dir='results/sglang-disagg-{job.id}'
	roles=(decode prefill router)
	phases=(throughput)
	stop_order=(router 'decode prefill')
	paths=(
		/lustre/hf
	)
	srun=(
		--container-image=lmsysorg/sglang:v0.5.23
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
}

# 2 workers of 8 GPUs
role_decode() {
	tasks=2
	times 2 node=1 worker=1
	task node=0 worker=0 gpus=0-7 port.http=30000 port.dist=20000-20013 port.nccl=20014
	env+=(
		'SGLANG_HOST_IP={ip}'
	)
	command=(
		python3
		-m
		sglang.launch_server
		--dist-init-addr
		'{url-ip}:20000'
		--nccl-port
		20014
		--host
		0.0.0.0
		--port
		30000
		--enable-metrics
		--model-path
		Qwen/Qwen3-32B
		--tp-size
		8
		--disaggregation-mode
		decode
	)
	probe ready 3600 http 30000 /health
	fail_on_log='Scheduler hit an exception|DetokenizerManager hit an exception|Received sigquit from a child process|Initialization failed. warmup error'
	metrics='http://{url-host}:30000/metrics'
}

# 3 workers of 4 GPUs
role_prefill() {
	tasks=3
	times 2 worker=1 gpus=4 port.http=1 port.dist=15 port.nccl=15 port.bootstrap=1
	task node=2 worker=0 gpus=0-3 port.http=30000 port.dist=20000-20013 port.nccl=20014 port.bootstrap=8998
	times 1
	task node=3 worker=2 gpus=0-3 port.http=30000 port.dist=20000-20013 port.nccl=20014 port.bootstrap=8998
	env+=(
		'SGLANG_HOST_IP={ip}'
	)
	command=(
		python3
		-m
		sglang.launch_server
		--dist-init-addr
		'{url-ip}:{port.dist}'
		--nccl-port
		'{port.nccl}'
		--host
		0.0.0.0
		--port
		'{port.http}'
		--enable-metrics
		--model-path
		Qwen/Qwen3-32B
		--tp-size
		4
		--disaggregation-mode
		prefill
		--disaggregation-bootstrap-port
		'{port.bootstrap}'
	)
	probe ready 3600 http '{port.http}' /health
	fail_on_log='Scheduler hit an exception|DetokenizerManager hit an exception|Received sigquit from a child process|Initialization failed. warmup error'
	metrics='http://{url-host}:{port.http}/metrics'
}

# 1 worker
role_router() {
	grace=185
	after=(prefill decode)
	task node=0 worker=0 port.http=8000 port.metrics=29000
	command=(
		python3
		-m
		sglang_router.launch_router
		--host
		0.0.0.0
		--port
		8000
		--prometheus-port
		29000
		--pd-disaggregation
	)
	each command prefill --prefill '{it.url.http}' '{it.port.bootstrap}'
	each command decode --decode '{it.url.http}'
	probe ready 1800 http 8000 /readiness
}

phase_throughput() {
	timeout=1200
	task node=0 worker=0
	command=(
		python3
		-m
		sglang.bench_serving
		--backend
		sglang
		--base-url
		'http://{url-host.0}:8000'
		--model
		Qwen/Qwen3-32B
		--dataset-name
		random
		--num-prompts
		500
		--output-file
		'{phase.dir}/bench.jsonl'
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

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

images() {
	image 'dynplan-{job.id}.0' 0-3 lmsysorg/sglang:v0.5.23 \
		--container-image=lmsysorg/sglang:v0.5.23 \
		'--container-name=dynplan-{job.id}.0:create'
}

# ... program/images.sh

# ... program/main.sh
