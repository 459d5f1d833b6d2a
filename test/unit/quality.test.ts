import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyrightNotices } from '../../ts-src/inspect/notices.ts';
import { pythonNeeds } from '../../ts-src/inspect/python-needs.ts';
import { stagedMembers } from '../../ts-src/inspect/staged.ts';
import { storedGzip } from '../../ts-src/io/gzip.ts';
import type { Manifest } from '../../ts-src/model/manifest.ts';
import { commonLicense, renderCopyright } from '../../ts-src/render/copyright.ts';
import { entryLines } from '../../ts-src/render/debian.ts';
import { describePackage } from '../../ts-src/render/description.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-quality-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
function write(root: string, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

describe('a description', () => {
  const origin = "This is the package 'p' of the distribution 'd', installed in /opt/a/d.";
  it.each([
    ['A C++ library that others build on.', 'C++ library that others build on', [origin]],
    ['The robot. It drives.\n\n  Far.', 'robot', ['It drives.', '.', 'Far.', '.', origin]],
    ['<b>Tools</b> &amp; more', 'Tools & more', [origin]],
    ['', 'p', [origin]],
    ['a', 'a', [origin]],
    ['<![CDATA[A <b>robot</b>]]> &lt; 3 kg.', 'robot < 3 kg', [origin]],
    [
      `${'word '.repeat(20)}end. More.`,
      `${'word '.repeat(14).trim()}...`,
      [`${'word '.repeat(15).trim()}`, `${'word '.repeat(5)}end. More.`, '.', origin],
    ],
    [
      'Acme DDS is a very fast and small middleware for robots, cars and other machines of any size.',
      'very fast and small middleware for robots, cars and other machines of any size',
      ['Acme DDS is a very fast and small middleware for robots, cars and other', 'machines of any size.', '.', origin],
    ],
    ['Diagnostics for e.g. disks. It runs.', 'Diagnostics for e.g. disks', ['It runs.', '.', origin]],
  ])('%j is a summary that is not said again', (text, summary, lines) => {
    expect(describePackage(text, 'p', origin)).toEqual({ summary, lines });
  });

  it('with many unclosed tags is read in linear time', () => {
    const before = process.cpuUsage().user;
    expect(describePackage(`<![CDATA[${'<'.repeat(400_000)}]]>`, 'p', origin).lines).toContain(origin);
    expect(process.cpuUsage().user - before).toBeLessThan(5e6);
  });

  it('a changelog has no line over 80 columns', () => {
    const lines = entryLines(`${'n'.repeat(40)} 1.0.0 from ${'r'.repeat(30)}, tree ${'0'.repeat(40)}.`);
    expect(lines).toEqual([`* ${'n'.repeat(40)} 1.0.0 from`, `  ${'r'.repeat(30)}, tree`, `  ${'0'.repeat(40)}.`]);
  });
});

describe('copyright', () => {
  const manifest: Manifest = {
    name: 'p',
    version: '1.0.0',
    format: 3,
    description: '',
    maintainers: [{ name: 'M', email: 'm@example.org' }],
    authors: [{ name: 'A' }],
    licenses: [{ name: 'Apache License 2.0' }, { name: 'BSD 3-Clause' }],
    urls: [],
    dependencies: [],
    memberOfGroups: [],
    buildTypes: [],
    exports: [],
  };

  it('names common licences by reference, others by their text, and holders as the sources do', () => {
    const notices = ['2011, 2012 Willow Garage, Inc.', '2019-2021 Open Robotics'];
    expect(
      renderCopyright({
        manifest,
        url: 'https://example.org/p',
        notices,
        year: 2026,
        licenseText: 'Do as\n\nyou like',
      }),
    ).toBe(`Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: p
Source: https://example.org/p

Files: *
Copyright: 2011, 2012 Willow Garage, Inc.
           2019-2021 Open Robotics
License: Apache-2.0 and BSD-3-Clause

License: Apache-2.0
 On Debian systems, the full text of this licence is in
 /usr/share/common-licenses/Apache-2.0.

License: BSD-3-Clause
 Do as
 .
 you like
`);
  });

  it('says if the holders are a guess', () => {
    const text = renderCopyright({ manifest, url: 'p', notices: [], year: 2026, licenseText: undefined });
    expect(text).toContain(
      'Comment: The sources have no copyright notice; authors and maintainers of package.xml are named.\n\nFiles: *\nCopyright: 2026 A\n           2026 M\n',
    );
    expect(text).toContain('License: BSD-3-Clause\n BSD 3-Clause, as package.xml names it.\n');
  });

  it.each([
    ['Apache-2.0', 'Apache-2.0'],
    ['Apache License, Version 2.0', 'Apache-2.0'],
    ['Apache 2', 'Apache-2.0'],
    ['GPLv3', 'GPL-3'],
    ['GNU LGPL v2.1', 'LGPL-2.1'],
    ['LGPL-3.0-or-later', 'LGPL-3'],
    ['MPL 2.0', 'MPL-2.0'],
    ['BSD', undefined],
    ['MIT', undefined],
    ['GPL', undefined],
  ])('%s is %s of the common licences', (name, common) => expect(commonLicense(name)).toBe(common));

  it('notices are read from licences and sources, without following symlinks', () => {
    const root = join(folder, 'source');
    write(root, 'LICENSE', 'Copyright (c) 2011, 2013, Willow Garage, Inc.\nAll rights reserved.\n');
    write(
      root,
      'src/a.cpp',
      '// Copyright 2012-2014 Willow Garage, Inc. All rights reserved.\n// © 2020 Zoë Ångström\n',
    );
    write(
      root,
      'src/b.py',
      '# Copyright [yyyy] [name of copyright owner]\n# Copyright (C) 1999 by Someone <s@example.org>\n',
    );
    write(root, 'data.bin', 'Copyright 2000 Nobody\n');
    write(folder, 'outside.h', '// Copyright 2001 Outside\n');
    symlinkSync('../outside.h', join(root, 'linked.h'));
    expect(copyrightNotices(root)).toEqual([
      '1999 Someone',
      '2011, 2012-2014, 2013 Willow Garage, Inc.',
      '2020 Zoë Ångström',
    ]);
  });
});

describe('Python dependencies of a package', () => {
  const needs = (files: Record<string, string | { text: string; mode: number }>): string[] => {
    const stage = mkdtempSync(join(folder, 'stage-'));
    for (const [path, f] of Object.entries(files))
      write(stage, `opt/a/${path}`, typeof f === 'string' ? f : f.text, typeof f === 'string' ? 0o644 : f.mode);
    const staged = stagedMembers(stage);
    if (typeof staged === 'string') throw new Error(staged);
    return pythonNeeds(stage, staged.members, '/opt/a');
  };
  const bounded = ['python3 (<< 3.12)', 'python3 (>= 3.11~)', 'python3'];
  const program = (text: string) => ({ text, mode: 0o755 });

  it.each([
    ['modules of a minor version', { 'lib/python3.11/site-packages/p/__init__.py': '' }, bounded],
    ['modules of any version', { 'lib/python3/dist-packages/p/__init__.py': '' }, ['python3']],
    ['an extension', { 'lib/python3/dist-packages/p/x.cpython-311-x86_64-linux-gnu.so': '' }, bounded],
    ['a program', { 'lib/p/tool': program('#!/usr/bin/env python3\n') }, ['python3']],
    ['a program of a minor version', { 'bin/tool': program('#!/usr/bin/python3.11 -s\n') }, ['python3']],
    ['a program of an old name', { 'bin/tool': program('#!/usr/bin/env python\n') }, ['python-is-python3']],
    ['a shell script that calls it', { 'setup.sh': 'x="/usr/bin/python3"\n"$x" a.py\n' }, ['python3']],
    ['a shell program that calls it', { 'bin/x': program('#!/bin/sh\nexec python3 -m p\n') }, ['python3']],
    [
      'a script that only names a folder',
      { 'setup.sh': '# python3 x\nfor f in "$p"/lib/python3*/site-packages; do :; done\n' },
      [],
    ],
    ['a text', { 'share/p/readme.txt': '#!/usr/bin/python3\n' }, []],
    ['a binary', { 'bin/x': program('\x7fELF python3 ') }, []],
  ])('%s', (_, files, wanted) => expect(needs(files as Record<string, string>)).toEqual(wanted));
});

describe('gzip with stored blocks', () => {
  it.each([0, 1, 65534, 65535, 65536, 200_000])('gives back %i bytes', (length) => {
    const data = Buffer.alloc(length, 'slipway');
    const packed = storedGzip(data);
    expect(gunzipSync(packed).equals(data)).toBe(true);
    expect(packed.length).toBe(length + 18 + 5 * Math.max(1, Math.ceil(length / 65535)));
  });
});
