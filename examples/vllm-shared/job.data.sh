#!/bin/bash -p
#SBATCH --job-name=vllm-shared
#SBATCH --nodes=2
#SBATCH --time=00:30:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#SBATCH --partition=batch
#
# vllm-shared: 2 nodes of 8 GPUs, shared.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 209eeac0e5ff, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=209eeac0e5ff
	nodes=2 gpus=8 longest_grace=30 has_log=yes has_paths=yes critical=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=vllm-shared quoted_name='"vllm-shared"' output_dir='results/vllm-shared-{job.id}'
	roles=(etcd nats decode prefill frontend dcgm)
	phases=(shared_node_smoke accuracy)
	stop_order=('frontend dcgm' 'decode prefill' 'etcd nats')
	paths=(
		/lustre/hf
	)
	srun=(
		'--container-image=nvcr.io#nvidia/ai-dynamo/vllm-runtime:1.1.1'
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
	env=(
		NO_COLOR=1
		TQDM_DISABLE=1
		DYN_SDK_DISABLE_ANSI_LOGGING=1
		'ETCD_ENDPOINTS=http://{url-host.0}:2379'
		'NATS_SERVER=nats://{host.0}:4222'
		'UCX_LOG_FILE={job.dir}/logs/ucx.{host}.log'
	)
}

# 1 worker
role_etcd() {
	task node=0 worker=0 port.client=2379 port.peer=2380
	command=(
		etcd
		--data-dir
		'/tmp/etcd-{job.id}'
		--listen-client-urls
		http://0.0.0.0:2379
		--advertise-client-urls
		'http://{url-ip}:2379'
		--listen-peer-urls
		'http://{url-ip}:2380'
		--initial-advertise-peer-urls
		'http://{url-ip}:2380'
		--initial-cluster
		'default=http://{url-ip}:2380'
	)
	probe ready 120 http 2379 /health 'body="health": *"true"'
}

# 1 worker
role_nats() {
	task node=0 worker=0 port.client=4222 port.monitor=8222
	command=(
		nats-server
		--port
		4222
		--http_port
		8222
		--store_dir
		'/tmp/nats-{job.id}'
		--jetstream
	)
	probe ready 120 http 8222 /healthz
}

# 2 workers of 4 GPUs
role_decode() {
	tasks=2
	after=(etcd nats)
	times 2 node=1 worker=1
	task node=0 worker=0 gpus=0-3 port.nixl=5557-5560 port.kv-events=20080 port.kvbm=56001-56002 port.system=9090
	env+=(
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		VLLM_NIXL_SIDE_CHANNEL_PORT=5557
		DYN_VLLM_KV_EVENT_PORT=20080
		'DYN_KVBM_LEADER_ZMQ_HOST={ip}'
		DYN_KVBM_LEADER_ZMQ_PUB_PORT=56001
		DYN_KVBM_LEADER_ZMQ_ACK_PORT=56002
		DYN_SYSTEM_PORT=9090
	)
	command=(
		python3
		-m
		dynamo.vllm
		--model
		Qwen/Qwen3-0.6B
		--disaggregation-mode
		decode
		--gpu-memory-utilization
		0.8
		--tensor-parallel-size
		4
		--pipeline-parallel-size
		1
		--kv-transfer-config
		'{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
		--no-enable-expert-parallel
	)
	probe ready 1800 http 9090 /health
	fail_on_log='EngineCore failed|WorkerProc hit an exception|Address already in use'
	metrics='http://{url-host}:9090/metrics'
}

# 2 workers of 4 GPUs
role_prefill() {
	tasks=2
	after=(etcd nats)
	times 2 node=1 worker=1
	task node=0 worker=0 gpus=4-7 port.nixl=5561-5564 port.kv-events=20081 port.kvbm=56003-56004 port.system=9091
	env+=(
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		VLLM_NIXL_SIDE_CHANNEL_PORT=5561
		DYN_VLLM_KV_EVENT_PORT=20081
		'DYN_KVBM_LEADER_ZMQ_HOST={ip}'
		DYN_KVBM_LEADER_ZMQ_PUB_PORT=56003
		DYN_KVBM_LEADER_ZMQ_ACK_PORT=56004
		DYN_SYSTEM_PORT=9091
	)
	command=(
		python3
		-m
		dynamo.vllm
		--model
		Qwen/Qwen3-0.6B
		--disaggregation-mode
		prefill
		--gpu-memory-utilization
		0.8
		--tensor-parallel-size
		4
		--pipeline-parallel-size
		1
		--kv-transfer-config
		'{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
		--no-enable-expert-parallel
	)
	probe ready 1800 http 9091 /health
	fail_on_log='EngineCore failed|WorkerProc hit an exception|Address already in use'
	metrics='http://{url-host}:9091/metrics'
}

# 1 worker
role_frontend() {
	after=(etcd nats)
	task node=0 worker=0 port.http=8000
	env+=(
		DYN_SYSTEM_PORT
	)
	command=(
		python3
		-m
		dynamo.frontend
		--http-port
		8000
		--router-mode
		round-robin
	)
	probe ready 1800 http 8000 /v1/chat/completions 'body="content":"[^"]' 'post={"model":"Qwen/Qwen3-0.6B","max_tokens":4,"messages":[{"role":"user","content":"Are you ready?"}]}'
	metrics='http://{url-host}:8000/metrics'
}

# 2 workers
role_dcgm() {
	tasks=2 critical=no
	times 2 node=1 worker=1
	task node=0 worker=0 port.metrics=9401
	command=(
		dcgm-exporter
		--address
		:9401
	)
	srun=(
		'--container-image=nvcr.io#nvidia/k8s/dcgm-exporter:4.2.0-4.1.0-ubuntu22.04'
		'--container-mounts={job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.1:no_exec'
	)
	metrics='http://{url-host}:9401/metrics'
}

phase_shared_node_smoke() {
	timeout=600 health_check=yes
	task node=0 worker=0
	own_setup='python3 -m pip install --quiet --break-system-packages --upgrade aiperf==0.8.0'
	command=(
		aiperf
		profile
		--model
		Qwen/Qwen3-0.6B
		--url
		'http://{url-host.0}:8000'
		--endpoint-type
		chat
		--streaming
		--artifact-dir
		'{phase.dir}'
		--concurrency
		2
		--request-count
		50
		--server-metrics
		'{metrics-urls}'
	)
}

phase_accuracy() {
	timeout=600
	task node=0 worker=0
	own_setup='python3 -m pip install --quiet --break-system-packages --upgrade aiperf==0.8.0'
	command=(
		aiperf
		profile
		--model
		Qwen/Qwen3-0.6B
		--url
		'http://{url-host.0}:8000'
		--endpoint-type
		chat
		--streaming
		--artifact-dir
		'{phase.dir}'
		--accuracy-benchmark
		mmlu
		--accuracy-tasks
		abstract_algebra
		--accuracy-n-shots
		5
		--concurrency
		10
		--num-requests
		100
		--no-server-metrics
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
	image 'dynplan-{job.id}.0' 0-1 'nvcr.io#nvidia/ai-dynamo/vllm-runtime:1.1.1' \
		'--container-image=nvcr.io#nvidia/ai-dynamo/vllm-runtime:1.1.1' \
		'--container-name=dynplan-{job.id}.0:create'
	image 'dynplan-{job.id}.1' 0-1 'nvcr.io#nvidia/k8s/dcgm-exporter:4.2.0-4.1.0-ubuntu22.04' \
		'--container-image=nvcr.io#nvidia/k8s/dcgm-exporter:4.2.0-4.1.0-ubuntu22.04' \
		'--container-name=dynplan-{job.id}.1:create'
}

# ... program/images.sh

# ... program/main.sh
