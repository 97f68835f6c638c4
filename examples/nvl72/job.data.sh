#!/bin/bash -p
#SBATCH --job-name=nvl72
#SBATCH --nodes=1
#SBATCH --time=04:00:00
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@215
#SBATCH --output=%x-%j.out
#SBATCH --partition=cpu
#SBATCH hetjob
#SBATCH --nodes=36
#SBATCH --segment=18
#SBATCH --gpus-per-node=4
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --partition=nvl72
#
# nvl72: 1 node (head), 36 nodes of 4 GPUs (gb200), separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan bd513ecdf113, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=bd513ecdf113
	nodes=37 gpus=0 longest_grace=185 has_log=yes has_followers=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	component=0 tasks_in=() starter=start_components
	component_names=(head gb200)
	component_nodes=(1 36) component_gpus=(0 4)
	component_numa=('' '0,0,1,1')
	component_nics=('' mlx5_0/mlx5_1/mlx5_3/mlx5_4)
	job_name=nvl72 quoted_name='"nvl72"' output_dir='results/nvl72-{job.id}'
	domain_nodes=('' 18)
	roles=(prefill decode router)
	phases=(throughput)
	stop_order=(router 'prefill decode')
	paths=(
		/lustre/hf
	)
	srun=(
		--container-image=lmsysorg/sglang:v0.5.23
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
	env=(
		NCCL_MNNVL_ENABLE=1
	)
}

# 10 workers of 8 GPUs
role_prefill() {
	tasks=20 workers=10 component=1
	times 10 node=2 worker=1 leader=2
	task node=1 worker=0 rank=0 num-tasks=2 gpus=0-3 port.http=30000 port.dist=20000-20013 port.nccl=20014 port.bootstrap=8998 leader=1 leader.port.http=30000 leader.port.dist=20000-20013 leader.port.nccl=20014 leader.port.bootstrap=8998
	task node=2 worker=0 rank=1 num-tasks=2 gpus=0-3 port.http=30000 port.nccl=20014 leader=1 leader.port.http=30000 leader.port.dist=20000-20013 leader.port.nccl=20014 leader.port.bootstrap=8998
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
		deepseek-ai/DeepSeek-R1
		--tp-size
		8
		--disaggregation-mode
		prefill
		--disaggregation-ib-device
		'{nics}'
		--disaggregation-bootstrap-port
		8998
	)
	probe leader-ready 2400 http 30000 /health
	fail_on_log='Scheduler hit an exception|DetokenizerManager hit an exception|Received sigquit from a child process|Initialization failed. warmup error'
	metrics='http://{url-host}:30000/metrics'
}

# 1 worker of 64 GPUs
role_decode() {
	tasks=16 workers=1 component=1
	task node=21 worker=0 rank=0 num-tasks=16 gpus=0-3 port.http=30000 port.dist=20000-20013 port.nccl=20014 leader=21 leader.port.http=30000 leader.port.dist=20000-20013 leader.port.nccl=20014
	times 15 node=1 rank=1
	task node=22 worker=0 rank=1 num-tasks=16 gpus=0-3 port.http=30000 port.nccl=20014 leader=21 leader.port.http=30000 leader.port.dist=20000-20013 leader.port.nccl=20014
	env+=(
		'SGLANG_HOST_IP={ip}'
	)
	command=(
		python3
		-m
		sglang.launch_server
		--nnodes
		16
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
		deepseek-ai/DeepSeek-R1
		--tp-size
		64
		--dp-size
		64
		--enable-dp-attention
		--disaggregation-mode
		decode
		--disaggregation-ib-device
		'{nics}'
	)
	probe leader-ready 2400 http 30000 /health
	fail_on_log='Scheduler hit an exception|DetokenizerManager hit an exception|Received sigquit from a child process|Initialization failed. warmup error'
	metrics='http://{url-host}:30000/metrics'
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
	timeout=3600
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
		deepseek-ai/DeepSeek-R1
		--dataset-name
		random
		--num-prompts
		5000
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

# ... program/told.sh

# ... program/affinity.sh

# ... program/groups.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

named_hosts=('*')

# ... program/hosts.sh

# ... program/domains.sh

images() {
	image 'dynplan-{job.id}.0' 0-36 lmsysorg/sglang:v0.5.23 \
		--container-image=lmsysorg/sglang:v0.5.23 \
		'--container-name=dynplan-{job.id}.0:create'
}

# ... program/images.sh

# ... program/main.sh
