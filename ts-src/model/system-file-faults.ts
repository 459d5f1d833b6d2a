/** Whose files are checked. */
export interface SystemFileOwner {
  organization: string;
  /** Name of the package. */
  name: string;
}

interface Context {
  /** What all lines of the kind make links. */
  links: ReadonlySet<string>;
  /** Names of the folders that only this package uses. */
  own: ReadonlySet<string>;
  /** Name of the folder that all packages of the organization use. */
  shared: string;
}

/** Why a line exceeds what its kind allows. */
type LineCheck = (line: string, context: Context) => string | undefined;

/** Like `trim`, for spaces and tabs only. A pattern for the end of a line would take hours for millions of blanks. */
function withoutOuterBlanks(line: string): string {
  const begin = line.search(/[^ \t]/);
  let end = line.length;
  while (end > begin && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--;
  return line.slice(Math.max(begin, 0), end);
}

/** The lines of a file as its reader sees them, without blank ones and comments. */
const linesOf = (text: string, comment: RegExp): string[] =>
  text
    .split('\n')
    .map(withoutOuterBlanks)
    .filter((line) => line !== '' && !comment.test(line));

/** Blanks of Unicode: readers take them for letters of a word, and `\s` for its end. */
const foreignBlank = /[^\S \t]/;

/** systemd ends a line at these, too; a reader that does not would take the rest for a comment. */
const control = /[\0-\x08\x0b-\x1f\x7f]/;

/** systemd removes quotes and escapes also in the middle of a word, and replaces specifiers (%). */
const isPlain = (...words: readonly string[]): boolean => words.every((w) => !/["'\\]/.test(w));

/** Paths that tmpfiles may create: nothing there controls permissions or is read before programs start. */
const temporary = /^(?:\/run|\/tmp|\/var\/(?:tmp|lib|cache|log|spool)|\/srv|\/dev\/shm)\/([A-Za-z0-9_.+@-]+)(?:\/.*)?$/;
/** Folders there that others obey: configuration (`modprobe.d`), users, units, images, the network, containers. */
const deciding =
  /^(?:.*\.d|systemd|dpkg|apt|sudo|polkit.*|pam|dbus.*|udev|cloud.*|cron.*|anacron|at|atjobs|initramfs.*|initctl|docker.*|containerd|containers|crio|lxc.*|lxd|incus|libvirt|machines|portables|extensions|confexts|private|credentials|secrets|extrausers|sss|AccountsService|gdm.*|user|utmp|wtmp|btmp|lastlog|nologin|motd.*|network|NetworkManager|netplan|netns|netif|resolvconf|connman|iwd|bluetooth|dhcp.*|wpa_supplicant|ssh.*|snapd|flatpak|ucf|debconf|ldconfig|journal|apparmor|selinux|lock|mount|host|faillock|nscd)$/;

const isNormal = (path: string): boolean => !path.split('/').some((part) => part === '..' || part === '.');

const topOf = (path: string): string | undefined => (isNormal(path) ? temporary.exec(path)?.[1] : undefined);
const isOwn = (path: string, { own, shared }: Context): boolean => {
  const top = topOf(path);
  return top !== undefined && !deciding.test(top) && (own.has(top) || top === shared) && isPlain(path);
};

/** What tmpfiles may copy, and where their links may lead: other files would be read, or changed through the link. */
const isShared = (path: string, folders: RegExp): boolean => isPlain(path) && isNormal(path) && folders.test(path);
const copied = /^\/(?:opt|usr\/share|usr\/lib)\/[^%]+$/;
const linked = /^\/opt\/[^%]+$/;

/** The fields of a line of tmpfiles: five words and the age, then the argument as it is. */
const tmpfilesLine =
  /^(?<type>\S+)\s+(?<path>\S+)(?:\s+(?<mode>\S+)(?:\s+\S+(?:\s+\S+(?:\s+\S+(?:\s+(?<argument>.*))?)?)?)?)?$/;

function modeFault(type: string, path: string, mode: string): string | undefined {
  const digits = /^[~:]*([0-7]+)$/.exec(mode)?.[1];
  if (digits === undefined) return mode === '-' ? undefined : `gives ${path} the mode '${mode}', which is no number`;
  // A folder with the set-group-id bit hands its group on.
  const set = /^[dDevqQ]/.test(type) ? 0o4000 : 0o6000;
  return parseInt(digits, 8) & set ? `gives ${path} a set-id bit` : undefined;
}

function tmpfilesFault(line: string, context: Context): string | undefined {
  const { type = '', path = '', mode = '-', argument = '' } = tmpfilesLine.exec(line)?.groups ?? {};
  if (!isPlain(line.slice(0, line.length - argument.length))) return `has quotes or escapes: '${line.slice(0, 200)}'`;
  const top = topOf(path);
  if (top === undefined)
    return (
      `makes '${path}': tmpfiles of a package work in a folder below /run, /tmp, /srv, ` +
      '/dev/shm, /var/lib, /var/cache, /var/log, /var/spool or /var/tmp alone'
    );
  if (deciding.test(top)) return `makes ${path}, which other parts of the system obey`;
  const { own, shared, links } = context;
  if (!own.has(top) && top !== shared)
    return `makes ${path}: its folder has none of the names ${[...own, shared].join(', ')} (package and organization)`;
  // Through another package's link, a line could reach any folder.
  if (/^[LC]/.test(type) && !own.has(top))
    return `makes ${path}: links and copies are only made in a folder with the name of the package`;
  if (/^[bc]/.test(type)) return `makes the device ${path}`;
  // Extended attributes (t, T) can give a program the capabilities of root.
  if (!/^[fFwdDevqQpLCxXrRzZaAhH][-+!=~^$?]*$/.test(type))
    return `has a line of the type '${type}', which is not taken`;
  if (type.startsWith('L') && !isShared(argument, linked) && !isOwn(argument, context))
    return `makes ${path} a link to '${argument}': links lead below /opt, or into such a folder`;
  if (type.startsWith('C') && !isShared(argument, copied))
    return `copies '${argument}': only files below /opt, /usr/share and /usr/lib are copied`;
  const link = linkAbove(path, links);
  return link === undefined ? modeFault(type, path, mode) : `makes ${path}, which lies below the link or copy ${link}`;
}

const simplified = (path: string): string => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');

/** The paths that lines of tmpfiles make links, or copies, which may contain links. */
const linksIn = (lines: readonly string[]): Set<string> =>
  new Set(
    lines.flatMap((line) => {
      const { type = '', path = '' } = tmpfilesLine.exec(line)?.groups ?? {};
      return /^[LC]/.test(type) ? [simplified(path)] : [];
    }),
  );

/** A link that a path, which may be a pattern, leads through. */
function linkAbove(path: string, links: ReadonlySet<string>): string | undefined {
  const from = simplified(path);
  for (let end = from.lastIndexOf('/'); end > 0; end = from.lastIndexOf('/', end - 1))
    if (links.has(from.slice(0, end))) return from.slice(0, end);
  const fixed = /^[^*?[{]*(?=[*?[{].*\/)/.exec(from)?.[0];
  if (fixed !== undefined) for (const link of links) if (link.startsWith(fixed)) return link;
  return undefined;
}

const strongGroups =
  /^(?:root|sudo|wheel|admin|adm|shadow|disk|docker|lxd|incus.*|libvirt.*|kvm|kmem|tty|utmp|staff|systemd-.*|polkitd|messagebus|_?ssh|crontab|netdev|podman)$/;
const userName = /^[A-Za-z_][A-Za-z0-9_.-]*\$?$/;

function sysusersFault(line: string): string | undefined {
  const [type = '', name = '', id = '-'] = line.split(/\s+/);
  if (!/^[ugm]!?$/.test(type)) return `has a line of the type '${type}'; users, groups and members (u, g, m) are taken`;
  if (!userName.test(name)) return `has the name '${name}', which is no plain one`;
  if (strongGroups.test(name)) return `changes ${name}`;
  const group = type.startsWith('m') ? id : /:(.*)$/.exec(id)?.[1];
  // A number could be that of a powerful group.
  if (group !== undefined && !userName.test(group)) return `puts ${name} into '${group}', which is no name of a group`;
  if (group !== undefined && strongGroups.test(group)) return `puts ${name} into the group ${group}`;
  if (!type.startsWith('m') && !/^(?:-|[1-9]\d*)?(?::[^:]+)?$/.test(id))
    return `gives ${name} the id '${id}'; '-' or a number above 0 is taken`;
  return undefined;
}

/** Kernel settings that name a program run as root, or that disable a protection of the machine. */
const strongSettings =
  /^(?:kernel\/(?:core_pattern|modprobe|hotplug|poweroff_cmd|usermodehelper.*|yama.*|kexec.*|unprivileged_.*|randomize_va_space|kptr_restrict|dmesg_restrict|perf_event_paranoid|modules_disabled)|fs\/(?:suid_dumpable|protected_.+|binfmt_misc.*)|vm\/(?:mmap_min_addr|unprivileged_.*)|net\/core\/bpf_jit_harden)$/;

/** The path of a setting below /proc/sys: its first separator decides which of `.` and `/` separates folders. */
function settingPath(key: string): string {
  const dotted = /^[^./]*\./.test(key);
  return dotted ? key.replace(/[./]/g, (c) => (c === '.' ? '/' : '.')) : key;
}

function sysctlFault(line: string): string | undefined {
  const key = (line.split('=')[0] ?? '').replace(/^-/, '').trim();
  const path = settingPath(key);
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return `sets '${key}', no plain name`;
  const fixed = /^[^*?[\]{}\\]*/.exec(path)?.[0] ?? '';
  // A pattern could match any of the settings of these folders.
  const strong = fixed === path ? strongSettings.test(path) : !/^(?!kernel|fs|vm|net\/core)[a-z]+\/[a-z]/.test(fixed);
  return strong ? `sets ${key}` : undefined;
}

const modprobeFault: LineCheck = (line) =>
  /^(?:install|remove)\s/.test(line) ? 'runs a command as root where a module is loaded' : undefined;

/** kmod joins lines before anything else, also those of comments. systemd and sysctl join none. */
const joined = (text: string): string => text.replaceAll('\\\n', '');

const checks: Readonly<Record<string, { comment: RegExp; check: LineCheck; join?: true }>> = {
  '/usr/lib/tmpfiles.d/': { comment: /^#/, check: tmpfilesFault },
  '/usr/lib/sysusers.d/': { comment: /^#/, check: sysusersFault },
  '/etc/sysctl.d/': { comment: /^[#;]/, check: sysctlFault },
  '/etc/modprobe.d/': { comment: /^#/, check: modprobeFault, join: true },
};

/** A file that a package installs, and its content. */
export interface InstalledFile {
  target: string;
  text: string;
}

const kindOf = (target: string) => Object.entries(checks).find(([folder]) => target.startsWith(folder))?.[1];

/** The lines of a file of a kind that is checked; undefined for control characters. */
function linesIn({ target, text }: InstalledFile): string[] | undefined {
  const kind = kindOf(target);
  const plain = text.replaceAll('\r\n', '\n');
  if (control.test(plain)) return undefined;
  return kind ? linesOf(kind.join ? joined(plain) : plain, kind.comment) : [];
}

/**
 * Why the content of a package's system files exceeds what their kinds allow; undefined if it does not. Units, udev
 * rules, service defaults and log rotations run code as root by design: whoever allows the kind allows that.
 */
export function systemFilesFault(
  files: readonly InstalledFile[],
  { organization, name }: SystemFileOwner,
): string | undefined {
  const checked = files.flatMap((file) => {
    const kind = kindOf(file.target);
    return kind ? [{ target: file.target, kind, lines: linesIn(file) }] : [];
  });
  // What one file makes, another one of the package may use.
  const links = linksIn(checked.flatMap(({ kind, lines }) => (kind.check === tmpfilesFault ? (lines ?? []) : [])));
  const own = new Set([name, name.toLowerCase().replaceAll('_', '-')].filter((n) => n !== organization));
  for (const { target, kind, lines } of checked) {
    if (!lines) return `${target} has control characters`;
    for (const line of lines) {
      const fault = foreignBlank.test(line)
        ? `has a blank that is neither a space nor a tab: '${line.slice(0, 200)}'`
        : kind.check(line, { links, own, shared: organization });
      if (fault !== undefined) return `${target} ${fault}`;
    }
  }
  return undefined;
}
