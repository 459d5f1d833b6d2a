import { aptCache, type Base } from './base-system.ts';
import type { Bind } from './driver.ts';

/** Options of every call of apt-get in a root. */
export const aptOptions = [
  '-o',
  'APT::Sandbox::User=root',
  '-o',
  'APT::Install-Recommends=false',
  '-o',
  'Dpkg::Options::=--force-unsafe-io',
  '-o',
  'Dpkg::Use-Pty=0',
  '-o',
  'Acquire::Retries=3',
  '-o',
  'Dir::Cache::pkgcache=/tmp/pkgcache.bin',
  '-o',
  'Dir::Cache::srcpkgcache=/tmp/srcpkgcache.bin',
  '-q',
];
/** Copies apt's caches to where it may rename them: a shell command, to be followed by others. */
export const copyCaches = 'cp /aptcache/*.bin /tmp/; ';

/** apt's lists, and its caches of them, which it may not rename. */
export const listBinds = (base: Base): Bind[] => [
  { from: base.lists, to: '/var/lib/apt/lists', readOnly: true },
  { from: aptCache(base), to: '/aptcache', readOnly: true },
];
