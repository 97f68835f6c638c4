# ---- everywhere: the surroundings ----
# hide [NAME=VALUE]...: sets aside in own, for srun and the workers, what of the submitter's variables is the program's,
# the lower-case names, or means something to bash or to what it runs; in through what bash has set to its own, or would
# obey before it becomes another program: only that one can take it.
# This runs before there are any of ours, and works without one
hide() {
	set -- "$@" ${REPLY+"REPLY=$REPLY"}
	for REPLY in BASH_COMPAT CDPATH CHILD_MAX FUNCNEST GLOBIGNORE LC_ALL TMOUT \
		"${!SCONTROL_@}" "${!SINFO_@}" \
		"${!a@}" "${!b@}" "${!c@}" "${!d@}" "${!e@}" "${!f@}" "${!g@}" "${!h@}" "${!i@}" \
		"${!j@}" "${!k@}" "${!l@}" "${!m@}" "${!n@}" "${!o@}" "${!p@}" "${!q@}" "${!r@}" \
		"${!s@}" "${!t@}" "${!u@}" "${!v@}" "${!w@}" "${!x@}" "${!y@}" "${!z@}"; do
		if [[ -n ${!REPLY+x} ]]; then
			set -- "$@" "$REPLY=${!REPLY}"
			unset -v "$REPLY"
		fi
	done
	unset -v REPLY
	own=("$@")
	through=()
	if [[ ${SHELLOPTS@a}${BASHOPTS@a}${IFS@a}${SECONDS@a}${EXECIGNORE@a} == *x* ]]; then
		export -n SHELLOPTS BASHOPTS IFS SECONDS
		unset -v EXECIGNORE
		while IFS= read -r -d ''; do
			case $REPLY in
			SHELLOPTS=* | BASHOPTS=* | IFS=* | SECONDS=* | EXECIGNORE=*) through+=("$REPLY") ;;
			esac
		done <"/proc/$$/environ"
		through=(env "${through[@]}")
	fi
	SECONDS=0
	LC_ALL=C
}

# set_mask: sets the umask that the job asks for
set_mask() {
	if [[ -n $mask ]]; then
		umask "$mask"
	fi
}

# set_limits: sets the soft limits of this process, and so of all that it starts; sets refused to one that cannot be had
set_limits() {
	local limit
	refused=''
	for limit in "${limits[@]}"; do
		if ! ulimit -S "${limit%%=*}" "${limit#*=}"; then
			refused=$limit
		fi
	done
}

# keep_off_proxies: adds the nodes of the job to no_proxy in exports, if there is a proxy that would get requests to them
keep_off_proxies() {
	local word name nodes_named=localhost,127.0.0.1,::1
	local -A said=()
	for word in "HTTP_PROXY=${HTTP_PROXY-}" "HTTPS_PROXY=${HTTPS_PROXY-}" "ALL_PROXY=${ALL_PROXY-}" \
		"NO_PROXY=${NO_PROXY-}" "${exports[@]}"; do
		case ${word%%=*} in
		http_proxy | https_proxy | all_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | ALL_PROXY | NO_PROXY)
			# A name alone is one to unset.
			said[${word%%=*}]=''
			if [[ $word == *=* ]]; then
				said[${word%%=*}]=${word#*=}
			fi
			;;
		esac
	done
	word=${said[http_proxy]-}${said[https_proxy]-}${said[all_proxy]-}
	if [[ -z $word${said[HTTP_PROXY]}${said[HTTPS_PROXY]}${said[ALL_PROXY]} ]]; then
		return
	fi
	for word in $node_list; do
		nodes_named+=,${word%%=*},${word##*=}
	done
	for name in no_proxy NO_PROXY; do
		word=${said[$name]:-${said[no_proxy]:-${said[NO_PROXY]-}}}
		# A `*` is for all hosts if it stands alone, and Linux takes 128 KiB.
		if [[ $word == '*' || ${#nodes_named} -gt 100000 ]]; then
			return
		fi
		exports+=("$name=${word:+$word,}$nodes_named")
	done
}
