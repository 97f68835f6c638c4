#!/bin/bash -p
#SBATCH --job-name=sizes
#SBATCH --nodes=1
#SBATCH --time=01:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@60
#SBATCH --output=%x-%A_%a.out
#SBATCH --array=0-6
#
# 7 points of a sweep, an index each. sizes: 1 node of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# A plan for each point, text of all of it.

# ... program/start.sh

# ==== The plan ====
# What differs between them stands below in arms of a `case`; everything else is the same for all.
case ${SLURM_ARRAY_TASK_ID-} in
0)
	echo 'dynplan: point 0, tensor-parallel-size = 1, max-model-len = 8192, concurrency = 8'
	point() {
		digest=f3cfb6ecfb2a output_dir='runs/sizes/points/0-{job.id}'
	}
	;;
1)
	echo 'dynplan: point 1, tensor-parallel-size = 1, max-model-len = 8192, concurrency = 256'
	point() {
		digest=027c5e6195ca output_dir='runs/sizes/points/1-{job.id}'
	}
	;;
2)
	echo 'dynplan: point 2, tensor-parallel-size = 2, max-model-len = 16384, concurrency = 8'
	point() {
		digest=9436eeabee98 output_dir='runs/sizes/points/2-{job.id}'
	}
	;;
3)
	echo 'dynplan: point 3, tensor-parallel-size = 2, max-model-len = 16384, concurrency = 256'
	point() {
		digest=eeaa5ac9fc48 output_dir='runs/sizes/points/3-{job.id}'
	}
	;;
4)
	echo 'dynplan: point 4, tensor-parallel-size = 4, max-model-len = 32768, concurrency = 8'
	point() {
		digest=7bab75790585 output_dir='runs/sizes/points/4-{job.id}'
	}
	;;
5)
	echo 'dynplan: point 5, tensor-parallel-size = 4, max-model-len = 32768, concurrency = 256'
	point() {
		digest=5a2711b01f62 output_dir='runs/sizes/points/5-{job.id}'
	}
	;;
6)
	echo 'dynplan: point long, tensor-parallel-size = 8, max-model-len = 131072, concurrency = 1'
	point() {
		digest=6e652ce6c06a output_dir='runs/sizes/points/long-{job.id}'
	}
	;;
*)
	echo "dynplan: FAILED: no point ${SLURM_ARRAY_TASK_ID-} here; sbatch sets SLURM_ARRAY_TASK_ID"
	exit 64
	;;
esac

job() {
	nodes=1 gpus=8 longest_grace=30 has_log=yes
	job_name=sizes quoted_name='"sizes"'
	roles=(server)
	phases=(load)
	stop_order=(server)
	point
}

case $SLURM_ARRAY_TASK_ID in
0 | 1)
	# 1 worker of 1 GPU
	role_server() {
		task node=0 worker=0 gpus=0 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600
		env+=(
			VLLM_PORT
			'VLLM_HOST_IP={ip}'
			'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
			VLLM_NIXL_SIDE_CHANNEL_PORT=5600
		)
		command=(
			vllm
			serve
			--host
			0.0.0.0
			--port
			8000
			--model
			Qwen/Qwen3-32B
			--tensor-parallel-size
			1
			--max-model-len
			8192
		)
		probe ready 3600 http 8000 /health
		fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
		metrics='http://{url-host}:8000/metrics'
	}
	;;
2 | 3)
	# 1 worker of 2 GPUs
	role_server() {
		task node=0 worker=0 gpus=0-1 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600
		env+=(
			VLLM_PORT
			'VLLM_HOST_IP={ip}'
			'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
			VLLM_NIXL_SIDE_CHANNEL_PORT=5600
		)
		command=(
			vllm
			serve
			--host
			0.0.0.0
			--port
			8000
			--model
			Qwen/Qwen3-32B
			--tensor-parallel-size
			2
			--max-model-len
			16384
		)
		probe ready 3600 http 8000 /health
		fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
		metrics='http://{url-host}:8000/metrics'
	}
	;;
4 | 5)
	# 1 worker of 4 GPUs
	role_server() {
		task node=0 worker=0 gpus=0-3 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600
		env+=(
			VLLM_PORT
			'VLLM_HOST_IP={ip}'
			'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
			VLLM_NIXL_SIDE_CHANNEL_PORT=5600
		)
		command=(
			vllm
			serve
			--host
			0.0.0.0
			--port
			8000
			--model
			Qwen/Qwen3-32B
			--tensor-parallel-size
			4
			--max-model-len
			32768
		)
		probe ready 3600 http 8000 /health
		fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
		metrics='http://{url-host}:8000/metrics'
	}
	;;
6)
	# 1 worker of 8 GPUs
	role_server() {
		task node=0 worker=0 gpus=0-7 port.http=8000 port.master=29501 port.rpc=29550 port.nixl=5600
		env+=(
			VLLM_PORT
			'VLLM_HOST_IP={ip}'
			'VLLM_NIXL_SIDE_CHANNEL_HOST={ip}'
			VLLM_NIXL_SIDE_CHANNEL_PORT=5600
		)
		command=(
			vllm
			serve
			--host
			0.0.0.0
			--port
			8000
			--model
			Qwen/Qwen3-32B
			--tensor-parallel-size
			8
			--max-model-len
			131072
		)
		probe ready 3600 http 8000 /health
		fail_on_log='EngineCore (failed to start|encountered a fatal error)|Engine core initialization failed|WorkerProc (failed to start|hit an exception)'
		metrics='http://{url-host}:8000/metrics'
	}
	;;
esac

case $SLURM_ARRAY_TASK_ID in
0 | 2 | 4)
	phase_load() {
		timeout=1200
		task node=0 worker=0
		command=(
			aiperf
			profile
			--model
			Qwen/Qwen3-32B
			--url
			'http://{url-host.0}:8000'
			--endpoint-type
			chat
			--concurrency
			8
			--request-count
			2000
			--output-artifact-dir
			'{phase.dir}'
		)
	}
	;;
1 | 3 | 5)
	phase_load() {
		timeout=1200
		task node=0 worker=0
		command=(
			aiperf
			profile
			--model
			Qwen/Qwen3-32B
			--url
			'http://{url-host.0}:8000'
			--endpoint-type
			chat
			--concurrency
			256
			--request-count
			2000
			--output-artifact-dir
			'{phase.dir}'
		)
	}
	;;
6)
	phase_load() {
		timeout=1200
		task node=0 worker=0
		command=(
			aiperf
			profile
			--model
			Qwen/Qwen3-32B
			--url
			'http://{url-host.0}:8000'
			--endpoint-type
			chat
			--concurrency
			1
			--request-count
			2000
			--output-artifact-dir
			'{phase.dir}'
		)
	}
	;;
esac

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
