import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkSecrets, makeLayer, type Layer } from '../../ts-src/images/layers.ts';
import type { Entry } from '../../ts-src/sandbox/driver.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { roomIn } from './rooms.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-layers-'));
// Node does not remove paths that are longer than the kernel takes.
afterAll(() => void spawnSync('rm', ['-rf', folder]));

/** Makes a layer with what `fill` leaves, over an empty one. */
async function layerOf(name: string, fill: (root: string) => void) {
  const own = join(folder, name);
  mkdirSync(join(own, 'empty'), { recursive: true });
  writeFileSync(join(own, 'names'), '');
  const enter = ({ root }: Entry) => {
    mkdirSync(root.keep ?? '', { recursive: true });
    fill(root.keep ?? '');
    return Promise.resolve({ code: 0, signal: null, stdout: '', stderr: '' });
  };
  const room = await roomIn(own, { ...unshareDriver(), enter });
  const names = join(own, 'names');
  const base: Layer = { key: 'b', root: join(own, 'empty'), names, tar: '', diffId: '', size: 0, secrets: [] };
  const request = { key: 'k', what: 'a layer', kind: 'own', packages: [], binds: [], epoch: 0 } as const;
  return makeLayer(room, { ...request, below: [base] });
}

const isMounting = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
describe.runIf(isMounting)('what programs of an archive leave in a layer of an image', () => {
  it.each([
    ['long', 9],
    ['longer', 21],
    ['longest', 42],
  ])('%s paths', async (name, depth) => {
    const made = await layerOf(name, (root) => {
      const script = 'for n in $(seq "$2"); do mkdir "$1"; cd "$1"; done';
      spawnSync('bash', ['-c', script, 'bash', 'd'.repeat(100), String(depth)], { cwd: root });
    });
    expect(made.ok ? [] : made.diagnostics.map((d) => [d.code, d.message.replace(/d+\/.*/, '')])).toEqual(
      depth === 9 ? [] : [['image-install', 'a layer holds a path of more than 1000 bytes: /']],
    );
  });

  it('more secrets than anybody reads', async () => {
    const made = await layerOf('secrets', (root) => {
      mkdirSync(join(root, '.ssh'));
      for (let n = 0; n < 50; n++) writeFileSync(join(root, '.ssh', `id_${n}`), 'x');
    });
    expect(made.ok && made.value.secrets.length).toBe(20);
    const checked = made.ok && checkSecrets('robot', [made.value]);
    expect(checked && !checked.ok && checked.diagnostics[0]?.message).toBe(
      "the image 'robot' would hold an SSH key: /.ssh/id_0",
    );
  });
});
