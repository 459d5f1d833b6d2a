/**
 * The seccomp profile of containers for docker's `--security-opt seccomp=FILE` (`linux.seccomp` of the runtime
 * specification). Refuses the same calls as enter.pl in the other driver. docker's default profile depends on the
 * daemon's version (io_uring was allowed before Docker 25). Calls that are not named are left to capabilities.
 */

const [notPermitted, noSuchControl, noSuchCall, unsupported, noSuchFamily] = [1, 25, 38, 95, 97];

/** Calls that no build needs, by purpose. runc skips names that the kernel or libseccomp lacks. */
export const refusedCalls = {
  keys: ['add_key', 'request_key', 'keyctl'],
  namespaces: ['unshare', 'setns', 'pivot_root', 'chroot', 'sethostname', 'setdomainname'],
  mounts: [
    'mount',
    'umount2',
    'open_tree',
    'move_mount',
    'fsopen',
    'fsconfig',
    'fsmount',
    'fspick',
    'mount_setattr',
    'open_by_handle_at',
    'quotactl',
    'swapon',
    'swapoff',
    'nfsservctl',
  ],
  kernel: [
    'create_module',
    'init_module',
    'finit_module',
    'delete_module',
    'kexec_load',
    'kexec_file_load',
    'reboot',
    'syslog',
    'acct',
    'iopl',
    'ioperm',
    'clock_settime',
    'lookup_dcookie',
  ],
  programs: ['bpf', 'perf_event_open', 'userfaultfd', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'],
};

/** clone(2): namespaces for mounts, control groups, host names, IPC, users, processes and networks. */
const namespaceFlags = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000];
/** ioctl(2) on terminals: typing into a terminal (TIOCSTI), and writing to a console (TIOCLINUX). */
const typing = [0x5412, 0x541c];
/** ioctl(2) of type 'X': calls of XFS and of all file systems that allocate disk without writing. */
const allocating = { mask: 0xff00, type: 0x5800 };
/** RLIMIT_CORE. The kernel uses 32 bits of the argument. */
const coreFiles = { op: 'SCMP_CMP_MASKED_EQ', value: 0xffffffff, valueTwo: 4 } as const;
/** socket(2): IPv4, IPv6, netlink; without the host's network, also local sockets, packets and CAN. */
const inNetwork = [2, 10, 16];
const alone = [1, 17, 29];
const highest = Math.max(...inNetwork, ...alone);

interface Argument {
  index: number;
  op: 'SCMP_CMP_MASKED_EQ' | 'SCMP_CMP_EQ' | 'SCMP_CMP_NE' | 'SCMP_CMP_GT';
  value: number;
  valueTwo?: number;
}

const refuse = (names: string[], errnoRet: number, ...args: Argument[]) => ({
  names,
  action: 'SCMP_ACT_ERRNO',
  errnoRet,
  ...(args.length ? { args } : {}),
});

/** The profile as text. `network`: the container uses the host's network. */
export function seccompProfile(network: boolean): string {
  const allowed = network ? inNetwork : [...inNetwork, ...alone];
  const families = Array.from({ length: highest + 1 }, (_, f) => f).filter((f) => !allowed.includes(f));
  return JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      refuse(Object.values(refusedCalls).flat(), notPermitted),
      // clone3 has its flags in memory, which a filter can't read. The C library falls back to clone.
      refuse(['clone3'], noSuchCall),
      // The kernel counts requests of asynchronous I/O for the whole machine. Programs then do without.
      refuse(['io_setup'], noSuchCall),
      // Takes all of a disk before anyone can measure. Programs then write instead.
      refuse(['fallocate'], unsupported),
      refuse(['ioctl'], noSuchControl, {
        index: 1,
        op: 'SCMP_CMP_MASKED_EQ',
        value: allocating.mask,
        valueTwo: allocating.type,
      }),
      // The limit of core files stays, and programs that set it (gpg) go on.
      refuse(['setrlimit'], 0, { index: 0, ...coreFiles }),
      refuse(['prlimit64'], 0, { index: 1, ...coreFiles }, { index: 2, op: 'SCMP_CMP_NE', value: 0 }),
      ...namespaceFlags.map((flag) =>
        refuse(['clone'], notPermitted, { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: flag, valueTwo: flag }),
      ),
      // The kernel uses 32 bits of the argument; a filter compares 64.
      ...typing.map((request) =>
        refuse(['ioctl'], notPermitted, { index: 1, op: 'SCMP_CMP_MASKED_EQ', value: 0xffffffff, valueTwo: request }),
      ),
      ...families.map((f) => refuse(['socket'], noSuchFamily, { index: 0, op: 'SCMP_CMP_EQ', value: f })),
      refuse(['socket'], noSuchFamily, { index: 0, op: 'SCMP_CMP_GT', value: highest }),
    ],
  });
}
