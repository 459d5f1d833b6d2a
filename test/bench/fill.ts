// Fills a store as if a whole plan had been built and tested: records and objects as builds write them, with invented
// outputs of compilers and apt. Run in a distro repository: `node fill.cjs DISTRO LOCK`.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sha256 } from '../../ts-src/model/digest.ts';
import { stampOf } from '../../ts-src/model/names.ts';
import type { BuildRecord, TestRecord } from '../../ts-src/model/result.ts';
import { finishDeferred } from '../../ts-src/io/deferred.ts';
import { makeLock } from '../../ts-src/read/lockfile.ts';
import { renderLock } from '../../ts-src/render/lock.ts';
import { wantedBase } from '../../ts-src/sandbox/base-system.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { packagesInRoot, type TaskGraph } from '../../ts-src/engine/task-graph.ts';
import type { ResolvedTask } from '../../ts-src/engine/task-keys.ts';
import { readAndPlan, type Planned } from '../../ts-src/cli/planning.ts';
import { recordRun } from '../../ts-src/engine/runs.ts';
import { openSession, shareResolved, type Session } from '../../ts-src/engine/session.ts';

const [distro = '', lockFile = ''] = process.argv.slice(2);
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');

/** A base that is never entered; keys need only its digests. */
function makeBase(state: string, id: string, wanted: string): void {
  const folder = join(state, 'bases', id);
  const root = join(folder, 'made', 'root');
  mkdirSync(join(root, 'var/lib/dpkg'), { recursive: true });
  mkdirSync(join(folder, 'made', 'lists'), { recursive: true });
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  const packages = Array.from({ length: 160 }, (_, i) => `base-package-${i}=1.${i}-1`);
  writeFileSync(
    join(folder, 'current.json'),
    JSON.stringify({
      digest: sha256(id),
      archive: sha256(`${id} lists`),
      wanted,
      folder: join(folder, 'made'),
      root,
      lists: join(folder, 'made', 'lists'),
      tar: join(folder, 'made', 'base.tar'),
      packages,
      made: Math.floor(Date.now() / 1000),
      sources: '',
    }),
  );
}

/** An invented set of system packages, as large as a real one: about 60 packages, and 4 for each name. */
function systemSet(names: readonly string[]): string[] {
  const set = new Set(Array.from({ length: 60 }, (_, i) => `compiler-part-${i}=12.2.0-14+deb12u${i % 3}`));
  for (const n of names) {
    set.add(`${n}=1.2.3-1`);
    for (let i = 0; i < 4; i++) set.add(`library-${parseInt(sha1(`${n} ${i}`).slice(0, 6), 16) % 3000}=2.4.${i}-1+b1`);
  }
  return [...set].sort();
}

/** Plans with invented commits and trees for all sources, and writes the lockfile for them. */
async function lockedPlan(): Promise<Planned> {
  const unlocked = await readAndPlan({ distro }, []);
  if (!unlocked.ok) throw new Error(JSON.stringify(unlocked.diagnostics.slice(0, 5)));
  for (const d of unlocked.value.distributions)
    for (const p of d.packages.values()) p.source = { ...p.source, commit: sha1(p.repository), tree: sha1(p.name) };
  writeFileSync(lockFile, renderLock(makeLock(stampOf(Date.now()), unlocked.value.distributions, {})));
  const planned = await readAndPlan({ distro, lock: lockFile }, []);
  if (!planned.ok) throw new Error('the locked plan failed');
  return planned.value;
}

/** A session on the plan, with a base for each target and an apt resolver that answers at once. */
async function openFilled({ workspace, plan, distributions, lock }: Planned): Promise<Session> {
  const state = resolve(workspace.state);
  for (const { platform: name, architecture } of plan.scopes.flatMap((s) => s.targets)) {
    const platform = workspace.distro.platforms[name];
    if (platform) makeBase(state, `${name}-${architecture}`, wantedBase(workspace.root, platform, architecture).wanted);
  }
  const session = await openSession(
    {
      plan,
      distro: workspace.distro,
      distroRoot: workspace.root,
      state,
      distributions,
      lock,
      untrusted: undefined,
      tested: () => true,
      bases: {},
    },
    {
      say: () => undefined,
      driver: unshareDriver(),
      limits: { workers: 1, jobs: 1, minutes: 1, task: {} },
      renewBase: false,
      signal: new AbortController().signal,
      channelVersion: () => undefined,
    },
  );
  if (!('graphs' in session)) throw new Error(JSON.stringify(session.diagnostics));
  for (const system of new Set(session.graphs.map((graph) => graph.system))) {
    const resolve = system.resolve.bind(system);
    const asked = new Set<string>();
    system.resolve = (names) => {
      const text = names.join(' ');
      if (names.length && !asked.has(text)) system.remember(text, systemSet(names));
      asked.add(text);
      return resolve(names);
    };
  }
  return session;
}

/** The task's key, if all packages in its root are built. */
async function keyOf({ taskKeys }: Session, graph: TaskGraph, task: number): Promise<ResolvedTask | undefined> {
  if (packagesInRoot(graph, task).some((d) => !graph.records[d])) return undefined;
  const resolved = await taskKeys.resolveKey(graph, task);
  if (typeof resolved === 'string') throw new Error(resolved);
  return resolved;
}

async function fillBuilds(session: Session, graph: TaskGraph): Promise<void> {
  const { store } = session;
  for (const [n, p] of graph.scope.packages.entries()) {
    const resolved = p.blocked === undefined ? await keyOf(session, graph, n) : undefined;
    if (!resolved) continue;
    const id = `${graph.id} ${p.name}`;
    const face = (what: string) => sha256(`${id} ${what}`);
    const record: BuildRecord = {
      schema: 4,
      key: resolved.key,
      package: p.name,
      version: `${p.version}-0acme${session.input.plan.stamp}`,
      debs: [await store.putText(`${p.debian}_1_amd64.deb`, `deb of ${id}`)],
      files: await store.putText('files.json', `["${id}"]`),
      systemDepends: [],
      interface: {
        api: face('api'),
        tool: face('tool'),
        code: face('code'),
        full: face('full'),
        loads: n % 3 === 0,
        offers: n % 10 === 0,
      },
      abi: face('abi').slice(0, 16),
      requires: [],
      inputs: resolved.inputs(),
      system: [],
      roots: {},
      milliseconds: 10_000,
    };
    await store.putRecord(record);
    graph.records[n] = record;
  }
}

async function fillTests(session: Session, graph: TaskGraph): Promise<void> {
  const { store } = session;
  const log = await store.putText('log', 'log');
  for (const [n, p] of graph.scope.packages.entries()) {
    const resolved = await keyOf(session, graph, graph.count + n);
    if (!resolved) continue;
    const record: TestRecord = {
      schema: 4,
      key: resolved.key,
      package: p.name,
      outcome: 'passed',
      tests: 3,
      failures: 0,
      skipped: 0,
      failed: [],
      flaky: [],
      attempts: 1,
      log,
      inputs: resolved.inputs(),
      milliseconds: 5000,
    };
    await store.putTest(record);
    graph.tests[n] = record;
  }
}

async function fill(): Promise<void> {
  const planned = await lockedPlan();
  const session = await openFilled(planned);
  const { graphs } = session;
  mkdirSync(session.input.state, { recursive: true });
  for (const graph of graphs) {
    await fillBuilds(session, graph);
    await fillTests(session, graph);
  }
  for (const system of new Set(graphs.map((graph) => graph.system))) system.save();
  await shareResolved(session);
  await recordRun(session);
  finishDeferred();
  const counts = graphs.map(
    ({ id, records, tests }) =>
      `${id}: ${records.filter(Boolean).length} builds, ${tests.filter(Boolean).length} tests`,
  );
  console.log(counts.join('\n'));
}

await fill();
