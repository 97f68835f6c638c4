# Bash reads command by command: one that is too old comes as far as this. In privileged mode (-p) it takes nothing from
# its environment; `bash job.sbatch` begins again so, in posix mode, in which no function takes the place of `exec`.
case ${BASH_VERSION-} in
'' | [0-3].* | 4.[0-3].*)
	echo "dynplan: FAILED: bash 4.4 is needed, this is ${BASH_VERSION:-another shell}"
	exit 65
	;;
esac
if [[ ! -o privileged ]]; then
	: "${POSIXLY_CORRECT=}"
	if [[ $- == *s* ]]; then
		\exec "$BASH" -p /dev/stdin
	fi
	\exec "$BASH" -p "$0" "$@"
fi
set -- ${POSIXLY_CORRECT+"POSIXLY_CORRECT=$POSIXLY_CORRECT"}
set +o posix
