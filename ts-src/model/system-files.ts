import { keysOf } from './maps.ts';
/**
 * System files (outside of a prefix) that distro.yaml may allow for a package: folder and allowed names of each kind.
 */
export const systemFileKinds = {
  udev: { folder: '/usr/lib/udev/rules.d', name: /^\d\d-[A-Za-z0-9_.+-]+\.rules$/, like: '60-NAME.rules' },
  systemd: {
    folder: '/usr/lib/systemd/system',
    name: /^[A-Za-z0-9_.+-]+@?\.(?:service|socket|timer|path|target|mount)$/,
    like: 'NAME.service',
  },
  systemd_user: {
    folder: '/usr/lib/systemd/user',
    name: /^[A-Za-z0-9_.+-]+@?\.(?:service|socket|timer|path|target)$/,
    like: 'NAME.service',
  },
  tmpfiles: { folder: '/usr/lib/tmpfiles.d', name: /^[A-Za-z0-9_.+-]+\.conf$/, like: 'NAME.conf' },
  sysusers: { folder: '/usr/lib/sysusers.d', name: /^[A-Za-z0-9_.+-]+\.conf$/, like: 'NAME.conf' },
  modules_load: { folder: '/usr/lib/modules-load.d', name: /^[A-Za-z0-9_.+-]+\.conf$/, like: 'NAME.conf' },
  bash_completion: { folder: '/usr/share/bash-completion/completions', name: /^[A-Za-z0-9_.+-]+$/, like: 'COMMAND' },
  zsh_completion: { folder: '/usr/share/zsh/vendor-completions', name: /^_[A-Za-z0-9_.+-]+$/, like: '_COMMAND' },
  fish_completion: {
    folder: '/usr/share/fish/vendor_completions.d',
    name: /^[A-Za-z0-9_.+-]+\.fish$/,
    like: 'COMMAND.fish',
  },
  etc: { folder: '/etc', name: /^[A-Za-z0-9_.+@-]+$/, like: 'FILE' },
} as const;

export type SystemFileKind = keyof typeof systemFileKinds;
export const systemFileKindNames = keysOf(systemFileKinds);

/** A system file as written in distro.yaml. */
export interface WrittenSystemFile {
  kind: SystemFileKind;
  /** Path in the package's source, or below the prefix if the build installs it. */
  path: string;
  installed?: boolean;
  /** For configuration: path below /etc. Default: in a folder named after the organization. */
  to?: string | undefined;
  /** For a systemd unit: start it at boot. */
  enable?: boolean;
}

/** A planned system file. */
export interface SystemFile {
  path: string;
  installed: boolean;
  target: string;
  /** A symlink that starts a unit at boot, and its target. */
  link?: { path: string; target: string };
}

/** Folders of /etc for configuration, besides those named after the organization and the package. */
const configured = ['default', 'logrotate.d', 'modprobe.d', 'security/limits.d', 'sysctl.d'];

/**
 * Folders of /etc that control permissions, or what runs as root on a robot before its programs start. No package may
 * have files there, regardless of its name or organization.
 */
const denied = new Set(
  `
  apt dpkg alternatives ca-certificates ssl pki gnupg keyrings sudo sudoers sudoers.d doas doas.d polkit
  polkit-1 security pam.d pam shadow passwd ssh sshd dropbear skel profile profile.d bash zsh fish
  environment.d login.defs cron cron.d cron.hourly cron.daily cron.weekly cron.monthly anacron at crontab
  systemd udev init init.d rc.local rcS.d inittab runit sv network netplan NetworkManager dhcp wpa_supplicant
  resolvconf ppp iproute2 nftables iptables ld.so.conf ld.so.conf.d ld.so.preload kernel initramfs-tools
  dracut grub.d modules-load.d dbus dbus-1 apparmor apparmor.d selinux docker containerd containers binfmt.d
  tmpfiles.d sysusers.d xdg X11 python3 perl gdb git gitconfig
  `
    .trim()
    .split(/\s+/),
);

const isPath = (path: string): boolean =>
  /^[A-Za-z0-9_.+@/-]{1,300}$/.test(path) && path.split('/').every((p) => p !== '' && p !== '.' && p !== '..');

/** The destination of a file; a message if it is not allowed. */
export function planSystemFile(of: WrittenSystemFile, organization: string, name: string): SystemFile | string {
  const { kind, path } = of;
  const { folder, name: pattern, like } = systemFileKinds[kind];
  if (!isPath(path)) return `'${path}' is no path of letters, digits, "_", ".", "+", "@", "-" and "/"`;
  if (of.to !== undefined && (kind !== 'etc' || !isPath(of.to)))
    return kind === 'etc' ? `'${of.to}' is no path below /etc` : `'to' is for files of /etc`;
  if (of.enable && kind !== 'systemd') return `'enable' is for systemd units of the system`;
  const file = path.slice(path.lastIndexOf('/') + 1);
  const below = kind === 'etc' ? (of.to ?? `${organization}/${file}`) : file;
  const last = below.slice(below.lastIndexOf('/') + 1);
  if (!pattern.test(last)) return `'${last}' is no name for ${kind}: it should be like ${like}`;
  const [first = ''] = below.split('/');
  if (kind === 'etc' && denied.has(first) && !configured.some((f) => below.startsWith(`${f}/`)))
    return `/etc/${first} decides what runs as root or who may log in: no package has files there`;
  const own = [organization, name, name.toLowerCase().replaceAll('_', '-'), ...configured];
  if (kind === 'etc' && !own.some((f) => below.startsWith(`${f}/`)))
    return `/etc/${below} is in none of the folders that packages may configure: ${own.map((f) => `/etc/${f}`).join(', ')}`;
  return {
    path,
    installed: of.installed === true,
    target: `${folder}/${below}`,
    ...(of.enable ? { link: { path: `${folder}/multi-user.target.wants/${below}`, target: `../${below}` } } : {}),
  };
}

/** Configuration files that dpkg does not overwrite after an administrator changed them. */
export const conffilesOf = (files: readonly SystemFile[]): string[] =>
  files.map((f) => f.target).filter((path) => path.startsWith('/etc/'));

/** The `<system_file>` elements in a manifest's export; a message for each invalid one. */
export function systemFilesOf(
  exports: readonly { name: string; attributes: Record<string, string> }[],
): (WrittenSystemFile | string)[] {
  return exports
    .filter((e) => e.name === 'system_file')
    .map(({ attributes }) => {
      const { kind = '', path = '', installed, to, enable, ...others } = attributes;
      const known = systemFileKindNames.find((k) => k === kind);
      if (known === undefined)
        return `<system_file> has the kind '${kind}'; known are ${systemFileKindNames.join(', ')}`;
      const odd = Object.keys(others)[0];
      if (odd !== undefined) return `<system_file> has the attribute '${odd}', which is not known`;
      return {
        kind: known,
        path,
        installed: installed === 'true',
        enable: enable === 'true',
        ...(to === undefined ? {} : { to }),
      };
    });
}
