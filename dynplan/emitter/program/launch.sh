# ---- steps that do not start ----
# relay_words PART: lets what srun says, which comes by `said`, through to the job's output, and tells the
# first words that mean something, and those after them. In the process beside srun. Of a flood the script
# hears a hundred lines and the last one
relay_words() {
	local line text count=0 last='' spare=''
	local prefix='^(srun|slurmstepd[^:]*): ((error|fatal|warning): )?'
	# What only follows from something else: of srun, and of pyxis around its reason.
	local noise='^ *$|^(Step created|launch/slurm|Terminating|Force Terminated|Job step aborted)|[*] STEP '
	noise+='|: tasks? [0-9,-]+: |^spank: required plugin|^[Ff]ailed to invoke spank'
	noise+="|^pyxis: *(child |couldn't start|printing |import|\\[INFO\\]|\$)"
	while ((count < 5000)) && { IFS= read -r -n 1000 -u "$said" line || [[ -n $line ]]; }; do
		count=$((count + 1))
		# No site can do anything about it.
		if [[ $line == *'lacks support for cpu binding' ]]; then
			continue
		fi
		printf '%s\n' "$line"
		text=${line//[[:cntrl:]]/ }
		if [[ $text =~ $prefix ]]; then
			text=${text:${#BASH_REMATCH}}
		fi
		if [[ $text =~ $noise ]]; then
			spare=$text
			continue
		fi
		last=$text
		if ((count <= 100)); then
			tell_words "$1" "$text"
		fi
	done
	if ((count > 100)) || [[ -z $last ]]; then
		tell_words "$1" "${last:-$spare}"
	fi
	if ((count == 5000)); then
		cat <&"$said"
	fi
} >&2

# tell_words PART TEXT: tells the script some words of srun's, if they are any. `token` keeps a worker from saying
# such lines in srun's place
tell_words() {
	if [[ $2 == *[!\ ]* ]]; then
		echo "dynplan|said|$1|||$token|${2:0:500}|" >&"$events"
	fi
}

# take_words PART TEXT: keeps what srun says of a step
take_words() {
	local text=${2//[[:cntrl:]]/ }
	if [[ -z ${first_words[$1]-} ]]; then
		first_words[$1]=$text
	else
		last_words[$1]=$text
	fi
}

# get_words PART: sets words, what srun has said of a step since it was last started
get_words() {
	srun_words=${first_words[$1]-}
	if [[ -n ${last_words[$1]-} && ${last_words[$1]} != "$srun_words" ]]; then
		srun_words+="; ${last_words[$1]}"
	fi
}

# explain PART: sets why, what srun's words add to the line that tells how a step of the part that is loaded ended.
# Leaves in hint what else is known: where the words, of srun or of what runs an image, say that there is no bash
explain() {
	local srun_words
	get_words "$1"
	why=''
	if [[ -z $hint || ! ${srun_words,,} =~ execve|bash.*(no such file|not found) ]]; then
		hint=''
		why=${srun_words:+: $srun_words}
	fi
}

# name_step PART: sets step_name, what a step is called
name_step() {
	case $1 in
	*/+*)
		name_step "${1%/+*}"
		step_name+=" in $(name_component "${1##*+}")"
		;;
	:*) step_name=${1#:} ;;
	phase:*) step_name="phase ${1#phase:}" ;;
	*/*) step_name="role ${1%/*} worker ${1#*/}" ;;
	*) step_name="role $1" ;;
	esac
}

# hear_task: the task in event_key says its first word
hear_task() {
	local part=${step_of[$event_key]-$event_part}
	if [[ -z ${silent[$part]-} ]]; then
		# The step of an MPI world.
		part+=/$event_worker
	fi
	if [[ -z ${silent[$part]-} ]]; then
		return
	fi
	silent[$part]=$((${silent[$part]} - 1))
	if ((${silent[$part]} == 0)); then
		unset -v "silent[$part]"
	fi
}

# try_again PART STATUS: starts a step once more, after a pause, if it has ended before any of its tasks said a
# word: Slurm could not start it, and no worker runs. Tells whether it does. While the controller is away, or a
# node's prolog runs (srun then ends with 140 and no words, or "Socket timed out"), as often as there is time;
# else until srun says the same again
try_again() {
	local srun_words step_name pause tries=$((${tries_of[$1]-0} + 1))
	if [[ -n $closing || -z ${silent[$1]-} ]]; then
		return 1
	fi
	load "$1"
	if ((${silent[$1]} != tasks)); then
		return 1
	fi
	get_words "$1"
	case ${srun_words,,} in
	*execve* | *'unrecognized option'* | *'invalid option'* | *'command not found'*)
		return 1
		;;
	'' | *'timed out'* | *contact* | *communication* | *connect* | *prolog* | *busy* | *disabled* | *'try again'* | *'zero bytes'*) ;;
	*)
		if [[ ${tried_words[$1]-} == "$srun_words" ]]; then
			return 1
		fi
		check_nodes
		;;
	esac
	pause=$((tries < 6 ? tries * 5 : 30))
	if ((now + pause - ${asked_at[$1]} >= launch_timeout)); then
		return 1
	fi
	name_step "$1"
	say "$step_name: srun ended with status $2 before any task said a word${srun_words:+: $srun_words}; trying again in $pause s"
	tries_of[$1]=$tries
	tried_words[$1]=$srun_words
	step_input[$1]=$nowhere
	next_try[$1]=$((now + pause))
}

# check_launches: starts what is to be tried again, and ends the job where tasks have been silent for too long
check_launches() {
	local part srun_words step_name listed
	if [[ -n $closing ]]; then
		return
	fi
	for part in "${!silent[@]}"; do
		if ((now - ${asked_at[$part]} >= launch_timeout)); then
			list_tasks "$part" expected
			name_step "$part"
			get_words "$part"
			fail_outside "$step_name: not started after $launch_timeout s: no word from $listed${srun_words:+: $srun_words}"
		elif [[ -n ${next_try[$part]-} ]] && ((now >= ${next_try[$part]})); then
			unset -v "next_try[$part]"
			load "$part"
			launch_step "$part"
		fi
	done
}

# report_launches: says which steps have not started, and what srun says of them
report_launches() {
	local part srun_words step_name listed counted count=0
	for part in "${!silent[@]}"; do
		count=$((count + 1))
		if ((count > 8)); then
			count_of "$((${#silent[@]} - 8))" 'more step'
			say "and $counted"
			return
		fi
		list_tasks "$part" expected
		name_step "$part"
		get_words "$part"
		say "$step_name: its step has not started ($listed)${srun_words:+: $srun_words}"
	done
}

# forget_step PART: it runs no more, and is not tried again
forget_step() {
	local role=${1%/*}
	unset -v "step_input[$1]" "silent[$1]" "next_try[$1]"
	if [[ $1 == */[0-9]* && ${state[$1.0]-} != ended* ]]; then
		leaders_ended[$role]=$((${leaders_ended[$role]-0} + 1))
	fi
}
