import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { inTemporary } from '../io/temporary-folder.ts';
import { afterLast } from '../text/cut.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { BuildRecord } from '../model/result.ts';
import { renderAbi } from '../render/abi.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { compareBuilds, filesOfBuild } from '../engine/compare-builds.ts';
import { writeMessage, distroOptions, exit, writeOutput, showDiagnostics, defineCommand } from './command.ts';
import { openWorkspace } from './planning.ts';

export const abi = defineCommand({
  summary: 'compare the interfaces of two builds of a package',
  usage: 'abi OLD NEW',
  examples: [
    'slipway abi old/libdrive_1.0.0_amd64.deb out/apt/pool/main/l/libdrive_1.1.0_amd64.deb',
    'slipway abi 3fa91c77 9bd2e410 --json',
  ],
  details: `OLD and NEW are .deb files, or keys of builds in the store (the first 8 digits or more; result.json has them). The
differences are listed by file: headers, messages, CMake files, and symbols of shared libraries. If both builds have
debug symbols and abidiff is installed (apt-get install abigail-tools), its output for each library follows. Exits with
1 if dependents must be rebuilt.`,
  options: { distro: distroOptions.distro, state: distroOptions.state, json: { type: 'boolean', help: 'print JSON' } },
  async run(values, builds) {
    if (builds.length !== 2) {
      writeMessage('slipway abi: name two builds\n');
      return exit.usage;
    }
    return inTemporary('abi', async (folder) => {
      let store: Store | undefined;
      if (builds.some((b) => !b.endsWith('.deb'))) {
        const workspace = await openWorkspace(values);
        if (!workspace.ok) {
          showDiagnostics(workspace.diagnostics);
          return exit.failed;
        }
        store = await openStore(workspace.value.distro.store, workspace.value.root, workspace.value.state, undefined);
      }
      const files = await Promise.all(builds.map((b) => filesOf(store, b)));
      const faults = files.flatMap((f) => (f.ok ? [] : f.diagnostics));
      const [before, after] = files.flatMap((f) => (f.ok ? [f.value] : []));
      const compared = before && after ? await compareBuilds(before, after, folder) : undefined;
      if (!compared?.ok) {
        showDiagnostics([...faults, ...(compared?.diagnostics ?? [])]);
        return exit.failed;
      }
      const { changes, details } = compared.value;
      writeOutput(values.json ? `${JSON.stringify({ changes, abidiff: details })}\n` : renderAbi(changes, details));
      return changes.length ? exit.failed : exit.ok;
    });
  },
});

/** The package that a build made, and its debug symbols if there are any. */
async function filesOf(store: Store | undefined, build: string): Promise<Result<string[]>> {
  if (build.endsWith('.deb')) {
    if (!existsSync(build)) return bad(error('file-missing', 'there is no such package', { file: build }));
    const symbols = build.replace(
      /^(.*\/)?([^/_]+)_/,
      (_, at: string | undefined, name: string) => `${at ?? ''}${name}-dbgsym_`,
    );
    return good([resolve(build), ...(existsSync(symbols) ? [resolve(symbols)] : [])]);
  }
  const record = store && /^[0-9a-f]{8,64}$/.test(build) ? await recordOf(store, build) : undefined;
  if (!store || !record)
    return bad(
      error('selection', `'${build}' is neither a .deb file nor the key of a build in the store`, {
        hint: 'result.json in the output of a build lists the keys',
      }),
    );
  return filesOfBuild(store, record.debs);
}

async function recordOf(store: Store, prefix: string): Promise<BuildRecord | undefined> {
  if (prefix.length === 64) return store.get(prefix);
  const found: string[] = [];
  for await (const { name } of store.blobs.list(`tasks/${prefix.slice(0, 2)}`)) {
    const file = afterLast(name, '/');
    if (file.startsWith(prefix)) found.push(file.replace('.json', ''));
  }
  const [only, ...others] = found;
  return only === undefined || others.length ? undefined : store.get(only);
}
