import templates from 'slipway:deploy';
import { renderTemplate } from '../render/template.ts';
import type { Answers } from './answers.ts';
import { pluginTable, renderPlugins } from './plugins.ts';

/** Names that git and Docker look for; with their dot they would rule deploy/ itself. */
const dotted: Readonly<Record<string, string>> = {
  gitignore: '.gitignore',
  dockerignore: '.dockerignore',
  env: '.env',
};

/** The folder of a farm: path → text. Files that end in .mustache get the answers, all others are as they are. */
export function renderDeployment(answers: Answers): Record<string, string> {
  const values = {
    ...answers,
    url: answers.url ?? `http://localhost:${answers.port}/`,
    domain: answers.domain ?? '',
    farm: answers.farm ?? '',
    jenkins: pluginTable.jenkins,
    java: pluginTable.java,
  };
  return Object.fromEntries(
    Object.entries({ ...templates, 'plugins.txt': renderPlugins() })
      .map(([path, text]): [string, string] => {
        const plain = path.replace(/\.mustache$/, '');
        return [dotted[plain] ?? plain, plain === path ? text : renderTemplate(text, values)];
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
