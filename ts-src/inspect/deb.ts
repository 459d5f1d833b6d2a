import { arMembers, readMember } from '../io/ar.ts';
import { run } from '../io/process.ts';
import { TarFault, TarReader } from '../io/tar.ts';
import { memberFaults, type AllowedPaths, type Member } from './members.ts';

/** What a Debian package must be to be kept and published: what was planned, and nothing that it does by itself. */
export interface PlannedDeb {
  package: string;
  version: string;
  architecture: string;
  /** The relations that may stand in these fields, as they are written there. */
  provides: readonly string[];
  conflicts: readonly string[];
  replaces: readonly string[];
  allowed: AllowedPaths;
}

/** The parts of the plan that publication knows. */
export type PlannedIdentity = Pick<PlannedDeb, 'package' | 'version' | 'architecture'>;

/** Members of the control part. Anything else is run by dpkg, or changes what it does. */
const controlMembers = new Set(['control', 'md5sums', 'shlibs']);
/** Fields that may be there. Not among them: Essential, Protected, Pre-Depends, Breaks, Multi-Arch. */
const controlFields = new Set([
  'Package',
  'Source',
  'Version',
  'Architecture',
  'Maintainer',
  'Installed-Size',
  'Depends',
  'Provides',
  'Conflicts',
  'Replaces',
  'Section',
  'Priority',
  'Homepage',
  'Description',
  'Auto-Built-Package',
  'Build-Ids',
]);
const largestControl = 64 << 20;

/** What forbids to keep or publish a package file; empty where nothing does. Nothing is unpacked. */
export async function debFaults(file: string, planned: PlannedDeb): Promise<string[]> {
  const members: Member[] = [];
  const owners = new Set<string>();
  const reader = new TarReader((e) => {
    const path = pathOf(e.path);
    if (e.uid !== 0 || e.gid !== 0) owners.add(path);
    members.push({ path, type: e.type, mode: e.mode, target: e.type === 'hard link' ? pathOf(e.target) : e.target });
  });
  try {
    const control = await controlOf(file);
    if (typeof control === 'string') return [control];
    const faults = controlFaults(control, planned);
    if (faults.length) return faults;
    const out = await run('dpkg-deb', ['--fsys-tarfile', file], { onOutput: (chunk) => reader.push(chunk) });
    if (out.code !== 0) return [`dpkg-deb can't read it: ${out.stderr.trim().split('\n').pop()}`];
    reader.end();
  } catch (e) {
    if (e instanceof TarFault) return [`it is no package that dpkg-deb wrote: ${e.message}`];
    throw e;
  }
  for (const path of owners) return [`${JSON.stringify(path).slice(1, -1)} is not owned by root`];
  return memberFaults(members, planned.allowed);
}

/**
 * The same for a package that was checked whole when it was kept: its control part alone, for when it is published. No
 * process is started for one that Slipway packed.
 */
export async function identityFaults(file: string, planned: PlannedIdentity): Promise<string[]> {
  try {
    const control = await controlOf(file);
    return typeof control === 'string' ? [control] : controlFaults(control, planned);
  } catch (e) {
    if (e instanceof TarFault) return [`it is no package that dpkg-deb wrote: ${e.message}`];
    throw e;
  }
}

/** `./usr/x` and `usr/x/` as `/usr/x`; what is odd stays odd. */
const pathOf = (path: string): string => `/${path.replace(/^\.\/?/, '').replace(/\/$/, '')}`;

interface ControlPart {
  members: Member[];
  text: string | undefined;
}

async function controlOf(file: string): Promise<ControlPart | string> {
  const parts = arMembers(file);
  if (parts?.length !== 3 || parts[0]!.name !== 'debian-binary' || !/^data\.tar(\.\w+)?$/.test(parts[2]!.name))
    return 'it is no Debian package';
  const control: ControlPart = { members: [], text: undefined };
  const reader = new TarReader(
    (e) => void control.members.push({ path: pathOf(e.path), type: e.type, mode: e.mode, target: e.target }),
    (e, data) => {
      if (pathOf(e.path) === '/control') control.text = data.toString('utf8');
    },
  );
  const own = parts[1]!;
  if (own.size > largestControl) return 'its control part is too large';
  if (own.name === 'control.tar') reader.push(readMember(file, own));
  else {
    const out = await run('dpkg-deb', ['--ctrl-tarfile', file], { onOutput: (chunk) => reader.push(chunk) });
    if (out.code !== 0) return `dpkg-deb can't read it: ${out.stderr.trim().split('\n').pop()}`;
  }
  reader.end();
  return control;
}

function controlFaults(control: ControlPart, planned: PlannedIdentity & Partial<PlannedDeb>): string[] {
  const faults: string[] = [];
  for (const m of control.members) {
    if (m.path === '/' && m.type === 'directory') continue;
    if (m.type !== 'file' || !controlMembers.has(m.path.slice(1)))
      faults.push(`its control part has ${JSON.stringify(m.path.slice(1))}, which dpkg would obey`);
  }
  const fields = fieldsOf(control.text ?? '');
  if (typeof fields === 'string') return [...faults, fields];
  const wants = (field: string, value: string) => {
    const is = fields.get(field) ?? '';
    if (is !== value) faults.push(`its ${field} is ${JSON.stringify(is)}, planned was ${JSON.stringify(value)}`);
  };
  wants('Package', planned.package);
  wants('Version', planned.version);
  wants('Architecture', planned.architecture);
  if (planned.provides) wants('Provides', planned.provides.join(', '));
  if (planned.conflicts) wants('Conflicts', planned.conflicts.join(', '));
  if (planned.replaces) wants('Replaces', planned.replaces.join(', '));
  for (const field of fields.keys())
    if (!controlFields.has(field)) faults.push(`its control file has the field ${JSON.stringify(field)}`);
  return faults;
}

/** Fields of one stanza (deb822); text where it is not exactly one, well-formed. */
function fieldsOf(text: string): Map<string, string> | string {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    if (/[\0-\x08\x0b-\x1f\x7f]/.test(line)) return 'its control file has control characters';
    const m = /^([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)$/.exec(line);
    if (m) {
      const name = m[1]!.toLowerCase().replace(/(^|-)[a-z]/g, (c) => c.toUpperCase());
      if (fields.has(name)) return `its control file has the field ${name} twice`;
      fields.set((last = name), m[2]!.trim());
    } else if (/^[ \t]+\S/.test(line) && last !== undefined) fields.set(last, `${fields.get(last)!}\n${line.trim()}`);
    else return 'its control file is no single stanza';
  }
  return fields;
}
