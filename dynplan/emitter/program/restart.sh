run_again() { # WORD...: in its place, as often as the role allows
	run "$@"
	while [[ -z $stopping ]] && ((restarts-- > 0)) && [[ $kind == service || $status != 0 ]]; do
		event restart "$who: $how; restarting it; log $log"
		end_worker
		from=$SECONDS
		while ((SECONDS - from < restart_delay)) && [[ -z $stopping ]]; do listen 0.2; done
		[[ -n $stopping ]] || run "$@"
	done
}
