import { append } from '../model/lists.ts';
import { resolve } from 'node:path';
import { isError, sorted, type Diagnostic } from '../model/diagnostics.ts';
import { writeNamed } from '../io/named-file.ts';
import { absoluteUrl } from '../read/git/git.ts';
import { readEntries } from '../read/entries.ts';
import { renderJobDsl, renderJobsCasc, type JobsInput } from '../render/jobs.ts';
import { writeMessage, distroOptions, exit, writeOutput, showDiagnostics, defineCommand } from './command.ts';
import { among, ofForm } from './option-checks.ts';
import { openWorkspace } from './planning.ts';

const aNumber = ofForm(/^[1-9]\d{0,4}$/, 'a whole number from 1 to 99999');

export const jobs = defineCommand({
  summary: 'write the Jenkins jobs of the whole farm',
  usage: 'jobs --distro-url URL[#BRANCH]',
  examples: ['slipway jobs --distro-url https://git.example.org/distro.git#main --output jobs.groovy'],
  details: `Writes one folder with these jobs: a multibranch pipeline for each source repository of the distributions, one for pull
requests on the distro repository (on GitHub), one for the agents' image (with --farm-url), and a folder "publish" with
the job of the distro repository, which publishes. Keep the signing key in the credentials of the folder "publish".

The output is a Job DSL script, or configuration as code that contains the script. Run it in a seed job with
removedJobAction DELETE: this also removes the jobs of repositories that are no longer in a distribution.`,
  options: {
    distro: distroOptions.distro,
    state: distroOptions.state,
    'distro-url': {
      type: 'string',
      value: 'URL[#BRANCH]',
      help: 'URL from which Jenkins clones the distro repository',
      check: ofForm(/^[^\0-\x20\x7f#]+(#[^#]*)?$/, 'a URL without blanks, with at most one #BRANCH'),
    },
    'farm-url': {
      type: 'string',
      value: 'URL',
      help: "repository of the folder that `slipway deploy init` made; adds a job for the agents' image",
      check: ofForm(/^[^\0-\x20\x7f#]*$/, 'a URL without blanks and #'),
    },
    folder: {
      type: 'string',
      value: 'NAME',
      help: 'folder of all jobs (default: the organization)',
      check: ofForm(/^[A-Za-z0-9][A-Za-z0-9 ._-]*$/, 'a name of letters, digits, blanks, ".", "_" and "-"'),
    },
    credentials: {
      type: 'string',
      value: 'ID',
      help: 'id of the Jenkins credentials that read the repositories',
      check: ofForm(/^[A-Za-z0-9._-]+$/, 'an id of letters, digits, ".", "_" and "-"'),
    },
    format: { type: 'string', value: 'NAME', help: 'jobdsl (default) or casc', check: among('jobdsl', 'casc') },
    'keep-branches': {
      type: 'string',
      value: 'N',
      help: 'number of jobs of deleted branches and closed pull requests to keep (default: 30)',
      check: aNumber,
    },
    'build-tags': {
      type: 'boolean',
      help: 'start a build for each new tag of the distro repository (needs the plugin basic-branch-build-strategies)',
    },
    every: {
      type: 'string',
      value: 'MINUTES',
      help: 'interval of scans for new branches of repositories without a webhook (default: 60)',
      check: aNumber,
    },
    output: { type: 'string', short: 'o', value: 'FILE', help: 'output file (default: standard output)' },
  },
  async run(values) {
    const [url = '', branch] = (values['distro-url'] ?? '').split('#');
    if (!url) {
      writeMessage('slipway jobs: --distro-url is missing: --distro-url URL[#BRANCH], from which Jenkins clones\n');
      return exit.usage;
    }
    const workspace = await openWorkspace(values);
    if (!workspace.ok) {
      showDiagnostics(workspace.diagnostics);
      return exit.failed;
    }
    const diagnostics: Diagnostic[] = [];
    const repositories = new Map<string, { url: string; distributions: string[] }>();
    const { distro, urlBase } = workspace.value;
    for (const name of Object.keys(distro.distributions).sort()) {
      const entries = await readEntries(workspace.value, name);
      append(diagnostics, entries.diagnostics);
      if (!entries.ok) continue;
      for (const r of entries.value.repositories) {
        if (r.source?.type !== 'git') continue;
        const there = repositories.get(r.name);
        if (there) there.distributions.push(name);
        else repositories.set(r.name, { url: absoluteUrl(r.source.url, urlBase), distributions: [name] });
      }
    }
    showDiagnostics(sorted(diagnostics));
    if (diagnostics.some(isError)) return exit.failed;
    const input: JobsInput = {
      folder: values.folder ?? distro.organization,
      organization: distro.organization,
      distroUrl: url,
      distroBranch: branch,
      // The seed job passes the environment variable even if it is empty.
      farmUrl: values['farm-url'] || undefined,
      credentials: values.credentials,
      keepBranches: Number(values['keep-branches'] ?? 30),
      buildTags: values['build-tags'] ?? false,
      every: Number(values.every ?? 60),
      repositories: [...repositories].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, r]) => ({ name, ...r })),
    };
    const made = values.format === 'casc' ? renderJobsCasc(input) : renderJobDsl(input);
    if (values.output !== undefined) {
      writeNamed(resolve(values.output), made);
      const count = input.repositories.length + (input.farmUrl === undefined ? 1 : 2);
      writeMessage(`wrote ${values.output}: the jobs of ${count} repositories\n`);
    } else writeOutput(made);
    return exit.ok;
  },
});
