import { imageVersion } from '../model/names.ts';
import type { Facts } from './facts.ts';
import type { ImageTarget } from './target.ts';

/** Ending of the file with a new root. systemd-pull of systemd 257 unpacks gzip, bzip2 and xz, but not zstd. */
export const slotEnding = 'root.raw.gz';

/**
 * Whether systemd is of Debian 13 or later. It has `splitPackages`, systemd-container contains systemd-sysupdate, and
 * sysupdate's definitions end with `.transfer`.
 */
export const isSplit = ({ os, release }: ImageTarget['target']): boolean =>
  os === 'debian' && !['buster', 'bullseye', 'bookworm'].includes(release);

/** Parts of systemd that a disk needs: the boot loader's programs (only recommended), and what grows the disk. */
export const splitPackages = ['systemd-boot-efi', 'systemd-repart'];

/** Packages with systemd-sysupdate and the program that verifies what it downloads. */
export const updateTools = ['gpg', 'systemd-container'];

/** The bytes of armoured OpenPGP keys, as gpg's keyrings have them. */
export function unarmoured(text: string): Buffer {
  const block = /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n(?:[^\n]+\n)*\n([A-Za-z0-9+/=\n]*?)(?:=[^\n]{4}\n)?-----END/gm;
  return Buffer.concat([...text.matchAll(block)].map((m) => Buffer.from(m[1] ?? '', 'base64')));
}

/**
 * Files of systemd-sysupdate: it writes a new root to the other slot (sysupdate.d(5)). The definitions protect the
 * version that has them: without that, a machine that went back to its former root would overwrite it with the next
 * update.
 */
export function sysupdate({ image, repository, state }: Facts, key: string): [path: string, data: string | Buffer][] {
  const { name, target } = image;
  const uri = repository.uri.replace(/\/apt\/?$/, '/images');
  const version = imageVersion(state.stamp, key);
  const source = (ending: string) =>
    `[Transfer]\nProtectVersion=${version}\n\n` +
    `[Source]\nType=url-file\nPath=${uri}\nMatchPattern=${name}_@v_${target.architecture}.${ending}\n\n`;
  const boot = (folder: string, pattern: string) =>
    `[Target]\nType=regular-file\nPath=/boot/efi/${folder}\nMatchPattern=${pattern}\nMode=0644\nInstancesMax=2\n`;
  const slot = `[Target]\nType=partition\nPath=auto\nMatchPattern=${name}_@v\nMatchPartitionType=root\nReadOnly=0\n`;
  const tries = `${name}_@v+@l-@d.conf ${name}_@v+@l.conf ${name}_@v.conf`;
  const definitions: [string, string][] = [
    ['10-root', `${source(slotEnding)}${slot}`],
    ['20-kernel', `${source('vmlinuz')}${boot('slipway', `${name}_@v.vmlinuz`)}`],
    ['30-initrd', `${source('initrd')}${boot('slipway', `${name}_@v.initrd`)}`],
    ['40-entry', `${source('conf')}${boot('loader/entries', tries)}TriesLeft=3\nTriesDone=0\n`],
  ];
  const ending = isSplit(target) ? 'transfer' : 'conf';
  return [
    ...definitions.map(([file, data]): [string, string] => [`usr/lib/sysupdate.d/${file}.${ending}`, data]),
    ['etc/systemd/import-pubring.gpg', unarmoured(repository.key)],
  ];
}
