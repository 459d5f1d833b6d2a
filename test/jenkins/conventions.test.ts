import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../e2e/helpers.ts';
import { prepareHarness } from './harness.mjs';
import { at } from '../../ts-src/model/lists.ts';

const vars = join(root, 'vars');
const names = readdirSync(vars)
  .filter((f) => f.endsWith('.groovy'))
  .map((f) => f.replace('.groovy', ''))
  .sort();
const text = (name: string) => readFileSync(join(vars, `${name}.groovy`), 'utf8');
/** The options of a var with their defaults. */
const optionsOf = (name: string) => at(/slipwayOptions\('\w+', \[([^]*?)\n? *\], given\)/.exec(text(name))!, 1);

const withOptions = names.filter((name) => text(name).includes(`slipwayOptions('${name}', [`));

/** Pipeline steps by plugin; docs/jenkins.md lists these. */
const steps: Record<string, string[]> = {
  'Pipeline (workflow-aggregator)': [
    'checkout',
    'dir',
    'echo',
    'error',
    'fileExists',
    'input',
    'libraryResource',
    'mail',
    'node',
    'parallel',
    'properties',
    'pwd',
    'readFile',
    'retry',
    'sh',
    'sleep',
    'stage',
    'stash',
    'timeout',
    'unstash',
    'withEnv',
    'writeFile',
    'archiveArtifacts',
    'build',
  ],
  'JUnit (junit)': ['junit'],
  'Credentials Binding (credentials-binding)': ['withCredentials'],
  'Lockable Resources (lockable-resources)': ['lock'],
  'Folder Properties (folder-properties), optional': ['withFolderProperties'],
};
const symbols = [
  'agent',
  'nonresumable',
  'usernamePassword',
  'string',
  'file',
  'sshUserPrivateKey',
  'disableConcurrentBuilds',
  'buildDiscarder',
  'logRotator',
  'durabilityHint',
  'pipelineTriggers',
  'cron',
  'scmGit',
];

/** Methods that vars call besides steps: the sandbox for pipelines must allow them. */
const allowed = readFileSync(join(root, 'test/jenkins/harness/sandbox.txt'), 'utf8')
  .split('\n')
  .flatMap((line) => /^(?:method|staticMethod) \S+ (\S+)/.exec(line)?.[1] ?? []);

describe('the vars', () => {
  it('have help with their call and an example', () => {
    for (const name of names) {
      const help = readFileSync(join(vars, `${name}.txt`), 'utf8');
      expect(help.startsWith(name), name).toBe(true);
      expect(help, name).toMatch(new RegExp(`^ {4}.*${name}`, 'm'));
    }
    expect(
      readdirSync(vars)
        .filter((f) => f.endsWith('.txt'))
        .map((f) => f.replace('.txt', ''))
        .sort(),
    ).toEqual(names);
  });

  it('explain every option in their help', () => {
    expect(withOptions).toContain('slipwayReproduce');
    for (const name of withOptions) {
      const options = optionsOf(name);
      const help = readFileSync(join(vars, `${name}.txt`), 'utf8');
      for (const [, option] of options.matchAll(/(\w+):/g))
        expect(help, `${name}: ${option}`).toMatch(new RegExp(`(^|[ ,])${option}\\b`, 'm'));
    }
  });

  it('use every option that the pipelines accept', () => {
    for (const name of ['agentImagePipeline', 'distroPipeline', 'packagePipeline']) {
      const used = text(name) + text('slipwayRun');
      for (const [, option] of optionsOf(name).matchAll(/(\w+):/g))
        expect(used, `${name}: ${option}`).toMatch(new RegExp(`\\b(?:o|given)\\.${option}\\b`));
    }
  });

  it('have every option of both pipelines in docs/jenkins.md: in an example, and in a table with its default', () => {
    const docs = readFileSync(join(root, 'docs/jenkins.md'), 'utf8');
    for (const name of ['distroPipeline', 'packagePipeline']) {
      const options = optionsOf(name).replace(/'[^']*'/g, (t) => t.replaceAll(':', ''));
      const example = at(new RegExp(`\n {4}${name}\\(\n([^]*?)\n {4}\\)\n`).exec(docs)!, 1);
      const table = at(docs.slice(docs.indexOf(example)).split('\n\n'), 1);
      for (const [, option, value] of options.matchAll(/(\w+): (\[[^\]]*\]|'[^']*'|[^,\s]+)/g)) {
        expect(example, `${name}: ${option}`).toMatch(new RegExp(`\\b${option}: `));
        const row = table.split('\n').find((l) =>
          at(l.split('|'), 1)
            .split(',')
            .some((o) => o.trim() === option),
        );
        expect(row, `${name}: ${option}`).toBeDefined();
        const told = at(row!.split('|'), 2).trim();
        const plain = value!.replace(/'/g, '');
        // Cron's value contains spaces, where this parser cuts it.
        if (plain !== 'null' && plain !== '[]' && !told.startsWith('as in'))
          expect(told.replace(/`/g, ''), `${name}: ${option}`).toContain(plain);
      }
    }
    // The page lists exactly the plugins that the steps need.
    for (const id of Object.keys(steps).flatMap((plugin) => /\(([\w-]+)\)/.exec(plugin)?.[1] ?? []))
      expect(docs, id).toMatch(new RegExp(`\\| ${id} +\\|`));
  });

  it('have the defaults that their help states', () => {
    let compared = 0;
    for (const name of ['distroPipeline', 'packagePipeline', 'slipwayBuild']) {
      const help = readFileSync(join(vars, `${name}.txt`), 'utf8');
      const defaults = new Map(
        [...optionsOf(name).matchAll(/(\w+): (\[[^\]]*\]|'[^']*'|[^,\s]+)/g)].map(([, option, value]) => [
          option,
          value,
        ]),
      );
      for (const [, option = '', said = ''] of help.matchAll(/(\w+) \([^()]*?default ('[^']*'|\[:?\]|\w+)[^()]*\)/g)) {
        const value = defaults.get(option);
        expect(value, `${name}: ${option}`).toBeDefined();
        // Words for a value that is determined elsewhere.
        if (value === 'null' || (value === '[]' && said !== '[]')) continue;
        expect(said, `${name}: ${option}`).toBe(value);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(15);
  });

  it('fit into 120 columns, and request the node version that the program needs', () => {
    for (const name of names)
      for (const line of text(name).split('\n')) expect(line.length, `${name}: ${line}`).toBeLessThanOrEqual(120);
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
    expect(text('slipwayProgram')).toContain(`v[0]>${major}||v[0]==${major}&&v[1]>=${minor}`);
    for (const name of ['slipway', 'slipwayProgram'])
      expect(text(name)).toContain(`too old: ${major}.${minor} or later is needed`);
  });

  it('read options that are maps with get: the sandbox refuses subscripts with names', () => {
    for (const name of withOptions)
      for (const [, option] of optionsOf(name).matchAll(/(\w+): \[:\]/g))
        expect(text(name), `${name}: ${option}`).not.toMatch(new RegExp(`\\bo\\.${option}\\[`));
  });

  it('use these steps and no others', () => {
    const known = new Set([...Object.values(steps).flat(), ...symbols]);
    const used = new Set<string>();
    for (const name of names) {
      const plain = text(name)
        .replace(/^ *(\/\*\*| \*|\/\/).*$/gm, '')
        .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
        .replace(/"(?:[^"\\\n]|\\.)*"/g, '""')
        .replace(/\/\/.*$/gm, '');
      const own = new Set([...plain.matchAll(/^(?:\w+ )+(\w+)\(/gm)].map((m) => at(m, 1)));
      for (const [, word] of plain.matchAll(/(?<![.\w])([a-z]\w*)(?=\(| \{)/g))
        if (
          !own.has(word!) &&
          !names.includes(word!) &&
          ![
            'if',
            'for',
            'while',
            'catch',
            'return',
            'switch',
            'else',
            'try',
            'new',
            'finally',
            'body',
            'tell',
          ].includes(word!)
        )
          used.add(word!);
    }
    expect([...used].filter((u) => !known.has(u)).sort()).toEqual([]);
    expect([...known].filter((k) => !used.has(k) && !['call'].includes(k)).sort()).toEqual([]);
  });

  it('call nothing that the sandbox refuses, judged by the compiled code', async () => {
    const classes = (await prepareHarness()) as string;
    const listed = execFileSync(
      'java',
      ['--add-opens', 'java.base/java.lang=ALL-UNNAMED', '-cp', classes, 'Calls', vars],
      { encoding: 'utf8' },
    );
    const own = new Set<string>();
    for (const name of names) for (const [, method] of text(name).matchAll(/^(?:\w+ )+(\w+)\(/gm)) own.add(method!);
    const known = new Set([...Object.values(steps).flat(), ...symbols, ...names, ...own, ...allowed, 'call']);
    const calls = listed.trim().split('\n');
    expect(calls.length).toBeGreaterThan(20);
    expect(calls.filter((c) => !known.has(c.replace(/^new /, ''))).sort()).toEqual([]);
  });
});
