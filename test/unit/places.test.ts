import { describe, expect, it } from 'vitest';
import { imagesUri } from '../../ts-src/images/publish.ts';
import { checkPlace } from '../../ts-src/cli/option-checks.ts';
import { isRemotePlace, parseRemotePlace, remoteName } from '../../ts-src/model/remote-place.ts';
import { besideUri, channelUri } from '../../ts-src/publish/endpoints.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';

const distro = 'organization: acme\ndistributions:\n  d: {platforms: [x], folders: [src], ros_version: 2}\n';
const platforms = 'platforms:\n  x: {os: debian, release: bookworm}\n';
const told = (more: string): string =>
  renderDiagnostics(parseDistro(`${distro}${platforms}${more}\n`, 'd.yaml').diagnostics);
const faultsOf = (place: string): string => told(`publish: {to: [${JSON.stringify(place)}]}`);
const forms = 'file:PATH, s3://BUCKET/PREFIX?endpoint=URL&region=NAME, ssh://USER@HOST:PORT/PATH or USER@HOST:/PATH';

describe('places of publication', () => {
  it('are folders, buckets and hosts, with both notations of a host', () => {
    const long = parseRemotePlace(
      'ssh://deploy@apt.example.org:2222/srv/apt/?key=/keys/a b&public=https://apt.example.org',
    );
    expect(long).toEqual({
      user: 'deploy',
      host: 'apt.example.org',
      port: 2222,
      path: '/srv/apt',
      key: '/keys/a b',
      knownHosts: undefined,
      public: 'https://apt.example.org',
    });
    const short = parseRemotePlace('deploy@apt.example.org:/srv/apt');
    if (typeof short === 'string') throw new Error(short);
    expect(remoteName(short)).toBe('ssh://deploy@apt.example.org/srv/apt');
    expect(parseRemotePlace('ssh://[::1]/srv')).toMatchObject({ host: '[::1]', user: undefined });
    for (const place of ['file:/srv/apt', 's3://robots/apt', 'ssh://host/srv', 'a@b:/srv'])
      expect(faultsOf(place)).toBe('');
    expect(['file:/a@b:/c', '/srv/a@b:/c', 's3://bucket/p'].some(isRemotePlace)).toBe(false);
  });

  it.each([
    ['rsync://host/module', 'an rsync daemon can compare nothing'],
    ['ssh://host', 'ssh://USER@HOST:PORT/PATH'],
    ['ssh://-oProxyCommand=x/srv', "'-oProxyCommand=x' is no name of a host"],
    ['ssh://user:secret@host/srv', 'a password has no place here'],
    ['ssh://host:99999/srv', '99999 is no port'],
    ['ssh://host/srv/../etc', 'no plain absolute path'],
    ['ssh://host/srv/$(id)', 'no plain absolute path'],
    ['ssh://host/srv?password=x', "no option 'password'"],
    ['ssh://host/srv?key=-relative', 'no absolute path of a file'],
    ['ssh://host/srv?public=ftp://x', 'no address that clients read from'],
    ['host:/srv', 'write ssh://host/srv'],
    ['/srv/apt', 'write file:/srv/apt'],
    ['srv/apt', 'write file:srv/apt'],
    ['~/apt', 'the whole path'],
    ['s3:robots', 'write s3://robots'],
    ['s3:/robots/apt', 'write s3://robots/apt'],
    ['S3//robots', 'write s3://robots'],
    ['S3://robots', 'write s3://robots'],
    ['s3://Robots', 'lower case letters'],
    ['s3://', 'is missing'],
    ['file:', 'is missing'],
    ['FILE:/srv', 'write file:/srv'],
    ['https://robots.s3.eu-central-1.amazonaws.com/apt', 'write s3://robots/apt'],
    ['arn:aws:s3:::robots/apt', 'write s3://robots/apt'],
    ['https://apt.example.org', 'add ?public=URL'],
    ['sftp://host/srv', 'write ssh://host/srv'],
    ['ssh:host:/srv', 'write ssh://host/srv'],
    ['user@host:apt', 'begins with "/"'],
    ['user@host::module/x', 'name the host for ssh'],
    ['C:\\apt', 'a path of Windows'],
    ['C:/apt', 'a path of Windows'],
    ['\\\\host\\share', 'a path of Windows'],
    ['gs://robots', "'gs:' can't be used here"],
    ['', forms],
  ])('are refused with the reason: %s', (place, reason) => {
    expect(faultsOf(place)).toContain(`d.yaml:6: error: publish.to[0] must be ${forms}, not '`);
    expect(faultsOf(place)).toContain(reason);
  });

  it.each([
    ['publish: {to: 12}', `publish.to must be a list of places, each ${forms} [distro-invalid]`],
    ['publish: {to: {a: b}}', `publish.to must be a list of places, each ${forms} [distro-invalid]`],
    ['publish: {to: /srv/apt}', 'write [file:/srv/apt]'],
    ['publish: {to: "s3://robots"}', 'write [s3://robots]'],
    ['publish: {to: [12]}', `publish.to[0] must be a text: ${forms} [distro-invalid]\n`],
    ['publish: {to: [["file:/srv"]]}', `publish.to[0] must be a text: ${forms} [distro-invalid]\n`],
    ['docs: {to: s3:robots}', 'write [s3://robots]'],
    ['store: s3:robots', 'write s3://robots'],
    ['store: ["file:/srv"]', 'store must be a text: file:PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME'],
    ['store: "https://host/x"', "'https:' can't be used here"],
  ])('are explained where they are no text: %s', (more, reason) => expect(told(more)).toContain(reason));

  it('are checked on the command line, where a folder needs no scheme', () => {
    for (const place of ['/srv/apt', 'out/apt', 'a@b/c', 's3://robots', 'a@b:/srv'])
      expect(checkPlace(place), place).toBeUndefined();
    expect(checkPlace('s3:robots')).toBe(`is not a folder, ${forms}; write s3://robots`);
    expect(checkPlace('C:\\apt')).toContain('a path of Windows');
  });

  it('have channels and their images side by side, also at the public URL', () => {
    const place = 'ssh://host/srv/apt?public=https://apt.example.org/';
    const nightly = channelUri(place, 'nightly');
    expect(nightly).toBe('ssh://host/srv/apt/nightly/apt?public=https%3A%2F%2Fapt.example.org%2Fnightly%2Fapt');
    expect(parseRemotePlace(nightly)).toMatchObject({ public: 'https://apt.example.org/nightly/apt' });
    expect(besideUri(nightly, 'nightly', 'release/1')).toBe(
      channelUri('ssh://host/srv/apt?public=https://apt.example.org', 'release/1'),
    );
    expect(imagesUri(nightly)).toBe(
      'ssh://host/srv/apt/nightly/images?public=https%3A%2F%2Fapt.example.org%2Fnightly%2Fimages',
    );
    expect(besideUri('s3://b/p/nightly/apt?region=x', 'nightly', 'next')).toBe('s3://b/p/next/apt?region=x');
    expect(besideUri('file:/elsewhere', 'nightly', 'next')).toBeUndefined();
  });
});
