import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gitBackend } from './git-backend.ts';
import { debs, discard, execute, slipway, states, workspace, type Ran } from './helpers.ts';
import { portOf } from '../port.mjs';

/** Secrets that must not appear in anything that a run leaves or prints, in any encoding. */
const secrets = {
  password: 'pl4nted@passw0rd',
  token: 'ghp_pl4ntedt0ken0123456789abcdefghijkl',
  passphrase: 'pl4nted passphrase',
  key: 'pl4ntedAwsSecretKey/0123456789',
  query: 'pl4ntedquerysecret',
};
const forms = Object.values(secrets).flatMap((s) => [s, encodeURIComponent(s), Buffer.from(s).toString('base64')]);
// Also the part of a password after an '@' on its own.
forms.push('passw0rd');

const packageXml = `<package format="3"><name>tells</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license><export><build_type>cmake</build_type></export></package>\n`;
// Searches for secrets where a build can: environments and command lines of all visible processes.
const cmake = `cmake_minimum_required(VERSION 3.18)
project(tells NONE)
execute_process(COMMAND sh -c "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\\\0' '\\\\n'; cat /etc/apt/sources.list /etc/apt/auth.conf" OUTPUT_VARIABLE all ERROR_QUIET)
message(STATUS "\${all}")
file(WRITE \${CMAKE_BINARY_DIR}/all "\${all}")
install(FILES \${CMAKE_BINARY_DIR}/all DESTINATION share/tells)
`;

/** Files below a folder that contain a secret, after decompression. */
function leaks(folder: string, not: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(folder, name);
    if (not.test(name) || !lstatSync(path).isFile()) return [];
    const raw = readFileSync(path);
    const data = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
    const text = data.toString('latin1');
    return forms.filter((secret) => text.includes(secret)).map((secret) => `${name}: ${secret}`);
  });
}

describe('secrets of a run', () => {
  let folder: string;
  let ran: Ran;
  let failed: Ran;
  const listed = new Set<string>();
  const served: string[] = [];
  const server = createServer((request, response) => {
    served.push(request.headers.authorization === undefined ? 'none' : 'login');
    if (request.headers.authorization !== `Basic ${Buffer.from(`bot:${secrets.password}`).toString('base64')}`)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else gitBackend(join(folder, 'served'), request, response);
  });

  beforeAll(async () => {
    folder = workspace('secrets');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = portOf(server);
    const source = join(folder, 'served/tells');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'package.xml'), packageXml);
    writeFileSync(join(source, 'CMakeLists.txt'), cmake);
    execFileSync(
      'sh',
      [
        '-c',
        'git init -q -b main && git config uploadpack.allowAnySHA1InWant true && git add -A && git -c user.name=a -c user.email=a@b.org commit -qm one',
      ],
      { cwd: source },
    );
    const url = (password: string, name: string) =>
      `http://bot:${encodeURIComponent(password)}@127.0.0.1:${port}/${name}/.git`;
    writeFileSync(
      join(folder, 'all.repos'),
      `repositories:\n  tells: {type: git, url: "${url(secrets.password, 'tells')}", version: main}\n` +
        `  missing: {type: git, url: "http://bot:${secrets.password}@127.0.0.1:${port}/missing/.git", version: main}\n` +
        `  other: {type: git, url: "http://${secrets.token}@127.0.0.1:${port}/other/.git?token=${secrets.query}", version: main}\n`,
    );
    writeFileSync(
      join(folder, 'distro.yaml'),
      'organization: acme\ndistributions: {d: {platforms: [bookworm], repos: [all.repos], ros_version: 1}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
    );
    const env = {
      GITHUB_TOKEN: secrets.token,
      AWS_ACCESS_KEY_ID: 'AKIAPLANTED',
      AWS_SECRET_ACCESS_KEY: secrets.key,
      SLIPWAY_SIGNING_PASSPHRASE: secrets.passphrase,
      https_proxy: `http://proxy:${encodeURIComponent(secrets.password)}@127.0.0.1:9`,
    };
    const watch = setInterval(() => {
      for (const pid of readdirSync('/proc').filter((p) => /^\d+$/.test(p)))
        try {
          const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
          for (const secret of forms) if (line.includes(secret)) listed.add(line.replaceAll('\0', ' ').slice(0, 200));
        } catch {
          /* it has ended */
        }
    }, 20);
    try {
      ran = await slipway(['build', 'tells'], folder, { env });
      failed = await slipway(['plan'], folder, { env });
    } finally {
      clearInterval(watch);
    }
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await discard(folder);
  });

  it('were used: the repository requires a login', () => {
    expect(served).toContain('login');
    expect(states(folder)).toMatchObject({ tells: 'built' });
  });

  it('appear in nothing that it leaves: logs, results, lockfile, report, store, packages', async () => {
    expect(leaks(folder, /^(served|all\.repos|\.slipway\/(bases|layers|archives|images)\b)/)).toEqual([]);
    for (const file of debs(folder)) {
      const text = await execute('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -x -O', 'sh', file]);
      for (const secret of forms) expect(text.stdout).not.toContain(secret);
    }
  });

  it('appear in no output, of success or failure', () => {
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('missing');
    expect(failed.stderr).toContain('a login before the host, not a token in a parameter');
    for (const secret of forms) for (const one of [ran, failed]) expect(one.stdout + one.stderr).not.toContain(secret);
  });

  it('appear in no command line of a process', () => {
    expect([...listed]).toEqual([]);
  });
});
