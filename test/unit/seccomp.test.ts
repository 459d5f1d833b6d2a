import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusedCalls, seccompProfile } from '../../ts-src/sandbox/seccomp.ts';

const script = readFileSync(join(import.meta.dirname, '../../resources/templates/enter.pl'), 'utf8');

/** System call numbers of Linux on amd64 and on arm64, which lacks the oldest calls. */
const numbers: Record<string, [number, number?]> = {
  syslog: [103, 116],
  pivot_root: [155, 41],
  chroot: [161, 51],
  acct: [163, 89],
  mount: [165, 40],
  umount2: [166, 39],
  swapon: [167, 224],
  swapoff: [168, 225],
  reboot: [169, 142],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  iopl: [172],
  ioperm: [173],
  create_module: [174],
  init_module: [175, 105],
  delete_module: [176, 106],
  quotactl: [179, 60],
  nfsservctl: [180, 42],
  lookup_dcookie: [212, 18],
  clock_settime: [227, 112],
  kexec_load: [246, 104],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  unshare: [272, 97],
  perf_event_open: [298, 241],
  open_by_handle_at: [304, 265],
  setns: [308, 268],
  finit_module: [313, 273],
  kexec_file_load: [320, 294],
  bpf: [321, 280],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
};

/** The numbers that enter.pl refuses for `table`. */
function refusedBy(table: string): number[] {
  const [, list = ''] = new RegExp(`${table} => \\{\\s*arch[^\\]]*?deny => \\[([^\\]]*)\\]`, 's').exec(script) ?? [];
  return list.split(',').flatMap((item) => {
    const [first = NaN, last = first] = item.trim().split(' .. ').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

describe('the filter of containers', () => {
  const names = Object.values(refusedCalls).flat();

  it('refuses the same calls as the filter of the default driver', () => {
    const ordered = (list: number[]) => list.toSorted((a, b) => a - b);
    const of = (column: 0 | 1) => names.flatMap((n) => numbers[n]?.[column] ?? []);
    expect(names.filter((n) => !numbers[n])).toEqual([]);
    expect(ordered(of(0))).toEqual(ordered(refusedBy('x86_64')));
    expect(ordered(of(1))).toEqual(ordered(refusedBy('generic')));
  });

  it('refuses the same arguments as enter.pl', () => {
    const of = (network: boolean, name: string) => {
      const { syscalls } = JSON.parse(seccompProfile(network)) as {
        syscalls: { names: string[]; args?: { value: number; valueTwo?: number }[] }[];
      };
      return syscalls.filter((s) => s.names.includes(name)).flatMap((s) => s.args ?? []);
    };
    const flags = of(false, 'clone').reduce((sum, { value }) => sum + value, 0);
    expect(script).toContain(`0x${flags.toString(16)}`);
    expect(of(false, 'ioctl').map((a) => `0x${a.valueTwo?.toString(16)}`)).toEqual(['0x5800', '0x5412', '0x541c']);
    expect(script).toMatch(/0xff00\);\n +\$add->\(\$equal, 0, 1, 0x5800/);
    expect(script.match(/io_setup => (\d+)/g)).toEqual(['io_setup => 206', 'io_setup => 0']);
    expect(seccompProfile(false)).toContain('{"names":["io_setup"],"action":"SCMP_ACT_ERRNO","errnoRet":38}');
    expect(script.match(/fallocate => .*,/g)).toEqual([
      'fallocate => 285, setrlimit => 160,',
      'fallocate => 47, setrlimit => 164,',
    ]);
    expect(script.match(/prlimit => \d+/g)?.slice(0, 2)).toEqual(['prlimit => 302', 'prlimit => 261']);
    expect(of(false, 'setrlimit').map((a) => a.valueTwo)).toEqual([4]);
    expect(seccompProfile(false)).toContain('{"names":["fallocate"],"action":"SCMP_ACT_ERRNO","errnoRet":95}');
    expect(script).toContain("$network eq 'on' ? () : (1, 17, 29), 2, 10, 16");
    for (const [network, allowed] of [
      [true, [2, 10, 16]],
      [false, [1, 2, 10, 16, 17, 29]],
    ] as const)
      expect(of(network, 'socket').map((a) => a.value)).toEqual([
        ...Array.from({ length: 30 }, (_, f) => f).filter((f) => !(allowed as readonly number[]).includes(f)),
        29,
      ]);
  });
});
