import { join } from 'node:path';
import { inTemporary } from '../io/temporary-folder.ts';
import { writeAr } from '../io/ar.ts';
import { writeTar } from '../io/tar.ts';
import { sha256 } from '../model/digest.ts';
import { debFile, stampOf, stampSeconds } from '../model/names.ts';
import { compareDebianVersions, versionAbove } from '../plan/versions.ts';
import { renderSources } from '../render/sources.ts';
import type { Store } from '../store/store.ts';
import type { OpenChannel } from './state.ts';
import type { HeldPackage, Suites } from './suites.ts';

/** Key prefix of keyring packages, which no build made. */
const mark = 'keyring:';

/** The packages without keyring packages, which belong to their channel and are never promoted. */
export const withoutKeyring = (suites: Suites): Suites =>
  Object.fromEntries(
    Object.entries(suites).map(([suite, packages]) => {
      const all = Object.entries(packages);
      const others = all.filter(([, held]) => !held.key.startsWith(mark));
      return [suite, others.length === all.length ? packages : Object.fromEntries(others)];
    }),
  );

export interface KeyringInput {
  store: Store;
  channel: OpenChannel;
  organization: string;
  maintainer: string;
  publicKey: string;
  /** URI of the repository for robots; undefined if unknown here. */
  uri: string | undefined;
  /** Milliseconds since 1970. */
  now: number;
}

/**
 * Adds the package `ORGANIZATION-archive-keyring` to each suite: public keys, and an apt sources entry for each suite.
 * Its version changes only with its content.
 */
export async function withKeyring(suites: Suites, input: KeyringInput): Promise<Suites> {
  const { channel, organization } = input;
  const name = `${organization}-archive-keyring`;
  const files = filesOf(name, suites, input);
  const key = `${mark}${sha256(JSON.stringify([input.maintainer, files]))}`;
  const keys = Object.keys(suites);
  const before = keys.map((suite) => channel.head?.suites[suite]?.[name]).find((held) => held?.key === key);
  const held = before ?? (await makeKeyring(name, key, files, keys, input));
  return Object.fromEntries(Object.entries(suites).map(([suite, packages]) => [suite, { ...packages, [name]: held }]));
}

function filesOf(name: string, suites: Suites, { publicKey, uri }: KeyringInput): { path: string; data: string }[] {
  const names = [...new Set(Object.keys(suites).map((key) => key.slice(0, key.lastIndexOf('/'))))].sort();
  const keyFile = `/usr/share/keyrings/${name}.asc`;
  return [
    ...['usr/', 'usr/share/', 'usr/share/keyrings/'].map((path) => ({ path, data: '' })),
    { path: keyFile.slice(1), data: publicKey },
    ...(uri === undefined ? [] : [{ path: `usr/share/${name}/`, data: '' }]),
    ...(uri === undefined ? [] : names).map((suite) => ({
      path: `usr/share/${name}/${suite.replaceAll('/', '-')}.sources`,
      data: renderSources({
        uri: uri ?? '',
        suite,
        architectures: Object.keys(suites).flatMap((key) =>
          key.startsWith(`${suite}/`) ? [key.slice(suite.length + 1)] : [],
        ),
        keyFile,
        key: publicKey,
      }),
    })),
  ];
}

async function makeKeyring(
  name: string,
  key: string,
  files: { path: string; data: string }[],
  suites: readonly string[],
  { store, channel, organization, maintainer, now }: KeyringInput,
): Promise<HeldPackage> {
  const stamp = stampOf(now);
  let version = `1.0-0.${stamp.slice(0, 8)}.${stamp.slice(8)}`;
  for (const suite of suites) {
    const highest = channel.value.versions[suite]?.[name];
    if (highest !== undefined && compareDebianVersions(version, highest) <= 0)
      version = versionAbove(version, stamp, highest);
  }
  const control = `Package: ${name}
Version: ${version}
Architecture: all
Maintainer: ${maintainer}
Section: misc
Priority: important
Description: keys of the package repository of ${organization}
 The public keys that its Release files are signed with, in /usr/share/keyrings,
 and entries for apt's sources in /usr/share/${name}.
`;
  return inTemporary('keyring', async (folder) => {
    const file = join(folder, debFile(name, version, 'all'));
    const seconds = stampSeconds(stamp);
    await writeAr(
      file,
      [
        { name: 'debian-binary', data: Buffer.from('2.0\n') },
        { name: 'control.tar', data: writeTar([{ path: 'control', data: control }], seconds) },
        { name: 'data.tar', data: writeTar(files, seconds) },
      ],
      seconds,
    );
    return { version, key, files: [await store.put(file)], abi: '', requires: [] };
  });
}
