import templates from 'slipway:deploy';
import { renderTemplate } from '../render/template.ts';
import type { Answers } from './answers.ts';
import { pluginTable, renderPlugins } from './plugins.ts';

/**
 * Files that git and Docker look for. The templates have no leading dot, since it would activate them in deploy/
 * itself.
 */
const dotted: Readonly<Record<string, string>> = {
  gitignore: '.gitignore',
  dockerignore: '.dockerignore',
  env: '.env',
};

/**
 * Renders the folder of a farm: path → text. Files named .mustache are templates of the answers; all others are copied.
 */
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
