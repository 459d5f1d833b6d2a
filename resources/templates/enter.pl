# The first process of a root: enter.sh runs it in the host's perl when everything is mounted on the folder `m`.
# It leaves the host's file system, drops privileges, starts the command and reaps orphaned processes.
# Arguments: USER NETWORK COMMAND...
use strict;
use warnings;
use Config;
use POSIX ();

my ($user, $network, @command) = @ARGV;
$0 = 'slipway';
my $machine = (POSIX::uname())[4];
my $wide = $Config{ptrsize} == 8;
my %tables = (
  x86_64 => { sethostname => 170, prctl => 157, capset => 126, pivot_root => 155, umount2 => 166, mount => 165, keyctl => 250 },
  generic => { sethostname => 161, prctl => 167, capset => 91, pivot_root => 41, umount2 => 39, mount => 40, keyctl => 219 },
  arm => { sethostname => 74, prctl => 172, capset => 185, pivot_root => 218, umount2 => 52, mount => 21, keyctl => 311 },
  i386 => { sethostname => 74, prctl => 172, capset => 185, pivot_root => 217, umount2 => 52, mount => 21, keyctl => 288 },
  ppc64 => { sethostname => 74, prctl => 171, capset => 184, pivot_root => 203, umount2 => 52, mount => 21, keyctl => 271 },
  s390x => { sethostname => 74, prctl => 172, capset => 185, pivot_root => 217, umount2 => 52, mount => 21, keyctl => 280 },
);
my $table =
    $machine =~ /^(x86_64|i.86)$/ ? ($wide ? 'x86_64' : 'i386')
  : $machine =~ /^(aarch64|arm)/ ? ($wide ? 'generic' : 'arm')
  : $machine =~ /^riscv64/ ? 'generic'
  : $machine =~ /^ppc64/ ? 'ppc64'
  : $machine =~ /^s390x/ ? 's390x'
  : die "slipway: no system call numbers for $machine\n";
my %call = %{ $tables{$table} };

# syscall() needs variables, since it may modify its arguments.
sub call { my ($number, @values) = @_; return syscall($number, @values); }
sub must { my ($what, $result) = @_; die "slipway: $what: $!\n" if $result < 0; }

# Ends together with unshare(1), which ends together with slipway.
must('prctl', call($call{prctl}, 1, 9, 0, 0, 0));
# Closes inherited descriptors of slipway's caller: close_range(2), or one by one before Linux 5.9.
if (call(436, 3, 0x7fffffff, 0) < 0) { POSIX::close($_) for 3 .. 4096; }
# A new session keyring, since the caller's may contain secrets. Fails harmlessly on kernels without keyrings.
call($call{keyctl}, 1, 0, 0, 0, 0);
if (open my $score, '>', '/proc/self/oom_score_adj') { print $score '1000'; close $score; }

my $name = 'slipway';
must('sethostname', call($call{sethostname}, $name, length $name));
chdir 'm' or die "slipway: m: $!\n";
my $here = '.';
if (call($call{pivot_root}, $here, $here) == 0) {
  must('umount', call($call{umount2}, $here, 2));
} else {
  # In a chroot the host's root is not a mount point. No process inside may call chroot(2), so there is no way back.
  chroot $here or die "slipway: chroot: $!\n";
}
chdir '/' or die "slipway: /: $!\n";

# Kernel interfaces that root could change, or that should not be readable.
sub mounted {
  my ($from, $to, $type, $flags) = @_;
  my $none = 0;
  return call($call{mount}, $from, $to, $type, $flags, $none);
}
my $quiet = 2 | 4 | 8;
for my $path (grep { -e } map { "/proc/$_" } qw(sys sysrq-trigger irq bus fs)) {
  must("mount $path", mounted($path, $path, 'none', 0x1000 | 0x4000));
  must("mount $path", mounted('none', $path, 'none', 0x20 | 0x1000 | 1 | $quiet));
}
for my $path (grep { -e } map { "/proc/$_" } qw(kcore keys key-users timer_list sched_debug latency_stats acpi scsi
    asound dynamic_debug kallsyms kpagecgroup kpagecount kpageflags vmallocinfo)) {
  must("mount $path", -d $path ? mounted('none', $path, 'tmpfs', 1 | $quiet) : mounted('/dev/null', $path, 'none', 0x1000));
}

# System calls that no build needs: keys, namespaces, mounts, modules, BPF, the kernel's log; sockets to the hypervisor
# and other rare families; typing into a terminal.
my %numbers = (
  x86_64 => {
    arch => 0xc000003e, clone => 56, clone3 => 435, socket => 41, ioctl => 16,
    deny => [ 103, 155, 161, 163, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 179, 180, 212, 227, 246,
      248, 249, 250, 272, 298, 304, 308, 313, 320, 321, 323, 425 .. 427, 428 .. 433, 442 ],
  },
  generic => {
    arch => $machine =~ /^riscv64/ ? 0xc00000f3 : 0xc00000b7, clone => 220, clone3 => 435, socket => 198, ioctl => 29,
    deny => [ 18, 39, 40, 41, 42, 51, 60, 89, 97, 104, 105, 106, 112, 116, 142, 161, 162, 217, 218, 219, 224, 225, 241,
      265, 268, 273, 280, 282, 294, 425 .. 427, 428 .. 433, 442 ],
  },
);
if (my $filter = $numbers{$table}) {
  my $refuse = sub { 0x00050000 | $_[0] };
  my $allow = 0x7fff0000;
  my @program;
  my $add = sub { push @program, pack('SCCL', @_); };
  my ($load, $equal, $above, $some, $return) = (0x20, 0x15, 0x35, 0x45, 0x06);
  $add->($load, 0, 0, 4);
  $add->($equal, 1, 0, $filter->{arch});
  $add->($return, 0, 0, $refuse->(38));
  $add->($load, 0, 0, 0);
  $add->($above, 0, 1, 0x40000000);
  $add->($return, 0, 0, $refuse->(38));
  for my $number (@{ $filter->{deny} }) {
    $add->($equal, 0, 1, $number);
    $add->($return, 0, 0, $refuse->(1));
  }
  # clone3 has its flags in memory, which a filter can't read. The C library falls back to clone.
  $add->($equal, 0, 1, $filter->{clone3});
  $add->($return, 0, 0, $refuse->(38));
  $add->($equal, 0, 4, $filter->{clone});
  $add->($load, 0, 0, 16);
  $add->($some, 0, 1, 0x7e020000);
  $add->($return, 0, 0, $refuse->(1));
  $add->($return, 0, 0, $allow);
  $add->($equal, 0, 5, $filter->{ioctl});
  $add->($load, 0, 0, 24);
  $add->($equal, 1, 0, 0x5412);
  $add->($equal, 0, 1, 0x541c);
  $add->($return, 0, 0, $refuse->(1));
  $add->($return, 0, 0, $allow);
  # With the host's network, abstract names of local sockets are the host's.
  my @families = ($network eq 'on' ? () : (1, 17, 29), 2, 10, 16);
  $add->($equal, 0, 2 + @families, $filter->{socket});
  $add->($load, 0, 0, 16);
  $add->($equal, $#families - $_ + 1, 0, $families[$_]) for 0 .. $#families;
  $add->($return, 0, 0, $refuse->(97));
  $add->($return, 0, 0, $allow);
  my $code = join '', @program;
  my $prog = pack 'Sx6P', scalar @program, $code;
  must('seccomp', call($call{prctl}, 22, 2, $prog, 0, 0));
}

# Capabilities for installing packages: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
# net_bind_service, audit_write, setfcap. Excludes mknod, sys_chroot, sys_admin, sys_ptrace and others that lead out.
my %kept = map { $_ => 1 } 0, 1, 3, 4, 5, 6, 7, 8, 10, 29, 31;
for my $capability (0 .. 63) {
  next if $kept{$capability};
  last if call($call{prctl}, 24, $capability, 0, 0, 0) < 0;
}
my $low = 0;
$low |= 1 << $_ for keys %kept;
my $header = pack 'LL', 0x20080522, 0;
my $sets = pack 'LLLLLL', $low, $low, 0, 0, 0, 0;
must('capset', call($call{capset}, $header, $sets));

my $child = fork // die "slipway: fork: $!\n";
if (!$child) {
  unshift @command, qw(setpriv --reuid=2000 --regid=2000 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all)
    if $user eq 'builder';
  { no warnings 'exec'; exec @command; }
  print STDERR "slipway: $command[0]: $!\n";
  POSIX::_exit(127);
}
while ((my $ended = wait) != -1) {
  next if $ended != $child;
  POSIX::_exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
}
POSIX::_exit(125);
