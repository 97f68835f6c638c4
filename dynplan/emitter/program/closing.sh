# print_cause: prints why the job failed, and the end of the log that tells more
print_cause() {
	say "dynplan: FAILED: $cause"
	if [[ -s $cause_log ]]; then
		echo "---- last lines of $cause_log"
		tail -n 20 -- "$cause_log"
	fi
}

# end_records: gives the records of a job that ends early 10 s to be complete
end_records() {
	local limit
	if [[ -z $records ]]; then
		return
	fi
	look_at_clock
	limit=$((now + 10))
	while ((now < limit)) && kill -0 "$records" 2>/dev/null; do
		next_event
	done
	if kill -KILL "$records" 2>/dev/null; then
		rm -rf -- "$dir/.records"
	fi
}
