import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { randoms } from '../../ts-src/query/simulate.ts';
import {
  discard,
  example,
  execute,
  fromNothing,
  installAndRun,
  resultOf,
  slipway,
  sources,
  states,
} from './helpers.ts';
import { contentsOf, editsOf } from './edits.mjs';
import { debianMirror } from '../mirror.mjs';
import { resultNamed } from '../results.ts';
import { at } from '../../ts-src/model/lists.ts';

interface Edit {
  name: string;
  packages: string[];
  inside?: true;
  apply: (source: string, n: number) => void;
}

const contents = contentsOf as (folder: string) => Record<string, string>;

const built = (folder: string) =>
  Object.entries(states(folder))
    .filter(([, s]) => s === 'built')
    .map(([n]) => n)
    .sort();

describe('incremental builds of the example through random edits', () => {
  const folder = example('edits');
  const whole = join(folder, 'whole');
  afterAll(() => discard(folder));

  it('give at every step what a build from nothing gives, and rebuild one package if a change is not visible outside', async () => {
    expect((await slipway(['build', '--distribution', 'mini'], folder)).code).toBe(0);
    const random = randoms(20261125);
    const edits = editsOf as Edit[];
    let before = contents(folder);
    for (let i = 0; i < 24; i++) {
      const edit = at(edits, i < edits.length ? i : Math.floor(random() * edits.length));
      edit.apply(join(folder, 'src'), i);
      sources(folder);
      const ran = await slipway(['build', '--distribution', 'mini'], folder);
      expect(ran.code, `${edit.name}: ${ran.stderr}`).toBe(0);
      const now = contents(folder);
      const differ = Object.keys(now).filter((n) => now[n] !== before[n]);
      // A change that is not visible outside rebuilds only that package.
      if (edit.inside) expect(built(folder), edit.name).toEqual(edit.packages);
      for (const name of [...differ, ...edit.packages])
        expect(built(folder), `${edit.name}: ${name} is not as it was`).toContain(name);
      before = now;
      if (i % 6 !== 5) continue;
      const fresh = await fromNothing(
        folder,
        whole,
        ['distro.yaml', 'rosdep.yaml', 'rosdistro', 'repositories'],
        ['--distribution', 'mini'],
      );
      expect(fresh.code, fresh.stderr).toBe(0);
      expect(contents(whole), `after ${edit.name}`).toEqual(now);
    }
    const installed = await installAndRun(
      'bookworm',
      readFileSync(join(folder, 'out/apt/key.asc'), 'utf8') &&
        (await slipway(['build', '--distribution', 'mini'], folder)).stdout,
      ['acme-mini-acme-drive', 'acme-mini-acme-teleop', 'acme-mini-ros-workspace'],
      '. /opt/acme/mini/setup.sh\ndrive 4\n/opt/acme/mini/lib/acme_teleop/teleop 0.25\n',
    );
    expect(installed.code, installed.stderr + installed.stdout).toBe(0);
  });

  it('report why a package was rebuilt', async () => {
    appendFileSync(
      join(folder, 'src/robot/acme_math/include/acme_math/angle.hpp'),
      '\ninline int why() { return 0; }\n',
    );
    sources(folder);
    expect((await slipway(['build', '--distribution', 'mini'], folder)).code).toBe(0);
    const math = await slipway(['explain', 'acme_math', '--distribution', 'mini'], folder);
    expect(math.stdout).toMatch(
      /built again, for in \S+ \(key [0-9a-f]{16}\) there differed\n {4}source tree: [0-9a-f]{12} → [0-9a-f]{12}\n/,
    );
    const drive = await slipway(['explain', 'acme_drive', '--distribution', 'mini'], folder);
    expect(drive.stdout).toContain('    what it builds on: acme_math shows something else\n');
  });

  it('reuse: full turns the cut-off off', async () => {
    const file = join(folder, 'full.yaml');
    writeFileSync(file, `${readFileSync(join(folder, 'distro.yaml'), 'utf8')}reuse: full\n`);
    const build = () => slipway(['build', '--distro', file, '--distribution', 'mini'], folder);
    expect((await build()).code).toBe(0);
    appendFileSync(
      join(folder, 'src/robot/acme_math/src/angle.cpp'),
      '\nnamespace { [[maybe_unused]] int full = 1; }\nint acme_math_full() { return full; }\n',
    );
    sources(folder);
    expect((await build()).code).toBe(0);
    expect(built(folder)).toEqual(['acme_drive', 'acme_math']);
  });
});

/**
 * Upgrades a root from the channel `old` to the one in `out/apt`: each part separately, then all. Returns apt's output.
 */
async function upgradeInRoot(folder: string, old: string): Promise<string> {
  const root = join(folder, 'root');
  const script = join(folder, 'upgrade.sh');
  // Inside the root: installs the old channel; then each part of the upgrade with the other one held; then everything.
  writeFileSync(
    script,
    `set -e
n() { dpkg-query -W -f '\${Version}\\n' "$1"; }
m=$(n acme-mini-acme-math) d=$(n acme-mini-acme-drive)
sed -i 's#/old#/new#' /etc/apt/sources.list.d/slipway.list
apt-get update -qq 2>/dev/null
for part in math drive; do
  other=drive; [ $part = math ] || other=math
  apt-mark hold acme-mini-acme-$other >/dev/null
  if apt-get install -y acme-mini-acme-$part >/tmp/said 2>&1; then echo "TAKEN $part"; else grep -q 'held\\|unmet\\|but it is not' /tmp/said && echo "refused $part"; fi
  apt-mark unhold acme-mini-acme-$other >/dev/null
done
[ "$(n acme-mini-acme-math)" = "$m" ] && [ "$(n acme-mini-acme-drive)" = "$d" ]
apt-get dist-upgrade -y >/dev/null 2>&1
[ "$(n acme-mini-acme-math)" != "$m" ] && [ "$(n acme-mini-acme-drive)" != "$d" ] && echo "whole taken"
. /opt/acme/mini/setup.sh; drive 4 >/dev/null && echo runs
`,
  );
  const mirror = debianMirror();
  const hooks = [
    `--setup-hook=mkdir -p "$1/repo" && cp -r ${old} "$1/repo/old" && cp -r ${join(folder, 'out/apt')} "$1/repo/new"`,
    '--customize-hook=echo "deb [trusted=yes] file:/repo/old bookworm-mini main" > "$1/etc/apt/sources.list.d/slipway.list"',
    '--customize-hook=chroot "$1" apt-get update -qq',
    '--customize-hook=chroot "$1" apt-get install -y -qq acme-mini-acme-drive acme-mini-ros-workspace',
    `--customize-hook=cp ${script} "$1/upgrade.sh" && chroot "$1" sh /upgrade.sh > ${join(folder, 'said')} 2>&1`,
  ];
  const ran = await execute('mmdebstrap', [
    '--variant=apt',
    '--quiet',
    '--mode=root',
    ...hooks,
    'bookworm',
    root,
    `deb ${mirror} bookworm main`,
  ]);
  rmSync(root, { recursive: true, force: true });
  return existsSync(join(folder, 'said')) ? readFileSync(join(folder, 'said'), 'utf8') : ran.stderr;
}

describe('the ABI names in packages', () => {
  const folder = example('abi');
  const keyOf = (name: string): string => resultNamed(resultOf(folder), name).key ?? '';
  afterAll(() => discard(folder));

  it('let apt take a whole upgrade over a changed interface, and refuse every part of it', async () => {
    const first = await slipway(['build', '--distribution', 'mini'], folder);
    expect(first.code, first.stderr).toBe(0);
    const before = keyOf('acme_math');
    const old = join(folder, 'old');
    cpSync(join(folder, 'out/apt'), old, { recursive: true });
    const header = join(folder, 'src/robot/acme_math/include/acme_math/angle.hpp');
    const source = join(folder, 'src/robot/acme_math/src/angle.cpp');
    writeFileSync(
      header,
      readFileSync(header, 'utf8').replace(
        'double normalize(double angle);',
        'double normalize(double angle);\ndouble twice(double angle);',
      ),
    );
    appendFileSync(source, '\ndouble acme_math::twice(double angle) { return 2 * angle; }\n');
    sources(folder);
    const second = await slipway(['build', '--distribution', 'mini'], folder);
    expect(second.code, second.stderr).toBe(0);
    expect(built(folder)).toEqual(['acme_drive', 'acme_math']);
    expect(await upgradeInRoot(folder, old)).toBe('refused math\nrefused drive\nwhole taken\nruns\n');

    const after = keyOf('acme_math');
    const told = await slipway(['abi', before, after], folder);
    expect(told.code).toBe(1);
    expect(told.stdout).toMatch(
      /2 files that others see differ: what depends on it is rebuilt\n {2}changed {2}\/opt\/acme\/mini\/include\/acme_math\/angle\.hpp\n {2}changed {2}\/opt\/acme\/mini\/lib\/(x86_64-linux-gnu\/)?libacme_math\.so\n {13}\+ _ZN9acme_math5twiceEd func global\n/,
    );
    if (spawnSync('sh', ['-c', 'command -v abidiff']).status !== 0)
      execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'abigail-tools'], { stdio: 'ignore' });
    const detailed = await slipway(['abi', before, after], folder);
    expect(detailed.stdout).toContain('abidiff on /opt/acme/mini/lib');
    expect(detailed.stdout).toContain('double acme_math::twice(double)');
    const programs = join(folder, 'programs');
    mkdirSync(programs);
    writeFileSync(join(programs, 'abidiff'), '#!/bin/sh\necho "by $(id -u) with $(env | grep -c SECRET)"\n', {
      mode: 0o755,
    });
    const env = { PATH: `${programs}:${process.env.PATH}`, SECRET: 'x' };
    const asNobody = await slipway(['abi', before, after], folder, { env });
    expect(asNobody.stdout).toContain(`by ${process.getuid?.() === 0 ? 65534 : process.getuid?.()} with 0`);
  });
});
