import { aptCache, type Base } from './base-system.ts';
import type { Bind } from './driver.ts';

/** Options of every apt-get call in a root. */
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
/** Shell code that copies apt's caches to a writable place; other commands follow it. */
export const copyCaches = 'cp /aptcache/*.bin /tmp/; ';

/** Mounts of apt's lists and its caches of them; apt may not rename these. */
export const listBinds = (base: Base): Bind[] => [
  { from: base.lists, to: '/var/lib/apt/lists', readOnly: true },
  { from: aptCache(base), to: '/aptcache', readOnly: true },
];
