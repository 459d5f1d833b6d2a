import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bringFetched, fetchedEnvironment, keepFetched } from '../../ts-src/engine/build/fetched.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { settingsFinder } from '../../ts-src/plan/settings.ts';
import { settingsFacts } from '../../ts-src/query/settings-facts.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';
import { keepFile } from '../../ts-src/store/sources.ts';
import { Store } from '../../ts-src/store/store.ts';
import { portOf } from '../port.mjs';
import { distro, planOf, sourcePackage } from './planned.ts';
import { first } from '../../ts-src/model/lists.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-fetched-'));
const digest = sha256('the library');
let server: Server;
let url: string;
let asked = 0;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked++;
    response.statusCode = request.url === '/library.tar' ? 200 : 404;
    response.end('the library');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${portOf(server)}/library.tar`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
let stores = 0;
const newStore = () =>
  new Store(new FileBlobs(join(folder, `store-${++stores}`)), { cache: join(folder, `cache-${stores}`) });

describe('files for a build', () => {
  const mask = process.umask();
  afterEach(() => void process.umask(mask));
  const work = join(folder, 'work');

  it('are downloaded once, checked, and readable by any user below SLIPWAY_FETCHED', async () => {
    process.umask(0o077);
    const store = newStore();
    const files = [
      { url, sha256: digest, to: 'library.tar' },
      { url, sha256: digest, to: 'more/deep/library.tar' },
    ];
    const before = asked;
    expect(await bringFetched(store, files, join(folder, 'recipe'), work)).toBeUndefined();
    expect(asked - before).toBe(1);
    for (const { to } of files) {
      const file = join(folder, 'recipe/fetched', to);
      expect(readFileSync(file, 'utf8')).toBe('the library');
      expect(statSync(file).mode & 0o777).toBe(0o444);
    }
    for (const at of ['recipe/fetched', 'recipe/fetched/more', 'recipe/fetched/more/deep'])
      expect(statSync(join(folder, at)).mode & 0o777, at).toBe(0o755);
    expect(fetchedEnvironment(files)).toEqual({ SLIPWAY_FETCHED: '/slipway/fetched' });
    expect(fetchedEnvironment([])).toEqual({});
  });

  it('come from the store where their server is not reached', async () => {
    const store = newStore();
    const before = asked;
    for (const to of ['a', 'b']) await keepFetched(store, [{ url, sha256: digest, to }], work);
    expect(asked - before).toBe(1);
    const gone = { url: 'http://127.0.0.1:9/a', sha256: digest, to: 'a' };
    expect(await bringFetched(store, [gone], join(folder, 'from-store'), work)).toBeUndefined();
    expect(readFileSync(join(folder, 'from-store/fetched/a'), 'utf8')).toBe('the library');
  });

  it('fail their task with the reason', async () => {
    const bring = (file: { url: string; sha256: string }) =>
      bringFetched(newStore(), [{ ...file, to: 'a' }], join(folder, 'failed'), work);
    expect(await bring({ url, sha256: '0'.repeat(64) })).toBe(
      `${url} has the SHA-256 ${digest}, not ${'0'.repeat(64)} (package_settings): ` +
        'find out whether the file changed before you change the checksum',
    );
    expect(await bring({ url: `${url}.missing`, sha256: digest })).toBe(
      `can't fetch ${url}.missing: the server has no such file (404)`,
    );
    expect(await bring({ url: 'http://127.0.0.1:9/a', sha256: digest })).toContain("can't fetch http://127.0.0.1:9/a");
  });
});

/** The files of an archive that a hostile or careless server sends, made by a shell line in an empty folder. */
const archiveOf = (name: string, make: string): Buffer => {
  const at = join(folder, `made-${name}`);
  mkdirSync(at);
  execFileSync('sh', ['-ec', make], { cwd: at });
  return readFileSync(join(at, 'archive'));
};

describe('an archive with `unpack: true`', () => {
  /** Unpacks an archive of the store into `library`. Returns the reason if that fails. */
  async function unpacked(name: string, make: string): Promise<{ at: string; fault: string | undefined }> {
    const content = archiveOf(name, make);
    const store = newStore();
    const file = { url: 'http://h/archive', sha256: sha256(content), to: 'a/library', unpack: true };
    await keepFile(store, file.sha256, join(folder, `made-${name}`, 'archive'));
    const work = join(folder, `unpacks-${name}`);
    const fault = await bringFetched(store, [file], join(work, 'recipe'), join(work, 'downloads'));
    expect(existsSync(join(work, 'downloads', `${file.sha256}.unpacked`))).toBe(false);
    return { at: join(work, 'recipe/fetched/a/library'), fault };
  }

  it.each([
    ['tar.gz', 'mkdir top; echo a > top/a; tar -czf archive top'],
    ['tar.xz', 'mkdir top; echo a > top/a; tar -cJf archive top'],
    ['zip', 'git init -q; echo a > a; git add a; git archive --format=zip --prefix=top/ $(git write-tree) > archive'],
  ])('is a folder without the only top-level folder: %s', async (kind, make) => {
    const { at, fault } = await unpacked(kind, make);
    expect(fault).toBeUndefined();
    expect(readdirSync(at)).toEqual(['a']);
  });

  it('keeps several top-level entries, and can be read and copied by any user', async () => {
    const { at, fault } = await unpacked(
      'modes',
      'mkdir b; touch a b/run; chmod 600 a; chmod 4711 b/run; chmod 700 b; ln -s /etc/passwd link; tar -cf archive a b link',
    );
    expect(fault).toBeUndefined();
    expect(readdirSync(at).sort()).toEqual(['a', 'b', 'link']);
    const modes = ['.', 'a', 'b', 'b/run'].map((name) => statSync(join(at, name)).mode & 0o7777);
    expect(modes).toEqual([0o755, 0o644, 0o755, 0o755]);
  });

  it.each([
    ['text', 'echo no archive > archive', "can't unpack http://h/archive: tar: This does not look like a tar archive"],
    ['fifo', 'mkfifo pipe; tar -cf archive pipe', 'http://h/archive contains pipe, which is no file, folder or link'],
    ['size', 'truncate -s 3G huge; tar -czSf archive huge', /would unpack to 1 files of 3\.0 GiB/],
  ])('fails its task with the reason: %s', async (name, make, reason) => {
    const { at, fault } = await unpacked(name, make);
    expect(fault).toMatch(reason);
    expect(existsSync(at)).toBe(false);
  });
});

const told = (fetch: string): string =>
  renderDiagnostics(
    parseDistro(
      'organization: acme\ndistributions:\n  d: {platforms: [x], folders: [src], ros_version: 2}\n' +
        `platforms:\n  x: {os: debian, release: bookworm}\npackage_settings:\n  v: {fetch: ${fetch}}\n`,
      'd.yaml',
    ).diagnostics,
  );
const entryOf = (more: object): object => ({ url: 'https://h/a.tar', sha256: digest, to: 'a.tar', ...more });

describe('package_settings.NAME.fetch', () => {
  it('takes http and https URLs without a login, digests and plain paths', () => {
    expect(told(JSON.stringify([entryOf({}), entryOf({ to: 'b/a.tar', url: 'http://h:80/x?y=z' })]))).toBe('');
    for (const wrong of ['file:///etc/passwd', '/etc/passwd', 'https://u:p@h/a', 'https://h/', 'ftp://h/a', '-o/x'])
      expect(told(JSON.stringify([entryOf({ url: wrong })])), wrong).toContain(
        'package_settings.v.fetch[0].url must be an http or https URL of a file, without a login',
      );
    for (const wrong of ['/a', '../a', 'a/../b', './a', 'a/', 'a//b', 'a b', '', '.', 'a/..'])
      expect(told(JSON.stringify([entryOf({ to: wrong })])), wrong).toContain(
        'package_settings.v.fetch[0].to must be a relative path of letters',
      );
    expect(told(JSON.stringify([entryOf({ sha256: 'abc' })]))).toContain('must be the SHA-256 of the file');
    expect(told(JSON.stringify([{ url: 'https://h/a', to: 'a' }]))).toContain('fetch[0].sha256 is missing');
  });

  it.each([
    ['a', 'a'],
    ['a', 'a/b'],
    ['a/b', 'a'],
  ])('refuses files in one place: %s and %s', (one, two) =>
    expect(told(JSON.stringify([entryOf({ to: one }), entryOf({ to: two })]))).toContain(
      'package_settings.v.fetch must be a list in which each `to` is another path, and none is inside another',
    ),
  );

  it('is a change of the package that compare shows, by content and place only', () => {
    const facts = (fetch: object[]) => {
      const all = distro({ package_settings: { v: { fetch } } });
      const { plan } = planOf([sourcePackage('v', [])], { distro: all });
      return settingsFacts(all, () => '')(first(plan.scopes), 'v').fetch;
    };
    const usual = facts([entryOf({})]);
    expect(facts([entryOf({ url: 'https://other/a.tar' })])).toBe(usual);
    expect(facts([entryOf({ sha256: sha256('other') })])).not.toBe(usual);
    expect(facts([entryOf({ to: 'b' })])).not.toBe(usual);
    expect(facts([entryOf({ unpack: true })])).not.toBe(usual);
    expect(facts([entryOf({ unpack: false })])).toBe(usual);
  });

  it('is joined from globs and the name', () => {
    const all = distro({
      package_settings: { '*': { fetch: [entryOf({})] }, v: { fetch: [entryOf({ to: 'b' })] } },
    });
    expect(settingsFinder(all)('v').fetch?.map((f) => f.to)).toEqual(['a.tar', 'b']);
  });
});
