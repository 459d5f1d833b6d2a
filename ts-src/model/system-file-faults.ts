/** Non-empty lines without comments, in order. */
const linesOf = (text: string): string[] =>
  text
    .replaceAll('\\\n', ' ')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[#;]/.test(line));

/** Fields of a line, separated by white space; quotes group. */
const fieldsOf = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');

/** Paths that tmpfiles may create: nothing there controls permissions or is read before programs start. */
const temporary = /^(?:\/run|\/tmp|\/var\/(?:tmp|lib|cache|log|spool)|\/srv|\/dev\/shm)\/([A-Za-z0-9_.+@-]+)(?:\/.*)?$/;
const deciding = /^(?:systemd|dpkg|apt|sudo|polkit.*|pam|dbus|udev|cloud.*|cron|at|initramfs.*|docker|containerd)$/;

function tmpfilesFault(line: string): string | undefined {
  const [type = '', path = '', mode = ''] = fieldsOf(line);
  const top = temporary.exec(path)?.[1];
  const parts = path.split('/');
  if (top === undefined || path.includes('\\') || parts.includes('..') || parts.includes('.'))
    return `makes '${path}': tmpfiles of a package work in a folder below /run, /tmp, /srv, /dev/shm, /var/lib, /var/cache, /var/log, /var/spool or /var/tmp alone`;
  if (deciding.test(top)) return `makes ${path}, which other parts of the system obey`;
  if (/^[bc]/.test(type)) return `makes the device ${path}`;
  if (/^[fFCw]/.test(type) && /^[~:]*0?[2-7][0-7]{3}$/.test(mode)) return `gives ${path} a set-id bit`;
  return undefined;
}

const strongGroups =
  /^(?:root|sudo|wheel|admin|adm|shadow|disk|docker|lxd|incus|libvirt|kvm|kmem|tty|utmp|staff|systemd-.*|polkitd)$/;

function sysusersFault(line: string): string | undefined {
  const [type = '', name = '', id = '-'] = fieldsOf(line);
  if (!/^[ugm]!?$/.test(type)) return `has a line of the type '${type}'; users, groups and members (u, g, m) are taken`;
  if (strongGroups.test(name)) return `changes ${name}`;
  const group = type.startsWith('m') ? id : (/:(.*)$/.exec(id)?.[1] ?? '');
  if (strongGroups.test(group)) return `puts ${name} into the group ${group}`;
  if (!type.startsWith('m') && !/^(?:-|[1-9]\d*)?(?::(?:[1-9]\d*|[A-Za-z_][\w.-]*))?$/.test(id))
    return `gives ${name} the id '${id}'; '-' or a number above 0 is taken`;
  return undefined;
}

/** Kernel settings that name a program run as root, or that disable a protection of the machine. */
const strongSettings =
  /^-?(?:kernel[./](?:core_pattern|modprobe|hotplug|poweroff_cmd|usermodehelper\S*|yama\S*|kexec\S*|unprivileged_bpf_disabled|randomize_va_space|kptr_restrict|modules_disabled)|fs[./](?:suid_dumpable|protected_\S+|binfmt_misc\S*))\s*=/;

const checks: Readonly<Record<string, (line: string) => string | undefined>> = {
  '/usr/lib/tmpfiles.d/': tmpfilesFault,
  '/usr/lib/sysusers.d/': sysusersFault,
  '/etc/sysctl.d/': (line) => (strongSettings.test(line) ? `sets ${line.split('=')[0]?.trim()}` : undefined),
  '/etc/modprobe.d/': (line) =>
    /^(?:install|remove)\s/.test(line) ? 'runs a command as root where a module is loaded' : undefined,
};

/**
 * Why the content of a system file exceeds what its kind allows; undefined if it does not. Units, udev rules, service
 * defaults and log rotations run code as root by design: whoever allows the kind allows that.
 */
export function systemFileFault(target: string, text: string): string | undefined {
  const check = Object.entries(checks).find(([folder]) => target.startsWith(folder))?.[1];
  if (!check) return undefined;
  for (const line of linesOf(text)) {
    const fault = check(line);
    if (fault !== undefined) return `${target} ${fault}`;
  }
  return undefined;
}
