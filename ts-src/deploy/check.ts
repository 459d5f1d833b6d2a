import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIf } from '../io/files.ts';
import { run } from '../io/process.ts';
import { LeftBehindError, listLeft, walkLeft } from '../io/untrusted.ts';
import { error, sorted, type Diagnostic } from '../model/diagnostics.ts';
import { checkCasc } from './jcasc.ts';
import { checkPlugins, pluginTable } from './plugins.ts';
import { checkSecrets } from './secrets.ts';

export interface Checked {
  diagnostics: Diagnostic[];
  /** Names of the checks that ran. */
  ran: string[];
  /** Tools that are missing or can't run yet. */
  missing: string[];
}

/** Checks a farm's folder without network; reports every fault of every file. */
export async function checkDeployment(root: string): Promise<Checked> {
  const diagnostics = plugins(root);
  for (const check of [casc, checkSecrets, conflictMarkers])
    diagnostics.push(...(await withoutLinks(() => check(root))));
  const ran = ['plugins', 'jcasc', 'secrets'];
  const missing: string[] = [];
  for (const tool of tools) {
    const outcome = await withoutLinks(() => tool.check(root));
    if (typeof outcome === 'string') missing.push(outcome);
    else {
      ran.push(tool.name);
      diagnostics.push(...outcome);
    }
  }
  return { diagnostics: sorted(diagnostics), ran, missing };
}

/** A link or a FIFO in place of a folder is a fault of the farm's folder; the other checks go on. */
async function withoutLinks<T>(check: () => Promise<T>): Promise<T | Diagnostic[]> {
  try {
    return await check();
  } catch (e) {
    if (!(e instanceof LeftBehindError)) throw e;
    return [error('deploy-folder', e.message, { hint: 'take it from git again' })];
  }
}

function plugins(root: string): Diagnostic[] {
  const dockerfile = readIf(join(root, 'Dockerfile')) ?? '';
  const list = readIf(join(root, 'plugins.txt'));
  const tag = /^FROM\s+\S*jenkins:(\S+)/m.exec(dockerfile)?.[1];
  const version = /^\d+(?:\.\d+){1,2}(?=-|$)/.exec(tag ?? '')?.[0];
  const found: Diagnostic[] = [];
  if (version === undefined)
    found.push(
      error(
        'deploy-plugins',
        `the Dockerfile names no version of Jenkins${tag === undefined ? '' : `: ${tag} moves`}`,
        {
          file: 'Dockerfile',
          hint: `FROM jenkins/jenkins:${pluginTable.jenkins}-lts-jdk${pluginTable.java}`,
        },
      ),
    );
  if (list === undefined) found.push(error('deploy-plugins', 'plugins.txt is missing', { file: 'plugins.txt' }));
  else found.push(...checkPlugins(list, 'plugins.txt', version ?? pluginTable.jenkins));
  return found;
}

async function casc(root: string): Promise<Diagnostic[]> {
  const files = (await walkLeft(root, 'jcasc')).filter(({ path }) => /\.ya?ml$/.test(path));
  if (!files.length) return [error('deploy-jcasc', 'jcasc/ holds no YAML file', { file: 'jcasc' })];
  return files.flatMap(({ path, kind }) =>
    kind === 'a file'
      ? checkCasc(readIf(join(root, path)) ?? '', path)
      : [error('deploy-jcasc', `${path} is ${kind}`, { file: path })],
  );
}

/** Conflict markers that `update` left for the operator to resolve. */
async function conflictMarkers(root: string): Promise<Diagnostic[]> {
  const skip = (path: string) => path === '.git' || path === 'secrets' || path.split('/').includes('.terraform');
  const found: Diagnostic[] = [];
  for (const { path, kind } of await walkLeft(root, '', { skip })) {
    if (kind !== 'a file' || path.startsWith('.slipway-deploy')) continue;
    const line = (readIf(join(root, path)) ?? '').split('\n').findIndex((text) => /^(<{7}|>{7}) /.test(text));
    if (line >= 0)
      found.push(
        error('deploy-conflict', 'a conflict of `slipway deploy update` is not resolved', {
          file: path,
          line: line + 1,
        }),
      );
  }
  return found;
}

interface Tool {
  name: string;
  /** Returns findings, or a text saying why the check did not run. */
  check(root: string): Promise<Diagnostic[] | string>;
}

/** Time limit of a tool in milliseconds: what it reads may keep it busy. */
const longestTool = 10 * 60_000;

async function runTool(name: string, args: string[], cwd: string): Promise<Diagnostic[] | string> {
  const ran = await run(name, args, { cwd, limit: 1 << 20, signal: AbortSignal.timeout(longestTool) });
  if (ran.code === 127) return name;
  if (ran.code === 0) return [];
  const output = `${ran.stdout}\n${ran.stderr}`.trim().split('\n').slice(0, 40).join('\n');
  return [error('deploy-tool', `${name} ${args[0] ?? ''}: ${output}`)];
}

const tools: readonly Tool[] = [
  {
    name: 'terraform validate',
    async check(root) {
      const folder = join(root, 'terraform');
      if (!existsSync(folder)) return 'terraform (no folder terraform/)';
      // Validation needs Terraform's providers; fetching them needs the network.
      if (!existsSync(join(folder, '.terraform'))) return 'terraform validate (after `terraform init` in terraform/)';
      return runTool('terraform', ['validate', '-no-color'], folder);
    },
  },
  {
    name: 'hadolint',
    async check(root) {
      const files = ['Dockerfile', 'agent/Dockerfile'].filter((file) => existsSync(join(root, file)));
      return files.length ? runTool('hadolint', files, root) : 'hadolint (no Dockerfile)';
    },
  },
  {
    name: 'ansible-lint',
    async check(root) {
      const found = (await listLeft(root, 'ansible')).length > 0;
      return found
        ? runTool('ansible-lint', ['--offline', '-q'], join(root, 'ansible'))
        : 'ansible-lint (no folder ansible/)';
    },
  },
];
