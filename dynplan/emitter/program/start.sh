# ==== The shell ====
# Bash reads command by command: one that is older than 4.4, or none, comes as far as this.
case ${BASH_VERSION-} in
'' | [0-3].* | 4.[0-3].*)
	echo "dynplan: FAILED: bash 4.4 is needed, this is ${BASH_VERSION:-another shell}"
	exit 65
	;;
esac
# In privileged mode (bash(1), -p) it takes neither options nor functions nor BASH_ENV from the environment, and
# hands them on. Where the first line was not asked, `bash job.sbatch`, begin again so: in posix mode, which
# the variable sets, no function stands in the place of `exec`. By $- this could not be told under nocasematch.
if [[ ! -o privileged ]]; then
	: "${POSIXLY_CORRECT=}"
	if [[ $- == *s* ]]; then
		\exec "$BASH" -p /dev/stdin
	fi
	\exec "$BASH" -p "$0" "$@"
fi
set -- ${POSIXLY_CORRECT+"POSIXLY_CORRECT=$POSIXLY_CORRECT"}
set +o posix

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
hide "$@"
