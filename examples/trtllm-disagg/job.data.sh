#!/bin/bash -p
#SBATCH --job-name=trtllm-disagg
#SBATCH --nodes=3
#SBATCH --time=02:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@215
#SBATCH --output=%x-%j.out
#
# trtllm-disagg: 3 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan c3eed147442c, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=c3eed147442c
	nodes=3 gpus=8 longest_grace=185 has_followers=yes has_paths=yes world=''
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=trtllm-disagg quoted_name='"trtllm-disagg"' output_dir='results/trtllm-disagg-{job.id}'
	roles=(context generation server)
	phases=(throughput)
	stop_order=(server 'context generation')
	paths=(
		/images/tensorrt-llm.sqsh
		/lustre/hf
	)
	srun=(
		--mpi=pmix
		--container-image=/images/tensorrt-llm.sqsh
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
	)
}

# 2 workers of 4 GPUs
role_context() {
	tasks=8 workers=2 world=yes starter=start_worlds grace=185 alive=yes
	times 2 worker=1 gpus=4 port.http=1 port.proxy=1 leader.port.http=1 leader.port.proxy=1
	task node=0 worker=0 rank=0 num-tasks=4 gpus=0-3 port.http=8000 port.proxy=10012 leader=0 leader.port.http=8000 leader.port.proxy=10012 node-rank=0 local-rank=0
	task node=0 worker=0 rank=1 num-tasks=4 gpus=0-3 leader=0 leader.port.http=8000 leader.port.proxy=10012 node-rank=0 local-rank=1
	task node=0 worker=0 rank=2 num-tasks=4 gpus=0-3 leader=0 leader.port.http=8000 leader.port.proxy=10012 node-rank=0 local-rank=2
	task node=0 worker=0 rank=3 num-tasks=4 gpus=0-3 leader=0 leader.port.http=8000 leader.port.proxy=10012 node-rank=0 local-rank=3
	env+=(
		UCX_TLS
		'TLLM_SPAWN_PROXY_PROCESS_IPC_ADDR=tcp://127.0.0.1:{leader.port.proxy}'
	)
	command=(
		trtllm-llmapi-launch
		trtllm-serve
		--host
		0.0.0.0
		--port
		'{leader.port.http}'
		--gpus_per_node
		4
		--tp_size
		4
		nvidia/DeepSeek-R1-FP4
		--config
		'{job.dir}/files/context.yaml'
	)
	probe leader-ready 3600 http '{leader.port.http}' /health
	probe leader-alive 30x4 http '{leader.port.http}' /health
	metrics='http://{url-host}:{leader.port.http}/prometheus/metrics'
}

# 1 worker of 16 GPUs
role_generation() {
	tasks=16 workers=1 world=yes grace=185 alive=yes
	task node=1 worker=0 rank=0 num-tasks=16 gpus=0-7 port.http=8000 port.proxy=10012 leader=1 leader.port.http=8000 leader.port.proxy=10012 node-rank=0 local-rank=0
	times 7 rank=1 local-rank=1
	task node=1 worker=0 rank=1 num-tasks=16 gpus=0-7 leader=1 leader.port.http=8000 leader.port.proxy=10012 node-rank=0 local-rank=1
	times 8 rank=1 local-rank=1
	task node=2 worker=0 rank=8 num-tasks=16 gpus=0-7 leader=1 leader.port.http=8000 leader.port.proxy=10012 node-rank=1 local-rank=0
	env+=(
		UCX_TLS
		TLLM_SPAWN_PROXY_PROCESS_IPC_ADDR=tcp://127.0.0.1:10012
	)
	command=(
		trtllm-llmapi-launch
		trtllm-serve
		--host
		0.0.0.0
		--port
		8000
		--gpus_per_node
		8
		--tp_size
		16
		--ep_size
		16
		nvidia/DeepSeek-R1-FP4
		--config
		'{job.dir}/files/generation.yaml'
	)
	probe leader-ready 3600 http 8000 /health
	probe leader-alive 30x4 http 8000 /health
	metrics='http://{url-host}:8000/prometheus/metrics'
}

# 1 worker
role_server() {
	world=yes
	after=(context generation)
	task node=0 worker=0 port.http=8002
	command=(
		trtllm-serve
		disaggregated
		-c
		'{job.dir}/files/server.yaml'
		-r
		1800
	)
	probe ready 1800 http 8002 /health
	metrics='http://{url-host}:8002/prometheus/metrics'
}

phase_throughput() {
	timeout=1800
	task node=0 worker=0
	command=(
		aiperf
		profile
		--model
		nvidia/DeepSeek-R1-FP4
		--url
		'http://{url-host.0}:8002'
		--endpoint-type
		chat
		--concurrency
		64
		--request-count
		512
		--ui
		none
		--artifact-dir
		'{phase.dir}'
	)
	srun=(
		--container-image=/images/tensorrt-llm.sqsh
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
	)
}

# ... program/plan.sh

# ... program/probes.sh

# ... program/http.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/worlds.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

files() {
	file context.yaml 'disable_overlap_scheduler: true
cache_transceiver_config:
  backend: "NIXL"
  max_tokens_in_buffer: 8192
kv_cache_config:
  free_gpu_memory_fraction: 0.8
  host_cache_size: null
'
	file generation.yaml 'enable_attention_dp: true
cache_transceiver_config:
  backend: "NIXL"
  max_tokens_in_buffer: 8192
'
	file server.yaml 'hostname: "0.0.0.0"
port: 8002
context_servers:
  num_instances: 2
  urls:
    - "{ip.0}:8000"
    - "{ip.0}:8001"
generation_servers:
  num_instances: 1
  urls:
    - "{ip.1}:8000"
'
}

# ... program/files.sh

# ... program/main.sh
