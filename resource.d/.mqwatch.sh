# shellcheck shell=sh
# Watches one queue manager that mqseries started, and starts it again where it is when it crashed: a short outage instead
# of a move of the whole group. Run by mqseries in a session of its own, and ended by its stop.
#
#   sh .mqwatch.sh BIN QUEUE-MANAGER PID
#
# An end that an administrator asked for is left alone, and so is a queue manager that keeps crashing: after
# `restarts_max` in `window_seconds` somebody must look, and the monitor of mqseries says that it is stopped.
bin=$1 name=$2 pid=$3

restarts_max=3
window_seconds=300
poll_seconds=0.5

say() {
	logger -t mqseries -p "daemon.$1" -- "$name: $2" 2>/dev/null || :
}

ended_unexpectedly() {
	case $("$bin/dspmq" -n -m "$name" 2>/dev/null) in
	*'STATUS(ENDED UNEXPECTEDLY)'*) return 0 ;;
	*) return 1 ;;
	esac
}

restarts=0
since=$(date +%s)
while :; do
	tail --pid="$pid" -s "$poll_seconds" -f /dev/null
	ended_unexpectedly || exit 0
	now=$(date +%s)
	if [ $((now - since)) -gt "$window_seconds" ]; then
		restarts=0
		since=$now
	fi
	restarts=$((restarts + 1))
	if [ "$restarts" -gt "$restarts_max" ]; then
		say crit "crashed $restarts times within $window_seconds s; it is left stopped"
		exit 1
	fi
	say err "crashed (process $pid); starting it again here"
	if ! "$bin/strmqm" "$name" >/dev/null 2>&1 </dev/null; then
		say crit "crashed and could not be started again; it is left stopped"
		exit 1
	fi
	found=$("$bin/dspmq" --json -m "$name" 2>/dev/null | sed -n 's/.*"processId": *\([0-9]*\).*/\1/p')
	case $found in
	'') exit 0 ;;
	*) pid=$found ;;
	esac
done
