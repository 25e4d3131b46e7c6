#!/bin/sh
# Announces an address to its neighbours until they must have heard it: .announce.sh 4|6 address nic [keep | refresh seconds]
#
# Sent at once and then 50, 100, 200, 400 ms, 1, 2 and 5 s after the address came up: one lost packet must not cost a
# router's ARP time-out. Before each round the address is looked for; when it has gone, so are we. A stop kills our
# whole session before it removes the address. With `keep` (SendArp) nobody looks, and it goes on every 30 s. With
# `refresh` it is sent once, and then the network is asked for the address: answers and exit codes are .probe.sh's.
#
# IPv4: gratuitous ARP as request and as reply, since devices differ in which one they believe (arping, which lingers a
# second after its packet, hence in the background). IPv6: unsolicited neighbour advertisement with the override flag;
# no common tool sends one, so perl does when there is one. Without perl only the kernel's own announcement at the
# moment of adding remains (ndisc_notify).
family=$1 address=$2 nic=$3 mode=$4 seconds=$5

advertise() {
	read -r mac <"/sys/class/net/$nic/address" || return
	read -r index <"/sys/class/net/$nic/ifindex" || return
	perl -MSocket=:all -e '
		my ($address, $mac, $index) = @ARGV;
		my $target = inet_pton(AF_INET6, $address) or exit 1;
		my $packet = pack("CCnN", 136, 0, 0, 0x20000000) . $target . pack("CC", 2, 1) . pack("H12", $mac =~ s/://gr);
		socket(my $socket, AF_INET6, SOCK_RAW, 58) or exit 1;
		setsockopt($socket, 41, 18, pack("i", 255)) or exit 1;    # IPV6_MULTICAST_HOPS: receivers insist on 255
		setsockopt($socket, 41, 17, pack("i", $index)) or exit 1; # IPV6_MULTICAST_IF
		bind($socket, pack_sockaddr_in6(0, $target, $index)) or exit 1;
		send($socket, $packet, 0, pack_sockaddr_in6(0, inet_pton(AF_INET6, "ff02::1"), $index)) or exit 1;
	' "$address" "$mac" "$index"
}

# is_here 32|128
is_here() {
	[ "$mode" = keep ] || [ -n "$(ip -o "-$family" addr show dev "$nic" to "$address/$1" 2>/dev/null)" ]
}

announce_once() {
	if [ "$family" = 4 ]; then
		is_here 32 || exit 0
		arping -q -U -c 1 -I "$nic" -s "$address" "$address" >/dev/null 2>&1 &
		arping -q -A -c 1 -I "$nic" -s "$address" "$address" >/dev/null 2>&1 &
	else
		is_here 128 || exit 0
		advertise
	fi
}

if [ "$mode" = refresh ]; then
	announce_once
	exec /bin/sh "${0%/*}/.probe.sh" "$family" "$address" "$nic" "$seconds"
fi
for pause in 0 0.05 0.05 0.1 0.2 0.6 1 3; do
	[ $pause = 0 ] || sleep $pause
	announce_once
done
wait
while [ "$mode" = keep ]; do
	sleep 30
	announce_once
	wait
done
