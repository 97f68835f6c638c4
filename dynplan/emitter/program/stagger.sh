queue_task() { # behind the one before it on its node; in the files section
	local place=$role/${row[host]}
	[[ -z ${last_on[$place]-} ]] || next_task[${last_on[$place]}]=$n
	last_on[$place]=$key
}
on_queued() { state[$key]=queued; }
on_turn() { [[ -z ${next_task[$key]-} ]] || tell "$role" "go ${next_task[$key]}"; }
declare -A last_on=() next_task=()
