#!/bin/bash -p
#SBATCH --job-name=torchrun
#SBATCH --nodes=2
#SBATCH --time=12:00:00
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --signal=B:USR1@150
#SBATCH --output=%x-%j.out
#
# torchrun: 2 nodes of 8 GPUs, separate.
# Made by dynplan 0.1.0: change the job file, not this.
# Plan daa43370045e, text of all of it.

# ... program/start.sh

# ==== The plan ====
job() {
	digest=daa43370045e
	nodes=2 gpus=8 longest_grace=120 has_log=yes has_followers=yes has_paths=yes critical=yes
	hint=' (its image must hold bash; what srun says stands above)'
	job_name=torchrun quoted_name='"torchrun"' output_dir='results/torchrun-{job.id}'
	interfaces=()
	roles=(train gpus)
	phases=()
	stop_order=(gpus train)
	paths=(
		/lustre/data
		/lustre/checkpoints
		/lustre/code
	)
}

# 1 worker of 16 GPUs
role_train() {
	tasks=2 workers=1 kind=task grace=120
	task node=0 worker=0 rank=0 num-tasks=2 gpus=0-7 port.master=29500 leader=0 leader.port.master=29500
	task node=1 worker=0 rank=1 num-tasks=2 gpus=0-7 leader=0 leader.port.master=29500
	env+=(
		'NCCL_SOCKET_IFNAME={interface}'
		NCCL_DEBUG=WARN
		OMP_NUM_THREADS=8
	)
	own_setup='ulimit -l unlimited'
	command=(
		torchrun
		--nnodes
		2
		--node-rank
		'{rank}'
		--nproc-per-node
		8
		--master-addr
		'{leader.ip}'
		--master-port
		29500
		train.py
		--data
		/data/fineweb
		--checkpoints
		/checkpoints/torchrun
		--resume
		latest
	)
	srun=(
		'--container-image=nvcr.io#nvidia/pytorch:25.06-py3'
		'--container-mounts=/lustre/data:/data:ro,/lustre/checkpoints:/checkpoints,/lustre/code:/workspace/code,{job.dir}:{job.dir}'
		--container-workdir=/workspace/code
		'--container-name=dynplan-{job.id}.0:no_exec'
	)
	fail_on_log='CUDA out of memory|Watchdog caught collective operation timeout'
}

# 2 workers
role_gpus() {
	tasks=2 critical=no
	times 2 node=1 worker=1
	task node=0 worker=0
	command=(
		nvidia-smi
		--query-gpu
		'timestamp,index,name,utilization.gpu,utilization.memory,memory.used,power.draw'
		--format
		csv
		--loop
		1
		--filename
		'{job.dir}/gpus-{host}.csv'
	)
}

# ... program/plan.sh

# ... program/probes.sh

# ... program/logs.sh

# ... program/surroundings.sh

# ... program/task.sh

# ... program/preflight.sh

# ... program/interfaces.sh

# ... program/steps.sh

# ... program/launch.sh

# ... program/events.sh

# ... program/records.sh

# ... program/end.sh

images() {
	image 'dynplan-{job.id}.0' 0-1 'nvcr.io#nvidia/pytorch:25.06-py3' \
		'--container-image=nvcr.io#nvidia/pytorch:25.06-py3' \
		'--container-name=dynplan-{job.id}.0:create'
}

# ... program/images.sh

# ... program/main.sh
