add_metrics() {
	fill "$metrics"
	url=$filled name=${filled#*://}
	[[ ,$urls, == *",$url,"* ]] || urls+=,$url
	scrape+=${scrape:+$',\n '}"{\"targets\": [\"${name%%/*}\"], \"labels\": {\"role\": \"$role\", \
\"worker\": \"${row[worker]}\", \"__metrics_path__\": \"/${name#*/}\"}}"
}
