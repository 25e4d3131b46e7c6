#!/bin/sh
# Asks the network whether another machine has an address: .probe.sh 4|6 address nic seconds
#
# Prints the hardware address of each other machine that answers. Exit codes: 0 nobody answered, 1 somebody did, 2 the
# question could not be asked. When nobody answers it takes `seconds`; an answer comes within a millisecond or two.
#
# IPv4: an ARP probe (RFC 5227: from 0.0.0.0, so that it changes no neighbour's table), by arping of iputils. Its own
# limit knows whole seconds only, hence `timeout`. It ends with the first answer: where a second card of this machine
# hangs on the same wire and answers for the first (net.ipv4.conf.*.arp_ignore=0), a stranger may go unheard.
# IPv6: a neighbour solicitation; perl sends it, since no common tool does. Without perl the question cannot be asked, and
# the kernels' own duplicate address detection remains: it keeps others from taking what is here.
family=$1 address=$2 nic=$3 seconds=$4

is_own() {
	for known in /sys/class/net/*/address; do
		{ read -r known_mac <"$known"; } 2>/dev/null || continue
		[ "$known_mac" != "$1" ] || return 0
	done
	return 1
}

solicit() {
	read -r mac <"/sys/class/net/$nic/address" && read -r index <"/sys/class/net/$nic/ifindex" || return 2
	perl -MSocket=:all -e '
		my ($address, $mac, $index, $left) = @ARGV;
		my $target = inet_pton(AF_INET6, $address) or exit 2;
		my $packet = pack("CCnN", 135, 0, 0, 0) . $target . pack("CC", 1, 1) . pack("H12", $mac =~ s/://gr);
		my $nodes = inet_pton(AF_INET6, "ff02::1:ff00:0") | ("\0" x 13 . substr($target, 13));
		socket(my $socket, AF_INET6, SOCK_RAW, 58) or exit 2;
		setsockopt($socket, 41, 18, pack("i", 255)) or exit 2;    # IPV6_MULTICAST_HOPS: receivers insist on 255
		setsockopt($socket, 41, 17, pack("i", $index)) or exit 2; # IPV6_MULTICAST_IF
		send($socket, $packet, 0, pack_sockaddr_in6(0, $nodes, $index)) or exit 2;
		my $ready = "";
		vec($ready, fileno($socket), 1) = 1;
		for (;;) {
			(my $found, $left) = select(my $read = $ready, undef, undef, $left);
			last unless $found > 0;
			recv($socket, my $answer, 2048, 0) or next;
			# A neighbour advertisement for this address, with the option that names its sender: type 2, 8 bytes.
			next unless length($answer) >= 32 && ord($answer) == 136 && substr($answer, 8, 16) eq $target;
			my ($option, $units) = unpack("CC", substr($answer, 24, 2));
			next unless $option == 2 && $units == 1;
			printf "%s\n", join(":", unpack("(H2)6", substr($answer, 26, 6)));
		}
	' "$address" "$mac" "$index" "$seconds" || return 2
}

ask() {
	if [ "$family" = 6 ]; then
		command -v perl >/dev/null || { echo "perl is missing: nobody can be asked for an IPv6 address" >&2 && return 2; }
		solicit
		return
	fi
	command -v arping >/dev/null || { echo "arping is missing (iputils-arping): nobody can be asked for an address" >&2 && return 2; }
	answers=$(timeout "$seconds" arping -D -c 1 -w 2 -I "$nic" "$address" 2>&1)
	case $? in
	0 | 124) return 0 ;;
	1) ;;
	*) printf '%s\n' "$answers" >&2 && return 2 ;;
	esac
	case $answers in
	*reply*\[*\]*) ;;
	*) printf '%s\n' "$answers" >&2 && return 2 ;;
	esac
	printf '%s\n' "$answers" | sed -n 's/.*reply.*\[\([0-9A-Fa-f:]*\)\].*/\1/p' | tr A-F a-f
}

heard=$(ask) || exit 2
status=0 told=
for other in $heard; do
	is_own "$other" && continue
	case " $told " in *" $other "*) continue ;; esac
	told="$told $other" status=1
	printf '%s\n' "$other"
done
exit $status
