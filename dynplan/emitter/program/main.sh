# ---- 1. allocation and output directory ----
# forget_options: unsets what srun would take for options of its own: all names of Slurm but those that say which job
# and cluster this is, and how to reach them. So it holds for versions to come (srun(1), INPUT ENVIRONMENT
# VARIABLES); srun and slurmd set theirs for the tasks. And what an outer step or job of ours says of itself
forget_options() {
	local name
	for name in "${!SLURM_@}" "${!SRUN_@}" SLURMD_DEBUG PMI_{FANOUT,FANOUT_OFF_HOST,TIME} \
		PMI_{RANK,SIZE,FD,ID,JOBID,PORT} "${!PMIX_@}" "${!DYNPLAN_@}"; do
		case $name in
		SLURM_CONF* | SLURM_JWT | SLURM_SACK_* | SLURM_STEPMGR | SLURM_CLUSTER_NAME | SLURM_WORKING_CLUSTER) ;;
		SLURM_JOB_* | SLURM_JOBID | SLURM_ARRAY_* | SLURM_HET_* | SLURM_SUBMIT_* | SLURM_RESTART_COUNT) ;;
		SLURM_NNODES | SLURM_NODELIST | SLURM_NODE_ALIASES | SLURM_TASKS_PER_NODE | SLURM_SPANK_*) ;;
		PMIX_MCA_*) ;;
		*) unset -v "$name" ;;
		esac
	done
	export SLURM_EXPORT_ENV=ALL
}

# ask_slurm: ends the job if this Slurm is too old for it, and sets cpu_bind. Where tasks are bound to CPUs they must not
# be, and where they are not srun has a note to print of it. A controller that does not answer leaves its version open
ask_slurm() {
	local name value rest version=''
	while read -r name value rest; do
		case $name in
		slurm | slurm-*) version=$value ;;
		SLURM_VERSION) version=$rest ;;
		TaskPlugin)
			if [[ $rest != *affinity* ]]; then
				cpu_bind=()
			fi
			;;
		esac
	done < <(scontrol show config || scontrol --version)
	# Before, --overlap shares CPUs alone: the second step would wait for the GPUs of the first one, past every limit.
	if [[ $version == [0-9][0-9].[0-9][0-9]* ]] && ((10#${version:0:2}${version:3:2} < 2205)); then
		fail "65 Slurm ${version:0:5} is too old, 22.05 is needed"
	fi
}

# take_allocation: sets hosts, if this is the plan's allocation
take_allocation() {
	local name counted
	forget_options
	load :
	set_mask
	check_environment
	# What a task has of these is Slurm's, and not what the submitting shell has brought.
	for name in "${gpu_variables[@]}"; do
		unset -v "$name"
	done
	for name in "${roles[@]}" "${phases[@]/#/phase:}"; do
		parts[$name]=yes
	done
	if [[ -z $SLURM_JOB_ID ]]; then
		fail '64 no Slurm job: submit with sbatch, or run under salloc'
	fi
	ask_slurm
	if [[ -n $component ]]; then
		list_components
	else
		mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
	fi
	if ((${#hosts[@]} != nodes)); then
		count_of "$nodes" node
		fail "64 the plan needs $counted, the job has ${#hosts[@]}: ${hosts[*]}"
	fi
	if ((${#named_hosts[@]} > 0)); then
		choose_hosts
	fi
}

# check_environment: ends the job where a variable is missing that it takes from the submitter's environment
check_environment() {
	local entry value missing=''
	# `NAME (who takes it)`
	for entry in "${from_env[@]}"; do
		if ! get_submitted "${entry%% *}"; then
			missing+=${missing:+, }$entry
		fi
	done
	if [[ -n $missing ]]; then
		fail "65 preflight: not in the environment that sbatch has passed on, from which the job takes it (from-env): \
$missing; nothing was started"
	fi
}

# make_directory: sets dir, the output directory, that of an earlier run left alone, and opens events.log
make_directory() {
	local number=0 wanted
	fact[job.id]=$SLURM_JOB_ID
	fact[job.name]=$job_name
	fill "$output_dir"
	wanted=$filled
	if [[ $wanted != /* ]]; then
		wanted=$PWD/$wanted
	fi
	dir=$wanted
	until claim_directory; do
		if [[ ! -e $dir/events.log ]]; then
			fail "74 cannot write in $dir"
		fi
		number=$((number + 1))
		dir=$wanted.$number
	done
	fact[job.dir]=$dir
	say "results in $dir"
}

# claim_directory: makes dir, and events.log in it, which is there only once: jobs that are released together may want
# the same
claim_directory() {
	local result
	if [[ -e $dir/events.log ]] || ! mkdir -p -- "$dir/logs" "$dir/phases"; then
		return 1
	fi
	set -o noclobber
	exec {event_log}>"$dir/events.log"
	result=$?
	set +o noclobber
	return "$result"
}

# ---- 2. preflight ----
# check_every_node: a short step on every node; sets addresses
check_every_node() {
	local name part=:preflight status limit listed why from=$now
	local -a found
	nodes_left=$nodes
	load :preflight
	"$starter" :preflight
	# Where a node does not answer at all, `launch_timeout` ends the job.
	limit=$((now + launch_timeout + 120))
	while runs :preflight && ((now < limit && (nodes_left > 0 || ${#problems[@]} > 0))); do
		next_event
	done
	if ((nodes_left == 0)) && [[ -n ${domain_nodes[*]-} ]]; then
		check_told_blocks
	fi
	found=("${problems[@]}")
	if ((${#found[@]} > 0)); then
		fail "65 ${found[0]}; nothing was started"
	fi
	for name in "${!step_statuses[@]}"; do
		if [[ $name == :preflight* && (${step_statuses[$name]} != 0 || $name == :preflight) ]]; then
			part=$name
		fi
	done
	status=${step_statuses[$part]-}
	if ((nodes_left > 0)) || [[ ${status:-0} != 0 ]]; then
		list_tasks :preflight expected
		explain "$part"
		fail_outside "preflight: no answer from ${listed:-none} after $((now - from)) s; srun ended with status ${status:-none}$why"
	fi
	if [[ -n ${port_step-} ]]; then
		choose_block
	fi
	find_addresses
	list_nodes
}

# find_addresses: asks Slurm for the addresses of the nodes that do not know their own
find_addresses() {
	local node joined name place
	local -A places=()
	for node in "${!hosts[@]}"; do
		if [[ -n ${addresses[node]} ]]; then
			continue
		fi
		if ((${#places[@]} == 0)); then
			join "${hosts[@]}"
			while read -r name place; do
				places[${name:-none}]=$place
			done < <(sinfo --noheader --Node --format='%N %o' --nodes="$joined")
		fi
		# An address, or a name.
		read -r place _ < <(getent ahosts "${places[${hosts[node]}]-}")
		if [[ -z $place ]]; then
			fail "65 preflight: ${hosts[node]}: the host name has no address; a cluster's network-interface says where it has; nothing was started"
		fi
		addresses[node]=$place
	done
}

# ---- 3. images and files ----
# get_images: brings those that are not there, if the job has any
get_images() {
	if declare -F images >/dev/null; then
		bring_images
	fi
}

# write_files: writes those of the job, as roles may read them. What tells where everything runs is
# written beside the roles
write_files() {
	local role other
	for role in "${roles[@]}"; do
		load "$role"
		left[$role]=$tasks
		if [[ $kind == task ]]; then
			last_tasks[$role]=yes
		fi
	done
	for role in "${roles[@]}"; do
		load "$role"
		for other in "${after[@]}"; do
			unset -v "last_tasks[$other]"
		done
	done
	if ((${#phases[@]} == 0 && ${#last_tasks[@]} > 0)); then
		ends_with_tasks=yes
	fi
	roles_left=${#roles[@]}
	if declare -F files >/dev/null; then
		make_lists files
		files
	fi
}

# ---- 4. roles ----
# run_roles: starts them, and waits until all are ready, or until the tasks that are the job's purpose have ended
run_roles() {
	start_roles
	start_records
	while ((roles_left > 0)) && [[ -z $ends_with_tasks || ${#last_tasks[@]} -gt 0 ]]; do
		next_event
	done
	await_records
}

# ---- 5. phases ----
# run_phases: one after another; the end of the last one is the end of the job. Without any, that of its last tasks
# is, and without these the time limit
run_phases() {
	local name
	for name in "${phases[@]}"; do
		run_phase "$name"
	done
	if [[ -n $bad_phase ]]; then
		fail "$bad_phase"
	fi
	if ((${#phases[@]} == 0)) && [[ -z $ends_with_tasks ]]; then
		while ((${#step_input[@]} > 0)); do
			next_event
		done
	fi
}

# run_phase NAME: until it has ended, or its time has; sets bad_phase if it failed
run_phase() {
	local part=phase:$1 from=$now who result most goes_on checks why
	fact[phase.name]=$1
	fact[phase.dir]=$dir/phases/$1
	if ! mkdir -p -- "${fact[phase.dir]}"; then
		fail "74 cannot make ${fact[phase.dir]}"
	fi
	load "$part"
	find_task 0
	who="phase $1 on ${row[host]}"
	say "$who: begins"
	# What an event leads to may load another part.
	most=$timeout
	goes_on=$go_on
	checks=$health_check
	start_step "$part"
	while runs "$part" && ((most == 0 || now - from < most)); do
		next_event
		if [[ -n ${silent[$part]-} ]]; then
			# It has not started.
			from=$now
		fi
	done
	result=${state["$part/0.0"]-}
	result=${result#ended:}
	if ((most > 0 && now - from >= most)); then
		result="124 $who: took too long; log ${fact[phase.dir]}.log"
	fi
	if [[ $result != *' '* ]]; then
		load "$part"
		explain "$part"
		fail_outside "$who: srun ended with status ${step_statuses[$part]-}$hint$why"
	fi
	stop "$part"
	say "$who: ended with status ${result%% *} after $((now - from)) s"
	if [[ $result != '0 '* ]]; then
		bad_phase=${bad_phase:-$result}
		if [[ -z $goes_on ]]; then
			fail "$bad_phase"
		fi
	fi
	if [[ -n $checks ]]; then
		check_health
	fi
}

# check_health: every task of every role must be ready again
check_health() {
	local key role
	for key in "${!state[@]}"; do
		role=${key%/*}
		if [[ ${state[$key]} == ready && -n ${left[$role]-} ]]; then
			state[$key]=asked
			if ((${left[$role]} == 0)); then
				roles_left=$((roles_left + 1))
			fi
			left[$role]=$((${left[$role]} + 1))
		fi
	done
	for role in "${roles[@]}"; do
		tell "$role" check
	done
	while ((roles_left > 0)); do
		next_event
	done
}

# ---- from here on it runs ----
exec {events}<> <(:) {quiet}<> <(:) {nowhere}>/dev/null
trap finish EXIT
trap 'on_signal TERM' TERM
trap 'on_signal INT' INT
trap 'on_signal USR1' USR1
trap 'on_signal HUP' HUP
trap 'on_signal QUIT' QUIT
trap 'on_signal USR2' USR2
trap 'on_signal ALRM' ALRM
trap 'on_signal XCPU' XCPU
trap 'on_signal XFSZ' XFSZ
trap 'on_signal VTALRM' VTALRM
trap 'on_signal PROF' PROF
# A step may end before it has read what it is told.
trap '' PIPE
tick >&"$events" &
ticker=$!
look_at_clock
began_at=$now
report_at=$((now + 5))
each_second
take_allocation
make_directory
check_every_node
get_images
write_files
run_roles
run_phases
finished=yes
