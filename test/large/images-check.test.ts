// npm run e2e:images: the checks of a started docker image, whose programs do not keep to the limits.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cache } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { checkArtifact } from '../../ts-src/images/check.ts';
import { checkLimits } from '../../ts-src/images/check-limits.ts';
import { imageSchema } from '../../ts-src/model/images.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';
import { Store } from '../../ts-src/store/store.ts';
import { startDocker } from './docker.mjs';

const usual = { ...checkLimits };
const host = process.env.DOCKER_HOST;
let work: string;
let engine: Awaited<ReturnType<typeof startDocker>>;

beforeAll(async () => {
  installTools(['dockerd', 'docker']);
  work = mkdtempSync(join(cache, 'images-check-'));
  engine = await startDocker(work);
  process.env.DOCKER_HOST = engine.host;
});
afterAll(async () => {
  Object.assign(checkLimits, usual);
  if (host === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = host;
  await engine.stop();
  rmSync(work, { recursive: true, force: true });
});

/** Copies a program of this machine and its libraries below `$1`. */
const copyProgram = `file=$(readlink -f "/usr/bin/$2"); cp "$file" "$1/bin/$2"
for library in $(ldd "$file" | grep -o '/[^ ]*'); do
  mkdir -p "$1/$(dirname "$library")"; cp -L "$library" "$1/$library"
done`;

/** Checks an image in which a package has a program `timeout` of its own. */
async function checked(timeout: string, check: string[][]) {
  const root = mkdtempSync(join(work, 'root-'));
  const write = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), `#!/bin/sh\n${text}\n`);
    chmodSync(join(root, path), 0o755);
  };
  mkdirSync(join(root, 'bin'));
  for (const name of ['sh', 'cat', 'true', 'yes', 'sleep', 'head', 'timeout', 'rm'])
    execFileSync('sh', ['-c', copyProgram, 'sh', root, name]);
  write('usr/lib/slipway/entrypoint', 'PATH=/opt/acme/bin:$PATH\nexec "$@"');
  if (timeout !== '') write('opt/acme/bin/timeout', timeout);
  const file = join(work, 'image.tar');
  execFileSync('sh', [
    '-c',
    `tar -C "$1" -c . | docker import --change 'ENTRYPOINT ["/usr/lib/slipway/entrypoint"]' - hostile && docker save -o "$2" hostile`,
    'sh',
    root,
    file,
  ]);
  const id = (await engine.docker('image', 'inspect', '--format', '{{.Id}}', 'hostile')).told.trim();
  await engine.docker('rmi', '--force', 'hostile');
  const store = new Store(new FileBlobs(join(work, 'store')), { cache: join(work, 'cache') });
  const artifact = { kind: 'docker' as const, files: [await store.put(file)], id };
  const result = await checkArtifact(
    {
      store,
      state: work,
      record: {
        schema: 1,
        key: '',
        name: 'hostile',
        channel: 'nightly',
        state: '',
        version: '1',
        platform: 'bookworm',
        architecture: 'amd64',
        distribution: 'd',
        spec: '',
        base: '',
        own: {},
        system: {},
        layers: [],
        artifacts: [],
        made: 0,
        milliseconds: 0,
      },
      spec: imageSchema.parse({ channel: 'nightly', kinds: ['docker'], check }),
      log: join(work, 'log'),
      progress: () => undefined,
      signal: new AbortController().signal,
    },
    artifact,
  );
  // Neither containers nor the image are left.
  expect([await engine.docker('ps', '-aq'), await engine.docker('images', '-q')].map((r) => r.told)).toEqual(['', '']);
  return result.diagnostics.map((d) => d.message).join('\n');
}

it('passes, and fails with the reason of a command', async () => {
  expect(await checked('', [['true'], ['sh', '-c', 'yes | head -c 10M']])).toBe('');
  expect(await checked('', [['sh', '-c', 'echo no >&2; exit 3']])).toContain('ended with 3: no');
});

it("ends a command that takes too long, although a package brings the image's timeout(1)", async () => {
  Object.assign(checkLimits, usual, { command: 5000 });
  const begun = Date.now();
  expect(await checked('trap "" TERM; while :; do sleep 1000; done', [['true']])).toContain(
    "'true': it did not end in 5 seconds, and was stopped",
  );
  expect(Date.now() - begun).toBeLessThan(60_000);
});

it('ends a command that fills the disk, with a file that it removed', async () => {
  // About 200 MB of 50 GB.
  Object.assign(checkLimits, usual, { disk: 0.004 });
  const fill = 'exec > /file; rm /file; while :; do head -c 64M /dev/zero; sleep 1; done';
  expect(await checked(fill, [['true']])).toContain("'true': it wrote more to the disk than a check may");
});

it('leaves nothing in the logs of the engine', async () => {
  Object.assign(checkLimits, usual, { command: 5000 });
  let most = 0;
  const timer = setInterval(() => {
    const told = execFileSync('sh', [
      '-c',
      `cat "$1"/docker-*/data/containers/*/*.log 2>/dev/null | wc -c`,
      'sh',
      work,
    ]);
    most = Math.max(most, Number(told.toString()));
  }, 500);
  expect(await checked('yes', [['true']])).toContain('did not end in 5 seconds');
  clearInterval(timer);
  expect(most).toBe(0);
});
