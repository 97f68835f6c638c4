#!/bin/bash -p
#SBATCH --job-name=dynamo-separate
#SBATCH --nodes=2
#SBATCH --time=00:10:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# dynamo-separate: 2 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan f6a99b8dac85, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=f6a99b8dac85
	nodes=2 gpus=8 longest_grace=30 has_log=yes
	job_name=dynamo-separate quoted_name='"dynamo-separate"' output_dir='results/dynamo-separate-{job.id}'
	roles=(etcd nats decode prefill frontend)
	phases=(separate_node_smoke accuracy)
	stop_order=(frontend 'decode prefill' 'etcd nats')
	env=(
		HF_HUB_OFFLINE=1
		NO_COLOR=1
		TQDM_DISABLE=1
		DYN_SDK_DISABLE_ANSI_LOGGING=1
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

# 1 worker of 4 GPUs
role_decode() {
	after=(etcd nats)
	task node=0 worker=0 gpus=0-3 port.system=9090
	env+=(
		DYN_SYSTEM_PORT=9090
		'DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS=["generate"]'
	)
	command=(
		.cache/dynamo/bin/python
		-m
		dynamo.mocker
		--model-path
		.cache/model
		--disaggregation-mode
		decode
		--speedup-ratio
		10
	)
	probe ready 300 http 9090 /health
	fail_on_log='panicked at|Address already in use'
	metrics='http://{url-host}:9090/metrics'
}

# 1 worker of 4 GPUs
role_prefill() {
	after=(etcd nats)
	task node=1 worker=0 gpus=0-3 port.system=9090
	env+=(
		DYN_SYSTEM_PORT=9090
		'DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS=["generate"]'
	)
	command=(
		.cache/dynamo/bin/python
		-m
		dynamo.mocker
		--model-path
		.cache/model
		--disaggregation-mode
		prefill
		--speedup-ratio
		10
	)
	probe ready 300 http 9090 /health
	fail_on_log='panicked at|Address already in use'
	metrics='http://{url-host}:9090/metrics'
}

# 1 worker
role_frontend() {
	after=(etcd nats)
	task node=0 worker=0 port.http=8000
	env+=(
		DYN_SYSTEM_PORT
		DYN_HTTP_GRACEFUL_SHUTDOWN_TIMEOUT_SECS=1
	)
	command=(
		.cache/dynamo/bin/python
		-m
		dynamo.frontend
		--http-port
		8000
		--router-mode
		round-robin
	)
	probe ready 120 http 8000 /v1/chat/completions 'body="content":"[^"]' 'post={"model":".cache/model","max_tokens":4,"messages":[{"role":"user","content":"Ready?"}]}'
	metrics='http://{url-host}:8000/metrics'
}

phase_separate_node_smoke() {
	timeout=300 health_check=yes
	task node=0 worker=0
	env+=(
		HF_HUB_OFFLINE
	)
	command=(
		.cache/dynamo/bin/aiperf
		profile
		--model
		.cache/model
		--url
		'http://{url-host.0}:8000'
		--artifact-dir
		'{phase.dir}'
		--tokenizer
		.cache/model
		--endpoint-type
		chat
		--streaming
		--use-server-token-count
		--no-gpu-telemetry
		--ui
		none
		--concurrency
		2
		--request-count
		50
		--synthetic-input-tokens-mean
		128
		--output-tokens-mean
		32
		--random-seed
		1
		--server-metrics
		'{metrics-urls}'
	)
}

phase_accuracy() {
	timeout=300
	task node=0 worker=0
	env+=(
		HF_HUB_OFFLINE
	)
	command=(
		.cache/dynamo/bin/python
		tests/acceptance/accuracy.py
		--model
		.cache/model
		--url
		'http://{url-host.0}:8000'
		--artifact-dir
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
