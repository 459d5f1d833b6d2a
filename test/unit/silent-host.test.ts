import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { patience } from '../../ts-src/publish/ssh-connection.ts';
import { SshEndpoint } from '../../ts-src/publish/ssh-endpoint.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { containing } from './containing.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-silent-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
process.env.PATH = `${folder}:${process.env.PATH}`;
Object.assign(patience, { check: 300, command: 300, lock: 300 });

/** Replaces ssh by a script. Its commands except `check` are those of `body`. */
const host = (body: string, check = 'echo ready; exit 0'): void =>
  writeFileSync(
    join(folder, 'ssh'),
    `#!/bin/sh\nfor last; do :; done\ncase $last in *" check") ${check} ;; esac\n${body}\n`,
    { mode: 0o755 },
  );
let endpoint: SshEndpoint;
beforeEach(() => (endpoint = new SshEndpoint('ssh://robot@127.0.0.1/srv/apt')));

describe('a host of a repository', () => {
  it('that says nothing is given up', async () => {
    const silent = { code: 'ESTORE', message: containing('there was no answer in 1 seconds') };
    host('', 'exec sleep 60');
    await expect(endpoint.read('a')).rejects.toMatchObject(silent);
    endpoint = new SshEndpoint('ssh://robot@127.0.0.1/srv/apt');
    host('exec sleep 60');
    await expect(endpoint.read('a')).rejects.toMatchObject(silent);
    await expect(endpoint.during('publication', () => Promise.resolve(1))).rejects.toMatchObject(silent);
  });

  it('that keeps its lock after the work does not stop the run', async () => {
    host('echo held; exec sleep 60');
    expect(await endpoint.during('publication', () => Promise.resolve(1))).toBe(1);
  });

  it('that takes a file bit by bit is given up', async () => {
    writeFileSync(join(folder, 'rsync'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    host('while read -r line; do echo absent; done');
    await expect(endpoint.put('a', Buffer.from('x'))).rejects.toMatchObject({ message: containing('no answer') });
  });

  it('whose shell prints more than the answers is an error: no answer is taken for that of another file', async () => {
    const files = ['one', 'two'].map((name) => ({ name, data: Buffer.from(name), sha256: sha256(name) }));
    const strange = { code: 'ESTORE', message: containing('answers "Welcome') };
    host('', 'echo Welcome; echo ready; exit 0');
    await expect(endpoint.read('a')).rejects.toMatchObject(strange);
    endpoint = new SshEndpoint('ssh://robot@127.0.0.1/srv/apt');
    host('echo Welcome; exec sed "s/.*/there/"');
    await expect(endpoint.placeAll(files)).rejects.toMatchObject(strange);
    host('cat > /dev/null; echo there');
    await expect(endpoint.placeAll(files)).rejects.toMatchObject({ message: containing('not understood') });
    host('cat > /dev/null; printf "there\\nthere"');
    await expect(endpoint.placeAll(files)).rejects.toMatchObject({ message: containing('not understood') });
    host('exec sed "s/.*/there/"');
    expect(await endpoint.placeAll(files)).toEqual(['there', 'there']);
    let isHeld = false;
    host('echo Welcome; exec sleep 60');
    const work = endpoint.during('publication', () => Promise.resolve((isHeld = true)));
    await expect(work).rejects.toMatchObject(strange);
    expect(isHeld).toBe(false);
  });

  it('that lists more files than a repository has is an error', async () => {
    Object.assign(patience, { command: 60_000 });
    host('cat > /dev/null; yes "1 1 p" | head -n 5000000');
    const all = (async () => {
      for await (const { name } of endpoint.list('pool')) if (name !== 'p') throw new Error(name);
    })();
    await expect(all).rejects.toMatchObject({ code: 'ESTORE', message: containing('more than 4000000 files') });
  }, 60_000);

  it('that says what it lacks is quoted in a line', async () => {
    host('', 'yes "$(printf "\\033[2J")" | head -c 9000000; echo; echo "lacks rsync"; exit 45');
    await expect(endpoint.read('a')).rejects.toMatchObject({
      message: 'ssh://robot@127.0.0.1/srv/apt: the host lacks rsync: install it there',
    });
  });

  it('that answers without end does not fill the memory', async () => {
    Object.assign(patience, { command: 60_000 });
    host('cat > /dev/null; exec head -c 2000000000 /dev/zero');
    await expect(endpoint.read('a')).rejects.toMatchObject({ code: 'ESTORE', message: containing('answers too much') });
    expect(process.memoryUsage().rss).toBeLessThan(1.2e9);
  });
});
