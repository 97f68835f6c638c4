# ---- in a task: words that not every task of a role has ----
# when ARRAY COLUMN TEMPLATE...: adds the templates to an array in a task whose row has another number than
# 0 there; rows stand above command lines
when() {
	local -n chosen=$1
	local number=${SLURM_PROCID-}
	if [[ -n ${in_task-} ]]; then
		# The tasks of a worker that is a step of its own are counted from its first one.
		case $part in
		*/+*)
			find_first "${part##*+}"
			number=$((number + first))
			;;
		*/*)
			number=$((number + ${part#*/} * (tasks / ${workers:-$tasks})))
			;;
		esac
		find_task "$number"
		if [[ ${row[$2]} != 0 ]]; then
			chosen+=("${@:3}")
		fi
	fi
}
