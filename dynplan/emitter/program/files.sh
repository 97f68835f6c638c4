# ---- files of the job: one for all nodes, or one for each ----
file() { # NAME TEMPLATE
	row=()
	write_file "$dir/files" "$@"
}
file_by_node() { # NAME TEMPLATE
	local n
	for n in "${!hosts[@]}"; do
		row=([node]=$n [host]=${hosts[n]} [ip]=${fact[ip.$n]})
		write_file "$dir/files/${hosts[n]}" "$@"
	done
}
write_file() { # FOLDER NAME TEMPLATE
	fill "$3"
	{ mkdir -p -- "$1" && printf '%s' "$filled" >"$1/$2"; } || fail "74 cannot write $1/$2"
}
files
