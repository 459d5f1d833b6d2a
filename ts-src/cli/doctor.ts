import { resolve } from 'node:path';
import { describeMachine, examine } from '../sandbox/doctor.ts';
import { run } from '../io/process.ts';
import { sizeText } from '../model/sizes.ts';
import { describe, stateRules } from './clean-up.ts';
import { stateKinds } from './store.ts';
import { isQuiet, writeMessage, distroOptions, exit, namedState, writeOutput, defineCommand } from './command.ts';
import { driverOption } from './option-checks.ts';
import { openWorkspace } from './planning.ts';

export const doctor = defineCommand({
  summary: 'check that this machine can build, and show how to install what is missing',
  usage: 'doctor',
  examples: ['slipway doctor', 'slipway doctor --install', 'slipway doctor --driver docker --json'],
  options: {
    json: { type: 'boolean', help: 'print what is missing, and how to install it, as JSON' },
    distro: distroOptions.distro,
    state: distroOptions.state,
    driver: driverOption,
    install: {
      type: 'boolean',
      help: 'print what is missing, and install it with apt-get (with sudo if you are not root)',
    },
  },
  async run(values) {
    const driver = values.driver === 'docker' ? 'docker' : 'unshare';
    const workspace = await openWorkspace(values);
    const systems = workspace.ok ? Object.values(workspace.value.distro.platforms).map((p) => p.os) : [];
    let findings = await examine(driver, systems);
    const packages = [...new Set(findings.flatMap((f) => f.package?.split(' ') ?? []))].sort();
    const root = process.getuid?.() === 0;
    const asRoot = (args: string[]): [string, string[]] => (root ? ['apt-get', args] : ['sudo', ['apt-get', ...args]]);
    if (packages.length && values.install) {
      const command = asRoot([
        'install',
        '-y',
        '--no-install-recommends',
        '-o',
        'DPkg::Lock::Timeout=300',
        ...packages,
      ]);
      writeMessage(`this machine lacks ${packages.join(', ')}; running: ${command.flat().join(' ')}\n`);
      const updated = await run(...asRoot(['update', '-q']), { inherit: true });
      const installed = updated.code === 0 ? await run(...command, { inherit: true }) : updated;
      if (installed.code !== 0) {
        writeMessage('slipway doctor: apt-get failed, its words are above\n');
        return exit.failed;
      }
      findings = await examine(driver, systems);
    }
    const machine = describeMachine(workspace.ok ? workspace.value.state : resolve(namedState(values) ?? '.slipway'));
    findings.push(...machine.findings);
    const kept = workspace.ok ? await stateKinds(workspace.value.state) : [];
    if (workspace.ok && kept.length)
      machine.lines.push(
        `kept in ${workspace.value.state}: ${describe(kept)}; at most ` +
          `${sizeText(stateRules(workspace.value.distro).size)} (state.size)`,
      );
    const lacks = findings.map((f) => ({
      what: f.what,
      fix: f.fix ?? `${root ? '' : 'sudo '}apt-get install -y ${f.package}`,
    }));
    if (values.json) writeOutput(`${JSON.stringify({ findings: lacks, machine: machine.lines })}\n`);
    else {
      for (const { what, fix } of lacks) writeOutput(`${what}\n    ${fix}\n`);
      if (!lacks.length && !isQuiet()) writeOutput('this machine has all that builds need\n');
      if (!isQuiet()) for (const line of machine.lines) writeOutput(`${line}\n`);
    }
    return findings.length ? exit.failed : exit.ok;
  },
});
