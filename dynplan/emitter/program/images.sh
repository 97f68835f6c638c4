# ---- images: brought to every node once, before what runs in them ----
# pyxis would import and unpack an image anew for each step, within the time that a role has to be ready. So
# a step for each image does it on the nodes that use it, and leaves a container there (enroot's: a folder with
# a name) from which all other steps start. Apptainer keeps images in a cache below the home directory. Its steps
# come one after another, the first one on a node alone: of four that fill a cache at once one fails ("conveyor
# failed to get: unexpected end of JSON input", apptainer 1.4.5), and where nodes have one cache, the others find it.
known_events[image]=yes
image_names=()
image_nodes=()
image_sources=()
image_states=()
image_began=()
image_counts=()
image_next=()
image_tries=()
image_alone=()
image_first=()
image_size=()
image_words=()
image_parts=''
images_left=0
# Of a heterogeneous job, see `list_components`.
component_at=()
declare -A image_places=() image_there=()

# image NAME NODES SOURCE WORD...: adds an image that the nodes, `0-3,7`, use; its container's name, empty for a
# runtime without; and the words of srun
image() {
	image_names+=("$1")
	image_nodes+=("$2")
	image_sources+=("$3")
	image_first+=("${#image_words[@]}")
	image_size+=("$(($# - 3))")
	image_words+=("${@:4}")
}

# bring_images: until all images are where they are used. No limit counts it but the job's own
bring_images() {
	local index from=$now report_next=$((now + 15)) listed count
	images
	row=()
	images_left=${#image_sources[@]}
	for index in "${!image_sources[@]}"; do
		fill "${image_sources[index]}"
		image_sources[index]=$filled
		fill "${image_names[index]}"
		image_names[index]=$filled
		image_states[index]=waits
		image_parts+=" :image.$index :old-image.$index"
	done
	while true; do
		for index in "${!image_sources[@]}"; do
			if ! runs ":image.$index :old-image.$index"; then
				follow_image "$index"
			fi
		done
		if ((images_left == 0)); then
			return
		fi
		next_event
		if ((now >= report_next)); then
			report_next=$((now + (now - from) / 2 + 15))
			report_images
		fi
	done
}

# follow_image INDEX: what comes next for an image of which no step runs
follow_image() {
	local listed count reason source=${image_sources[$1]}
	case ${image_states[$1]} in
	waits)
		if [[ -n ${image_names[$1]} ]] || (($1 == 0)) || [[ ${image_states[$1 - 1]} == there ]]; then
			begin_image "$1"
		fi
		;;
	comes)
		list_without "$1"
		if ((count == 0)); then
			images_left=$((images_left - 1))
			image_states[$1]=there
			say "image $source: on ${image_counts[$1]} after $((now - image_began[$1])) s"
		elif [[ -n ${image_alone[$1]} && -n ${image_there[":image.$1/${image_alone[$1]}"]-} ]]; then
			image_alone[$1]=''
			start_image "$1"
		else
			try_image_again "$1"
		fi
		;;
	pause)
		if ((now >= image_next[$1])); then
			start_image "$1"
		fi
		;;
	esac
}

# begin_image INDEX: starts the first step of an image
begin_image() {
	local counted
	local -a numbers
	list_image_nodes "$1"
	image_began[$1]=$now
	count_of "${#numbers[@]}" node
	image_counts[$1]=$counted
	image_alone[$1]=''
	if [[ -z ${image_names[$1]} ]]; then
		image_alone[$1]=${numbers[0]}
	fi
	say "image ${image_sources[$1]}: bringing it to ${image_counts[$1]}"
	start_image "$1"
}

# try_image_again INDEX: once, after a pause; fails then, and at once where bash or pyxis is missing. In `source` and
# `listed` is what is told of it
try_image_again() {
	local reason
	get_reason "$dir/logs/images.$1.log"
	image_tries[$1]=$((${image_tries[$1]-0} + 1))
	if ((image_tries[$1] > 1)) || [[ $reason == *execve* || $reason == *'unrecognized option'* ]]; then
		fail "65 image $source: not on $listed: $reason; nothing was started; log $dir/logs/images.$1.log"
	fi
	say "image $source: not on $listed: $reason; trying once more"
	image_states[$1]=pause
	image_next[$1]=$((now + 5))
	# One of an earlier run of this job may be half made, or of another image. So may what has failed now.
	if [[ $reason == *'already exists'* ]]; then
		image_next[$1]=$now
	fi
	remove_containers "$1" ":old-image.$1" 'which lack it'
}

# start_image INDEX: starts a step of an image on the nodes that lack it, or on the one that is to be first
start_image() {
	local -a numbers
	list_image_nodes "$1" 'which lack it'
	if [[ -n ${image_alone[$1]} ]]; then
		numbers=("${image_alone[$1]}")
	fi
	image_states[$1]=comes
	fill_all "${image_words[@]:image_first[$1]:image_size[$1]}"
	start_on_nodes ":image.$1" "$dir/logs/images.$1.log" "${words[@]}"
}

# start_on_nodes PART LOG WORD...: starts such a step on the nodes in numbers, or one in each component that has some of
# them. In one that brings an image each task tells that it is there
start_on_nodes() {
	local part node joined at
	local -a places=() names options told
	: >"$2"
	for node in "${numbers[@]}"; do
		at=${component_at[node]-0}
		places[at]+=" $node"
	done
	for at in "${!places[@]}"; do
		part=$1
		options=()
		if [[ -n $component ]]; then
			part=$1/+$at
			options=("--het-group=$at")
		fi
		names=()
		for node in ${places[at]}; do
			image_places["$part/${#names[@]}"]=$node
			names+=("${hosts[node]}")
		done
		told=()
		if [[ $1 == :image.* ]]; then
			told=(bash -p -c "echo \"dynplan|image|$part||\$SLURM_PROCID|\$SLURMD_NODENAME||\"")
		fi
		join "${names[@]}"
		start_beside "$part" "$2" "--ntasks=${#names[@]}" "--nodelist=$joined" "${options[@]}" "${@:3}" "${told[@]}"
	done
}

# start_beside PART LOG WORD...: starts a step that is none of a role or phase
start_beside() {
	local input
	parts[$1]=yes
	# As in `start_step`.
	exec {input}> >(
		set -m
		run_beside "$@" <&0 >&"$events" &
	)
	step_input[$1]=$input
}

# run_beside PART LOG WORD...: runs the srun of such a step until its end, or until something comes in, the
# job's end. In a process of its own
run_beside() {
	local commands step reader
	exec {commands}<&0
	(become "${own[@]}" -- srun --quiet --overlap --overcommit --distribution=arbitrary "${cpu_bind[@]}" --mpi=none \
		--kill-on-bad-exit=0 --wait=0 --chdir=/ "--job-name=${1#:}" "${@:3}" </dev/null 2>>"$2") &
	step=$!
	(
		read -r -u "$commands" _
		kill -TERM "$step"
	) 2>/dev/null &
	reader=$!
	wait "$step"
	echo "dynplan|end|$1|||${token-}|$?|"
	kill -KILL "$reader" 2>/dev/null
}

# on_image: the image of event_part is on the node of its task
on_image() {
	local node=${image_places["$event_part/$event_rank"]-}
	if [[ -n $node ]]; then
		image_there["${event_part%/+*}/$node"]=yes
	fi
}

# list_image_nodes INDEX [which lack it]: sets numbers, the nodes that use an image
list_image_nodes() {
	local range node
	numbers=()
	for range in ${image_nodes[$1]//,/ }; do
		for ((node = ${range%-*}; node <= ${range#*-}; node++)); do
			if [[ -z ${2-} || -z ${image_there[":image.$1/$node"]-} ]]; then
				numbers+=("$node")
			fi
		done
	done
}

# list_without INDEX: sets listed and count, the hosts that lack an image
list_without() {
	local node
	local -a numbers
	list_image_nodes "$1" 'which lack it'
	count=${#numbers[@]}
	listed=''
	for node in "${numbers[@]:0:8}"; do
		listed+=", ${hosts[node]}"
	done
	listed=${listed#, }
	if ((count > 8)); then
		listed+=" and $((count - 8)) more"
	fi
}

# report_images: says which nodes lack an image
report_images() {
	local index listed count
	for index in "${!image_sources[@]}"; do
		list_without "$index"
		if ((count > 0)); then
			say "image ${image_sources[index]}: waiting for $listed"
		fi
	done
}

# get_reason LOG: sets reason, why there is no container: the first words that are no mere consequence, and the last
# error that enroot tells of. What pyxis says around them is in its pyxis_slurmstepd.c
get_reason() {
	# Where Slurm's LogTimeFormat says so, a time stands before it.
	local line text first='' last='' prefix='^([^|]*(srun|slurmstepd)[^:]*): ((error|fatal|warning): )?'
	local noise="^ *\$|child [0-9]+ |couldn't start container|unusual entrypoint|[[](INFO|WARN)[]]|^(INFO|WARNING):|[*][*][*]"
	noise+='|^pyxis: (print|import|creat|start)ing |^spank|nvoke spank|: tasks? [0-9,-]+: |^Terminating|^write to unblock'
	noise+='|lacks support for cpu binding'
	while IFS= read -r -n 500 line; do
		text=${line//[[:cntrl:]]/ }
		if [[ $text =~ $prefix ]]; then
			text=${text:${#BASH_REMATCH}}
		fi
		if [[ $text =~ $noise ]]; then
			continue
		fi
		first=${first:-$text}
		if [[ $text == *'[ERROR]'* ]]; then
			last=${text##*'[ERROR]'}
		fi
	done < <(tail -n 100 -- "$1")
	reason=${first:-no word from srun, nor from its tasks}
	reason=${reason#FATAL: }
	reason=${reason#"${reason%%[! ]*}"}
	if [[ -n $last && $first != *"$last" ]]; then
		reason+=:$last
	fi
	if [[ $reason == *execve* ]]; then
		reason+=' (it must hold bash)'
	fi
}

# remove_containers INDEX PART [which lack it]: starts a step that removes the container of an image from its nodes
remove_containers() {
	local -a numbers
	if [[ -z ${image_names[$1]} ]]; then
		return
	fi
	list_image_nodes "$1" "${@:3}"
	# The paths are those that enroot's own file or the node says, as pyxis gives it nothing of ours. The name is
	# another where the site's `container_scope` is `job` (pyxis_slurmstepd.c).
	start_on_nodes "$2" "$dir/logs/images.$1.removed.log" bash -p -c "unset -v \${!XDG_@} ENROOT_{DATA,CACHE,RUNTIME,TEMP}_PATH
			enroot remove -f \"pyxis_\$1\" >&2 || enroot remove -f \"pyxis_\${SLURM_JOB_ID}_\$1\" >&2" bash "${image_names[$1]}"
}

# are_removed INDEX: tells whether all steps that remove the container of an image have ended well
are_removed() {
	local part ended=''
	for part in "${!step_statuses[@]}"; do
		if [[ ${part%/+*} == ":old-image.$1" ]]; then
			ended=yes
			if [[ ${step_statuses[$part]} != 0 ]]; then
				return 1
			fi
		fi
	done
	[[ -n $ended ]]
}

# remove_images: removes what `bring_images` has left on the nodes. It is the job's end, and gets two minutes
remove_images() {
	local index limit=$((now + 120))
	for index in "${!image_sources[@]}"; do
		if [[ -n ${image_began[index]-} ]]; then
			remove_containers "$index" ":old-image.$index"
		fi
	done
	while runs "$image_parts" && ((now < limit)); do
		next_event
	done
	stop "$image_parts"
	for index in "${!image_sources[@]}"; do
		if [[ ${image_states[index]-} == there && -n ${image_names[index]} ]] && ! are_removed "$index"; then
			say "image ${image_sources[index]}: ${image_names[index]} is left on some node; see logs/images.$index.removed.log"
		fi
	done
}
