import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import enterScript from '../../resources/templates/enter.sh';
import { exists } from '../io/files.ts';
import { run, type Outcome } from '../io/process.ts';
import type { Driver, Entry } from './driver.ts';

/** Namespaces by unshare(1). As root the user namespace is left out; a plain user needs subordinate ids (newuidmap). */
export function unshareDriver(): Driver {
  const plain = process.getuid!() !== 0;
  const user = plain ? ['--user', '--map-auto', '--map-root-user'] : [];
  // When we die unshare is killed, and with it the first process of its namespace, and so all of them.
  const inside = (namespaces: string[], command: string[], options: Parameters<typeof run>[2]): Promise<Outcome> =>
    run('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...user, ...namespaces, '--fork', '--kill-child=KILL', ...command], options);
  return {
    name: 'unshare',
    async enter(entry: Entry) {
      mkdirSync(entry.work, { recursive: true });
      const links = entry.root.layers.map((layer, i) => {
        symlinkSync(layer, join(entry.work, `l${i}`));
        return `l${i}`;
      });
      let upper = 'tmpfs';
      if (entry.root.keep) {
        mkdirSync(entry.root.keep, { recursive: true });
        mkdirSync(`${entry.root.keep}.work`, { recursive: true });
        symlinkSync(entry.root.keep, join(entry.work, 'k'));
        symlinkSync(`${entry.root.keep}.work`, join(entry.work, 'k.work'));
        upper = 'k';
      }
      const binds = entry.binds.flatMap((b) => [b.from, `${b.readOnly ? 'ro:' : ''}${b.to}`]);
      const namespaces = ['--mount', '--propagation', 'private', '--pid', '--ipc', '--uts', ...(entry.network ? [] : ['--net'])];
      const env = { ...entry.env, PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...(plain ? { SLIPWAY_OVERLAY: ',userxattr' } : {}) };
      const { log, signal } = entry;
      return inside(namespaces, ['sh', '-c', enterScript, 'enter', entry.work, links.join(':'), upper, entry.network ? 'on' : 'off', entry.user, String(entry.binds.length), ...binds, ...entry.command], { env, signal, ...(log ? { log } : {}) });
    },
    unpack: (tar, folder) => {
      mkdirSync(folder, { recursive: true });
      return inside([], ['tar', '-x', '--numeric-owner', '--exclude', './dev/*', '-f', tar, '-C', folder], {});
    },
    async remove(folder) {
      if (exists(folder)) await inside([], ['rm', '-rf', '--one-file-system', '--', folder], {});
    },
  };
}
