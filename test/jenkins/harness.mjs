// Runs a Jenkinsfile with this library on Jenkins' own interpreter (groovy-cps), for tests and benchmarks; see
// harness/Harness.java.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { exclusively } from '../mutex.mjs';
import { cache, installTools } from '../setup.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const tool = join(cache, 'jenkins');
const pom = `<project><modelVersion>4.0.0</modelVersion><groupId>slipway</groupId><artifactId>harness</artifactId><version>1</version><dependencies>
<dependency><groupId>com.cloudbees</groupId><artifactId>groovy-cps</artifactId><version>1.31</version></dependency><dependency><groupId>org.codehaus.groovy</groupId><artifactId>groovy-all</artifactId><version>2.4.21</version></dependency>
<dependency><groupId>org.kohsuke</groupId><artifactId>groovy-sandbox</artifactId><version>1.19</version><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency></dependencies></project>`;

/**
 * Downloads the interpreter from Maven Central and compiles the harness, once; installs Java and Maven if they are
 * missing. Returns the class path.
 */
export const prepareHarness = () => (prepared ??= prepare());
let prepared;

const prepare = () =>
  exclusively(`${tool}.lock`, () => {
    installTools(['javac', 'mvn']);
    return compile();
  });

async function compile() {
  const lib = join(tool, 'lib');
  if (!['groovy-cps-1.31.jar', 'groovy-sandbox-1.19.jar'].every((jar) => existsSync(join(lib, jar)))) {
    mkdirSync(tool, { recursive: true });
    writeFileSync(join(tool, 'pom.xml'), pom);
    // Asynchronous, because vitest takes a worker that is blocked for a minute for dead.
    await promisify(execFile)('mvn', [
      '-q',
      '-B',
      `-Dmaven.repo.local=${join(tool, 'repository')}`,
      '-f',
      join(tool, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${lib}`,
    ]);
  }
  const sources = readdirSync(join(here, 'harness'), { recursive: true })
    .map(String)
    .filter((f) => f.endsWith('.java'))
    .map((f) => join(here, 'harness', f));
  // One folder per state of the sources, so that parallel checkouts do not interfere.
  const digest = createHash('sha256');
  for (const f of sources.sort()) digest.update(readFileSync(f));
  const classes = join(tool, `classes-${digest.digest('hex').slice(0, 16)}`);
  if (!existsSync(classes)) {
    const made = `${classes}.${process.pid}`;
    await promisify(execFile)('javac', ['-nowarn', '-Xlint:none', '-d', made, '-cp', `${lib}/*`, ...sources]);
    try {
      renameSync(made, classes);
    } catch (e) {
      if (!existsSync(classes)) throw e;
      rmSync(made, { recursive: true });
    }
  }
  return `${classes}:${lib}/*`;
}

/**
 * Runs one build below `folder`; agents keep their folders between builds. `build`: jenkinsfile, scmUrl, scmRef, job,
 * env, agents ({name, labels, env}), fleet (a folder, see harness/Fleet.java), events ({when, times, wait, do}),
 * credentials, approver, checkEvery, hurry, speed, simulated, sandboxed (simulated, on the simulated clock), trusted
 * (as a global library, outside the sandbox), durability (the job's setting at the start), vars (another folder of
 * them). SLIPWAY_BUILD_MINUTES: when a build that hangs is ended. Returns what Jenkins would show of the build.
 */
export async function jenkins(folder, name, build) {
  const home = join(folder, 'builds', name);
  mkdirSync(home, { recursive: true });
  const request = join(home, 'request.json');
  writeFileSync(
    request,
    JSON.stringify({
      ...build,
      home,
      vars: build.vars ?? join(root, 'vars'),
      resources: join(root, 'resources'),
      ...(build.trusted || (build.simulated && !build.seeds && !build.sandboxed)
        ? {}
        : { sandbox: join(here, 'harness/sandbox.txt') }),
      ...(build.fleet ? { fleet: { folder: build.fleet, home: join(folder, 'agents') } } : {}),
      agents: build.agents.map((a) => ({ ...a, home: join(folder, 'agents', a.name) })),
    }),
  );
  const opens = [
    'java.lang',
    'java.util',
    'java.io',
    'java.util.concurrent',
    'java.lang.reflect',
    'java.text',
    'java.math',
    'java.net',
    'java.nio',
    'java.util.regex',
  ].flatMap((p) => ['--add-opens', `java.base/${p}=ALL-UNNAMED`]);
  let said = '';
  const classPath = await prepareHarness();
  await new Promise((resolve, reject) => {
    const child = spawn('java', ['-Xss4m', ...opens, '-cp', classPath, 'Harness', request], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const s of [child.stdout, child.stderr])
      s.on('data', (d) => {
        said += d;
      });
    // Within vitest's limit for a test, which shows nothing of the build. On SIGQUIT Java prints its threads.
    const minutes = Number(process.env.SLIPWAY_BUILD_MINUTES ?? 0);
    const end = () => child.kill('SIGQUIT') && setTimeout(() => child.kill('SIGKILL'), 2000);
    const late = minutes > 0 ? setTimeout(end, minutes * 60_000) : undefined;
    child.on('error', reject).on('close', () => {
      clearTimeout(late);
      resolve(undefined);
    });
  });
  const file = join(home, 'result.json');
  const log = existsSync(join(home, 'log')) ? readFileSync(join(home, 'log'), 'utf8') : '';
  if (!existsSync(file)) throw new Error(`the harness broke: ${said}\n${log.slice(-4000)}`);
  return {
    ...JSON.parse(readFileSync(file, 'utf8')),
    log,
    home,
    trace: existsSync(join(home, 'trace')) ? readFileSync(join(home, 'trace'), 'utf8') : '',
  };
}
