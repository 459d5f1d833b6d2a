import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { BuildRecord } from '../model/result.ts';
import { run } from '../io/process.ts';
import { compareParts, renderAbi } from '../render/abi.ts';
import { describe, type Part } from '../run/interface.ts';
import { openStore, type Store } from '../run/store/store.ts';
import { complain, distroOptions, exit, print, showDiagnostics, type Verb } from './common.ts';
import { openWorkspace } from './planning.ts';

export const abi: Verb = {
  summary: 'compare what two builds of a package show to others',
  usage: 'abi OLD NEW',
  details: `Each is a .deb file, or the key of a build in the store (its first 8 digits or more; result.json has them). What differs is told by
file: headers, messages, CMake files, and of shared libraries the symbols. Where both have debug symbols and abidiff is installed
(apt-get install abigail-tools), what it says of each library comes after. The exit code is 1 where dependents must be rebuilt.`,
  options: { distro: distroOptions.distro, state: distroOptions.state, json: { type: 'boolean', help: 'as data' } },
  async run(values, builds) {
    if (builds.length !== 2) {
      complain('slipway abi: name two builds\n');
      return exit.usage;
    }
    const folder = mkdtempSync(join(tmpdir(), 'slipway-abi-'));
    try {
      let store: Store | undefined;
      if (builds.some((b) => !b.endsWith('.deb'))) {
        const workspace = await openWorkspace(values);
        if (!workspace.ok) {
          showDiagnostics(workspace.diagnostics);
          return exit.failed;
        }
        store = await openStore(workspace.value.distro.store, workspace.value.root, workspace.value.state, undefined);
      }
      const two = await Promise.all(builds.map((b, i) => unpack(store, b, join(folder, String(i)))));
      const faults = two.flatMap((t) => (t.ok ? [] : t.diagnostics));
      if (faults.length) {
        showDiagnostics(faults);
        return exit.failed;
      }
      const [before, after] = two.map((t) => (t as { value: Unpacked }).value) as [Unpacked, Unpacked];
      const changes = compareParts(before.parts, after.parts);
      const details = await abidiff(before, after, changes.filter((c) => c.symbols).map((c) => c.path));
      print(values.json ? `${JSON.stringify({ changes, abidiff: details })}\n` : renderAbi(changes, details));
      return changes.length ? exit.failed : exit.ok;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Unpacked { parts: Part[]; root: string; debug: string | undefined }

async function unpack(store: Store | undefined, build: string, folder: string): Promise<Result<Unpacked>> {
  let files: string[] = [];
  if (build.endsWith('.deb')) {
    if (!existsSync(build)) return bad(error('file-missing', 'there is no such package', { file: build }));
    const symbols = build.replace(/^(.*\/)?([^/_]+)_/, (_, at: string | undefined, name: string) => `${at ?? ''}${name}-dbgsym_`);
    files = [resolve(build), ...(existsSync(symbols) ? [resolve(symbols)] : [])];
  } else {
    const record = /^[0-9a-f]{8,64}$/.test(build) ? await recordOf(store!, build) : undefined;
    if (!record) return bad(error('selection', `'${build}' is neither a .deb file nor the key of a build in the store`, { hint: 'result.json in the output of a build has the keys' }));
    for (const deb of record.debs) {
      const path = await store!.path(deb);
      if (!path) return bad(error('selection', `the store lost ${deb.name}`, { hint: 'build it again' }));
      files.push(path);
    }
  }
  const targets = [join(folder, 'package'), join(folder, 'debug')];
  for (const [i, file] of files.slice(0, 2).entries()) {
    mkdirSync(targets[i]!, { recursive: true });
    const out = await run('dpkg-deb', ['--extract', file, targets[i]!]);
    if (out.code !== 0) return bad(error('selection', `dpkg-deb can't unpack ${build}: ${out.stderr.trim().split('\n').pop()}`));
  }
  return good({ parts: describe(targets[0]!).parts, root: targets[0]!, debug: files.length > 1 ? join(targets[1]!, 'usr/lib/debug') : undefined });
}

async function recordOf(store: Store, prefix: string): Promise<BuildRecord | undefined> {
  if (prefix.length === 64) return store.get(prefix);
  const found: string[] = [];
  for await (const { name } of store.blobs.list(`tasks/${prefix.slice(0, 2)}`)) if (name.split('/').pop()!.startsWith(prefix)) found.push(name.split('/').pop()!.replace('.json', ''));
  return found.length === 1 ? store.get(found[0]!) : undefined;
}

/** What libabigail says of libraries that differ. Nothing where it is not installed, or there are no debug symbols. */
async function abidiff(before: Unpacked, after: Unpacked, libraries: readonly string[]): Promise<{ path: string; text: string }[]> {
  if (!before.debug || !after.debug) return [];
  const found: { path: string; text: string }[] = [];
  for (const path of libraries) {
    const files = [join(before.root, path), join(after.root, path)];
    if (!files.every(existsSync)) continue;
    const asked = await run('abidiff', ['--debug-info-dir1', before.debug, '--debug-info-dir2', after.debug, ...files as [string, string]]);
    if (asked.code === 127) return [];
    if (asked.stdout.trim()) found.push({ path, text: asked.stdout.trim() });
  }
  return found;
}
