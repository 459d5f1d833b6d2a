import { resolve } from 'node:path';
import { isError, sorted, type Diagnostic } from '../model/diagnostics.ts';
import { writeWhole } from '../io/files.ts';
import { absoluteUrl } from '../read/git/git.ts';
import { readEntries } from '../read/inputs.ts';
import { renderJobDsl, renderJobsCasc, type JobsInput } from '../render/jobs.ts';
import { writeMessage, distroOptions, exit, writeOutput, showDiagnostics, type Command } from './command.ts';
import { openWorkspace } from './planning.ts';

export const jobs: Command = {
  summary: 'write the Jenkins jobs of the whole farm, from the distro repository alone',
  usage: 'jobs --distro-url URL[#BRANCH]',
  details: `One folder with the distro repository's multibranch pipeline (on GitHub one more for its pull requests, which then can't see the
credentials of the first) and one multibranch pipeline for each source repository of its distributions. As a Job DSL script (a seed job runs it with "removed jobs: delete" or "disable", so that jobs of repositories that
left go too), or as configuration as code that holds that script.`,
  options: {
    distro: distroOptions.distro,
    state: distroOptions.state,
    'distro-url': { type: 'string', value: 'URL[#BRANCH]', help: 'where Jenkins gets the distro repository from' },
    folder: { type: 'string', value: 'NAME', help: 'the folder of all jobs (default: the organization)' },
    credentials: { type: 'string', value: 'ID', help: 'credentials of Jenkins with which it reads the repositories' },
    format: { type: 'string', value: 'NAME', help: 'jobdsl (default) or casc' },
    keep: { type: 'string', value: 'N', help: 'builds that each job keeps (default: 30)' },
    every: {
      type: 'string',
      value: 'MINUTES',
      help: 'how often a repository is looked at for new branches where no webhook tells (default: 60)',
    },
    output: { type: 'string', short: 'o', value: 'FILE', help: 'write it there (default: standard output)' },
  },
  async run(values) {
    const text = (name: string, fallback: string) =>
      typeof values[name] === 'string' ? (values[name] as string) : fallback;
    const numbers = [text('keep', '30'), text('every', '60')];
    const format = text('format', 'jobdsl');
    const [url, branch] = text('distro-url', '').split('#') as [string, string | undefined];
    if (
      !url ||
      /[\0-\x20\x7f]/.test(url) ||
      !['jobdsl', 'casc'].includes(format) ||
      numbers.some((n) => !/^[1-9]\d{0,4}$/.test(n)) ||
      !/^[A-Za-z0-9][A-Za-z0-9 ._-]*$/.test(text('folder', 'x')) ||
      !/^[A-Za-z0-9._-]+$/.test(text('credentials', 'x'))
    ) {
      writeMessage(
        'slipway jobs: --distro-url is needed; --format is jobdsl or casc; --keep and --every take numbers; --folder and --credentials plain names\n',
      );
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
      diagnostics.push(...entries.diagnostics);
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
      folder: text('folder', distro.organization),
      organization: distro.organization,
      distroUrl: url,
      distroBranch: branch,
      credentials: typeof values.credentials === 'string' ? values.credentials : undefined,
      keep: Number(numbers[0]),
      every: Number(numbers[1]),
      repositories: [...repositories].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, r]) => ({ name, ...r })),
    };
    const made = format === 'casc' ? renderJobsCasc(input) : renderJobDsl(input);
    if (typeof values.output === 'string') {
      writeWhole(resolve(values.output), made);
      writeMessage(`wrote ${values.output}: the jobs of ${input.repositories.length + 1} repositories\n`);
    } else writeOutput(made);
    return exit.ok;
  },
};
