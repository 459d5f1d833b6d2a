# The first process of a root, in namespaces that unshare(1) made and in the host's perl: puts the root together from
# overlay layers on the folder `m`, leaves the host's file system, drops privileges, starts the command and reaps
# orphaned processes. A command without privileges is the first program of the root that runs. Everything is mounted in
# a private mount namespace: it is gone with the last process. It makes the system calls itself: a program for each
# mount would take most of the time of a small build.
# Arguments: FOLDER LOWER UPPER NETWORK USER BINDS [SOURCE TARGET]... COMMAND...
#   FOLDER  work folder with the lower layers as links, cwd of the mounts: no path needs quoting in mount options
#   LOWER   names of the links, topmost first, joined by colons
#   UPPER   `tmpfs`, or a folder's name under FOLDER that keeps what is written
#   NETWORK `on`, `off`, or `loopback`: only connections between processes of the root
#   USER    `root`, or `builder`: no privileges, and no way to gain any
#   BINDS   number of bind mounts, each two further arguments: SOURCE and TARGET, `ro:` before a read-only TARGET
# Environment: ENTER_OVERLAY  further options of the overlay
#   ENTER_SIZE       bytes that each file system in memory may hold
#   ENTER_GROUPS     control groups to join, joined by colons
#   ENTER_DATA       KiB of memory that one process may take, where no control group counts it
#   ENTER_FILE       blocks of 512 bytes that one file may have
#   ENTER_PROCESSES  most processes, where the kernel counts them by namespace
use strict;
use warnings;
use Config;
use POSIX ();

my ($folder, $lower, $upper, $network, $user, $count, @command) = @ARGV;
my @binds = splice @command, 0, 2 * $count;
$0 = 'slipway';
# die(1) would end with the number of a system error.
$SIG{__DIE__} = sub { print STDERR @_; exit 1 };
my $machine = (POSIX::uname())[4];
my $wide = $Config{ptrsize} == 8;
my %tables = (
  x86_64 => { sethostname => 170, prctl => 157, capset => 126, pivot_root => 155,
    umount2 => 166, mount => 165, keyctl => 250, prlimit => 302, setgroups => 116 },
  generic => { sethostname => 161, prctl => 167, capset => 91, pivot_root => 41,
    umount2 => 39, mount => 40, keyctl => 219, prlimit => 261, setgroups => 159 },
  arm => { sethostname => 74, prctl => 172, capset => 185, pivot_root => 218,
    umount2 => 52, mount => 21, keyctl => 311, prlimit => 369, setgroups => 206 },
  i386 => { sethostname => 74, prctl => 172, capset => 185, pivot_root => 217,
    umount2 => 52, mount => 21, keyctl => 288, prlimit => 340, setgroups => 206 },
  ppc64 => { sethostname => 74, prctl => 171, capset => 184, pivot_root => 203,
    umount2 => 52, mount => 21, keyctl => 271, prlimit => 325, setgroups => 81 },
  s390x => { sethostname => 74, prctl => 172, capset => 185, pivot_root => 217,
    umount2 => 52, mount => 21, keyctl => 280, prlimit => 334, setgroups => 206 },
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
sub checked { my ($what, $done) = @_; die "slipway: $what: $!\n" if !$done; }

# Flags of mount(2); those of mount_setattr(2) have the same values.
my ($read_only, $nosuid, $nodev, $noexec, $remount, $bind, $recursive) = (1, 2, 4, 8, 32, 4096, 16384);
sub mount_on {
  my ($from, $to, $type, $flags, $options) = @_;
  $options //= 0;
  must("mount $to", call($call{mount}, $from, $to, $type, $flags, $options));
}

# Adds flags to a mount, and keeps those that it has: in a user namespace the kernel lets nobody take them away.
my %names = ($read_only => 'ro', $nosuid => 'nosuid', $nodev => 'nodev', $noexec => 'noexec');
sub restrict {
  my ($path, @flags) = @_;
  my $all = 0;
  $all |= $_ for @flags;
  my $attributes = pack 'QQQQ', $all, 0, 0, 0;
  return if call(442, -100, $path, 0, $attributes, 32) == 0;
  # Before Linux 5.12, or where a container forbids the call: mount(8) reads which flags there are.
  return if system('mount', '-o', join(',', 'remount', 'bind', @names{@flags}), $path) == 0;
  die "slipway: could not restrict the mount $path\n";
}

# 4: core files; 2: memory of a process; 1: size of a file.
sub limit {
  my ($what, $most) = @_;
  my $both = pack 'QQ', $most, $most;
  must('prlimit', call($call{prlimit}, 0, $what, $both, 0));
}

sub fill {
  my ($path, $text) = @_;
  checked($path, open my $file, '>', $path);
  print $file $text;
  checked($path, close $file);
}
sub make_path {
  my ($path) = @_;
  return if -d $path;
  make_above($path);
  checked($path, mkdir $path);
}
sub make_above { my ($path) = @_; make_path($1) if $path =~ m{^(.+)/}; }
# Layers may contain symlinks, which lead to files of the host until this process has left it.
sub inside {
  my ($path) = @_;
  my $at = 'm';
  for my $part (grep { $_ ne '' } split m{/}, $path) {
    $at .= "/$part";
    next if $part ne '.' && $part ne '..' && !-l $at;
    print STDERR "slipway: $path of the root is a link, or below one\n";
    exit 125;
  }
}

# Ends together with unshare(1), which ends together with slipway.
must('prctl', call($call{prctl}, 1, 9, 0, 0, 0));
# Closes inherited descriptors of slipway's caller: close_range(2), or one by one before Linux 5.9.
if (call(436, 3, 0x7fffffff, 0) < 0) { POSIX::close($_) for 3 .. 4096; }
# A new session keyring, since the caller's may contain secrets. Fails harmlessly on kernels without keyrings.
call($call{keyctl}, 1, 0, 0, 0, 0);
if (open my $score, '>', '/proc/self/oom_score_adj') { print $score '1000'; close $score; }

my $name = 'slipway';
must('sethostname', call($call{sethostname}, $name, length $name));
checked($folder, chdir $folder);
fill("$_/cgroup.procs", "0\n") for split /:/, $ENV{ENTER_GROUPS} // '';
# With 1, which fits no core file, the kernel does not start the machine's handler of core files either, as with 0.
limit(4, 1);
limit(2, $ENV{ENTER_DATA} * 1024) if $ENV{ENTER_DATA};
limit(1, $ENV{ENTER_FILE} * 512) if $ENV{ENTER_FILE};
my $shared = "mode=1777,size=$ENV{ENTER_SIZE}";
make_path('m');
my $work = "$upper.work";
if ($upper eq 'tmpfs') {
  make_path('t');
  mount_on('tmpfs', 't', 'tmpfs', $nosuid | $nodev, "mode=0755,size=$ENV{ENTER_SIZE}");
  ($upper, $work) = ('t/u', 't/w');
}
make_path($_) for $upper, $work;
my $options = "lowerdir=$lower,upperdir=$upper,workdir=$work" . ($ENV{ENTER_OVERLAY} // '');
mount_on('overlay', 'm', 'overlay', $nosuid | $nodev, $options);
inside($_) for '/proc', '/dev', '/tmp';
mount_on('proc', 'm/proc', 'proc', $nosuid | $nodev | $noexec);
# Uses the root's own /proc: in a container, the outer one is read-only.
fill('m/proc/sys/kernel/pid_max', "$ENV{ENTER_PROCESSES}\n") if $ENV{ENTER_PROCESSES};
mount_on('tmpfs', 'm/dev', 'tmpfs', $nosuid, 'mode=0755,size=64k');
for my $device (map { "/dev/$_" } qw(null zero full random urandom)) {
  fill("m$device", '');
  mount_on($device, "m$device", 'none', $bind);
  # Devices of the host, read-only so that their owner can't change permissions. Writing to a device still works.
  restrict("m$device", $read_only, $nosuid, $noexec) if -o $device;
}
make_path("m/dev/$_") for 'shm', 'pts';
mount_on('tmpfs', 'm/dev/shm', 'tmpfs', $nosuid | $nodev, $shared);
# The kernel counts terminals for the whole machine: one root could take them from all others.
mount_on('devpts', 'm/dev/pts', 'devpts', 0, 'newinstance,ptmxmode=0666,mode=0620,max=256');
my %links = (
  ptmx => 'pts/ptmx',
  fd => '/proc/self/fd',
  stdin => '/proc/self/fd/0',
  stdout => '/proc/self/fd/1',
  stderr => '/proc/self/fd/2',
);
checked("m/dev/$_", symlink $links{$_}, "m/dev/$_") for keys %links;
mount_on('tmpfs', 'm/tmp', 'tmpfs', $nosuid | $nodev, $shared);
while (my ($source, $target) = splice @binds, 0, 2) {
  my $only = $target =~ s/^ro://;
  inside($target);
  if (-d $source) { make_path("m$target"); }
  elsif (!-e "m$target") {
    make_above("m$target");
    fill("m$target", '');
  }
  mount_on($source, "m$target", 'none', $bind);
  restrict("m$target", ($only ? $read_only : ()), $nosuid, $nodev);
}
# Participants of DDS find each other by multicast, which loopback has only if it is told.
if ($network eq 'loopback') {
  for my $command ('link set lo up multicast on', 'route add 224.0.0.0/4 dev lo') {
    if (system('ip', split / /, $command) != 0) { die "slipway: ip could not start the loopback interface\n"; }
  }
}
if ($network eq 'on') {
  inside('/etc');
  unlink 'm/etc/resolv.conf';
  for my $path (grep { -s } '/etc/resolv.conf', '/etc/hosts', '/etc/ssl/certs/ca-certificates.crt') {
    inside($path);
    make_above("m$path");
    checked($path, open my $from, '<', $path);
    fill("m$path", do { local $/; <$from> });
  }
}
if ($user ne 'root' && system('chown', '-R', '2000:2000', 'm/build') != 0) { die "slipway: chown failed\n"; }
delete @ENV{map { "ENTER_$_" } qw(OVERLAY SIZE GROUPS DATA FILE PROCESSES)};

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
my $quiet = $nosuid | $nodev | $noexec;
for my $path (grep { -e } map { "/proc/$_" } qw(sys sysrq-trigger irq bus fs)) {
  mount_on($path, $path, 'none', $bind | $recursive);
  mount_on('none', $path, 'none', $remount | $bind | $read_only | $quiet);
}
for my $path (grep { -e } map { "/proc/$_" } qw(kcore keys key-users timer_list sched_debug latency_stats acpi scsi
    asound dynamic_debug kallsyms kpagecgroup kpagecount kpageflags vmallocinfo)) {
  if (-d $path) { mount_on('none', $path, 'tmpfs', $read_only | $quiet); }
  else { mount_on('/dev/null', $path, 'none', $bind); }
}

# System calls that no build needs: keys, namespaces, mounts, modules, BPF, the kernel's log; sockets to the hypervisor
# and other rare families; typing into a terminal; allocating disk without writing, which takes all of it before anyone
# can measure (programs then write instead); asynchronous I/O, whose requests the kernel counts for the whole machine.
my %numbers = (
  x86_64 => {
    arch => 0xc000003e, clone => 56, clone3 => 435, io_setup => 206, socket => 41, ioctl => 16,
    fallocate => 285, setrlimit => 160,
    deny => [ 103, 155, 161, 163, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 179, 180, 212, 227, 246,
      248, 249, 250, 272, 298, 304, 308, 313, 320, 321, 323, 425 .. 427, 428 .. 433, 442 ],
  },
  generic => {
    arch => $machine =~ /^riscv64/ ? 0xc00000f3 : 0xc00000b7, clone => 220, clone3 => 435, io_setup => 0, socket => 198,
    ioctl => 29, fallocate => 47, setrlimit => 164,
    deny => [ 18, 39, 40, 41, 42, 51, 60, 89, 97, 104, 105, 106, 112, 116, 142, 161, 162, 217, 218, 219, 224, 225, 241,
      265, 268, 273, 280, 282, 294, 425 .. 427, 428 .. 433, 442 ],
  },
);
if (my $filter = $numbers{$table}) {
  my $refuse = sub { 0x00050000 | $_[0] };
  my $allow = 0x7fff0000;
  my @program;
  my $add = sub { push @program, pack('SCCL', @_); };
  my ($load, $equal, $above, $some, $and, $return) = (0x20, 0x15, 0x35, 0x45, 0x54, 0x06);
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
  for my $number (@$filter{qw(clone3 io_setup)}) {
    $add->($equal, 0, 1, $number);
    $add->($return, 0, 0, $refuse->(38));
  }
  $add->($equal, 0, 4, $filter->{clone});
  $add->($load, 0, 0, 16);
  $add->($some, 0, 1, 0x7e020000);
  $add->($return, 0, 0, $refuse->(1));
  $add->($return, 0, 0, $allow);
  $add->($equal, 0, 1, $filter->{fallocate});
  $add->($return, 0, 0, $refuse->(95));
  # The limit of core files stays, and programs that set it (gpg) go on.
  $add->($equal, 0, 4, $filter->{setrlimit});
  $add->($load, 0, 0, 16);
  $add->($equal, 0, 1, 4);
  $add->($return, 0, 0, $refuse->(0));
  $add->($return, 0, 0, $allow);
  $add->($equal, 0, 8, $call{prlimit});
  $add->($load, 0, 0, 24);
  $add->($equal, 0, 5, 4);
  $add->($load, 0, 0, 32);
  $add->($equal, 0, 2, 0);
  $add->($load, 0, 0, 36);
  $add->($equal, 1, 0, 0);
  $add->($return, 0, 0, $refuse->(0));
  $add->($return, 0, 0, $allow);
  $add->($equal, 0, 8, $filter->{ioctl});
  $add->($load, 0, 0, 24);
  $add->($equal, 1, 0, 0x5412);
  $add->($equal, 0, 1, 0x541c);
  $add->($return, 0, 0, $refuse->(1));
  # Calls of XFS: FS_IOC_RESVSP and others allocate, FS_IOC_FSSETXATTR sets how much each write allocates.
  $add->($and, 0, 0, 0xff00);
  $add->($equal, 0, 1, 0x5800);
  $add->($return, 0, 0, $refuse->(25));
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

# Capabilities for installing packages. Excludes mknod, sys_chroot, sys_admin, sys_ptrace and others that lead out.
my %kept = (chown => 0, dac_override => 1, fowner => 3, fsetid => 4, kill => 5, setgid => 6, setuid => 7, setpcap => 8,
  net_bind_service => 10, audit_write => 29, setfcap => 31);
my %is_kept = map { $_ => 1 } values %kept;
for my $capability (0 .. 63) {
  next if $is_kept{$capability};
  last if call($call{prctl}, 24, $capability, 0, 0, 0) < 0;
}
my $low = 0;
$low |= 1 << $_ for values %kept;
my $header = pack 'LL', 0x20080522, 0;
my $sets = pack 'LLLLLL', $low, $low, 0, 0, 0, 0;
must('capset', call($call{capset}, $header, $sets));

my $child = fork // die "slipway: fork: $!\n";
if (!$child) {
  # Not by setpriv(1): the root's program may be a package's, if packages have files in the system's folders.
  if ($user eq 'builder') {
    must('prctl', call($call{prctl}, 24, $_, 0, 0, 0)) for values %kept;
    must('setgroups', call($call{setgroups}, 0, 0));
    checked('setgid', POSIX::setgid(2000));
    # Clears the capabilities, too.
    checked('setuid', POSIX::setuid(2000));
    must('prctl', call($call{prctl}, 38, 1, 0, 0, 0));
  }
  { no warnings 'exec'; exec @command; }
  print STDERR "slipway: $command[0]: $!\n";
  POSIX::_exit(127);
}
while ((my $ended = wait) != -1) {
  next if $ended != $child;
  POSIX::_exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
}
POSIX::_exit(125);
