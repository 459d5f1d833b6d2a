import type { InterfaceKind } from '../model/docs.ts';
import { compare } from '../model/diagnostics.ts';

/** The documented parts of an installed package; all paths are absolute. */
export interface Installed {
  /** C and C++ headers, without those generated from messages. */
  headers: string[];
  /** Include folders. */
  includes: string[];
  messages: { kind: InterfaceKind; name: string; path: string }[];
  /** Python modules by name, with the path of their file or folder. */
  modules: { name: string; path: string }[];
  launch: string[];
  parameters: string[];
  /** Files that may describe plugins. */
  descriptions: string[];
  executables: string[];
}

const header = /\.(h|hh|hpp|hxx|h\+\+|cuh|tpp)$/;
const visibility = /(^|\/)(rosidl_\w+__visibility_control|visibility_control)\.(h|hpp)$/;

/** Sorts a package's files by their location. `prefix`: prefix of the distribution. */
export function installedOf(name: string, prefix: string, files: readonly string[]): Installed {
  const share = `${prefix}/share/${name}/`;
  const messages = messagesOf(share, files);
  const generated = generatedHeader(name, prefix, messages);
  const headers = files.filter((f) => f.startsWith(`${prefix}/include/`) && header.test(f) && !generated(f));
  const own = `${prefix}/include/${name}`;
  const shared = (test: (path: string) => boolean) => files.filter((f) => f.startsWith(share) && test(f)).sort(compare);
  return {
    headers: headers.sort(compare),
    // ROS 2 gives each package its own include folder: include/NAME/NAME/file.hpp.
    includes: headers.some((h) => h.startsWith(`${own}/${name}/`)) ? [own, `${prefix}/include`] : [`${prefix}/include`],
    messages,
    modules: modulesOf(prefix, files, messages.length > 0 ? name : undefined),
    launch: shared((f) => /\.launch(\.(py|xml|ya?ml))?$/.test(f) || /_launch\.(py|xml|ya?ml)$/.test(f)),
    parameters: shared((f) => /\/(config|params?|cfg|yaml)\/[^/]+\.ya?ml$/.test(f)),
    descriptions: shared((f) => f.endsWith('.xml') && !/\/(package|plugin_package)\.xml$/.test(f)),
    executables: files
      .filter((f) => f.startsWith(`${prefix}/lib/${name}/`) || f.startsWith(`${prefix}/bin/`))
      .filter((f) => !/\.(so|py[co]|cmake|xml|ya?ml|in|em)$|\/__init__\.py$|\.so\./.test(f))
      .map((f) => f.slice(f.lastIndexOf('/') + 1))
      .sort(compare),
  };
}

const interfaceKinds: readonly InterfaceKind[] = ['msg', 'srv', 'action'];

function messagesOf(share: string, files: readonly string[]): Installed['messages'] {
  const found = files.flatMap((path) => {
    if (!path.startsWith(share)) return [];
    const m = /^(?:.*\/)?(msg|srv|action)\/([A-Za-z][A-Za-z0-9_]*)\.(msg|srv|action)$/.exec(
      path.slice(share.length - 1),
    );
    const kind = interfaceKinds.find((k) => k === m?.[1]);
    return m && kind && kind === m[3] ? [{ kind, name: m[2] ?? '', path }] : [];
  });
  // The seven messages that ROS 1 generates from an action; they repeat the action's content.
  const ofActions = new Set(
    found
      .filter((m) => m.kind === 'action')
      .flatMap(({ name }) =>
        ['Action', 'ActionGoal', 'ActionResult', 'ActionFeedback', 'Goal', 'Result', 'Feedback'].map((e) => name + e),
      ),
  );
  return found
    .filter((m) => m.kind !== 'msg' || !ofActions.has(m.name))
    .sort((a, b) => compare(`${a.kind}/${a.name}`, `${b.kind}/${b.name}`));
}

/** Recognizes headers generated from messages, in ROS 1 and ROS 2. */
function generatedHeader(name: string, prefix: string, messages: Installed['messages']): (path: string) => boolean {
  if (!messages.length) return (path) => visibility.test(path) && path.includes('/msg/');
  const names = new Set(
    messages.flatMap((m) => [
      m.name,
      ...['Request', 'Response', 'Action', 'ActionGoal', 'ActionResult', 'ActionFeedback', 'Goal', 'Result', 'Feedback']
        .filter(() => m.kind !== 'msg')
        .map((e) => m.name + e),
    ]),
  );
  const folder = new RegExp(`^${escaped(`${prefix}/include/${name}/`)}(${escaped(name)}/)?(msg|srv|action)/`);
  return (path) => {
    if (folder.test(path) || visibility.test(path)) return true;
    const file = path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
    return path.startsWith(`${prefix}/include/${name}/`) && names.has(file);
  };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Top-level Python packages and modules, without those generated from messages. */
function modulesOf(prefix: string, files: readonly string[], generated: string | undefined): Installed['modules'] {
  const found = new Map<string, { path: string; own: number }>();
  const place = new RegExp(`^${escaped(prefix)}/lib/python3[^/]*/(?:site|dist)-packages/`);
  for (const path of files) {
    const at = place.exec(path)?.[0];
    if (at === undefined || !path.endsWith('.py')) continue;
    const rest = path.slice(at.length);
    const top = rest.split('/')[0] ?? '';
    const name = top.replace(/\.py$/, '');
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    const isGenerated = top === generated && (/^[^/]+\/(msg|srv|action)\//.test(rest) || rest === `${top}/__init__.py`);
    const entry = found.get(name) ?? { path: at + top, own: 0 };
    found.set(name, { path: entry.path, own: entry.own + (isGenerated ? 0 : 1) });
  }
  return [...found]
    .filter(([, { own }]) => own > 0)
    .map(([name, { path }]) => ({ name, path }))
    .sort((a, b) => compare(a.name, b.name));
}
