/**
 * The seccomp filter of containers, in the form of docker's `--security-opt seccomp=FILE` (the runtime specification's
 * `linux.seccomp`). It refuses what enter.pl refuses in the other driver's roots; docker's own filter depends on the
 * daemon's version (io_uring was allowed before Docker 25). What is not named is left to capabilities.
 */

const [notPermitted, noSuchCall, noSuchFamily] = [1, 38, 97];

/** Calls that no build needs, by what they are for. Names that a kernel or libseccomp lacks are left out by runc. */
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

/** clone(2): namespaces of mounts, control groups, host names, IPC, users, processes and networks. */
const namespaceFlags = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000];
/** ioctl(2) on terminals: what types into one (TIOCSTI), and what writes to a console (TIOCLINUX). */
const typing = [0x5412, 0x541c];
/** socket(2): IPv4, IPv6, netlink; where the network is not the host's, also local sockets, packets and CAN. */
const inNetwork = [2, 10, 16];
const alone = [1, 17, 29];
const highest = Math.max(...inNetwork, ...alone);

interface Argument {
  index: number;
  op: 'SCMP_CMP_MASKED_EQ' | 'SCMP_CMP_EQ' | 'SCMP_CMP_GT';
  value: number;
  valueTwo?: number;
}

const refuse = (names: string[], errnoRet: number, ...args: Argument[]) => ({
  names,
  action: 'SCMP_ACT_ERRNO',
  errnoRet,
  ...(args.length ? { args } : {}),
});

/** The profile's text. `network`: whether the container has the host's network. */
export function seccompProfile(network: boolean): string {
  const allowed = network ? inNetwork : [...inNetwork, ...alone];
  const families = Array.from({ length: highest + 1 }, (_, f) => f).filter((f) => !allowed.includes(f));
  return JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      refuse(Object.values(refusedCalls).flat(), notPermitted),
      // Its flags are in memory, where a filter can't look: the C library then takes clone.
      refuse(['clone3'], noSuchCall),
      ...namespaceFlags.map((flag) =>
        refuse(['clone'], notPermitted, { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: flag, valueTwo: flag }),
      ),
      // The kernel takes 32 bits of these; a filter compares 64.
      ...typing.map((request) =>
        refuse(['ioctl'], notPermitted, { index: 1, op: 'SCMP_CMP_MASKED_EQ', value: 0xffffffff, valueTwo: request }),
      ),
      ...families.map((f) => refuse(['socket'], noSuchFamily, { index: 0, op: 'SCMP_CMP_EQ', value: f })),
      refuse(['socket'], noSuchFamily, { index: 0, op: 'SCMP_CMP_GT', value: highest }),
    ],
  });
}
