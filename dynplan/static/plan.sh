# ---- in every process: read the plan ----
load() { # PART: a role or phase:NAME; its function above assigns what differs from this
	stage=0 tasks=1 workers=1 kind=service critical=yes stop_signal=TERM grace=30 restarts=0
	after=() env=() command=() workdir='' srun=() facts=() metrics='' unprobed=() stagger=''
	fail_on_log='' reads_log='' keep_watching='' timeout=0 setup=() after_command=() go_on='' health_check=''
	probe_at=() probe_size=() probe_words=() rows=() rounds=(1) steps=('') heads=(0) group=0 before=0
	job
	case $1 in
	phase:*) "phase_${1#*:}" ;;
	:*) tasks=$nodes grace=0 ;;
	*) "role_$1" ;;
	esac
}
probe() { probe_at+=("${#probe_words[@]}") probe_size+=($#) probe_words+=("$@"); }
get_probe() { words=("${probe_words[@]:probe_at[$1]:probe_size[$1]}"); }
task() { rows+=("$* "); }
times() { rounds+=("$1") steps+=(" ${*:2} ") heads+=("${#rows[@]}"); }

# Below `times 3 node=1` rows come three times, `node` one higher each time. N never falls.
find_task() { # N -> row
	local size rest cell name low high step
	while size=$((${heads[group + 1]-${#rows[@]}} - heads[group])) &&
		(($1 - before >= rounds[group] * size)); do
		before=$((before + rounds[group++] * size))
	done
	row=([rank]=0 ["num-tasks"]=1 [gpus]='' ["gpu-count"]=0 ["num-workers"]=$workers)
	rest=${rows[heads[group] + ($1 - before) % size]}
	while [[ -n $rest ]]; do
		cell=${rest%% *} rest=${rest#* } name=${cell%%=*} low=${cell#*=} step=0
		[[ ${steps[group]} != *" $name="* ]] || step=${steps[group]#*" $name="}
		step=$((${step%% *} * (($1 - before) / size)))
		high=$((${low#*-} + step)) low=$((${low%-*} + step))
		row[$name]=$low
		case $name in
		gpus)
			row["gpu-count"]=$((high - low + 1))
			while ((low < high)); do row[gpus]+=,$((++low)); done
			;;
		port.*) row[$name.last]=$high row[leader.$name]=$low row[leader.$name.last]=$high ;;
		leader.port.*) row[$name.last]=$high ;;
		esac
	done
	cell=${fact[node.${row[node]}]} row[host]=${cell% *} row[ip]=${cell#* }
	cell=${fact[node.${row[leader]-${row[node]}}]} row[leader.host]=${cell% *} row[leader.ip]=${cell#* }
}

# Values are not scanned again; unknown names and `${` stay.
fill() { # TEMPLATE -> filled
	local rest=$1 text name
	filled=''
	while [[ $rest == *'{'* ]]; do
		text=${rest%%'{'*} rest=${rest#*'{'} name=${rest%%'}'*}
		filled+=$text
		if [[ $text != *'$' && $rest == [a-z]*'}'* && -n ${row[$name]+x}${fact[$name]+x} ]]; then
			filled+=${row[$name]-${fact[$name]}} rest=${rest#*'}'}
		else
			filled+='{'
			[[ $text == *'$' || $rest != '{'* ]] || filled+=$brace rest=${rest:1}
		fi
	done
	filled+=$rest
}
fill_all() { # TEMPLATE... -> words
	local text
	words=()
	for text; do
		fill "$text"
		words+=("$filled")
	done
}
