# ============================================================================
# dynplan's static program: the same bytes in every script. It runs the plan above.
#
#   section 1  the plan's calls       record the data
#   section 2  code of the tasks      what srun starts on the nodes, and the probes there
#   section 3  the batch script       preflight, steps, events, phases, teardown
#
# One srun step per role. In each task a wrapper starts the worker as its child and tells the
# batch script what happens, one line per event, through srun's stdout; the batch script tells
# the wrappers to stop through srun's stdin. Workers write to logs/ and never to that channel.
#
# Exit codes: 0 all phases (or tasks) done; the phase's own code; 64 the allocation does not fit
# the plan; 65 preflight; 70 a critical process ended; 71 not ready in time; 72 a fail-on-log
# pattern; 73 not alive; 74 output directory; 75 time limit near; 76 node or step lost;
# 124 a phase took too long; 130, 143 INT, TERM (scancel).
# ============================================================================
set -u

# ---- 1. the plan's calls ---------------------------------------------------------------------
# A part is a role or a phase. Its calls are kept as words, NAME COUNT WORD..., which both the
# batch script and the tasks read back with read_part.
declare -A attr=() from=() count=()
host_names=() job_words=() uses=() roles=() phases=() words=() part=''

pairs() { # PREFIX KEY=VALUE... into attr; its keys are written with _
  local pair key
  for pair in "${@:2}"; do
    key=${pair%%=*}
    attr[$1.${key//-/_}]=${pair#*=}
  done
}
record() {
  words+=("${FUNCNAME[1]}" $# "$@")
  count[$part]=$((${#words[@]} - ${from[$part]}))
}
job() { pairs job "$@"; }
hosts() { host_names=("$@"); }
job_env() { job_words=(job_env $# "$@"); }
uses() { uses=("$@"); }
role() {
  part=$1 from[$1]=${#words[@]}
  roles+=("$1")
  pairs "$@"
  record "$@"
}
phase() {
  part=phase:$1
  from[$part]=${#words[@]}
  phases+=("$1")
  pairs "$part" "${@:2}" kind=phase stop-stage=0
  record "$part" "${@:2}" kind=phase
  task "node=${attr[$part.node]}" worker=0 rank=0 num-tasks=1 gpus=-
}
after() {
  local IFS=,
  attr[$part.after]=$*
}
repeat() { record "$@"; }
task() { record "$@"; }
set_env() { record "$@"; }
unset_env() { record "$@"; }
work_dir() { record "$@"; }
setup() { record "$@"; }
run() { record "$@"; }
leader_args() { record "$@"; }
follower_args() { record "$@"; }
after_command() { record "$@"; }
srun_args() { record "$@"; }
ready() { record "$@"; }
alive() { record "$@"; }
fail_on_log() { record "$@"; }
metrics() { record "$@"; }
endpoint() { :; } # the ports in the rows say it all

# ---- 2a. code of the tasks: reading the plan -------------------------------------------------
# Functions listed in task_code travel to the nodes. They use nothing but bash: a task may run in
# a container that holds nothing else.

# Read a part's calls: NAME COUNT WORD...
read_part() {
  env_words=() unset_words=() dir='' setup_words=() run_words=() leader_words=() follower_words=()
  after_words=() srun_words=() metrics_url='' fail_patterns=()
  probe_words=() probe_at=() probe_count=() probe_is=()
  times=(1) steps=('') first=(0) cells=() cell_at=(0)
  local call n pair
  while (($#)); do
    call=$1 n=$2
    shift 2
    case $call in
      role | phase)
        self=$1
        for pair in "${@:2:n-1}"; do
          call=${pair%%=*}
          self_attr[${call//-/_}]=${pair#*=}
        done
        ;;
      repeat) # a group without rows yet is replaced
        ((${#cell_at[@]} - 1 == first[-1])) || first+=($((${#cell_at[@]} - 1))) times+=(1) steps+=('')
        times[-1]=$1 steps[-1]=" ${*:2:n-1}"
        ;;
      task) cells+=("${@:1:n}") cell_at+=("${#cells[@]}") ;;
      set_env) env_words=("${@:1:n}") ;;
      job_env) job_env_words=("${@:1:n}") ;;
      unset_env) unset_words=("${@:1:n}") ;;
      work_dir) dir=$1 ;;
      setup) setup_words=("${@:1:n}") ;;
      run) run_words=("${@:1:n}") ;;
      leader_args) leader_words=("${@:1:n}") ;;
      follower_args) follower_words=("${@:1:n}") ;;
      after_command) after_words=("${@:1:n}") ;;
      srun_args) srun_words=("${@:1:n}") ;;
      fail_on_log) fail_patterns+=("$1") ;;
      metrics) metrics_url=$1 ;;
      ready | alive)
        probe_is+=("$call") probe_at+=("${#probe_words[@]}") probe_count+=("$n")
        probe_words+=("${@:1:n}")
        ;;
      facts) for pair in "${@:1:n}"; do fact[${pair%%=*}]=${pair#*=}; done ;;
      nodes) node_words=("${@:1:n}") ;;
      code) code_words=("${@:1:n}") ;;
    esac
    shift "$n"
  done
  first+=($((${#cell_at[@]} - 1)))
}

# The columns of one row in its group's repetition, into `row`.
set_row() { # GROUP LINE REPETITION
  local cell name a b shift_by
  row=(['gpus']='' ['gpu-count']=0)
  for cell in "${cells[@]:cell_at[$2]:cell_at[$2 + 1]-cell_at[$2]}"; do
    name=${cell%%=*} a=${cell#*=} b='' shift_by=0
    [[ $a != - ]] || continue
    if [[ ${steps[$1]} == *" $name+"* ]]; then
      shift_by=${steps[$1]#*" $name+"}
      shift_by=$((${shift_by%% *} * $3))
    fi
    [[ $a != ?*-* ]] || b=${a#?*-} a=${a%-"$b"}
    a=$((a + shift_by)) b=$((${b:-$a - shift_by} + shift_by))
    row[$name]=$a
    case $name in
      gpus)
        row["gpu-count"]=$((b - a + 1))
        while ((a < b)); do row[gpus]+=,$((++a)); done
        ;;
      port.* | leader.port.*) row[$name.last]=$b ;;
    esac
  done
}

# The row of the step's task N.
find_row() { # N
  local n=$1 group size
  for group in "${!times[@]}"; do
    size=$((first[group + 1] - first[group]))
    if ((n < times[group] * size)); then
      set_row "$group" "$((first[group] + n % size))" "$((n / size))"
      return
    fi
    n=$((n - times[group] * size))
  done
}

# Replace {fact} in a template. Values are never scanned again; `${` and unknown names stay.
fill() { # TEMPLATE -> filled
  local rest=$1 before name shape='^([a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)*)\}' LC_ALL=C
  filled=''
  while [[ $rest == *'{'* ]]; do
    before=${rest%%'{'*}
    filled+=$before rest=${rest#*'{'}
    if [[ $before == *'$' ]]; then
      filled+='{'
    elif [[ $rest == '{'* ]]; then
      filled+='{' rest=${rest:1}
    elif [[ $rest =~ $shape ]]; then
      name=${BASH_REMATCH[1]}
      if [[ -n ${row[$name]+x} ]]; then
        filled+=${row[$name]} rest=${rest#*'}'}
      elif [[ -n ${fact[$name]+x} ]]; then
        filled+=${fact[$name]} rest=${rest#*'}'}
      else
        filled+='{'
      fi
    else
      filled+='{'
    fi
  done
  filled+=$rest
}
fill_all() { # WORD... -> all_filled
  local word
  all_filled=()
  for word; do
    fill "$word"
    all_filled+=("$filled")
  done
}

# ---- 2b. code of the tasks: probes -----------------------------------------------------------
event() { # NAME DETAIL: one line, short enough to be written at once
  local detail=${2//[[:cntrl:]]/ }
  printf 'dynplan|%s|%s|%s|%s|%s|%s\n' "$1" "$self" "${row[worker]-}" "${row[rank]-}" \
    "${row[host]-}" "${detail:0:500}"
}
nap() { # MILLISECONDS: a sleep without a process
  local seconds
  printf -v seconds '%d.%03d' "$(($1 / 1000))" "$(($1 % 1000))"
  read -r -t "$seconds" -u "$naps" _
}

probe_tcp() { : <>"/dev/tcp/${row[ip]}/$1"; }
probe_http() { # PORT path= status= body= post=
  local path=/ status=2xx body='' post='' word sock answer code request LC_ALL=C
  for word in "${@:2}"; do
    case $word in
      path=*) path=${word#*=} ;;
      status=*) status=${word#*=} ;;
      body=*) body=${word#*=} ;;
      post=*) post=${word#*=} ;;
    esac
  done
  exec {sock}<>"/dev/tcp/${row[ip]}/$1" || return
  request="GET $path"
  [[ -z $post ]] || request="POST $path"
  request+=" HTTP/1.0"$'\r\n'"Host: ${row[ip]}:$1"$'\r\n'
  [[ -z $post ]] || request+=$'Content-Type: application/json\r\nContent-Length: '"${#post}"$'\r\n'
  printf '%s\r\n%s' "$request" "$post" >&"$sock"
  read -r _ code _ <&"$sock"
  status=${status//,/|}
  [[ ${code%$'\r'} =~ ^(${status//x/[0-9]})$ ]] || return
  [[ -n $body ]] || return 0
  IFS= read -r -d '' answer <&"$sock"
  [[ ${answer#*$'\r\n\r\n'} =~ $body ]]
}
probe_once() { # INDEX, in a process of its own
  local -a probe=("${probe_words[@]:probe_at[$1]:probe_count[$1]}")
  local port=${probe[1]}
  port=${row[$port]-$port}
  case ${probe[0]} in
    tcp) probe_tcp "$port" ;;
    http)
      fill_all "${probe[@]:2}"
      probe_http "$port" "${all_filled[@]}"
      ;;
    command)
      fill_all "${probe[@]:2}"
      (become "${#exports[@]}" "${exports[@]}" "${all_filled[@]}")
      ;;
  esac
}
# A probe with a hard limit: a connection to a stuck server hangs for minutes. The answer comes
# through the nap pipe, so that the limit costs no second process.
probe() { # INDEX
  local pid answer limit=3
  [[ "${probe_words[*]:probe_at[$1]:probe_count[$1]}" != @(command|*' post=')* ]] || limit=30
  probe_number=$((probe_number + 1))
  {
    probe_once "$1" &>/dev/null </dev/null && answer=yes
    printf '%s %s\n' "$probe_number" "${answer-no}" >&"$naps"
  } &
  pid=$!
  while read -r -t "$limit" -u "$naps" answer && [[ $answer != "$probe_number "* ]]; do :; done
  kill -KILL -- "-$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  [[ $answer == "$probe_number yes" ]]
}
# New lines of the worker's log against the patterns. An unfinished last line counts too.
scan_log() {
  local line i more=yes
  while [[ $more == yes ]]; do
    IFS= read -r -u "$log_in" line || more=no
    line=$partial$line partial=''
    [[ $more == yes ]] || partial=$line
    for i in "${fail_patterns[@]}"; do
      [[ $line =~ $i ]] || continue
      event log-match "$line"
      fail_patterns=()
      break
    done
    for i in "${!waiting[@]}"; do
      [[ ${probe_words[probe_at[i]]} == log && $line =~ ${probe_words[probe_at[i] + 1]} ]] || continue
      unset "waiting[i]"
    done
  done
}
# Which of the probes of a kind concern this task.
select_probes() { # ready|alive -> chosen
  local i where
  chosen=()
  for i in "${!probe_is[@]}"; do
    [[ ${probe_is[i]} == "$1" ]] || continue
    where=${probe_words[probe_at[i] + probe_count[i] - 1]}
    [[ ${probe_words[probe_at[i]]} != command ]] || where=${probe_words[probe_at[i] + 1]}
    [[ $where == leader && ${row[rank]} != 0 ]] || chosen+=("$i")
  done
}
check_ready() { # try what is still waiting
  local i
  for i in "${!waiting[@]}"; do
    [[ ${probe_words[probe_at[i]]} == log ]] || ! probe "$i" || unset "waiting[i]"
  done
  ((${#waiting[@]} == 0))
}
check_alive() { # INDEX: at its interval; so many failures in a row are an event
  local word interval=10 failures=3
  ((SECONDS >= alive_next[$1])) || return 0
  for word in "${probe_words[@]:probe_at[$1]:probe_count[$1]}"; do
    case $word in
      interval=*) interval=${word#*=} ;;
      failures=*) failures=${word#*=} ;;
    esac
  done
  alive_next[$1]=$((SECONDS + interval))
  if probe "$1"; then
    alive_bad[$1]=0
  elif kill -0 "$child" 2>/dev/null && ((++alive_bad[$1] == failures)); then
    event not-alive "$failures times: ${probe_words[*]:probe_at[$1]:probe_count[$1]}"
  fi
}
# Beside the worker, until it has ended: first until it is ready, then as long as there is
# something to watch.
watch_worker() {
  local i naps probe_number=0 partial='' wait_ms=50 announced=no
  local -a chosen waiting=() alive_next=() alive_bad=()
  exec {naps}<> <(:)
  set -m # a probe that is too slow is killed with all it started
  select_probes ready
  for i in "${chosen[@]}"; do waiting[i]=$i; done
  select_probes alive
  for i in "${chosen[@]}"; do alive_next[i]=0 alive_bad[i]=0; done
  while kill -0 "$child" 2>/dev/null; do
    scan_log
    if [[ $announced == no ]]; then
      if check_ready; then
        event ready ''
        announced=yes wait_ms=1000
        ((${#chosen[@]} + ${#fail_patterns[@]})) || return
      else
        wait_ms=$((wait_ms * 2 > 500 ? 500 : wait_ms * 2))
      fi
    else
      for i in "${chosen[@]}"; do check_alive "$i"; done
    fi
    nap "$wait_ms"
  done
  scan_log
}

# ---- 2c. code of the tasks: the wrapper ------------------------------------------------------
# Parameters only: in here no name of the user's environment can meet one of ours.
become() { # COUNT NAME=VALUE... WORD...: exec the words with that environment
  while (($1 > 0)); do
    unset -v "${2%%=*}"
    export "${2?}"
    set -- "$(($1 - 1))" "${@:3}"
  done
  shift
  exec -- "$@"
}

split() { # A,B,C -> pieces
  local rest=$1,
  pieces=()
  [[ -n $1 ]] || return 0
  while [[ -n $rest ]]; do pieces+=("${rest%%,*}") rest=${rest#*,}; done
}
# The planned indices are positions in the list that the step shows: numbers or UUIDs.
cut_gpus() { # -> visible
  local index
  local -a shown
  visible=''
  split "${CUDA_VISIBLE_DEVICES-}"
  shown=("${pieces[@]}")
  split "${row[gpus]}"
  for index in "${pieces[@]}"; do
    [[ -n ${shown[index]-} ]] || give_up 65 "needs GPUs ${row[gpus]}, the step shows ${#shown[@]}: ${CUDA_VISIBLE_DEVICES-}"
    visible+=,${shown[index]}
  done
  visible=${visible#,}
}
give_up() { # CODE TEXT
  event error "$1 $2"
  exit 0
}

# Everything the task knows about itself, from the variables DYNPLAN_ARG_n that srun passed on.
load_task() {
  local i name
  local -a args
  for ((i = 0; i < DYNPLAN_ARGS; i++)); do
    name=DYNPLAN_ARG_$i
    args+=("${!name}")
    unset "$name"
  done
  unset DYNPLAN_ARGS
  read_part "${args[@]}"
  export -nf "${code_words[@]}"
}
complete_row() {
  local group=$((${#times[@]} - 1)) name
  set_row "$group" "$((first[group + 1] - 1))" "$((times[group] - 1))"
  local workers=$((row[worker] + 1))
  find_row "$SLURM_PROCID"
  row["num-workers"]=$workers
  row[host]=${node_words[row[node]]%=*} row[ip]=${node_words[row[node]]#*=}
  local leader=${row[leader]-${row[node]}}
  row[leader.host]=${node_words[leader]%=*} row[leader.ip]=${node_words[leader]#*=}
  for name in "${!row[@]}"; do
    [[ $name != port.* || ${row[rank]} != 0 ]] || row[leader.$name]=${row[$name]}
  done
}
build_environment() { # -> exports
  local name word
  exports=("DYNPLAN_TASK=$mark" "DYNPLAN_JOB_ID=${fact[job.id]}" "DYNPLAN_JOB_NAME=${fact[job.name]}"
    "DYNPLAN_JOB_DIR=${fact[job.dir]}")
  if [[ ${self_attr[kind]} == phase ]]; then
    exports+=("DYNPLAN_PHASE=${fact[phase.name]}" "DYNPLAN_PHASE_DIR=${fact[phase.dir]}")
  else
    exports+=("DYNPLAN_ROLE=$self")
  fi
  for name in "${!row[@]}"; do
    [[ $name != expr.* ]] || continue
    word=${name//[.-]/_}
    exports+=("DYNPLAN_${word^^}=${row[$name]}")
  done
  exports+=("CUDA_VISIBLE_DEVICES=$visible")
  for word in "${job_env_words[@]}"; do
    for name in "${unset_words[@]}"; do [[ ${word%%=*} != "$name" ]] || continue 2; done
    fill "$word"
    exports+=("$filled")
  done
  fill_all "${env_words[@]}"
  exports+=("${all_filled[@]}")
}
open_log() {
  log=${fact[job.dir]}/logs/$self-${row[worker]}
  ((row["num-tasks"] == 1)) || log+=.${row[rank]}
  [[ ${self_attr[kind]} != phase ]] || log=${fact[phase.dir]}
  log+=.log
  { : >>"$log" && exec {log_in}<"$log"; } 2>/dev/null ||
    give_up 74 "cannot write $log (in a container: is it mounted?)"
}

# A child in a process group of its own. It reads nothing and writes to the log alone.
start_worker() { # WORD...
  local line
  fill_all "$@"
  printf 'dynplan: %s worker %s rank %s on %s, GPUs [%s]: %s\n' "$self" "${row[worker]}" \
    "${row[rank]}" "${row[host]}" "$visible" "${all_filled[*]}" >>"$log"
  while IFS= read -r -u "$log_in" line; do :; done # patterns are for the lines that follow
  set -m # a process group of its own; on for the moment only, it also makes bash talk of jobs
  (
    exec {naps}>&- {log_in}<&-
    unset -v "${unset_words[@]}"
    [[ -z $dir ]] || fill "$dir"
    [[ -z $dir ]] || cd -- "$filled" || exit 126
    become "${#exports[@]}" "${exports[@]}" "${all_filled[@]}"
  ) </dev/null >>"$log" 2>&1 &
  child=$!
  set +m
}
# Aside: signal, grace, KILL. The child alone first, it may want to stop its own children; the
# group when the child has gone or has let a third of the grace pass.
stop_worker() {
  local t naps ticks=$((${self_attr[stop_grace]-30} * 10)) signal=${self_attr[stop_signal]-TERM} told=no
  exec {naps}<> <(:)
  kill -s "$signal" "$child" 2>/dev/null
  for ((t = 0; t < ticks; t++)); do
    kill -0 -- "-$child" 2>/dev/null || break
    if [[ $told == no ]] && { ((t > ticks / 3)) || ! kill -0 "$child" 2>/dev/null; }; then
      kill -s "$signal" -- "-$child" 2>/dev/null
      told=yes
    fi
    nap 100
  done
  kill -KILL -- "-$child" 2>/dev/null
}
# Processes that left the group and the session (daemons) are known by their environment.
sweep() { # SIGNAL MARK -> swept
  local path
  local -a environment
  swept=0
  for path in /proc/[0-9]*/environ; do
    { mapfile -d '' -t environment <"$path"; } 2>/dev/null || continue
    [[ " ${environment[*]} " == *" DYNPLAN_TASK=$2"* ]] || continue
    path=${path#/proc/}
    kill -s "$1" "${path%/environ}" 2>/dev/null && ((++swept))
  done
}
clean_up() {
  local t
  [[ -z $stopper ]] || reap "$stopper"
  kill -KILL -- "-$child" 2>/dev/null
  sweep TERM "$mark "
  for ((t = 0; swept && t < 10; t++)); do
    nap 100
    sweep 0 "$mark "
  done
  ((swept == 0)) || sweep KILL "$mark "
}
# Wait for a process through signals, which interrupt `wait`.
reap() { # PID -> status
  while :; do
    interrupted=no
    wait "$1" 2>/dev/null
    status=$?
    [[ $interrupted == yes ]] || return 0
  done
}

on_stop() {
  interrupted=yes
  [[ -z $stopping ]] || return 0
  stopping=yes
  [[ -z $child ]] || stop_now
}
stop_now() {
  [[ -z $stopper ]] || return 0
  stop_worker &
  stopper=$!
}
on_signal() { # from Slurm: scancel, a lost node
  [[ -n $stopping ]] || event signal ''
  on_stop
}
on_kill() {
  interrupted=yes stopping=yes
  [[ -z $child ]] || kill -KILL -- "-$child" 2>/dev/null
  sweep KILL "$mark "
}
# Commands of the batch script. The end of the pipe means that it is gone.
hear() {
  local command
  while read -r command; do
    case $command in
      stop) kill -USR1 "$$" ;;
      stop-leader) ((row[rank])) || kill -USR1 "$$" ;;
      kill) kill -USR2 "$$" ;;
      "go $SLURM_PROCID") ;;
      health)
        health &
        continue
        ;;
      *) continue ;;
    esac
    printf '\n' >&"$naps"
  done
  kill -USR1 "$$"
}
# Before the next phase: the ready probes must hold again.
health() {
  local i naps probe_number=0
  local -a chosen waiting=()
  exec {naps}<> <(:)
  set -m
  select_probes ready
  for i in "${chosen[@]}"; do
    [[ ${probe_words[probe_at[i]]} == log ]] || waiting[i]=$i
  done
  until check_ready; do nap 500; done
  event healthy ''
}

run_once() { # WORD... -> status
  child='' stopper=''
  start_worker "$@"
  [[ -z $stopping ]] || stop_now
  event started "$child"
  set -m
  watch_worker &
  watcher=$!
  set +m
  reap "$child"
  local t
  # the watcher reads the rest of the log: a pattern is a better cause than an exit status
  for ((t = 0; ${#fail_patterns[@]} && t < 20; t++)); do
    kill -0 "$watcher" 2>/dev/null || break
    nap 100
  done
  kill -KILL -- "-$watcher" 2>/dev/null
}
run_service() {
  local left=${self_attr[restart_max]-0}
  while :; do
    run_once "$@"
    [[ -z $stopping ]] || break
    [[ $status != 0 || ${self_attr[kind]} == service ]] || break
    ((left-- > 0)) || break
    event restart "$status"
    clean_up
    nap "${self_attr[restart_delay]-0}000"
    [[ -z $stopping ]] || break
  done
}
run_phase_words() {
  local result
  status=0
  ((${#setup_words[@]} == 0)) || run_once "${setup_words[@]}"
  ((status == 0)) && [[ -z $stopping ]] || return 0
  run_once "${run_words[@]}"
  [[ -z $stopping && ${self_attr[last]} != yes ]] && ((${#after_words[@]})) || return 0
  [[ $status == 0 || ${self_attr[continue_on_failure]} == yes ]] || return 0
  result=$status
  clean_up
  run_once "${after_words[@]}"
  ((result == 0)) || status=$result
}

task_main() {
  local -A self_attr=() row=() fact=()
  local -a exports=() job_env_words=() node_words=() code_words=()
  local self='' stopping='' child='' stopper='' status=0 interrupted='' naps log log_in mark hearer
  load_task
  complete_row
  mark=${fact[job.id]}/$self/${row[worker]}.${row[rank]}
  exec {naps}<> <(:)
  trap on_stop USR1
  trap on_signal TERM INT HUP
  trap on_kill USR2
  cut_gpus
  build_environment
  open_log
  set -m
  hear &
  hearer=$!
  set +m
  if [[ ${self_attr[stagger]-no} == yes && $SLURM_LOCALID != 0 ]]; then
    event queued ''
    read -r -u "$naps" _
  fi
  if [[ -n $stopping ]]; then
    :
  elif [[ ${self_attr[kind]} == phase ]]; then
    run_phase_words
  else
    ((row[rank])) || run_words+=("${leader_words[@]}")
    ((row[rank] == 0)) || run_words+=("${follower_words[@]}")
    run_service "${run_words[@]}"
  fi
  if [[ -n $stopping ]]; then event stopped "$status"; else event exit "$status"; fi
  [[ -z $child ]] || clean_up
  kill -KILL -- "-$hearer" 2>/dev/null
  exit 0
}

# ---- 2d. code of the preflight step: one task on every node ----------------------------------
hex_address() { # A.B.C.D -> hex, as /proc/net/route writes it
  local a b c d
  IFS=. read -r a b c d < <(printf '%s\n' "$1")
  printf -v hex '%02X%02X%02X%02X' "$d" "$c" "$b" "$a"
}
# This node's address: that of the interface, else what the host name says, never a loopback one.
find_address() { # INTERFACE -> address
  local iface target mask line hex
  address=''
  if [[ -z $1 ]] && type -P getent >/dev/null; then
    read -r address _ < <(getent ahostsv4 "$SLURMD_NODENAME")
    [[ -n $address ]] || event problem "host name $SLURMD_NODENAME does not resolve"
    [[ $address == 127.* ]] || return
  fi
  while read -r iface target _ _ _ _ _ mask _; do
    [[ $target != Iface && ($iface == "$1" || -z $1) && $mask != 00000000 && $iface != lo ]] || continue
    line=''
    while read -r _ address _; do
      [[ $address == *.*.*.* ]] && line=$address && continue
    done </proc/net/fib_trie
  done </proc/net/route
}
preflight_main() {
  local -A row=([host]=$SLURMD_NODENAME [rank]=$SLURM_PROCID) fact=() self_attr=() taken=()
  local self=preflight address local_address state port file pieces
  load_task
  find_address "${fact[interface]}"
  while read -r _ local_address _ state _; do
    [[ $state != 0A ]] || taken[$((16#${local_address##*:}))]=yes
  done < <(cat /proc/net/tcp /proc/net/tcp6)
  split "${node_words[SLURM_PROCID]}"
  for port in "${pieces[@]}"; do
    [[ -z ${taken[$port]-} ]] || event problem "port $port is taken"
  done
  split "${CUDA_VISIBLE_DEVICES-}"
  ((${#pieces[@]} >= fact[gpus])) || event problem "${#pieces[@]} GPUs visible, the plan needs ${fact[gpus]}"
  file=${fact[job.dir]}/logs/.preflight-$SLURM_PROCID
  { echo >"$file" && rm -- "$file"; } 2>/dev/null || event problem "cannot write in ${fact[job.dir]}/logs"
  event node "$address"
}

# ---- 3a. the batch script: state and what it says ---------------------------------------------
declare -A fact=() row=() tasks=() lists=() several=() next_on=() step_pid=() to_step=() state=()
declare -A node_of=() deadline=() waiting_for=() ready_tasks=() started_at=() unhealthy=() self_attr=()
node_host=() node_ip=() node_ports=() shared=() nodes=0 job_dir=''
cause='' cause_log='' code=0 closing='' hurry=0 problems=0
ticked=0 lost_at=0 report_at=0 report_every=5 health_limit=0
phase_status='' phase_limit=0 first_bad=0 bad_phase=''

say() { printf '[%(%H:%M:%S)T] %s\n' -1 "$*"; }
note() { # EVENT ROLE WORKER RANK NODE DETAIL: a line of events.log
  local IFS=$'\t'
  printf '%(%FT%T%z)T\t%s\n' -1 "$*" >>"$job_dir/events.log"
} 2>/dev/null
fail() { # CODE TEXT [LOG]: the first cause wins; what comes after teardown has begun is none
  [[ -z $cause && -z $closing ]] || return 0
  code=$1 cause=$2 cause_log=${3-}
}
name_task() { # ROLE WORKER RANK NODE -> task_name, task_log
  if [[ $1 == phase:* ]]; then
    task_name="phase ${1#phase:} on $4" task_log=$job_dir/phases/${1#phase:}.log
  else
    task_name="role $1 worker $2 rank $3 on $4" task_log=$job_dir/logs/$1-$2
    [[ -z ${several[$1]-} ]] || task_log+=.$3
    task_log+=.log
  fi
}
name_status() { # STATUS -> status_text
  status_text="exit status $1"
  (($1 <= 128)) || status_text="killed by SIG$(kill -l "$1") (status $1)"
}

# ---- 3b. allocation, directories, files left ------------------------------------------------
read_allocation() {
  local i name spare=() wanted=0
  local -A named=()
  [[ -n ${SLURM_JOB_ID-} ]] || fail 64 'not inside a Slurm job: submit with sbatch, or run under salloc'
  [[ -z $cause ]] || return
  mapfile -t allocated < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
  nodes=${attr[job.nodes]}
  ((${#allocated[@]} == nodes)) || fail 64 "the plan needs $nodes nodes, the job has ${#allocated[@]}: ${allocated[*]}"
  for name in "${host_names[@]}"; do [[ $name == '*' ]] || named[$name]=wanted; done
  for name in "${allocated[@]}"; do
    if [[ -n ${named[$name]-} ]]; then named[$name]=here; else spare+=("$name"); fi
  done
  for ((i = 0; i < nodes; i++)); do
    name=${host_names[i]-*}
    [[ $name != '*' ]] || name=${spare[wanted++]-}
    [[ -z ${named[$name]-} || ${named[$name]} == here ]] || fail 64 "host $name is not in the job: ${allocated[*]}"
    node_host[i]=$name
  done
}
make_directories() {
  local dir=${attr[job.output_dir]} n base
  dir=${dir//%x/${attr[job.name]}}
  dir=${dir//%j/$SLURM_JOB_ID}
  [[ $dir == /* ]] || dir=${SLURM_SUBMIT_DIR-$PWD}/$dir
  base=$dir
  for ((n = 1; ; n++)); do # a requeued or second run leaves what is there alone
    [[ -e $dir/events.log ]] || break
    dir=$base.$n
  done
  [[ $dir == "$base" ]] || say "$base is from an earlier run: writing to $dir"
  job_dir=$dir
  { mkdir -p -- "$dir/logs" "$dir/phases" && : >"$dir/events.log"; } || fail 74 "cannot write in $dir"
}
count_ports() { # callback: the ports of a row, on its node
  local name p
  for name in "${!row[@]}"; do
    [[ $name == port.* && $name != *.last && ",${attr[$part.unprobed]-}," != *",${name#port.},"* ]] || continue
    for ((p = row[$name]; p <= row[$name.last]; p++)); do node_ports[row[node]]+=$p,; done
  done
}
each_task() { # FUNCTION: call it for every row of the part, in step order
  local group line i
  for group in "${!times[@]}"; do
    for ((i = 0; i < times[group]; i++)); do
      for ((line = first[group]; line < first[group + 1]; line++)); do
        set_row "$group" "$line" "$i"
        "$1"
      done
    done
  done
}
read_words() { # PART
  part=$1
  read_part "${words[@]:${from[$1]}:${count[$1]}}"
}

json() { # TEXT -> quoted
  quoted=${1//\\/\\\\}
  quoted=\"${quoted//\"/\\\"}\"
}
join_fact() { # NAME VALUE: plural facts hold all workers, singular ones the first
  case ${1#role.*.} in
    hosts | ips | urls.* | endpoints.*) fact[$1]+=${fact[$1]:+,}$2 ;;
    *) [[ -n ${fact[$1]-} ]] || fact[$1]=$2 ;;
  esac
}
lay_out() { # callback: a row's share of the files and facts, once addresses are known
  local name key port ports='' toml='' url=''
  row[host]=${node_host[row[node]]} row[ip]=${node_ip[row[node]]}
  node_list+=,${row[host]}
  ((++tasks[$part]))
  name=${row[host]}/$part
  [[ -z ${last_on[$name]-} ]] || next_on[${last_on[$name]}]=$((${tasks[$part]} - 1))
  key=$part/${row[worker]}.${row[rank]}
  last_on[$name]=$key state[$key]=expected node_of[$key]=${row[host]}
  ((row[rank] == 0)) || several[$part]=yes
  for name in "${!row[@]}"; do
    [[ $name == port.* && $name != *.last ]] || continue
    ports+=", \"${name#port.}\": ${row[$name]}"
    toml+=", ${name#port.} = { port = ${row[$name]}, count = $((row[$name.last] - row[$name] + 1)) }"
  done
  if ((row[rank] == 0)); then
    printf '\n[[workers]]\nrole = "%s"\nworker = %s\n' "$part" "${row[worker]}" >&"$plan_file"
    if [[ -n $metrics_url ]]; then
      fill "$metrics_url"
      url=$filled
      [[ ,${fact["metrics-urls"]-}, == *",$url,"* ]] || fact["metrics-urls"]+=${fact["metrics-urls"]:+,}$url
      key=${url#*://}
      json "/${key#*/}"
      printf '%s{"targets": ["%s"], "labels": {"role": "%s", "worker": "%s", "__metrics_path__": %s}}' \
        "$metrics_comma" "${key%%/*}" "$part" "${row[worker]}" "$quoted" >&"$metrics_file"
      metrics_comma=$',\n '
    fi
    for key in ${uses[@]+"${uses[@]}"}; do
      [[ $key == "role.$part."* ]] || continue
      name=${key#"role.$part."} port=${row[port.${name#*.}]-}
      case $name in
        host*) join_fact "$key" "${row[host]}" ;;
        ip*) join_fact "$key" "${row[ip]}" ;;
        url*) join_fact "$key" "http://${row[host]}:$port" ;;
        endpoint*) join_fact "$key" "${row[host]}:$port" ;;
      esac
    done
  fi
  printf '\n[[workers.tasks]]\nrank = %s\nnode = %s\ngpus = [%s]\nports = {%s }\n' "${row[rank]}" \
    "${row[node]}" "${row[gpus]//,/, }" "${toml#,}" >&"$plan_file"
  json "$url"
  printf '%s\n    {"worker": %s, "rank": %s, "node": %s, "host": "%s", "ip": "%s", "gpus": [%s], "ports": {%s}, "metrics": %s}' \
    "$comma" "${row[worker]}" "${row[rank]}" "${row[node]}" "${row[host]}" "${row[ip]}" \
    "${row[gpus]}" "${ports#, }" "$quoted" >&"$endpoints_file"
  comma=,
}
leave_files() {
  local i role comma role_comma='' metrics_comma='[' node_list plan_file endpoints_file metrics_file
  local -A last_on=()
  exec {plan_file}>"$job_dir/plan.toml" {endpoints_file}>"$job_dir/endpoints.json" \
    {metrics_file}>"$job_dir/prometheus.json"
  json "${attr[job.name]}"
  printf 'schema = 1\n\n[job]\nname = %s\nid = "%s"\n' "$quoted" "$SLURM_JOB_ID" >&"$plan_file"
  for i in "${!node_host[@]}"; do
    printf '\n[[nodes]]\nnode = %s\nhost = "%s"\nip = "%s"\ngpus = %s\n' "$i" "${node_host[i]}" \
      "${node_ip[i]}" "${attr[job.gpus_per_node]}" >&"$plan_file"
  done
  printf '{"job": {"id": "%s", "name": %s},\n "roles": {' "$SLURM_JOB_ID" "$quoted" >&"$endpoints_file"
  for role in "${roles[@]}"; do
    node_list='' comma='' tasks[$role]=0 ready_tasks[$role]=0
    read_words "$role"
    printf '%s\n  "%s": [' "$role_comma" "$role" >&"$endpoints_file"
    each_task lay_out
    printf ']' >&"$endpoints_file"
    role_comma=, lists[$role]=${node_list#,}
  done
  printf '}}\n' >&"$endpoints_file"
  [[ $metrics_comma != '[' ]] || printf '[' >&"$metrics_file"
  printf ']\n' >&"$metrics_file"
  exec {plan_file}>&- {endpoints_file}>&- {metrics_file}>&-
}

# ---- 3c. steps -------------------------------------------------------------------------------
# One srun in a process group of its own. It gets the words as variables (arguments would stand
# in ps and in the accounting), its commands from a pipe, and answers on the common one.
start_step() { # PART FUNCTION TASKS NODELIST SRUN-WORD...
  local name=$1 main=$2 both in to pid
  local -a argv=(srun --quiet --overlap --overcommit --distribution=arbitrary --cpu-bind=none
    --kill-on-bad-exit=1 --wait=0 "--job-name=${1#phase:}" "--ntasks=$3" "--nodelist=$4" "${@:5}")
  exec {both}<> <(:)
  exec {in}<"/dev/fd/$both" {to}>"/dev/fd/$both" {both}>&-
  # An orphan, in a group of its own: scancel would send TERM to every child of this script, and
  # srun would then kill its tasks before they could stop.
  pid=$(
    set -m
    run_step >&"$events" <&"$in" &
    printf '%s' "$!"
  )
  exec {in}<&-
  step_pid[$name]=$pid to_step[$name]=$to
  note step "$name" '' '' '' "started: $3 tasks on $4"
}
run_step() { # in a process of its own; with start_step's variables
  local fd word i=0
  for fd in "${to_step[@]}" "$to" "$in"; do exec {fd}>&-; done
  for word in "${send[@]}"; do export "DYNPLAN_ARG_$((i++))=$word"; done
  export DYNPLAN_ARGS=$i
  export -f "${task_code[@]}"
  "${argv[@]}" bash -c "$main"
  printf 'dynplan|step|%s||||%s\n' "$name" "$?"
}
tell() { # PART COMMAND
  [[ -z ${step_pid[$1]-} ]] || printf '%s\n' "$2" >&"${to_step[$1]}"
}
start_part() { # PART TASKS NODELIST
  row=()
  read_words "$1"
  fill_all "${srun_words[@]}"
  local -a send=("${shared[@]}" facts "${#fact[@]}") extra=("${all_filled[@]}")
  local name
  for name in "${!fact[@]}"; do send+=("$name=${fact[$name]}"); done
  send+=("${words[@]:${from[$1]}:${count[$1]}}")
  start_step "$1" task_main "$2" "$3" "${extra[@]}"
}
preflight() {
  local i
  local -a send=(facts 3 "job.dir=$job_dir" "interface=${attr[job.interface]-}" "gpus=${attr[job.gpus_per_node]-0}"
    nodes "$nodes")
  for part in "${roles[@]}"; do
    read_words "$part"
    each_task count_ports
  done
  for ((i = 0; i < nodes; i++)); do send+=("${node_ports[i]+${node_ports[i]%,}}"); done
  send+=(code "${#task_code[@]}" "${task_code[@]}")
  local IFS=,
  local list=${node_host[*]}
  unset IFS
  start_step preflight preflight_main "$nodes" "$list"
  deadline[preflight]=$((SECONDS + 120)) waiting_for[preflight]=yes
  serve step_ended preflight || return
  unset "waiting_for[preflight]"
  ((${#node_ip[@]} == nodes)) || fail 76 "preflight: no answer from $((nodes - ${#node_ip[@]})) of $nodes nodes"
  ((problems == 0)) || fail 65 "preflight: $problems problems, see above; nothing was started"
}

# ---- 3d. events ------------------------------------------------------------------------------
next_event() { # handle one, or let a second pass
  local mark event role worker rank node detail
  if IFS='|' read -r -t 1 -u "$events" mark event role worker rank node detail; then
    if [[ $mark == dynplan ]]; then
      note "$event" "$role" "$worker" "$rank" "$node" "$detail"
      handle "$event" "$role/$worker.$rank"
    else
      say "$mark $event $role $worker $rank $node $detail"
    fi
  fi
  ((SECONDS == ticked)) || tick
}
handle() { # EVENT TASK; the other fields are next_event's
  local critical=${attr[$role.critical]-yes} task_name task_log status_text
  name_task "$role" "$worker" "$rank" "$node"
  case $1 in
    node) node_ip[rank]=$detail ;;
    problem)
      ((++problems))
      say "preflight: $node: $detail"
      ;;
    queued) state[$2]=queued ;;
    started)
      state[$2]=started
      deadline[$role]=$((SECONDS + ${attr[$role.ready_timeout]-0}))
      ;;
    ready) count_ready "$2" ;;
    healthy) unset "unhealthy[$2]" ;;
    restart)
      name_status "$detail"
      say "$task_name: $status_text; restarting it; log $task_log"
      ;;
    exit) on_exit "$2" ;;
    stopped) state[$2]=ended ;;
    signal) ((lost_at)) || lost_at=$((SECONDS + 2)) ;;
    log-match) fail_task 72 "the log says: $detail" ;;
    not-alive) fail_task 73 "not alive: $detail" ;;
    error) fail "${detail%% *}" "$task_name: ${detail#* }" ;;
    step) on_step_end ;;
  esac
}
fail_task() { # CODE TEXT: in `handle`
  if [[ $critical == yes ]]; then
    fail "$1" "$task_name: $2; log $task_log" "$task_log"
  else
    say "not critical: $task_name: $2; log $task_log"
    count_ready "$role/$worker.$rank"
  fi
}
on_exit() { # TASK: in `handle`
  state[$1]=ended
  name_status "$detail"
  if [[ $role == phase:* ]]; then
    phase_status=$detail
  elif [[ ${attr[$role.kind]} == task && $detail == 0 ]]; then
    state[$1]=started
    count_ready "$1"
    state[$1]=ended
  else
    fail_task 70 "$status_text"
  fi
}
on_step_end() { # in `handle`
  unset "step_pid[$role]"
  case $role in
    preflight) ;;
    phase:*) [[ -n $phase_status ]] || phase_status=76 ;;
    *)
      local silent
      list_tasks "$role" started ready queued ''
      [[ -z $silent ]] || fail 76 "role $role: its step ended (srun status $detail) without a word from $silent"
      ;;
  esac
}
count_ready() { # TASK
  [[ ${state[$1]-} != ready ]] || return 0
  state[$1]=ready
  [[ -z ${next_on[$1]-} || ${attr[$role.stagger]-no} == no ]] || tell "$role" "go ${next_on[$1]}"
  ((++ready_tasks[$role] == tasks[$role])) || return 0
  say "role $role: all ${tasks[$role]} ready after $((SECONDS - ${started_at[$role]})) s"
  unset "waiting_for[$role]"
  start_roles
}

list_tasks() { # ROLE STATE...: -> silent, the tasks in one of these states
  local key names=0
  silent=''
  for key in "${!state[@]}"; do
    [[ $key == "$1/"* && " ${*:2} " == *" ${state[$key]} "* ]] || continue
    ((++names > 8)) || silent+="${silent:+, }worker ${key#"$1/"} on ${node_of[$key]}"
  done
  ((names <= 8)) || silent+=", $((names - 8)) more"
}

# ---- 3e. time --------------------------------------------------------------------------------
tick() { # once a second
  local role silent limit
  ticked=$SECONDS
  for role in "${!waiting_for[@]}"; do
    limit=${deadline[$role]-0}
    ((limit && SECONDS >= limit)) || continue
    list_tasks "$role" expected queued started
    fail 71 "role $role: not ready after ${attr[$role.ready_timeout]-} s: $silent"
  done
  for role in "${!step_pid[@]}"; do
    kill -0 "${step_pid[$role]}" 2>/dev/null || printf 'dynplan|step|%s||||lost\n' "$role" >&"$events"
  done
  ((!lost_at || SECONDS < lost_at)) || fail 76 "steps were stopped from outside"
  ((${#waiting_for[@]} && SECONDS >= report_at)) || return 0
  report_every=$((report_every < 60 ? report_every * 2 : 60))
  report_at=$((SECONDS + report_every))
  for role in "${!waiting_for[@]}"; do
    list_tasks "$role" expected queued started
    say "waiting for role $role: ready ${ready_tasks[$role]-0} of ${tasks[$role]-0}: $silent"
  done
}
serve() { # CONDITION...: handle events until it holds or something has failed
  while [[ -z $cause ]] && ! "$@"; do next_event; done
  [[ -z $cause ]]
}
step_ended() { [[ -z ${step_pid[$1]-} ]]; } # PART
all_ready() { ((${#waiting_for[@]} == 0)); }
phase_ended() { # PART
  [[ -n $phase_status ]] && step_ended "$1" && return
  ((!phase_limit || SECONDS < phase_limit)) || return 0
  return 1
}
all_healthy() { ((${#unhealthy[@]} == 0 || SECONDS >= health_limit)); }
nothing_runs() { ((${#step_pid[@]} == 0)); }

# ---- 3f. roles and phases --------------------------------------------------------------------
start_roles() { # those whose `after` are ready
  local role other
  [[ -z $cause ]] || return 0
  for role in "${roles[@]}"; do
    [[ -z ${started_at[$role]-} ]] || continue
    split "${attr[$role.after]-}"
    for other in "${pieces[@]}"; do [[ -z ${waiting_for[$other]-} ]] || continue 2; done
    start_role "$role"
  done
}
start_role() { # ROLE
  say "role $1: starting ${tasks[$1]} tasks"
  started_at[$1]=$SECONDS
  deadline[$1]=$((${attr[$1.ready_timeout]} ? SECONDS + ${attr[$1.ready_timeout]} : 0))
  start_part "$1" "${tasks[$1]}" "${lists[$1]}"
}
check_health() {
  local key role
  unhealthy=()
  for key in "${!state[@]}"; do [[ ${state[$key]} != ready ]] || unhealthy[$key]=1; done
  for role in "${roles[@]}"; do tell "$role" health; done
  health_limit=$((SECONDS + 60))
  serve all_healthy || return
  ((${#unhealthy[@]} == 0)) || fail 73 "not healthy after phase $1: ${!unhealthy[*]}"
}
run_phase() { # NAME
  local name=$1 began=$SECONDS node
  part=phase:$1
  node=${attr[$part.node]} phase_status='' phase_limit=0
  fact[phase.name]=$name fact[phase.dir]=$job_dir/phases/$name
  mkdir -p -- "${fact[phase.dir]}" || fail 74 "cannot make ${fact[phase.dir]}"
  say "phase $name: begins on ${node_host[node]}"
  ((${attr[$part.timeout]} == 0)) || phase_limit=$((SECONDS + ${attr[$part.timeout]}))
  start_part "phase:$name" 1 "${node_host[node]}"
  serve phase_ended "phase:$name" || return
  part=phase:$name
  if [[ -z $phase_status ]]; then
    phase_status=124
    stop_parts "$part"
  fi
  say "phase $name: ended with status $phase_status after $((SECONDS - began)) s"
  if ((phase_status)); then
    ((first_bad)) || first_bad=$phase_status bad_phase=$name
    [[ ${attr[$part.continue_on_failure]} == yes ]] || stop_at_phase "$name"
  fi
  [[ -n $cause || ${attr[$part.last]} == yes || ${attr[$part.health_check]} != yes ]] || check_health "$name"
}
stop_at_phase() { # NAME
  name_status "$phase_status"
  ((phase_status != 124)) || status_text='took too long'
  fail "$phase_status" "phase $1: $status_text; log $job_dir/phases/$1.log" "$job_dir/phases/$1.log"
}
run_plan() {
  local role name
  for role in "${roles[@]}"; do waiting_for[$role]=yes; done
  report_at=$((SECONDS + 5)) report_every=5
  start_roles
  serve all_ready || return
  for name in "${phases[@]}"; do
    [[ -z $cause ]] || return
    run_phase "$name"
  done
  ((${#phases[@]})) || serve nothing_runs || return
  ((first_bad == 0)) || stop_at_phase "$bad_phase"
}

# ---- 3g. the end -----------------------------------------------------------------------------
steps_gone() { # PART...
  local name
  for name; do [[ -z ${step_pid[$name]-} ]] || return 1; done
}
leaders_gone() { # PART...
  local key name
  for key in "${!state[@]}"; do
    [[ $key == *.0 && ${state[$key]} != ended ]] || continue
    for name; do [[ $key != "$name/"* || -z ${step_pid[$name]-} ]] || return 1; done
  done
}
await() { # SECONDS CONDITION...
  local limit=$((SECONDS + $1))
  until "${@:2}" || ((SECONDS >= limit || hurry)); do next_event; done
  "${@:2}"
}
stop_parts() { # PART...: together; rank 0 of workers with several tasks first
  local name grace=0 leaders=no
  for name; do
    ((${attr[$name.stop_grace]-30} <= grace)) || grace=${attr[$name.stop_grace]-30}
    [[ -z ${several[$name]-} ]] || leaders=yes
  done
  if [[ $leaders == yes ]]; then
    for name; do tell "$name" stop-leader; done
    await "$((grace + 2))" leaders_gone "$@"
  fi
  for name; do tell "$name" stop; done
  await "$((grace + 5))" steps_gone "$@" && return
  for name; do tell "$name" kill; done
  hurry=0
  await 2 steps_gone "$@" && return
  for name; do [[ -z ${step_pid[$name]-} ]] || kill -KILL -- "-${step_pid[$name]}" 2>/dev/null; done
  await 5 steps_gone "$@"
}
teardown() {
  local stage name
  local -a now
  closing=yes hurry=0
  for stage in 0 1 2 3 4; do
    now=()
    for name in "${!step_pid[@]}"; do
      [[ ${attr[$name.stop_stage]-3} != "$stage" ]] || now+=("$name")
    done
    ((${#now[@]} == 0)) || stop_parts "${now[@]}"
  done
}
on_signal_here() { # CODE TEXT
  if [[ -n $closing ]]; then hurry=1; else fail "$1" "$2"; fi
}
report() {
  local marker=$job_dir/success-marker.txt
  if [[ -z $cause ]]; then
    say "dynplan: done; results in $job_dir"
    printf 'done\n' >"$marker"
    return
  fi
  marker=$job_dir/failure-marker.txt
  {
    say "dynplan: FAILED: $cause"
    [[ -z $cause_log || ! -s $cause_log ]] || { printf '%s\n' "---- last lines of $cause_log" && tail -n 20 -- "$cause_log"; }
  } | tee -- "$marker"
}
finish() {
  local status=$?
  trap - EXIT
  [[ -n $cause || $status == 0 ]] || cause='the launcher itself stopped; see above' code=70
  teardown
  report
  exit "$code"
}

task_code=(read_part set_row find_row fill fill_all event nap probe_tcp probe_http probe_once probe
  scan_log select_probes check_ready check_alive watch_worker become split cut_gpus give_up load_task
  complete_row build_environment open_log start_worker stop_worker sweep clean_up reap on_stop
  stop_now on_signal on_kill hear health run_once run_service run_phase_words task_main
  hex_address find_address preflight_main)

main() {
  # What srun would take from the job's environment; its effect differs by version.
  unset SLURM_NTASKS SLURM_NPROCS SLURM_NTASKS_PER_NODE SLURM_CPUS_PER_TASK SLURM_TRES_PER_TASK \
    SLURM_DISTRIBUTION SLURM_HOSTFILE SLURM_CPU_BIND SLURM_GPU_BIND SLURM_GPUS_PER_TASK SLURM_HINT \
    SLURM_LABELIO SLURM_STDINMODE SLURM_STDOUTMODE SLURM_UNBUFFEREDIO
  export SLURM_EXPORT_ENV=ALL
  exec {events}<> <(:)
  trap finish EXIT
  trap 'on_signal_here 143 "TERM: cancelled, or the time limit"' TERM
  trap 'on_signal_here 130 "INT"' INT
  trap 'on_signal_here 75 "the time limit is near"' USR1
  trap '' PIPE
  plan
  read_allocation
  [[ -n $cause ]] || make_directories
  [[ -n $cause ]] || preflight
  [[ -z $cause ]] || exit "$code"
  fact[job.id]=$SLURM_JOB_ID fact[job.name]=${attr[job.name]} fact[job.dir]=$job_dir
  leave_files
  shared=(code "${#task_code[@]}" "${task_code[@]}" nodes "$nodes")
  local i
  for ((i = 0; i < nodes; i++)); do shared+=("${node_host[i]}=${node_ip[i]}"); done
  ((${#job_words[@]} == 0)) || shared+=("${job_words[@]}")
  run_plan
  exit "$code"
}
main "$@"
