#!/bin/bash -p
#SBATCH --job-name=node-groups
#SBATCH --nodes=1
#SBATCH --time=01:00:00
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#SBATCH --account=inference
#SBATCH --partition=cpu
#SBATCH hetjob
#SBATCH --nodes=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --partition=gpu
#SBATCH --constraint=h100
#SBATCH hetjob
#SBATCH --nodes=2
#SBATCH --gres=gpu:l40s:4
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --partition=gpu
#SBATCH --constraint=l40s
#
# node-groups: 1 node (cpu), 1 node of 8 GPUs (h100), 2 nodes of 4 GPUs (l40s), separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 4555b5aa5fed, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=4555b5aa5fed
	nodes=4 gpus=0 longest_grace=30 has_log=yes
	component=0 tasks_in=() starter=start_components
	component_names=(cpu h100 l40s)
	component_nodes=(1 1 2) component_gpus=(0 8 4)
	job_name=node-groups quoted_name='"node-groups"' output_dir='results/node-groups-{job.id}'
	roles=(etcd nats prefill decode frontend node-exporter)
	phases=(load)
	stop_order=('frontend node-exporter' 'prefill decode' 'etcd nats')
	env=(
		'DYN_NAMESPACE=job-{job.id}'
		'DYN_TCP_RPC_HOST={ip}'
		'ETCD_ENDPOINTS=http://{url-host.0}:2379'
		'NATS_SERVER=nats://{host.0}:4222'
	)
}

# 1 worker
role_etcd() {
	task node=0 worker=0 port.client=2379 port.peer=2380
	command=(
		etcd
		--data-dir
		'{job.dir}/etcd'
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
	)
	probe ready 120 http 8222 /healthz
}

# 2 workers of 4 GPUs
role_prefill() {
	tasks=2 component=2
	after=(etcd nats)
	times 2 node=1 worker=1
	task node=2 worker=0 gpus=0-3 port.system=9090 port.master=29501 port.rpc=29550 port.nixl=5600 port.forward=20380
	env+=(
		VLLM_PORT
		DYN_SYSTEM_PORT=9090
		DYN_FORWARDPASS_METRIC_PORT=20380
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		VLLM_NIXL_SIDE_CHANNEL_PORT=5600
	)
	command=(
		python3
		-m
		dynamo.vllm
		--model
		meta-llama/Llama-3.1-70B-Instruct
		--tensor-parallel-size
		4
		--disaggregation-mode
		prefill
	)
	probe ready 3600 http 9090 /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:9090/metrics'
}

# 2 workers of 4 GPUs
role_decode() {
	tasks=2 component=1
	after=(etcd nats)
	times 2 worker=1 gpus=4 port.system=1 port.master=1 port.rpc=1 port.nixl=1 port.forward=1
	task node=1 worker=0 gpus=0-3 port.system=9090 port.master=29501 port.rpc=29550 port.nixl=5600 port.forward=20380
	env+=(
		VLLM_PORT
		'DYN_SYSTEM_PORT={port.system}'
		'DYN_FORWARDPASS_METRIC_PORT={port.forward}'
		'VLLM_HOST_IP={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
		'VLLM_NIXL_SIDE_CHANNEL_PORT={port.nixl}'
	)
	command=(
		python3
		-m
		dynamo.vllm
		--model
		meta-llama/Llama-3.1-70B-Instruct
		--tensor-parallel-size
		4
		--disaggregation-mode
		decode
	)
	probe ready 3600 http '{port.system}' /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:{port.system}/metrics'
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
		kv
	)
	probe ready 1800 http 8000 /v1/chat/completions 'body="content":"[^"]' 'post={"model":"meta-llama/Llama-3.1-70B-Instruct","max_tokens":4,"messages":[{"role":"user","content":"Ready?"}]}'
	metrics='http://{url-host}:8000/metrics'
}

# 4 workers
role_node-exporter() {
	tasks=4 tasks_in=(1 1 2)
	times 4 node=1 worker=1
	task node=0 worker=0 port.http=9100
	command=(
		node_exporter
		--web.listen-address
		:9100
	)
	metrics='http://{url-host}:9100/metrics'
}

phase_load() {
	timeout=1200
	task node=0 worker=0
	command=(
		aiperf
		profile
		--model
		meta-llama/Llama-3.1-70B-Instruct
		--url
		'http://{url-host.0}:8000'
		--artifact-dir
		'{phase.dir}'
		--endpoint-type
		chat
		--concurrency
		32
		--request-count
		500
	)
}

# ... program/plan.sh

# ... program/probes.sh

# ... program/http.sh

# ... program/logs.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/groups.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

# ... program/main.sh
