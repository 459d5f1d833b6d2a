import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dockerDriver } from '../../ts-src/sandbox/docker.ts';

let folder: string;
const { PATH } = process.env;

/** Puts programs before the machine's own; each writes its arguments into the file `calls`. */
function programs(scripts: Record<string, string>): void {
  mkdirSync(join(folder, 'bin'));
  for (const [name, script] of Object.entries(scripts)) {
    const file = join(folder, 'bin', name);
    writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> ${folder}/calls\n${script}\n`);
    chmodSync(file, 0o755);
  }
  process.env.PATH = `${join(folder, 'bin')}:${PATH ?? ''}`;
}

const calls = (): string[] => readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n');

describe('images of docker whose programs are hostile', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-images-'));
  });
  afterEach(() => {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true, force: true });
  });

  it('remove a folder without seeing what is beside it', async () => {
    const left = join(folder, 'state/work');
    mkdirSync(left, { recursive: true });
    // Only a container can remove what is in the folder.
    programs({
      rm: `[ ! -e ${left}/of-the-builder ] || exit 1; exec /bin/rm "$@"`,
      docker: `case $1 in images) echo 0123456789ab ;; run) /bin/rm ${left}/of-the-builder ;; esac`,
    });
    writeFileSync(join(left, 'of-the-builder'), '');
    await dockerDriver().remove(left);
    expect(existsSync(left)).toBe(false);
    const [started, ...others] = calls().filter((c) => c.startsWith('docker run'));
    expect(others).toEqual([]);
    expect(started?.match(/--volume \S+/g)).toEqual([`--volume ${left}:/removed`]);
    expect(started).toMatch(/--cap-drop ALL .*--security-opt no-new-privileges --network none/);
  });

  it('are taken only by names that slipway gave', async () => {
    programs({ docker: 'echo sha256:0' });
    const marker = join(folder, '.docker-image');
    for (const text of [
      '--volume=/:/host\n',
      'debian\n',
      'slipway-base:x\n',
      'slipway-base:0123456789abcdef01234567 x\n',
    ]) {
      writeFileSync(marker, text);
      expect(await dockerDriver().ready(folder), text).toBe(false);
    }
    writeFileSync(marker, 'slipway-layer:0123456789abcdef01234567\n');
    expect(await dockerDriver().ready(folder)).toBe(true);
  });
});
