import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeLayer, type Layer } from '../../ts-src/images/layers.ts';
import { contentDifference } from '../../ts-src/inspect/differences.ts';
import { reasonIn } from '../../ts-src/io/faults.ts';
import { run } from '../../ts-src/io/process.ts';
import { archiveNames } from '../../ts-src/sandbox/archive-names.ts';
import { ListedPackages } from '../../ts-src/sandbox/listed-packages.ts';
import { AptResolver } from '../../ts-src/sandbox/apt-resolver.ts';
import { prepareBase } from '../../ts-src/sandbox/base-system.ts';
import type { Driver, Entry } from '../../ts-src/sandbox/driver.ts';
import { unshareDriver, type UnshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { baseIn, roomIn } from './rooms.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-lines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** More lines than an array may have elements. An array of them would end the process. */
const count = 2 ** 27 + 10;
const text = Buffer.alloc(count, '\n').toString('latin1');

it('what programs of a base print', async () => {
  const base = baseIn(folder);
  const stdout = `apt=1${text}dpkg=2`;
  const ended = { code: 0, signal: null, stdout, stderr: '' };
  const driver: Driver = { ...unshareDriver(), enter: () => Promise.resolve(ended) };
  mkdirSync(join(folder, 'state'));
  expect(await prepareBase(driver, join(folder, 'state'), base)).toMatchObject({
    ok: true,
    value: ['apt=1'],
  });
  const asked = await new AptResolver(driver, join(folder, 'state'), base).resolve(['libx']);
  expect(asked).toMatch(/^apt could not be asked/);
});

it('names of files in an image', async () => {
  const driver: UnshareDriver = {
    ...unshareDriver(),
    enter: ({ root }: Entry) => {
      mkdirSync(root.keep ?? '', { recursive: true });
      return run('true', []);
    },
    read: ({ onOutput }) => run('head', ['-c', String(300 << 20), '/dev/zero'], onOutput ? { onOutput } : {}),
  };
  const room = await roomIn(folder, driver);
  const request = { key: 'k', what: 'a layer', below: [], kind: 'own', packages: [], binds: [], epoch: 0 } as const;
  await expect(makeLayer(room, request)).rejects.toThrow("the names of a root's files take more than 256 MiB");
});

const isMounting = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
it.runIf(isMounting)('sparse files in a layer of an image, which are larger than the disk', async () => {
  const small = join(folder, 'small');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', small]);
  try {
    const driver = unshareDriver();
    const room = await roomIn(small, {
      ...driver,
      enter: ({ root }: Entry) => {
        const keep = root.keep ?? '';
        mkdirSync(keep, { recursive: true });
        return run('truncate', ['-s', '24M', ...['a', 'b', 'c'].map((name) => join(keep, name))]);
      },
    });
    mkdirSync(join(small, 'empty'));
    writeFileSync(join(small, 'names'), '');
    const base: Layer = {
      key: 'b',
      root: join(small, 'empty'),
      names: join(small, 'names'),
      tar: '',
      diffId: '',
      size: 0,
      secrets: [],
    };
    const request = {
      key: 'k',
      what: 'a layer',
      below: [base],
      kind: 'own',
      packages: [],
      binds: [],
      epoch: 0,
    } as const;
    await expect(makeLayer(room, request)).rejects.toThrow(/^the files of a layer take more than 3\d(\.\d)? MiB$/);
  } finally {
    execFileSync('umount', ['--lazy', small]);
  }
});

it('lists whose names are too long to be kept', () => {
  const base = { lists: join(folder, 'long'), archive: 'c'.repeat(64), folder: join(folder, 'long') };
  mkdirSync(base.lists);
  const digest = 'd'.repeat(64);
  for (const list of ['a', 'b']) {
    const stanza = (n: number) =>
      `Package: ${list}${n}${'x'.repeat(1 << 20)}\nVersion: 1\nArchitecture: all\nSHA256: ${digest}\n\n`;
    writeFileSync(join(base.lists, `${list}_Packages`), Array.from({ length: 130 }, (_, n) => stanza(n)).join(''));
  }
  expect(ListedPackages.of(base)).toBeUndefined();
  expect(archiveNames(base)).toBeUndefined();
  rmSync(base.lists, { recursive: true });
});

it('messages of a program', () => {
  expect(reasonIn(`${text}No space left on device\nx`)).toBe('No space left on device');
  expect(reasonIn(`x\n${text}`)).toBe('x');
});

it('files of two builds', () => {
  const [a, b] = ['a', 'b'].map((end) => Buffer.concat([Buffer.alloc(count, '\n'), Buffer.from(end)]));
  expect(contentDifference(a ?? Buffer.alloc(0), b ?? Buffer.alloc(0))).toBe(`line ${count + 1}: "a", then "b"`);
});
