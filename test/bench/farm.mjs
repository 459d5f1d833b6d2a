// The example's distro repository on agents of the harness: a nightly, and a second one without changes.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyExample } from '../e2e/edits.mjs';
import { jenkins } from '../jenkins/harness.mjs';

/** Agent seconds of a nightly without changes. */
export async function noopNightly(note) {
  const folder = '/var/tmp/slipway-bench/farm';
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const distro = join(folder, 'distro');
  copyExample(distro);
  for (const d of ['mini', 'classic']) {
    const file = join(distro, 'rosdistro', d, 'distribution.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('./repositories', `${distro}/repositories`));
  }
  appendFileSync(join(distro, 'distro.yaml'), `store: file:${folder}/store\n`);
  execFileSync(
    'sh',
    [
      '-ec',
      'git init -q -b main .; git add distro.yaml rosdep.yaml rosdistro; git -c user.name=a -c user.email=a@example.org commit -qm x',
    ],
    { cwd: distro },
  );
  const build = {
    jenkinsfile: 'distroPipeline(lanes: 2, publish: false)',
    scmUrl: distro,
    scmRef: 'refs/heads/main',
    job: 'distro',
    env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true' },
    agents: [
      { name: 'a1', labels: 'slipway amd64' },
      { name: 'a2', labels: 'slipway amd64' },
    ],
  };
  note('a nightly of the example, and one more where nothing changed');
  const first = await jenkins(folder, '1', build);
  if (first.result !== 'SUCCESS') throw new Error(`${first.failure}\n${first.log.slice(-3000)}`);
  const begun = Date.now();
  const second = await jenkins(folder, '2', build);
  if (second.description !== 'main: 10 cached, tests of 10 packages passed') throw new Error(second.log.slice(-3000));
  if ((second.log.match(/^Running on /gm) ?? []).length !== 1)
    throw new Error('the second nightly took more than one agent');
  return {
    name: 'nightly.noop_agent_s',
    value: (Date.now() - begun) / 1000,
    meaning:
      'seconds of the one agent that a nightly takes where nothing changed, the whole build but for publishing counted (the example)',
  };
}
