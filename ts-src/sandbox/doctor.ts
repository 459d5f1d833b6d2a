import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import type { ImageKind } from '../model/images.ts';
import type { Plan } from '../model/plan.ts';
import { sizeText } from '../model/sizes.ts';
import { readIf } from '../io/files.ts';
import { account } from '../io/home.ts';
import { reasonOf, run } from '../io/process.ts';
import { inTemporary } from '../io/temporary-folder.ts';
import { keyrings as archiveKeyrings } from './archive.ts';
import { controlGroups } from './control-groups.ts';
import { countsProcesses, defaultDisk, defaultLimits, defaultLog } from './limits.ts';
import { idFinding, mapsOf } from './subordinate-ids.ts';

interface Tool {
  command: string;
  package: string;
  why: string;
}

const always: Tool[] = [
  { command: 'git', package: 'git', why: 'fetches sources' },
  { command: 'mmdebstrap', package: 'mmdebstrap', why: 'makes the base systems' },
  { command: 'dpkg-deb', package: 'dpkg', why: 'unpacks packages' },
  { command: 'xz', package: 'xz-utils', why: 'packs the indices of the apt repository' },
  { command: 'gpg', package: 'gnupg', why: 'signs it' },
  { command: 'gpgv', package: 'gpgv', why: 'checks the signatures of underlays' },
  { command: 'flock', package: 'util-linux', why: 'locks' },
  { command: 'unshare', package: 'util-linux', why: 'makes hermetic roots' },
  { command: 'setpriv', package: 'util-linux', why: 'makes hermetic roots' },
  { command: 'mount', package: 'mount', why: 'makes hermetic roots' },
  { command: 'ip', package: 'iproute2', why: 'gives tests a loopback network' },
];
const toolsFor = (driver: 'unshare' | 'docker', plain: boolean): Tool[] => [
  ...always,
  ...(driver === 'docker'
    ? [{ command: 'docker', package: 'docker.io', why: 'runs builds with --driver docker' }]
    : []),
  ...(plain || driver === 'unshare'
    ? [{ command: 'newuidmap', package: 'uidmap', why: 'maps ids of user namespaces' }]
    : []),
];
const keyrings = {
  debian: { file: archiveKeyrings.debian, package: 'debian-archive-keyring' },
  ubuntu: { file: archiveKeyrings.ubuntu, package: 'ubuntu-keyring' },
};

const inPath = (command: string): boolean =>
  [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].some((d) => d && existsSync(join(d, command)));

export interface Finding {
  what: string;
  package?: string;
  fix?: string;
}

/**
 * An AppArmor profile that allows user namespaces for unshare(1) only, like those that Ubuntu ships for other programs.
 */
const appArmorProfile =
  'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile slipway-unshare /usr/bin/unshare flags=(unconfined) {\\n  userns,\\n}\\n';

/** Since Debian 13 the client is a separate package, which docker.io only recommends. */
export function dockerPackages(known: (name: string) => boolean): string[] {
  return known('docker-cli') ? ['docker.io', 'docker-cli'] : ['docker.io'];
}

/** The packages among these that apt could install, by its lists. */
async function installable(...names: string[]): Promise<Set<string>> {
  const policy = await run('apt-cache', ['policy', ...names]);
  return new Set(
    [...policy.stdout.matchAll(/^(\S+):\n.*\n {2}Candidate: (?!\(none\))/gm)].flatMap(([, name]) => name ?? []),
  );
}

async function clientPackage(): Promise<string> {
  const known = await installable('docker-cli');
  return dockerPackages((name) => known.has(name)).join(' ');
}

/**
 * How to get a keyring: its package, or a place to copy it from if this system's archive has no such package, as Debian
 * 12 has none for Ubuntu's. Without apt lists, unknown packages mean nothing.
 */
export async function keyringFix(
  ring: { file: string; package: string },
  knownOf: (...names: string[]) => Promise<ReadonlySet<string>> = installable,
): Promise<Pick<Finding, 'package' | 'fix'>> {
  const known = await knownOf(ring.package, 'mmdebstrap');
  if (known.has(ring.package) || !known.has('mmdebstrap')) return { package: ring.package };
  return { fix: `this system has no package of it: copy ${ring.file} from a machine that has ${ring.package}` };
}

/** Minimum disk space in bytes for a base, its layers and a build. */
const roomNeeded = 10 * 2 ** 30;

export const roomFindings = (at: string, room: number): Finding[] =>
  room >= roomNeeded
    ? []
    : [
        {
          what: `${at} has ${sizeText(room)} of room; a base system with its layers and a build take ${sizeText(roomNeeded)}`,
          fix: 'slipway clean, or --state on another disk',
        },
      ];

/** Describes task limits and disk space of this machine, including problems. */
export function describeMachine(state: string): { lines: string[]; findings: Finding[] } {
  const limits = defaultLimits();
  let at = state;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  const groups = controlGroups();
  const counted = groups.some((h) => h.controllers.includes('memory'))
    ? `counted by control groups (version ${groups[0]?.version ?? 1})`
    : 'for each process (this machine gives slipway no control group of memory)';
  const counting = groups.some((h) => h.controllers.includes('pids')) || countsProcesses();
  const processes = counting
    ? `${limits.processes} processes`
    : 'processes are not limited (Linux before 6.14, no control group)';
  const lines = [
    `limits of a task: ${sizeText(limits.memory)} of memory, ${counted}; ${processes}; ` +
      `${sizeText(limits.temporary)} in /tmp; ${sizeText(defaultDisk(at))} on the disk; ` +
      `${sizeText(defaultLog)} of log (--limits and package_settings change them)`,
  ];
  const findings: Finding[] = [];
  try {
    const { bavail, bsize } = statfsSync(at);
    const room = bavail * bsize;
    lines.push(`room in ${at}: ${sizeText(room)}`);
    findings.push(...roomFindings(at, room));
  } catch {
    /* the file system does not report its space */
  }
  return { lines, findings };
}

/** Kernel settings that prevent unprivileged users from making roots. `refused` tests it. */
export async function namespaceFindings(
  setting: (name: string) => string | undefined,
  refused: () => Promise<string | undefined>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  // An existing profile may allow it.
  if (setting('apparmor_restrict_unprivileged_userns')?.trim() === '1' && (await refused()) !== undefined)
    findings.push({
      what: 'AppArmor keeps plain users from making user namespaces (Ubuntu 24.04 does)',
      fix: `printf '${appArmorProfile}' | sudo tee /etc/apparmor.d/slipway-unshare >/dev/null && sudo apparmor_parser -r /etc/apparmor.d/slipway-unshare`,
    });
  if (setting('unprivileged_userns_clone')?.trim() === '0')
    findings.push({
      what: 'plain users may not make user namespaces',
      fix: 'echo kernel.unprivileged_userns_clone=1 | sudo tee /etc/sysctl.d/60-slipway.conf && sudo sysctl --system',
    });
  return findings;
}

/** What this machine lacks for builds with a driver, and how to get it. */
export async function examine(
  driver: 'unshare' | 'docker',
  systems: Iterable<'debian' | 'ubuntu'>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const plain = process.getuid?.() !== 0;
  for (const t of toolsFor(driver, plain))
    if (!inPath(t.command))
      findings.push({
        what: `${t.command} (${t.why}) is not installed`,
        package: t.command === 'docker' ? await clientPackage() : t.package,
      });
  for (const os of new Set(systems)) {
    const ring = keyrings[os];
    if (!existsSync(ring.file))
      findings.push({ what: `the keyring of ${os}'s archive is not installed`, ...(await keyringFix(ring)) });
  }
  if (plain && driver === 'unshare') {
    const found = idFinding();
    if (found) findings.push(found);
    findings.push(...(await namespaceFindings((name) => readIf(`/proc/sys/kernel/${name}`), refusedNamespaces)));
  }
  if (!findings.length && driver === 'docker' && (await run('docker', ['info'])).code !== 0) {
    const start = 'systemctl start docker';
    const user = account()?.username ?? `the name of user ${process.getuid?.()}`;
    findings.push({
      what: 'the docker daemon does not answer',
      fix: plain ? `sudo ${start}; sudo usermod -aG docker ${user}` : start,
    });
  }
  const refused = !findings.length && plain && driver === 'unshare' ? await refusedNamespaces() : undefined;
  if (refused)
    findings.push({
      what: `plain users can't make user namespaces here: ${refused}`,
      fix: 'run as root, or outside of the chroot or container that this is',
    });
  if (!findings.length && driver === 'unshare') {
    const user = mapsOf() ?? [];
    const tried = await inTemporary('doctor', (folder) =>
      run('unshare', [
        ...user,
        '--mount',
        '--propagation',
        'unchanged',
        '--pid',
        '--fork',
        '--net',
        'sh',
        '-c',
        'mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w$2 m; r=$?; cd /; umount "$1/m" "$1" 2>/dev/null; exit $r',
        'sh',
        folder,
        plain ? ',userxattr' : '',
      ]),
    );
    if (tried.code !== 0)
      findings.push({
        what: `this machine does not let roots be made: ${reasonOf(tried)}`,
        fix: 'in a container it needs --privileged (or CAP_SYS_ADMIN); else use --driver docker',
      });
  }
  return findings;
}

/**
 * Whether an unprivileged user can create user namespaces at all. Tests without subordinate ids: with them, unshare(1)
 * hangs if the kernel refuses, as in a chroot.
 */
async function refusedNamespaces(): Promise<string | undefined> {
  const tried = await run('unshare', ['--user', '--map-root-user', 'true']);
  return tried.code === 0 ? undefined : reasonOf(tried);
}

/** Missing tools as diagnostics; empty if complete. Only checks files, so that builds are not delayed. */
export async function missingTools(driver: 'unshare' | 'docker', plan: Plan): Promise<Diagnostic[]> {
  const plain = process.getuid?.() !== 0;
  const lacking = toolsFor(driver, plain).filter((t) => !inPath(t.command));
  const systems = plan.scopes.flatMap((s) => s.targets.map((t) => t.os));
  const rings = [...new Set(systems)].map((os) => keyrings[os]).filter((ring) => !existsSync(ring.file));
  const names = [...new Set([...lacking, ...rings].map((t) => t.package))].sort();
  const refused = !names.length && plain && driver === 'unshare' ? await refusedNamespaces() : undefined;
  if (refused)
    return [
      error('roots-refused', `plain users can't make user namespaces here: ${refused}`, {
        hint: 'run `slipway doctor` for details',
      }),
    ];
  return names.length ? [await lacksPackages(names, rings)] : [];
}

const diskTools = [
  { command: 'gzip', package: 'gzip' },
  { command: 'sfdisk', package: 'fdisk' },
  { command: 'mke2fs', package: 'e2fsprogs' },
  { command: 'mkfs.vfat', package: 'dosfstools' },
  { command: 'mcopy', package: 'mtools' },
  { command: 'qemu-img', package: 'qemu-utils' },
  { command: 'zstd', package: 'zstd' },
];
/** Tools of kinds of images, besides those of builds. They write the images. */
export const imageTools: Record<ImageKind, readonly Omit<Tool, 'why'>[]> = {
  docker: [],
  rootfs: [{ command: 'zstd', package: 'zstd' }],
  disk: diskTools,
  ami: diskTools,
  lxd: [
    { command: 'mksquashfs', package: 'squashfs-tools' },
    { command: 'xz', package: 'xz-utils' },
  ],
};

/** Missing tools for images of these kinds; empty if complete. */
export async function missingImageTools(kinds: readonly ImageKind[]): Promise<Diagnostic[]> {
  const tools = [...toolsFor('unshare', process.getuid?.() !== 0), ...kinds.flatMap((kind) => imageTools[kind])];
  const lacking = tools.filter((t) => !inPath(t.command));
  const names = [...new Set(lacking.map((t) => t.package))].sort();
  return names.length ? [await lacksPackages(names, [])] : [];
}

async function lacksPackages(
  names: readonly string[],
  rings: readonly { file: string; package: string }[],
): Promise<Diagnostic> {
  const fixes = await Promise.all(rings.map((ring) => keyringFix(ring)));
  const packages = names.filter((name) => !rings.some((ring, i) => ring.package === name && fixes[i]?.fix));
  const hints = [
    ...(packages.length ? [`${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install -y ${packages.join(' ')}`] : []),
    ...fixes.flatMap((f) => f.fix ?? []),
  ];
  const hint = `${hints.join('; ')}    (see slipway doctor)`;
  return error('tool-missing', `this machine lacks ${names.join(', ')}`, { hint });
}
