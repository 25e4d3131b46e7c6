# shellcheck shell=sh disable=SC2154,SC2034
# What is mounted where, for Filesystem: read from /proc/self/mountinfo, by device number, without touching a mount point.
#
# Works on the device, directory, fstype and options that Filesystem took from its arguments.

# Sets kind (block, net, bind, pseudo) and, for block, node: the device file, empty when there is none now.
find_device() {
	node=$device
	case $device in
	-U*) node=$(by_tag UUID "${device#-U}") kind=block ;;
	-L*) node=$(by_tag LABEL "${device#-L}") kind=block ;;
	UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) node=$(by_tag "${device%%=*}" "${device#*=}") kind=block ;;
	//* | *:/*) kind=net ;;
	/*)
		kind=block
		case ,$options,$fstype, in
		*,bind,* | *,rbind,* | *,none,) kind=bind ;;
		*) [ ! -d "$device" ] || kind=bind ;;
		esac
		;;
	*) kind=pseudo ;;
	esac
	case $kind:$fstype in
	pseudo:glusterfs | pseudo:ceph | pseudo:lustre) kind=net ;;
	esac
	if [ $kind = block ] && [ -n "$node" ] && [ ! -b "$node" ]; then
		# A plain file is mounted through a loop device; mount makes that itself.
		[ -f "$node" ] && kind=image || node=
	fi
}

by_tag() {
	link=/dev/disk/by-$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]')/$2
	if [ -b "$link" ]; then
		printf '%s' "$link"
	else
		findfs "$1=$2" 2>/dev/null
	fi
}

# look - sets mounted to ours, other, or nothing (empty), and m_number, m_root, m_options, m_type, m_source of what is on
# top at the directory; below: the mounts at or under it, deepest first, one a line, in mountinfo's own escapes.
look() {
	find_directory
	read_mounts || return 1
	mounted='' number=''
	[ -n "$at" ] || return 0
	old_ifs=$IFS
	IFS=$tab
	# shellcheck disable=SC2086
	set -f && set -- $at && set +f
	IFS=$old_ifs
	m_number=$1 m_root=$2 m_options=$3 m_type=$4 m_source=$5
	mounted=other
	find_device
	case $kind in
	block)
		if [ -z "$node" ]; then
			# The device has gone from under the mount: its name is the only witness left.
			if [ "$m_source" = "$device" ]; then mounted=ours; else mounted=doubtful; fi
		else
			number=$(device_number "$node")
			if [ "$m_number" = "$number" ]; then
				mounted=ours
			elif [ -b "$m_source" ] && [ "$(device_number "$m_source")" = "$number" ]; then
				mounted=ours # btrfs shows a number of its own
			fi
		fi
		;;
	image)
		backing=$(cat "/sys/dev/block/$m_number/loop/backing_file" 2>/dev/null)
		[ "$backing" != "$(readlink -f "$node")" ] || mounted=ours
		;;
	net) [ "${m_source%/}" != "${device%/}" ] || mounted=ours ;;
	bind) [ "$m_number $m_root" != "$(bind_identity)" ] || mounted=ours ;;
	pseudo) [ "$m_source" != "$device" ] && [ "$m_type" != "${fstype:-$device}" ] || mounted=ours ;;
	esac
}

tab=$(printf '\t')

# The directory as mountinfo writes it: without links, blanks as \040. Only its parent is visited: what is mounted at it
# may be dead.
find_directory() {
	parent=${directory%/*}
	real=$directory
	if [ -d "${parent:-/}" ]; then
		physical=$(CDPATH='' cd -P -- "${parent:-/}" && pwd -P) && real=${physical%/}/${directory##*/}
	fi
	escaped=$(escape "$real")
}

escape() {
	case $1 in
	*[[:space:]\\]*) printf '%s' "$1" | awk 'BEGIN { ORS = "" } NR > 1 { print "\\012" } { gsub(/\\/, "\\134"); gsub(/ /, "\\040"); gsub(/\t/, "\\011"); print }' ;;
	*) printf '%s' "$1" ;;
	esac
}

# unescape text - sets plain
unescape() {
	plain=$1
	case $1 in
	*\\*)
		# printf wants \0ooo where mountinfo has \ooo; the final x keeps a newline at the end.
		plain=$(printf '%bx' "$(printf '%s' "$1" | sed 's/\\/\\0/g')")
		plain=${plain%x}
		;;
	esac
}

# mountinfo: id parent major:minor root point options [tags] - type source superoptions
read_mounts() {
	listing=$(POINT=$escaped awk '
		BEGIN { point = ENVIRON["POINT"] }
		$5 == point || index($5, point "/") == 1 {
			for (i = 7; i <= NF && $i != "-"; i++);
			if ($5 == point) top = $3 "\t" $4 "\t" $6 "," $(i + 3) "\t" $(i + 1) "\t" $(i + 2)
			points[++n] = $5
		}
		END {
			print top
			for (; n > 0; n--) print points[n]
		}' /proc/self/mountinfo) || return 1
	at=${listing%%"$newline"*}
	below=
	[ "$listing" = "$at" ] || below=${listing#*"$newline"}
}

newline='
'

# device_number node - major:minor in decimal, as mountinfo has it
device_number() {
	hex=$(stat -L -c '%t:%T' -- "$1" 2>/dev/null) || return
	printf '%d:%d' "0x${hex%:*}" "0x${hex#*:}"
}

# The number and root that a bind of our source directory shows in mountinfo.
bind_identity() {
	source_path=$(readlink -f -- "$device") || return
	SOURCE=$(escape "$source_path") awk '
		BEGIN { source = ENVIRON["SOURCE"] }
		{
			prefix = ($5 == "/") ? "" : $5
			if (source == $5 || index(source, prefix "/") == 1) {
				if (length($5) >= length(best)) { best = $5; number = $3; root = ($4 == "/") ? "" : $4; rest = substr(source, length(prefix) + 1) }
			}
		}
		END { path = root rest; print number, (path == "") ? "/" : path }' /proc/self/mountinfo
}
