add_metrics() { # to {metrics-urls} and prometheus.json
	fill "$metrics"
	url=$filled name=${filled#*://}
	[[ ",${fact["metrics-urls"]-}," == *",$url,"* ]] || add_fact metrics-urls+ "$metrics"
	scrape+=${scrape:+$',\n '}"{\"targets\": [\"${name%%/*}\"], \"labels\": {\"role\": \"$role\", \
\"worker\": \"${row[worker]}\", \"__metrics_path__\": \"/${name#*/}\"}}"
}
