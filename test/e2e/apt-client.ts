import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, type Ran } from './helpers.ts';

/** A folder that apt uses as a machine's root. It reads only the given source list. */
export class AptClient {
  constructor(readonly root: string) {
    for (const folder of ['etc/apt/sources.list.d', 'etc/apt/preferences.d', 'lists/partial', 'cache/archives/partial'])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, 'status'), '');
    writeFileSync(
      join(root, 'apt.conf'),
      [
        `Dir::Etc "${root}/etc/apt";`,
        `Dir::State "${root}";`,
        `Dir::State::status "${root}/status";`,
        `Dir::State::lists "${root}/lists";`,
        `Dir::Cache "${root}/cache";`,
        'Dir::Etc::parts "/dev/null";',
        'APT::Sandbox::User "root";',
        'Acquire::Languages "none";',
        'Acquire::Retries "0";',
        'APT::Architectures { "amd64"; "arm64"; };',
      ].join('\n'),
    );
  }

  static below(folder: string): AptClient {
    return new AptClient(mkdtempSync(join(folder, 'apt-')));
  }

  sources(text: string): void {
    writeFileSync(join(this.root, 'etc/apt/sources.list.d/slipway.sources'), text);
  }

  run(command: 'apt-get' | 'apt-cache', ...args: string[]): Promise<Ran> {
    return execute(command, [...(command === 'apt-get' ? ['-q', '-y'] : []), ...args], {
      env: { APT_CONFIG: join(this.root, 'apt.conf') },
    });
  }

  /** A copy with the same lists. */
  copy(root: string): AptClient {
    cpSync(this.root, root, { recursive: true });
    return new AptClient(root);
  }
}

export interface MadeDeb {
  name: string;
  version: string;
  architecture?: string;
  text?: string;
  depends?: string;
}

/** Makes a small package with dpkg-deb; returns its path. */
export function makeDeb(folder: string, deb: MadeDeb): string {
  const architecture = deb.architecture ?? 'amd64';
  const tree = mkdtempSync(join(folder, 'deb-'));
  mkdirSync(join(tree, 'DEBIAN'));
  mkdirSync(join(tree, 'opt/acme'), { recursive: true });
  writeFileSync(join(tree, 'opt/acme', deb.name), deb.text ?? `${deb.name} ${deb.version}\n`);
  writeFileSync(
    join(tree, 'DEBIAN/control'),
    `Package: ${deb.name}\nVersion: ${deb.version}\nArchitecture: ${architecture}\nMaintainer: A <a@example.org>\n${deb.depends === undefined ? '' : `Depends: ${deb.depends}\n`}Description: a test\n of two lines\n`,
  );
  execFileSync('find', [tree, '-exec', 'touch', '-d', '@1700000000', '{}', '+']);
  const file = join(folder, `${deb.name}_${deb.version.replace(/^\d+:/, '')}_${architecture}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', tree, file], {
    stdio: 'ignore',
    env: { ...process.env, SOURCE_DATE_EPOCH: '1700000000' },
  });
  return file;
}
