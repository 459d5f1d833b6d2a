import { describe, expect, it } from 'vitest';
import { imagesUri } from '../../ts-src/images/publish.ts';
import { publishSettings } from '../../ts-src/model/channels.ts';
import { isRemotePlace, parseRemotePlace, remoteName } from '../../ts-src/model/remote-place.ts';
import { besideUri, channelUri } from '../../ts-src/publish/endpoints.ts';

const faultsOf = (place: string): string => {
  const read = publishSettings.safeParse({ to: [place] });
  return read.success ? '' : read.error.issues.map((i) => i.message).join('\n');
};

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
    ['host:/srv', 'USER@HOST:/PATH'],
  ])('are refused with the reason: %s', (place, reason) => expect(faultsOf(place)).toContain(reason));

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
