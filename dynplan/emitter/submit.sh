# usage: submit.sh [--max-running N] [OPTION OF SBATCH]...
#
# Submits each array of points, from the directory in which the sweep was made: relative paths in the job file, and the
# output directories, begin there. With --max-running no more than N points run at a time, and one array after another.
most=''
while (($# > 0)); do
	case $1 in
	--max-running=*)
		most=${1#*=}
		shift
		;;
	--max-running)
		most=${2:-none}
		shift
		shift
		;;
	-h | --help)
		grep '^# ' "${BASH_SOURCE[0]}" | cut -c 3-
		exit
		;;
	*) break ;;
	esac
done
if [[ -n $most && ! $most =~ ^[1-9][0-9]{0,5}$ ]]; then
	echo "submit.sh: --max-running takes a number, from 1 up" >&2
	exit 2
fi
# By the path that this was called by: a link in it may stand where the sweep was made.
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) || exit
if [[ $folder != /* && $here != */"$folder" ]]; then
	echo "submit.sh: $here was $folder when the sweep was made: make the sweep anew, or move it back" >&2
	exit 1
fi
if [[ $folder != /* ]]; then
	cd -- "${here%"/$folder"}/" || exit
fi
before=''
for index in "${!arrays[@]}"; do
	options=()
	if [[ -n $most ]]; then
		options=("--array=${indices[index]}%$most")
	fi
	if [[ -n $most && -n $before ]]; then
		options+=("--dependency=afterany:$before")
	fi
	before=$(sbatch --parsable "${options[@]}" "$@" "$here/${arrays[index]}") || exit
	before=${before%%;*}
	echo "${arrays[index]}: job $before, points ${indices[index]}"
done
