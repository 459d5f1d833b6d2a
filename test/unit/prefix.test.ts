import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPrefixFile, prefixFiles } from '../../ts-src/render/prefix.ts';

let folder: string;
/** Writes files of a prefix: text by path. */
function write(prefix: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(prefix, path)), { recursive: true });
    writeFileSync(join(prefix, path), text);
  }
}
const under = () => join(folder, 'under');
const bare = () => join(folder, 'bare');
const own = () => join(folder, 'own, and last');

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-prefix-'));
  write(under(), {
    'setup.sh': `UNDER=sh; export UNDER\nLD_LIBRARY_PATH=${under()}/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; export LD_LIBRARY_PATH\nEXTENDS=$CATKIN_SETUP_UTIL_ARGS; export EXTENDS\n`,
    'setup.zsh': `. ${under()}/setup.sh\nUNDER=zsh\ntypeset -a words; words=(a b)\n[[ $words[1] == a ]] || UNDER=emulated\n`,
  });
  write(bare(), { 'lib/libbare.so': '', 'bin/bare': '' });
  write(own(), {
    'bin/tool': '',
    'lib/x86_64-linux-gnu/liba.so': '',
    'lib/python3.11/site-packages/a.py': '',
    'lib/python3/dist-packages/b.py': '',
    'lib/pkgconfig/a.pc': '',
    'share/vendor/local_setup.dsv': [
      '# what a vendor package sets',
      'source;share/vendor/environment/libraries.sh',
      'source;share/vendor/environment/script.sh',
      'source;share/vendor/environment/script.bash',
      'set;VENDOR_HOME;share/vendor',
      'set;VENDOR_WORD;several words',
      'set-if-unset;VENDOR_KEPT;changed',
      'append-non-duplicate;VENDOR_LIST;/first;second',
      'prepend-non-duplicate-if-exists;VENDOR_THERE;bin;nowhere',
      'prepend-non-duplicate;VENDOR_ROOT;',
      'prepend-non-duplicate;BAD NAME$(touch hurt);x',
      'unknown;WORD;x',
      'no semicolon',
    ].join('\n'),
    'share/vendor/environment/libraries.dsv': 'prepend-non-duplicate;LD_LIBRARY_PATH;opt/vendor/lib\n',
    'share/vendor/environment/libraries.sh': 'FROM_SCRIPT_BESIDE_DSV=yes; export FROM_SCRIPT_BESIDE_DSV\n',
    'share/vendor/environment/script.sh':
      'SCRIPT=sh; export SCRIPT\nament_prepend_unique_value AMENT_LIST "$AMENT_CURRENT_PREFIX/x"\n',
    'share/vendor/environment/script.bash': 'declare -a words=(one two); SCRIPT=${words[1]}; export SCRIPT\n',
    'share/old/local_setup.sh': 'OLD=$AMENT_CURRENT_PREFIX; export OLD\n',
    'etc/catkin/profile.d/10.master.sh': 'MASTER=$CATKIN_ENV_HOOK_WORKSPACE; export MASTER\n',
    'etc/catkin/profile.d/20.only.bash': 'ONLY=bash; export ONLY\n',
    'etc/catkin/profile.d/20.only.zsh': 'ONLY=zsh; export ONLY\n',
  });
  const files = prefixFiles({ prefix: own(), underlayPrefixes: [bare(), under(), '/usr'], rosVersion: 2 });
  for (const { name, text, mode } of files) writeFileSync(join(own(), name), text, { mode });
  write(join(folder, 'ros1'), { 'bin/x': '' });
  for (const { name, text, mode } of prefixFiles({
    prefix: join(folder, 'ros1'),
    underlayPrefixes: ['/usr'],
    rosVersion: 1,
  }))
    writeFileSync(join(folder, 'ros1', name), text, { mode });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function environmentAfter(shell: string, script: string): Record<string, string> {
  const ran = spawnSync(shell, ['-c', `${script}\nenv -0`], {
    encoding: 'utf8',
    cwd: folder,
    env: { HOME: folder, PATH: '/usr/bin:/bin', VENDOR_KEPT: 'kept', LD_LIBRARY_PATH: '/before' },
  });
  expect(ran.stderr).toBe('');
  expect(ran.status, ran.stdout).toBe(0);
  return Object.fromEntries(
    ran.stdout.split('\0').flatMap((entry) => {
      const at = entry.indexOf('=');
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)]] : [];
    }),
  );
}

/** Expected in every shell, regardless of its hooks. */
const common = (): Record<string, string> => ({
  AMENT_PREFIX_PATH: `${own()}:${bare()}:/usr`,
  CMAKE_PREFIX_PATH: `${own()}:${bare()}`,
  PATH: `${own()}/bin:${bare()}/bin:/usr/bin:/bin`,
  LD_LIBRARY_PATH: `${own()}/opt/vendor/lib:${own()}/lib:${own()}/lib/x86_64-linux-gnu:${bare()}/lib:${under()}/lib:/before`,
  PYTHONPATH: `${own()}/lib/python3.11/site-packages:${own()}/lib/python3/dist-packages`,
  PKG_CONFIG_PATH: `${own()}/lib/pkgconfig`,
  VENDOR_HOME: `${own()}/share/vendor`,
  VENDOR_WORD: 'several words',
  VENDOR_KEPT: 'kept',
  VENDOR_LIST: `/first:${own()}/second`,
  VENDOR_THERE: `${own()}/bin`,
  VENDOR_ROOT: own(),
  AMENT_LIST: `${own()}/x`,
  EXTENDS: '--extend',
  OLD: own(),
  MASTER: own(),
});

describe('the files of a prefix', () => {
  const cases = [
    { shell: 'dash', file: 'setup.sh', hooks: { UNDER: 'sh', SCRIPT: 'sh', ONLY: undefined } },
    { shell: 'bash', file: 'setup.bash', hooks: { UNDER: 'sh', SCRIPT: 'two', ONLY: 'bash', AMENT_LIST: undefined } },
    { shell: 'zsh', file: 'setup.zsh', hooks: { UNDER: 'zsh', SCRIPT: 'sh', ONLY: 'zsh' } },
    { shell: 'zsh', file: 'setup.sh', hooks: { UNDER: 'sh', SCRIPT: 'sh', ONLY: undefined } },
  ];
  it.each(cases)('set up $shell by $file, underlays first, hooks after', ({ shell, file, hooks }) => {
    const found = environmentAfter(shell, `set -eu\n. '${own()}/${file}'`);
    const wanted = { ...common(), ...hooks };
    expect(Object.fromEntries(Object.keys(wanted).map((name) => [name, found[name]]))).toEqual(wanted);
    // No variables or functions of the scripts remain, and invalid names were ignored.
    expect(Object.keys(found).filter((name) => /slipway|CURRENT_PREFIX|UTIL_ARGS|BESIDE_DSV|hurt/i.test(name))).toEqual(
      [],
    );
    expect(existsSync(join(folder, 'hurt'))).toBe(false);
  });

  it('change nothing when sourced again', () => {
    const once = environmentAfter('dash', `. '${own()}/setup.sh'`);
    // The underlay's own script adds its folder each time.
    const twice = environmentAfter('dash', `. '${own()}/setup.sh'; . '${own()}/local_setup.sh'`);
    expect(twice).toEqual(once);
  });

  it('run a command in their environment', () => {
    const file = join(own(), 'env.sh');
    expect(spawnSync(file, ['sh', '-c', 'echo "$VENDOR_HOME $1"', 'sh', 'a b'], { encoding: 'utf8' }).stdout).toBe(
      `${own()}/share/vendor a b\n`,
    );
    expect(spawnSync(file, [], { encoding: 'utf8' }).status).toBe(2);
  });

  it("include catkin's for ROS 1", () => {
    const found = environmentAfter('bash', `. '${folder}/ros1/setup.bash'`);
    expect(found.ROS_PACKAGE_PATH).toBe(`${folder}/ros1/share:/usr/share`);
    expect(found.AMENT_PREFIX_PATH).toBeUndefined();
    expect(isPrefixFile('/opt/a/.catkin', '/opt/a')).toBe(true);
    expect(isPrefixFile('/opt/a/share/setup.sh', '/opt/a')).toBe(false);
  });
});
