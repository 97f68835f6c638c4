# ---- in a task: the lines of its log ----
# open_log INDEX: has `read_log` look for the line of a probe, which is in words
open_log() {
	log_regexes[$1]=${words[3]}
}

# read_log: looks at what is new in the worker's log, at an unfinished line too, and takes probes out of open
# whose line has come. Tells whether there may be more: it reads 1 MB at most, as limits and other probes must
# have their turn beside a worker that writes without end
read_log() {
	local blocks=0 block lines_text
	if [[ -z $fail_on_log ]] && ((${#log_regexes[@]} == 0)); then
		return 1
	fi
	find_cut
	while ((blocks < 16)); do
		if ! read_block; then
			look_at "$lines_text"
			look_at "$unfinished"
			return 1
		fi
		look_at "$lines_text"
		blocks=$((blocks + 1))
	done
}

# read_rest: looks at all that a worker has left in its log, for 5 s at most
read_rest() {
	local limit
	look_at_clock
	limit=$((now + 5))
	while read_log && ((now < limit)); do
		look_at_clock
	done
}

# read_block: sets lines_text to the whole lines of the next 64 KiB of the log, and unfinished to what is
# behind them; fails at the end. By blocks, and in the C locale, as bash then reads 100 MB a second and not 1
read_block() {
	local result
	lines_text=''
	IFS= read -r -N 65536 -u "$log_in" block
	result=$?
	unfinished+=$block
	if [[ $block == *$'\n'* ]]; then
		lines_text=${unfinished%$'\n'*}
		unfinished=${unfinished:${#lines_text}+1}
	elif ((${#unfinished} > 1000000)); then
		# No line at all, or one that is drawn again and again.
		lines_text=$unfinished
		unfinished=${unfinished: -4000}
	fi
	return "$result"
}

# look_at TEXT: looks for the regexes in each line of a text
look_at() {
	local line index
	local -a lines=()
	if [[ -n $fail_on_log ]] && find_line "$1" "$fail_on_log"; then
		blame 72 "the log says: ${line:0:500}"
		fail_on_log=''
	fi
	for index in "${!log_regexes[@]}"; do
		if find_line "$1" "${log_regexes[index]}"; then
			unset -v 'log_regexes[index]' 'open[index]'
		fi
	done
}

# find_line TEXT REGEX: sets line to the first one that matches. Where the regex is not bound to the start or
# the end of a line, to look at the whole text first is five times as quick
find_line() {
	local text
	if [[ $2 != *'^'* && $2 != *[\$\`\']* && ! $1 =~ $2 ]]; then
		return 1
	fi
	if ((${#lines[@]} == 0)); then
		split_lines "$1"
	fi
	for text in "${lines[@]}"; do
		# Our own line is there again where a log that was cut is read anew.
		if [[ $text =~ $2 && $text != "dynplan: ${who#role }, GPUs ["* ]]; then
			line=$text
			return 0
		fi
	done
	return 1
}

# split_lines TEXT: sets lines, without those that are empty
split_lines() {
	local line IFS=$'\n' -
	set -f
	for line in $1; do
		lines+=("$line")
	done
}

# find_cut: reads the log from its start where it was cut, by `: >FILE` or a rotation that copies it. The worker
# appends to it, so what it has open stands where the file ended at its last write (proc(5), fdinfo), and never
# goes back. A log that has grown beyond its old size before anybody looked is not noticed. No look at the
# file itself, as there may be thousands on one file system
find_cut() {
	local output end here again
	for output in 1 2; do
		if [[ ! /proc/$child/fd/$output -ef /proc/self/fd/$log_in ]]; then
			continue
		fi
		end=0
		read -r _ end <"/proc/$child/fdinfo/$output"
		read -r _ here <"/proc/self/fdinfo/$log_in"
		if ((end > 0 && end != log_end && (end < log_end || end < here))); then
			exec {again}<"/proc/self/fd/$log_in" {log_in}<&-
			log_in=$again
			unfinished=''
		fi
		log_end=$end
		return
	done
} 2>/dev/null
