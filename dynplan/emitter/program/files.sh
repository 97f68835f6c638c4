# ---- files of the job: one for all nodes, or one for each ----
# file NAME TEMPLATE: writes a file of the job
file() {
	row=()
	write_file "$dir/files" "$@"
}

# file_by_node NAME TEMPLATE: writes a file that differs from node to node
file_by_node() {
	local node
	for node in "${!hosts[@]}"; do
		row=([node]=$node [host]=${hosts[node]} [ip]=${addresses[node]} [interface]=${links[node]-})
		write_file "$dir/files/${hosts[node]}" "$@"
	done
}

# write_file FOLDER NAME TEMPLATE
write_file() {
	fill "$3"
	if ! { mkdir -p -- "$1" && printf '%s' "$filled" >"$1/$2"; }; then
		fail "74 cannot write $1/$2"
	fi
}
