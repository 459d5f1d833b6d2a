import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { confine } from '../../ts-src/sandbox/base-archive.ts';
import { discard, execute, workspace } from './helpers.ts';

const folder = workspace('confine');
afterAll(() => discard(folder));

it('a base is made with what is mounted below /etc, as a container has it', async () => {
  writeFileSync(join(folder, 'hosts'), '127.0.0.1 mounted.example.org\n');
  mkdirSync(join(folder, 'work'));
  const script =
    'mount --bind "$1/hosts" /etc/hosts; exec sh -c "$2" sh "$1/work" 65534:1:1 cat /etc/hosts /etc/subuid';
  const ran = await execute('unshare', [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    script,
    'sh',
    folder,
    confine,
  ]);
  expect([ran.code, ran.stdout], ran.stderr).toEqual([0, '127.0.0.1 mounted.example.org\n65534:1:1\n']);
});
