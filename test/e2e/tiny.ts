import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A tiny package of build type cmake: the parts of its manifest and CMakeLists.txt that differ. */
export interface Tiny {
  manifest?: string;
  cmake?: string;
  version?: string;
  files?: Record<string, string>;
}

/** Writes a distro repository of tiny packages in `src`, which build without a compiler: seconds for a dozen. */
export function writeTiny(folder: string, packages: Record<string, Tiny>, extra = ''): void {
  writeFileSync(
    join(folder, 'distro.yaml'),
    `organization: acme
distributions:
  tiny: { platforms: [bookworm], folders: [src], ros_version: 1 }
platforms:
  bookworm: { os: debian, release: bookworm, architectures: [amd64] }
${extra}`,
  );
  for (const [name, tiny] of Object.entries(packages)) writeTinyPackage(folder, name, tiny);
}

export function writeTinyPackage(folder: string, name: string, tiny: Tiny): void {
  const files: Record<string, string> = {
    'package.xml': `<package format="3"><name>${name}</name><version>${tiny.version ?? '1.0.0'}</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license>
${tiny.manifest ?? ''}<export><build_type>cmake</build_type></export></package>
`,
    'CMakeLists.txt': `cmake_minimum_required(VERSION 3.18)
project(${name} NONE)
${tiny.cmake ?? ''}
install(FILES package.xml DESTINATION share/${name})
`,
    ...tiny.files,
  };
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, 'src', name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
