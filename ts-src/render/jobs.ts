import { at } from '../model/lists.ts';
import jobsTemplate from '../../resources/templates/jobs.mustache';
import { wellFormed } from '../text/cut.ts';
import { renderTemplate } from './template.ts';

export interface JobsInput {
  folder: string;
  organization: string;
  distroUrl: string;
  distroBranch: string | undefined;
  /** Repository of the folder that `slipway deploy init` created; its job builds the agents' image on AWS. */
  farmUrl: string | undefined;
  credentials: string | undefined;
  /** Number of jobs kept for deleted branches and closed pull requests, per repository. */
  keepBranches: number;
  /** Build new tags of the distro repository; needs a plugin. */
  buildTags: boolean;
  /** Minutes between scans of a repository. */
  every: number;
  repositories: { name: string; url: string; distributions: string[] }[];
}

/** Name of the folder with publishing jobs, below the folder of all jobs. */
const publishingFolder = 'publish';

/**
 * A Groovy string without interpolation, in ASCII: YAML ends a line at U+0085, U+2028 and U+2029, too, so text behind
 * them would be a part of Jenkins' configuration.
 */
const groovy = (text: string): string =>
  `'${text
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`;

/** Unique, stable job names for repositories, valid in Jenkins (no `/`, no `?*\%!@#$^&|<>[]:;`). */
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

/** Owner and name of a GitHub repository. */
const onGithub = (url: string): RegExpExecArray | null =>
  /^(?:https?:\/\/|ssh:\/\/git@|git@)github\.com[:/]([^/]+)\/([^/]+?)(?:\.git)?\/?$/.exec(url);

/**
 * Returns a function that makes the template's values for a repository's job, which builds its branches and pull
 * requests.
 */
function jobsOf(input: JobsInput) {
  const credentials = input.credentials === undefined ? [] : [{ credentialsId: groovy(input.credentials) }];
  return (
    path: string,
    url: string,
    title: string,
    of: { branches: boolean; requests: boolean; id: string; tags?: boolean },
  ) => {
    const github = onGithub(url);
    const [, owner = '', repository = ''] = github ?? [];
    return {
      path: groovy(`${input.folder}/${path}`),
      id: groovy(`slipway-${input.folder}-${of.id}`),
      title: groovy(title),
      tags: of.tags === true,
      github: github
        ? [
            {
              owner: groovy(owner),
              repository: groovy(repository),
              url: groovy(`https://github.com/${owner}/${repository}`),
              credentials,
              branches: of.branches,
              requests: of.requests,
            },
          ]
        : [],
      git: github ? [] : [{ url: groovy(url), credentials }],
    };
  };
}

/** The farm's jobs as a Job DSL script. */
export function renderJobDsl(input: JobsInput): string {
  // The farm's own job comes last, so that it does not change the names of others.
  const names = jobNames([
    publishingFolder,
    'distro-requests',
    ...input.repositories.map((r) => r.name),
    ...(input.farmUrl === undefined ? [] : ['agents-image']),
  ]);
  const farm = { url: input.farmUrl, name: names[names.length - 1] ?? '' };
  const publishing = `${input.folder}/${publishingFolder}`;
  const title = `Robot software of ${input.organization}`;
  const distro = `${input.distroUrl}${input.distroBranch === undefined ? '' : `#${input.distroBranch}`}`;
  const distroJob = `/${publishing}/distro/${encodeURIComponent(wellFormed(input.distroBranch ?? 'main'))}`;
  const job = jobsOf(input);
  return renderTemplate(jobsTemplate, {
    folder: groovy(input.folder),
    title: groovy(title),
    // Shown in Jenkins if the plugin for folder properties is missing.
    plainTitle: groovy(`${title}. Set SLIPWAY_DISTRO=${distro} and SLIPWAY_DISTRO_JOB=${distroJob} in the environment`),
    publishing: groovy(publishing),
    publishingTitle: groovy('What publishes: its credentials are the signing key and its passphrase'),
    keep: String(input.keepBranches),
    minutes: `${input.every}m`,
    environment: [
      { name: 'SLIPWAY_DISTRO', value: groovy(distro) },
      { name: 'SLIPWAY_DISTRO_JOB', value: groovy(distroJob) },
    ],
    jobs: [
      // Pull requests have a separate job, outside of the folder with the publishing job's credentials.
      job(`${publishingFolder}/distro`, input.distroUrl, 'The distro repository: nightlies, releases, experiments', {
        branches: true,
        requests: false,
        id: 'distro',
        tags: input.buildTags,
      }),
      ...(onGithub(input.distroUrl)
        ? [
            job(at(names, 1), input.distroUrl, 'Pull requests on the distro repository', {
              branches: false,
              requests: true,
              id: 'distro-requests',
            }),
          ]
        : []),
      ...input.repositories.map((r, i) =>
        job(at(names, i + 2), r.url, `${r.name}, of ${r.distributions.join(', ')}`, {
          branches: true,
          requests: true,
          id: at(names, i + 2),
        }),
      ),
      ...(farm.url === undefined
        ? []
        : [
            job(farm.name, farm.url, 'The image that agents on AWS start from', {
              branches: true,
              requests: true,
              id: farm.name,
            }),
          ]),
    ],
  });
}

/** The script for the Configuration as Code plugin, under `jobs`; Jenkins runs it at its start. */
export function renderJobsCasc(input: JobsInput): string {
  // The plugin replaces `${NAME}` by the controller's variables, including secrets; `^` escapes it.
  const script = renderJobDsl(input)
    .trimEnd()
    .replaceAll('${', '^${')
    .split('\n')
    .map((l) => (l ? `      ${l}` : ''))
    .join('\n');
  return `jobs:\n  - script: |\n${script}\n`;
}
