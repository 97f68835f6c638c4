# tell_cause: prints why the job failed, and writes it to the output directory if that is there
tell_cause() {
	local marker=/dev/null
	if [[ -n $dir && -d $dir ]]; then
		marker=$dir/failure-marker.txt
	fi
	print_cause | tee -- "$marker"
}
