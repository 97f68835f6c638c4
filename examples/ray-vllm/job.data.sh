#!/bin/bash -p
#SBATCH --job-name=ray-vllm
#SBATCH --nodes=2
#SBATCH --time=02:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# ray-vllm: 2 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan eaaf2ce398a6, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=eaaf2ce398a6
	nodes=2 gpus=8 longest_grace=30 has_log=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=ray-vllm quoted_name='"ray-vllm"' output_dir='results/ray-vllm-{job.id}'
	roles=(head ray-node server)
	phases=(throughput)
	stop_order=(server ray-node head)
	paths=(
		/images/vllm-ray.sqsh
		/lustre/hf
	)
	srun=(
		--container-image=/images/vllm-ray.sqsh
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
	)
	env=(
		'VLLM_HOST_IP={ip}'
	)
}

# 1 worker of 8 GPUs
role_head() {
	grace=20
	task node=0 worker=0 gpus=0-7 port.gcs=6379 port.dashboard=8265 port.manager=20000 port.objects=20001 port.environments=20002 port.agent=20003 port.agent-grpc=20004 port.metrics=20005 port.workers=20006-20105
	env+=(
		RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0
	)
	command=(
		ray
		start
		--head
		--block
		--num-gpus
		8
		--disable-usage-stats
		--node-ip-address
		'{ip}'
		--port
		6379
		--dashboard-host
		0.0.0.0
		--dashboard-port
		8265
		--node-manager-port
		20000
		--object-manager-port
		20001
		--runtime-env-agent-port
		20002
		--dashboard-agent-listen-port
		20003
		--dashboard-agent-grpc-port
		20004
		--metrics-export-port
		20005
		--min-worker-port
		20006
		--max-worker-port
		20105
	)
	probe ready 300 http 20003 /api/local_raylet_healthz body=success
	metrics='http://{url-host}:20005/metrics'
}

# 1 worker of 8 GPUs
role_ray-node() {
	grace=20
	after=(head)
	task node=1 worker=0 gpus=0-7 port.manager=20000 port.objects=20001 port.environments=20002 port.agent=20003 port.agent-grpc=20004 port.metrics=20005 port.workers=20006-20105
	env+=(
		RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0
	)
	command=(
		ray
		start
		--block
		--num-gpus
		8
		--disable-usage-stats
		--node-ip-address
		'{ip}'
		--node-manager-port
		20000
		--object-manager-port
		20001
		--runtime-env-agent-port
		20002
		--dashboard-agent-listen-port
		20003
		--dashboard-agent-grpc-port
		20004
		--metrics-export-port
		20005
		--min-worker-port
		20006
		--max-worker-port
		20105
		--address
		'{ip.0}:6379'
	)
	probe ready 300 http 20003 /api/local_raylet_healthz body=success
	metrics='http://{url-host}:20005/metrics'
}

# 1 worker of 8 GPUs
role_server() {
	shares=(head)
	after=(head ray-node)
	task node=0 worker=0 gpus=0-7 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600 beside.port.gcs=6379 beside.port.dashboard=8265 beside.port.manager=20000 beside.port.objects=20001 beside.port.environments=20002 beside.port.agent=20003 beside.port.agent-grpc=20004 beside.port.metrics=20005 beside.port.workers=20006-20105
	env+=(
		VLLM_PORT
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		VLLM_NIXL_SIDE_CHANNEL_PORT=5600
		'RAY_ADDRESS={ip}:6379'
	)
	command=(
		vllm
		serve
		--host
		0.0.0.0
		--port
		8000
		--model
		meta-llama/Llama-3.1-405B-Instruct-FP8
		--tensor-parallel-size
		8
		--pipeline-parallel-size
		2
		--distributed-executor-backend
		ray
	)
	probe ready 3600 http 8000 /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
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

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

# ... program/main.sh
