# ---- everywhere: the plan ----
load() { # PART, a role or phase:NAME: what its function above does not set is as here
	kind=service tasks=1 workers='' stop_signal=TERM grace=30 runner=run starter=start_step stagger='' first=0
	after=() env=() command=() workdir='' srun=() lists=() metrics='' unprobed=() fail_on_log='' alive=''
	probe_at=() probe_size=() probe_words=() rows=() rounds=(1) steps=('') heads=(0) group=0 before=0
	job
	case $1 in
	phase:*) kind=phase && "phase_${1#*:}" ;;
	:*) tasks=$nodes srun=() ;;
	*) "role_${1%/*}" ;;
	esac
	[[ $1 != */* ]] || only_worker "$1"
}
probe() { probe_at+=("${#probe_words[@]}") probe_size+=($#) probe_words+=("$@"); }
get_probe() { fill_all "${probe_words[@]:probe_at[$1]:probe_size[$1]}"; }
task() { rows+=("$* "); }
times() { rounds+=("$1") steps+=(" ${*:2} ") heads+=("${#rows[@]}"); }

# After `times 3 node=1` rows come three times, `node` one higher each time. N never falls.
find_task() { # N [NODE] -> row, unless it is another node's
	local name
	while size=$((${heads[group + 1]-${#rows[@]}} - heads[group])) &&
		(($1 - before >= rounds[group] * size)); do
		before=$((before + rounds[group++] * size))
	done
	row=([rank]=0 ["num-tasks"]=1 ["num-workers"]=${workers:-$tasks} [gpus]='' ["gpu-count"]=0)
	rest=${rows[heads[group] + ($1 - before) % size]}
	while [[ -n $rest ]]; do
		cell=${rest%% *} rest=${rest#* } name=${cell%%=*} low=${cell#*=} step=0
		[[ ${steps[group]} != *" $name="* ]] || step=${steps[group]#*" $name="}
		step=$((${step%% *} * (($1 - before) / size)))
		high=$((${low#*-} + step)) low=$((${low%-*} + step))
		row[$name]=$low
		[[ ${row[node]} == "${2-${row[node]}}" ]] || return
		[[ $name != *port.* ]] || row[$name.last]=$high
		[[ $name != gpus ]] || for ((row["gpu-count"] = high - low + 1; low < high; )); do row[gpus]+=,$((++low)); done
	done
	row[host]=${fact[host.${row[node]}]} row[ip]=${fact[ip.${row[node]}]}
}

fill() { # TEMPLATE -> filled; values are not scanned again
	local rest=$1 name
	filled=''
	while [[ $rest == *'{'* ]]; do
		filled+=${rest%%'{'*} rest=${rest#*'{'} name=${rest%%'}'*}
		if [[ $rest == [a-z]*'}'* && -n ${row[$name]+x}${fact[$name]+x} ]]; then
			filled+=${row[$name]-${fact[$name]}} rest=${rest#*'}'}
		else
			filled+='{'
		fi
	done
	filled+=$rest
}
fill_all() { # TEMPLATE... -> words
	local template
	words=()
	for template; do
		fill "$template"
		words+=("$filled")
	done
}
