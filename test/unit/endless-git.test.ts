import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { fetchCommit, repositoryFolder, resolveRef } from '../../ts-src/read/git/git.ts';
import { fetchLimits } from '../../ts-src/read/git/process.ts';
import { portOf } from '../port.mjs';
import { containing } from './containing.ts';

const commit = 'a'.repeat(40);
const line = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
};
const stored = deflateRawSync(Buffer.alloc(50_000, 'x'), { level: 0 });

/** A blob of 50,000 bytes in a pack, without compression. */
function blob(): Buffer {
  const size = 50_000;
  const head = Buffer.from([0x80 | 0x30 | (size & 15), 0x80 | ((size >> 4) & 127), size >> 11]);
  const zlib = Buffer.concat([Buffer.from([0x78, 0x01]), stored, adler(Buffer.alloc(size, 'x'))]);
  return line(Buffer.concat([Buffer.from([1]), head, zlib]));
}
function adler(bytes: Buffer): Buffer {
  let [a, b] = [1, 0];
  for (const byte of bytes) [a, b] = [(a + byte) % 65521, (b + a + byte) % 65521];
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(b * 65536 + a);
  return sum;
}
const most = 1 << 30;
let sent = 0;
const server = createServer((request, response) => {
  void (async () => {
    sent = 0;
    const closed = once(response, 'close');
    const send = async (bytes: Buffer) => {
      sent += bytes.length;
      if (!response.write(bytes))
        await Promise.race([new Promise((resolve) => void response.once('drain', resolve)), closed]);
      return !response.destroyed && sent < most;
    };
    const refs = request.method === 'GET';
    response.writeHead(200, {
      'content-type': `application/x-git-upload-pack-${refs ? 'advertisement' : 'result'}`,
    });
    if (refs) {
      await send(Buffer.concat([line('# service=git-upload-pack\n'), Buffer.from('0000')]));
      await send(line(`${commit} refs/heads/main\0side-band-64k allow-tip-sha1-in-want\n`));
      const many = Buffer.concat(
        Array.from({ length: 1000 }, (_, i) => line(`${commit} refs/heads/${'x'.repeat(900)}${i}\n`)),
      );
      if (request.url?.startsWith('/refs') === true) while (await send(many));
      else await send(Buffer.from('0000'));
    } else {
      const one = blob();
      const pack = Buffer.from('\x01PACK\0\0\0\x02\0\xff\xff\xff', 'latin1');
      await send(Buffer.concat([line('NAK\n'), line(pack)]));
      while (await send(one));
    }
    response.end();
  })();
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const host = `http://127.0.0.1:${portOf(server)}`;
const folder = mkdtempSync(join(tmpdir(), 'slipway-endless-'));
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

it('refs without end do not fill the memory', async () => {
  fetchLimits.memory = 256 << 10;
  expect(await resolveRef(`${host}/refs/x`, 'main')).toMatchObject({
    ok: false,
    diagnostics: [{ code: 'source-size', message: containing('memory') }],
  });
  expect(sent).toBeLessThan(most);
});

it('a pack without end does not fill the disk, and does not stay', async () => {
  Object.assign(fetchLimits, { memory: 4 << 20, file: 64 << 20 });
  expect(await fetchCommit(`${host}/pack/x`, commit, folder)).toMatchObject({
    ok: false,
    diagnostics: [{ code: 'source-size', message: containing('for a file') }],
  });
  expect(sent).toBeLessThan(most);
  expect(readdirSync(join(repositoryFolder(folder, `${host}/pack/x`), 'objects', 'pack'))).toEqual([]);
});
