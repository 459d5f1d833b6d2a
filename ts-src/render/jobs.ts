import jobsTemplate from '../../resources/templates/jobs.mustache';
import { renderTemplate } from './template.ts';

export interface JobsInput {
  folder: string;
  organization: string;
  distroUrl: string;
  distroBranch: string | undefined;
  credentials: string | undefined;
  /** Builds that a job keeps. */
  keep: number;
  /** Minutes between looks at a repository. */
  every: number;
  repositories: { name: string; url: string; distributions: string[] }[];
}

/** A string of Groovy: single quotes, nothing in it is read. */
const groovy = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;

/**
 * A job's name as Jenkins takes it (no `/`, no `?*\%!@#$^&|<>[]:;`), the same for the same repository, never shared by
 * two.
 */
export function jobNames(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((name) => {
    const plain = name.replace(/[^A-Za-z0-9._ -]+/g, '-').replace(/^[.-]+|\.+$/g, '') || 'repository';
    let free = plain;
    for (let i = 2; used.has(free.toLowerCase()); i++) free = `${plain}-${i}`;
    used.add(free.toLowerCase());
    return free;
  });
}

/** The farm's jobs as a Job DSL script. */
export function renderJobDsl(input: JobsInput): string {
  const names = jobNames(['distro', 'distro-requests', ...input.repositories.map((r) => r.name)]);
  const credentials = input.credentials === undefined ? [] : [{ credentialsId: groovy(input.credentials) }];
  const onGithub = (url: string) =>
    /^(?:https?:\/\/|ssh:\/\/git@|git@)github\.com[:/]([^/]+)\/([^/]+?)(?:\.git)?\/?$/.exec(url);
  const job = (name: string, url: string, title: string, id: string, of: { branches: boolean; requests: boolean }) => {
    const github = onGithub(url);
    return {
      path: groovy(`${input.folder}/${name}`),
      id: groovy(id),
      title: groovy(title),
      github: github ? [{ owner: groovy(github[1]!), repository: groovy(github[2]!), credentials, ...of }] : [],
      git: github ? [] : [{ url: groovy(url), credentials }],
    };
  };
  return renderTemplate(jobsTemplate, {
    folder: groovy(input.folder),
    title: groovy(`Robot software of ${input.organization}`),
    keep: String(input.keep),
    minutes: `${input.every}m`,
    environment: [
      {
        name: 'SLIPWAY_DISTRO',
        value: groovy(`${input.distroUrl}${input.distroBranch === undefined ? '' : `#${input.distroBranch}`}`),
      },
      {
        name: 'SLIPWAY_DISTRO_JOB',
        value: groovy(`/${input.folder}/distro/${encodeURIComponent(input.distroBranch ?? 'main')}`),
      },
    ],
    jobs: [
      // Pull requests have a job of their own, so that they can't see credentials that are kept in the job that
      // publishes.
      job(
        names[0]!,
        input.distroUrl,
        'The distro repository: nightlies, releases, experiments',
        `slipway-${input.folder}-distro`,
        { branches: true, requests: false },
      ),
      ...(onGithub(input.distroUrl)
        ? [
            job(
              names[1]!,
              input.distroUrl,
              'Pull requests on the distro repository',
              `slipway-${input.folder}-distro-requests`,
              { branches: false, requests: true },
            ),
          ]
        : []),
      ...input.repositories.map((r, i) =>
        job(
          names[i + 2]!,
          r.url,
          `${r.name}, of ${r.distributions.join(', ')}`,
          `slipway-${input.folder}-${names[i + 2]!}`,
          { branches: true, requests: true },
        ),
      ),
    ],
  });
}

/** The same for the Configuration as Code plugin: the script under `jobs`, run when Jenkins starts. */
export function renderJobsCasc(input: JobsInput): string {
  const script = renderJobDsl(input)
    .trimEnd()
    .split('\n')
    .map((l) => (l ? `      ${l}` : ''))
    .join('\n');
  return `jobs:\n  - script: |\n${script}\n`;
}
