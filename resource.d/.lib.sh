# shellcheck shell=sh disable=SC2154,SC2034
# What all scripts of this folder share: their words, exit codes, state files and the table of operations.
#
# A script sets `name`, `usage_args` and `here`, defines do_start, do_stop, do_status (and what else it offers),
# sources this file and calls `dispatch "$@"`. The operation is the last argument, as Linux-HA's R1 scripts have it.
#
# Exit codes: 0 done or running, 1 failed, 2 wrong arguments; status: 0 running, 3 stopped, 4 cannot tell.
# An unknown operation is 3 as well (LSB: unimplemented feature).

state_dir=${HA_RSCTMP:-/run/resource-agents}

# Complaints and progress go to stderr; stdout carries nothing but the one line of an answer.
warn() {
	printf '%s: %s\n' "$name" "$*" >&2
}

fail() {
	warn "$*"
	exit 1
}

# answer running|stopped|unknown - the one line of a status, and its exit code.
answer() {
	printf '%s %s\n' "${label:-$name}" "$1"
	case $1 in
	running) exit 0 ;;
	stopped) exit 3 ;;
	*) exit 4 ;;
	esac
}

usage() {
	printf 'usage: %s %s {start|stop|status|monitor|restart|usage|meta-data}\n' "$name" "$usage_args"
}

# For R1 a minimal description suffices: what it is called and how long its operations may take, in seconds.
meta_data() {
	cat <<-XML
		<?xml version="1.0"?>
		<resource-agent name="$name" version="1.0">
		  <version>1.0</version>
		  <longdesc lang="en">${longdesc:-$name}. Arguments: $(xml_text "$usage_args")</longdesc>
		  <shortdesc lang="en">$name</shortdesc>
		  <parameters/>
		  <actions>
		    <action name="start" timeout="${start_seconds:-20}s"/>
		    <action name="stop" timeout="${stop_seconds:-20}s"/>
		    <action name="status" timeout="20s"/>
		    <action name="monitor" timeout="20s" interval="10s"/>
		    <action name="meta-data" timeout="5s"/>
		  </actions>
		</resource-agent>
	XML
}

# The arguments of a usage line hold < and > at most.
xml_text() {
	printf '%s' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'
}

# dispatch args... operation
dispatch() {
	if [ $# -eq 0 ]; then
		usage >&2
		exit 2
	fi
	for operation; do :; done
	case $operation in
	start | stop | status | monitor | restart | announce | where) ;;
	usage | help | --help | -h)
		usage
		exit 0
		;;
	meta-data)
		meta_data
		exit 0
		;;
	*)
		warn "the operation '$operation' is unknown"
		usage >&2
		exit 3
		;;
	esac
	argument_fault=
	take_arguments "$@"
	if [ -n "$argument_fault" ]; then
		case $operation in
		# What cannot be named cannot have been started; a stop that failed here would block the group for nothing.
		stop) warn "$argument_fault; nothing to stop" && exit 0 ;;
		status | monitor) warn "$argument_fault" && answer unknown ;;
		esac
		warn "$argument_fault"
		usage >&2
		exit 2
	fi
	case $operation in
	start) do_start ;;
	stop) do_stop ;;
	status | monitor) do_status ;;
	restart) do_stop && do_start ;;
	announce) do_announce ;;
	where) do_where ;;
	esac
	exit
}

# Scripts with something to announce define their own.
do_announce() {
	:
}

# The interface on which an address would come up, for the daemon; scripts of addresses define their own.
do_where() {
	warn "the operation 'where' is for addresses"
	exit 3
}

need_state_dir() {
	[ -d "$state_dir" ] || mkdir -p "$state_dir" || return 1
}

# Sets `encoded` to a file name made of all arguments, so that two resources never share one.
encode() {
	encoded=
	for part; do
		encoded=$encoded-
		while :; do
			case $part in
			*[/%]*)
				head=${part%%[/%]*}
				rest=${part#"$head"}
				case $rest in
				/*) encoded=$encoded$head%s ;;
				*) encoded=$encoded$head%p ;;
				esac
				part=${rest#?}
				;;
			*) break ;;
			esac
		done
		encoded=$encoded$part
	done
	# A file name holds 255 bytes.
	if [ ${#encoded} -gt 60 ]; then
		encoded=$(printf '%s' "$encoded" | cksum)
		encoded=-sum-${encoded%% *}-${encoded##* }
	fi
}

# switch file - sets `value` to a kernel switch, 0 or 1. The shell reads byte by byte and a sysctl ends after the first:
# the value is right although `read` reports a missing end of line.
switch() {
	value=
	{ read -r value <"$1"; } 2>/dev/null
	return 0
}

# process_start pid - sets `started` to the start time (field 22) of a process, empty when there is none, and `stat_state`
# to its state; Z when it was killed and is not gone yet.
process_start() {
	started=
	{ read -r stat_line <"/proc/$1/stat"; } 2>/dev/null || return 1
	# The command's name stands in parentheses and may hold blanks; what follows the last one does not.
	stat_line=${stat_line##*) }
	# shellcheck disable=SC2086
	set -- $stat_line
	# A zombie holds nothing, unless threads of it are left: one waits for a disk, with all that the process held.
	stat_state=$1
	[ "$1" != Z ] || [ "${18}" -gt 1 ] || return 1
	shift 19
	started=$1
}

# remember_process pid file - writes number and start time; together they name a process for good.
remember_process() {
	process_start "$1" && printf '%s %s\n' "$1" "$started" >"$2"
}

# remembered_process file - sets `pid` to the process named in the file if it is still that one.
remembered_process() {
	pid=
	[ -f "$1" ] || return 1
	read -r known_pid known_start <"$1" || return 1
	case $known_pid in '' | *[!0-9]*) return 1 ;; esac
	process_start "$known_pid" || return 1
	[ "$started" = "$known_start" ] || return 1
	pid=$known_pid
}

# end_session file - kills the remembered process with its whole group. It was made a session leader by setsid,
# but in its first microseconds it may not be one yet: then the process alone is killed.
end_session() {
	if remembered_process "$1"; then
		kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" 2>/dev/null
	fi
	[ ! -e "$1" ] || rm -f "$1"
}
