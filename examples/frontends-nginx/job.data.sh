#!/bin/bash -p
#SBATCH --job-name=frontends-nginx
#SBATCH --nodes=4
#SBATCH --time=01:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%j.out
#
# frontends-nginx: 4 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan 7122661d6f49, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=7122661d6f49
	nodes=4 gpus=8 longest_grace=30 has_log=yes has_paths=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=frontends-nginx quoted_name='"frontends-nginx"' output_dir='results/frontends-nginx-{job.id}'
	roles=(etcd nats worker frontend proxy)
	phases=(throughput)
	stop_order=(proxy 'worker frontend' 'etcd nats')
	paths=(
		/lustre/hf
	)
	srun=(
		'--container-image=nvcr.io#nvidia/ai-dynamo/vllm-runtime:1.1.1'
		'--container-mounts=/lustre/hf:/root/.cache/huggingface,{job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
	env=(
		'DYN_NAMESPACE=job-{job.id}'
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

# 16 workers of 2 GPUs
role_worker() {
	tasks=16
	after=(etcd nats)
	times 4 node=1 worker=4
	task node=0 worker=0 gpus=0-1 port.system=9090 port.master=29501 port.rpc=29550 port.nixl=5600 port.forward=20380
	task node=0 worker=1 gpus=2-3 port.system=9091 port.master=29502 port.rpc=29551 port.nixl=5601 port.forward=20381
	task node=0 worker=2 gpus=4-5 port.system=9092 port.master=29503 port.rpc=29552 port.nixl=5602 port.forward=20382
	task node=0 worker=3 gpus=6-7 port.system=9093 port.master=29504 port.rpc=29553 port.nixl=5603 port.forward=20383
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
		Qwen/Qwen3-32B
		--tensor-parallel-size
		2
	)
	probe ready 3600 http '{port.system}' /health
	fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
	metrics='http://{url-host}:{port.system}/metrics'
}

# 4 workers
role_frontend() {
	tasks=4
	after=(etcd nats)
	times 4 node=1 worker=1
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
	probe ready 3600 http 8000 /v1/models 'body="id"'
	metrics='http://{url-host}:8000/metrics'
}

# 1 worker
role_proxy() {
	stop_signal=QUIT
	after=(frontend)
	task node=0 worker=0 port.http=8080
	command=(
		nginx
		-g
		'daemon off;'
		-c
		'{job.dir}/files/nginx.conf'
	)
	srun=(
		--container-image=nginx:1.29
		'--container-mounts={job.dir}:{job.dir}'
		'--container-name=dynplan-{job.id}.1:no_exec'
	)
	probe ready 60 tcp 8080
}

phase_throughput() {
	timeout=1800
	task node=0 worker=0
	command=(
		aiperf
		profile
		--model
		Qwen/Qwen3-32B
		--url
		'http://{url-host.0}:8080'
		--endpoint-type
		chat
		--streaming
		--concurrency
		512
		--request-count
		4096
		--ui
		none
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

files() {
	file nginx.conf 'pid /tmp/nginx-{job.id}.pid;
error_log stderr;
worker_processes 4;
events { worker_connections 8192; }
http {
  access_log off;
  # Its own directories belong to root.
  client_body_temp_path /tmp/nginx-{job.id}-body;
  proxy_temp_path /tmp/nginx-{job.id}-proxy;
  fastcgi_temp_path /tmp/nginx-{job.id}-fastcgi;
  uwsgi_temp_path /tmp/nginx-{job.id}-uwsgi;
  scgi_temp_path /tmp/nginx-{job.id}-scgi;
  client_max_body_size 0;
  upstream frontends {
    # max_fails: a frontend that is slow is not one that is gone.
    least_conn;
    keepalive 512;
    server {url-host.0}:8000 max_fails=0;
    server {url-host.1}:8000 max_fails=0;
    server {url-host.2}:8000 max_fails=0;
    server {url-host.3}:8000 max_fails=0;
  }
  server {
    listen 8080 backlog=4096;
    location / {
      proxy_pass http://frontends;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
  }
}
'
}

# ... program/files.sh

images() {
	image 'dynplan-{job.id}.0' 0-3 'nvcr.io#nvidia/ai-dynamo/vllm-runtime:1.1.1' \
		'--container-image=nvcr.io#nvidia/ai-dynamo/vllm-runtime:1.1.1' \
		'--container-name=dynplan-{job.id}.0:create'
	image 'dynplan-{job.id}.1' 0-0 nginx:1.29 \
		--container-image=nginx:1.29 \
		'--container-name=dynplan-{job.id}.1:create'
}

# ... program/images.sh

# ... program/main.sh
