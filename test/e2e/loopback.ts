// Scripts for a shell that try the loopback network.

/** One process connects to another. */
export const talk = (address: string, port: number): string =>
  `perl -MIO::Socket::IP -e '
alarm 4;
$s = IO::Socket::IP->new(LocalHost => "${address}", LocalPort => ${port}, Listen => 1) or die "bind: $@";
if (!fork) { IO::Socket::IP->new(PeerHost => "${address}", PeerPort => ${port}) or die "connect: $@"; exit }
$s->accept or die;
wait;
exit $? >> 8'`;

/** Sends to a multicast group, as DDS does, hears it, and prints the groups. */
export const hearGroup = `perl -MSocket=:all -e '
alarm 4;
for (0, 1) { socket($s[$_], AF_INET, SOCK_DGRAM, 0) or die "socket: $!" }
bind($s[0], pack_sockaddr_in(4713, INADDR_ANY)) or die "bind: $!";
$group = inet_aton("239.255.0.1");
setsockopt($s[0], IPPROTO_IP, IP_ADD_MEMBERSHIP, pack_ip_mreq($group)) or die "join: $!";
send($s[1], "heard\n", 0, pack_sockaddr_in(4713, $group)) or die "send: $!";
recv($s[0], $text, 10, 0);
print $text;
open $f, "<", "/proc/net/igmp";
print grep /^1/, <$f>'`;
