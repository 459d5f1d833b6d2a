import { join, resolve } from 'node:path';
import { describeMachine, examine } from '../sandbox/doctor.ts';
import { readWorkspace } from '../read/workspace.ts';
import { run } from '../io/process.ts';
import { sizeText } from '../model/sizes.ts';
import { describe, stateRules } from './clean-up.ts';
import { stateKinds } from './store.ts';
import { writeMessage, distroOptions, exit, findDistro, writeOutput, defineCommand } from './command.ts';

export const doctor = defineCommand({
  summary: 'tell what this machine lacks for builds, and the command that brings it',
  usage: 'doctor',
  options: {
    distro: distroOptions.distro,
    driver: { type: 'string', value: 'NAME', help: 'unshare (default) or docker' },
    install: {
      type: 'boolean',
      help: 'install what is missing with apt-get (by sudo where not root), after saying so',
    },
  },
  async run(values) {
    const driver = values.driver ?? 'unshare';
    if (driver !== 'unshare' && driver !== 'docker') {
      writeMessage('slipway doctor: --driver is unshare or docker\n');
      return exit.usage;
    }
    const workspace = await readWorkspace(findDistro(values), undefined);
    const systems = workspace.ok ? Object.values(workspace.value.distro.platforms).map((p) => p.os) : [];
    let findings = await examine(driver, systems);
    const packages = [...new Set(findings.flatMap((f) => f.package?.split(' ') ?? []))].sort();
    const sudo = process.getuid!() === 0 ? [] : ['sudo'];
    if (packages.length && values.install) {
      const command = [
        ...sudo,
        'apt-get',
        'install',
        '-y',
        '--no-install-recommends',
        '-o',
        'DPkg::Lock::Timeout=300',
        ...packages,
      ];
      writeMessage(`this machine lacks ${packages.join(', ')}; running: ${command.join(' ')}\n`);
      const updated = await run([...sudo, 'apt-get'][0]!, [...sudo, 'apt-get', 'update', '-q'].slice(1), {
        inherit: true,
      });
      const installed = updated.code === 0 ? await run(command[0]!, command.slice(1), { inherit: true }) : updated;
      if (installed.code !== 0) {
        writeMessage('slipway doctor: apt-get failed, its words are above\n');
        return exit.failed;
      }
      findings = await examine(driver, systems);
    }
    const machine = describeMachine(workspace.ok ? workspace.value.state : join(process.cwd(), '.slipway'));
    findings.push(...machine.findings);
    for (const f of findings)
      writeOutput(`${f.what}\n    ${f.fix ?? `${sudo.length ? 'sudo ' : ''}apt-get install -y ${f.package}`}\n`);
    if (!findings.length) writeOutput('this machine has all that builds need\n');
    const kept = workspace.ok ? await stateKinds(resolve(workspace.value.state)) : [];
    if (workspace.ok && kept.length)
      machine.lines.push(
        `kept in ${workspace.value.state}: ${describe(kept)}; at most ${sizeText(stateRules(workspace.value.distro).size)} (state.size)`,
      );
    for (const line of machine.lines) writeOutput(`${line}\n`);
    return findings.length ? exit.failed : exit.ok;
  },
});
