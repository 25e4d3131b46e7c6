# shellcheck shell=sh disable=SC2086,SC2154,SC2034
# A floating address: added to an interface and announced, removed again, looked for. Shared by IPaddr, IPaddr2, IPv6addr.
#
# Takeover time is spent here, so few processes are made: one `ip` to look, one to add. Addresses are compared by `ip`
# itself (`to address/32`), never as text: dots are no wildcards, and an IPv6 address has many spellings.
#
# Rules (reference on resource agents, 6)
#  - Interface and mask that were not given come from the directly connected route with the longest mask. Never through
#    a default route or a gateway: the address would come up where nobody can reach it.
#  - An address is added without duplicate address detection (IPv6 nodad): it would cost one to two seconds. The cluster
#    decides who owns an address, not the network.
#  - But whether a stranger has it is asked before, when HA_PROBE=1 says that there is time: nobody answers for an address
#    that is free, so the question costs its whole limit, 0.2 s, of which a takeover from a dead node has none to spare.
#    The daemon sets it for the first start of a group that neither node has been seen to run. Every other start follows
#    an owner; there the address guard asks at once after it, when asking delays nobody.
#  - stop removes exactly the one address, and looks afterwards whether it has gone.

longdesc='A floating IP address'
# shellcheck source=/dev/null
. "$here/.lib.sh"

# take_arguments spec operation - sets address, family, full (32 or 128), prefix, nic, device_label, broadcast.
take_arguments() {
	if [ $# -ne 2 ]; then
		argument_fault="needs one argument before the operation, got $(($# - 1))"
		return
	fi
	spec=$1
	address=${spec%%/*}
	label=$address
	prefix='' nic='' device_label='' broadcast=''
	case $address in
	*:*) family=6 full=128 ;;
	*) family=4 full=32 ;;
	esac
	split "${spec#"$address"}"
	check_address || return
	[ -z "$prefix" ] || check_prefix || return
	check_nic || return
	case $broadcast in
	'' | '+' | '-') ;;
	*)
		if [ $family = 6 ]; then
			argument_fault="an IPv6 address has no broadcast address, '$broadcast' was given"
		elif ! is_ipv4 "$broadcast"; then
			argument_fault="'$broadcast' is no broadcast address"
		fi
		;;
	esac
}

# split /mask/nic/broadcast - a third part that begins with a digit is the broadcast address, as Linux-HA reads it.
split() {
	[ -n "$1" ] || return
	rest=${1#/}
	prefix=${rest%%/*}
	[ "$rest" != "$prefix" ] || return
	rest=${rest#*/}
	case $rest in
	[0-9]*.*.*.*) broadcast=${rest%%/*} ;;
	*)
		nic=${rest%%/*}
		[ "$rest" = "$nic" ] || broadcast=${rest#*/}
		;;
	esac
}

is_ipv4() {
	case $1 in
	*[!0-9.]* | *.*.*.*.* | .* | *. | *..*) return 1 ;;
	*.*.*.*) ;;
	*) return 1 ;;
	esac
	old_ifs=$IFS
	IFS=.
	# shellcheck disable=SC2086
	set -- $1
	IFS=$old_ifs
	for octet; do
		# Leading zeros mean octal to some programs and not to others.
		case $octet in
		0 | [1-9] | [1-9][0-9] | 1[0-9][0-9] | 2[0-4][0-9] | 25[0-5]) ;;
		*) return 1 ;;
		esac
	done
}

check_address() {
	if [ $family = 4 ]; then
		is_ipv4 "$address" && return
	else
		# The rest of the check is ip's: it refuses what is no IPv6 address.
		case $address in
		*[!0-9a-fA-F:.]* | *:::*) ;;
		*) return 0 ;;
		esac
	fi
	argument_fault="'$address' is no IP address"
	return 1
}

check_prefix() {
	case $prefix in
	*.*)
		dotted=$prefix
		dotted_prefix || {
			argument_fault="'$dotted' is no netmask: its one bits are not contiguous"
			return 1
		}
		;;
	[0-9] | [1-9][0-9] | 1[0-2][0-9]) [ "$prefix" -le $full ] && return ;;
	esac
	case $prefix in
	'' | *[!0-9]*) ;;
	*) [ "$prefix" -le $full ] && return ;;
	esac
	argument_fault="'$prefix' is no prefix length for an IPv$family address (0 to $full)"
	return 1
}

# 255.255.254.0 -> 23
dotted_prefix() {
	is_ipv4 "$prefix" || return 1
	old_ifs=$IFS
	IFS=.
	# shellcheck disable=SC2086
	set -- $prefix
	IFS=$old_ifs
	bits=0 ended=
	for octet; do
		if [ -n "$ended" ]; then
			[ "$octet" -eq 0 ] || return 1
			continue
		fi
		case $octet in
		255) bits=$((bits + 8)) && continue ;;
		254) bits=$((bits + 7)) ;;
		252) bits=$((bits + 6)) ;;
		248) bits=$((bits + 5)) ;;
		240) bits=$((bits + 4)) ;;
		224) bits=$((bits + 3)) ;;
		192) bits=$((bits + 2)) ;;
		128) bits=$((bits + 1)) ;;
		0) ;;
		*) return 1 ;;
		esac
		ended=yes
	done
	prefix=$bits
}

check_nic() {
	case $nic in
	*:*)
		device_label=$nic
		nic=${nic%%:*}
		if [ ${#device_label} -gt 15 ]; then
			argument_fault="the label '$device_label' is longer than 15 characters"
		elif [ $family = 6 ]; then
			argument_fault="an IPv6 address has no label, '$device_label' was given"
		fi
		;;
	esac
	case $nic$device_label in
	*[[:space:]]* | -*) argument_fault="'$nic' is no interface name" ;;
	esac
	if [ ${#nic} -gt 15 ]; then
		argument_fault="the interface name '$nic' is longer than 15 characters"
	fi
	case $nic:$address in
	:[fF][eE][89abAB]?:*) argument_fault="the link-local address $address needs an interface: $address/64/eth0" ;;
	esac
	[ -z "$argument_fault" ]
}

# look - finds the address on this node. Sets found_nic, found_prefix, found_flags for the interface that is meant
# (the one given, else the one remembered from start, else any but lo), and elsewhere to another that has it.
# Returns 1 when ip could not tell.
look() {
	found_nic='' found_prefix='' found_flags='' elsewhere=''
	listing=$(ip -o -$family addr show to "$address/$full" 2>&1) || {
		warn "ip could not look for $address: $listing"
		return 1
	}
	[ -n "$listing" ] || return 0
	while read -r _ on_nic _ on_address on_rest; do
		if [ -n "$nic" ] && [ "$on_nic" != "$nic" ] || [ "$on_nic:$nic" = lo: ]; then
			[ "$on_nic" = lo ] || elsewhere=$on_nic
		else
			found_nic=$on_nic found_flags=" $on_rest " found_prefix=$full
			case $on_address in
			*/*) found_prefix=${on_address##*/} ;;
			esac
		fi
	done <<-LISTING
		$listing
	LISTING
}

state_files() {
	address_state=$state_dir/address-$address
	announcer_state=$state_dir/announcer-$address
}

do_status() {
	look || answer unknown
	if [ -z "$found_nic" ]; then
		[ -z "$elsewhere" ] || {
			warn "$address is on $elsewhere, not on $nic"
			answer unknown
		}
		answer stopped
	fi
	case $found_flags in
	*' dadfailed '*)
		warn "$address is on $found_nic but unusable: another host has it (dadfailed)"
		answer stopped
		;;
	*' tentative '*)
		warn "$address on $found_nic is still tentative"
		answer unknown
		;;
	esac
	answer running
}

do_start() {
	state_files
	look || exit 1
	case $found_flags in
	*' dadfailed '*)
		warn "$address on $found_nic was refused by the network (dadfailed); it is added again"
		ip -$family addr del "$address/$found_prefix" dev "$found_nic" || exit 1
		found_nic=
		;;
	esac
	if [ -n "$found_nic" ]; then
		nic=$found_nic
	elif [ -n "$elsewhere" ]; then
		fail "$address is already on $elsewhere, not on $nic; remove it there or correct haresources"
	else
		add_address
	fi
	{ need_state_dir && printf '%s\n' "$nic" >"$address_state"; } || warn "cannot write $address_state"
	announce
	printf '%s running\n' "$label"
}

add_address() {
	if [ -z "$nic" ] || [ -z "$prefix" ]; then
		find_route
	fi
	[ "$HA_PROBE" != 1 ] || probe
	extra=
	if [ $family = 6 ]; then
		extra=nodad
		# The kernel announces an address it adds only when told to.
		{ echo 1 >"/proc/sys/net/ipv6/conf/$nic/ndisc_notify"; } 2>/dev/null
	elif [ -n "$broadcast" ]; then
		extra="brd $broadcast"
	elif [ "$prefix" -lt 31 ]; then
		extra='brd +'
	fi
	[ -z "$device_label" ] || extra="$extra label $device_label"
	complaint=$(
		ip -$family -batch - 2>&1 <<-BATCH
			addr add $address/$prefix $extra dev $nic
			link set dev $nic up
		BATCH
	) && return
	explain_refusal
	# Whatever was done of the two is undone: a failed start leaves nothing behind.
	ip -$family addr del "$address/$prefix" dev "$nic" 2>/dev/null
	fail "$address could not be added to $nic: $complaint"
}

# A machine on the same wire answers within two milliseconds. One that does not answer, or cannot be asked, is no reason to
# stay away.
probe() {
	[ -e "/sys/class/net/$nic/address" ] || return 0
	culprit=$(/bin/sh "$here/.probe.sh" $family "$address" "$nic" 0.2) && return
	[ $? -ne 1 ] || fail "$address is in use by another machine on $nic, hardware address $(printf '%s' "$culprit" | tr '\n' ' '): find it, or give the group another address"
}

explain_refusal() {
	[ -d "/proc/sys/net/ipv$family/conf/$nic" ] || complaint="the interface does not exist here ($complaint)"
	switch "/proc/sys/net/ipv6/conf/$nic/disable_ipv6"
	if [ $family = 6 ] && [ "$value" = 1 ]; then
		complaint="IPv6 is switched off there, net.ipv6.conf.$nic.disable_ipv6=1 ($complaint)"
	fi
}

# find_route - completes nic and prefix from the connected route with the longest mask.
find_route() {
	best=-1 best_nic='' rivals=''
	routes=$(ip -o -$family route show match "$address") || fail "ip could not list the routes to $address"
	while read -r route_to route_rest; do
		case $route_to in
		default | unreachable | blackhole | prohibit | throw | multicast | anycast | broadcast | local) continue ;;
		esac
		case " $route_rest " in
		*' via '* | *' nexthop '*) continue ;;
		*' dev '*) ;;
		*) continue ;;
		esac
		route_nic=${route_rest#*dev }
		route_nic=${route_nic%% *}
		[ -z "$nic" ] || [ "$route_nic" = "$nic" ] || continue
		route_prefix=$full
		case $route_to in
		*/*) route_prefix=${route_to##*/} ;;
		esac
		[ "$route_prefix" -ne 0 ] || continue
		if [ "$route_prefix" -gt "$best" ]; then
			best=$route_prefix best_nic=$route_nic rivals=
		elif [ "$route_prefix" -eq "$best" ] && [ "$route_nic" != "$best_nic" ]; then
			rivals="$rivals $route_nic"
		fi
	done <<-ROUTES
		$routes
	ROUTES
	if [ -n "$nic" ]; then
		if [ "$best" -lt 0 ]; then
			warn "no connected route on $nic gives $address a netmask; /$full is used"
			best=$full
		fi
	else
		[ "$best" -ge 0 ] || fail "no interface here is directly connected to the network of $address; name one, as in $address/24/eth0"
		[ -z "$rivals" ] || fail "$address could live on $best_nic or on$rivals; name the interface, as in $address/$best/$best_nic"
		nic=$best_nic
	fi
	[ -n "$prefix" ] || prefix=$best
}

do_stop() {
	state_files
	end_session "$announcer_state"
	if [ -z "$nic" ] && [ -r "$address_state" ]; then
		read -r nic <"$address_state" || nic=
	fi
	look || stop_blind
	# The interface was guessed at start and the address has moved since: it is still ours to remove.
	if [ -z "$found_nic" ] && [ -n "$elsewhere" ]; then
		case $spec in
		*/*/[!0-9]*) warn "$address stays on $elsewhere; only $nic is ours" ;;
		*) nic=$elsewhere && look ;;
		esac
	fi
	if [ -n "$found_nic" ]; then
		end_connections
		allow_promotion
		complaint=$(ip -$family addr del "$address/$found_prefix" dev "$found_nic" 2>&1)
		restore_promotion
		removed_from=$found_nic
		look || exit 1
		[ "$found_nic" != "$removed_from" ] || fail "$address could not be removed from $removed_from: $complaint"
	fi
	[ ! -e "$address_state" ] || rm -f "$address_state"
	printf '%s stopped\n' "$label"
}

# ip refuses what is no address at all: such a one was never added. Any other trouble means that we cannot tell.
stop_blind() {
	case $listing in
	*'expected rather than'* | *'is invalid'*) exit 0 ;;
	esac
	exit 1
}

# Clients of a planned move get a reset now instead of waiting for an answer that will not come. It must happen while
# the address is still here, or the reset could not be sent. Needs a kernel with INET_DIAG_DESTROY.
end_connections() {
	if command -v ss >/dev/null; then
		ss -K -H -n -t state connected src "$address" >/dev/null 2>&1
	fi
}

# Removing the first address of a subnet takes all later ones with it, unless the kernel is told to promote them.
allow_promotion() {
	promoted=
	[ $family = 4 ] || return
	case $found_flags in
	*' secondary '*) return ;;
	esac
	switch /proc/sys/net/ipv4/conf/all/promote_secondaries
	[ "$value" = 0 ] || return
	switch "/proc/sys/net/ipv4/conf/$found_nic/promote_secondaries"
	[ "$value" = 0 ] || return
	[ -n "$(ip -o -4 addr show dev "$found_nic" secondary)" ] || return
	if { echo 1 >"/proc/sys/net/ipv4/conf/$found_nic/promote_secondaries"; } 2>/dev/null; then
		promoted=/proc/sys/net/ipv4/conf/$found_nic/promote_secondaries
	else
		warn "other addresses on $found_nic may vanish with $address: promote_secondaries is 0 and cannot be set"
	fi
}

restore_promotion() {
	[ -z "$promoted" ] || { echo 0 >"$promoted"; } 2>/dev/null
}

# Tells the neighbours where the address lives now; in the background, in a session of its own, holding nothing of ours.
announce() {
	[ "$nic" != lo ] || return 0
	need_state_dir || return 0
	end_session "$announcer_state"
	setsid /bin/sh "$here/.announce.sh" $family "$address" "$nic" </dev/null >/dev/null 2>&1 &
	remember_process $! "$announcer_state"
	if [ $family = 4 ]; then
		command -v arping >/dev/null || warn "arping is missing (iputils-arping): neighbours learn of $address only when their ARP entry expires"
	fi
	return 0
}

do_announce() {
	state_files
	look || exit 1
	[ -n "$found_nic" ] || fail "$address is not here; nothing was announced"
	nic=$found_nic
	announce
}

# Where the address is, or would come up: the watch of the daemon follows the carrier of that interface.
do_where() {
	[ -n "$nic" ] || find_route
	printf '%s\n' "$nic"
}

dispatch "$@"
