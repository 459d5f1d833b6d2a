// npm run release -- X.Y.Z: creates the commit and the tag of a release; pushes nothing. Updates the version in
// package.json, in the documentation and in the bundle, and turns the changelog's "Unreleased" into a section.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.cwd();
const read = (file) => readFileSync(join(root, file), 'utf8');
const write = (file, text) => writeFileSync(join(root, file), text);
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

function stop(message) {
  console.error(`release: ${message}`);
  process.exit(1);
}

const parts = (version) => version.split('.').map(Number);
const isNewer = (a, b) => {
  const [x, y] = [parts(a), parts(b)];
  const at = x.findIndex((n, i) => n !== y[i]);
  return at >= 0 && x[at] > y[at];
};

/** The documentation and examples name the current release as `vX.Y.Z`. */
function renameInDocs(current, version) {
  const named = new RegExp(`\\bv${current.replaceAll('.', '\\.')}(?![\\w.-])`, 'g');
  for (const file of git('ls-files', '--', 'README.md', 'docs', 'examples', 'deploy').split('\n')) {
    if (!/\.(md|ya?ml|txt|groovy|tf)$|Jenkinsfile/.test(file)) continue;
    const text = read(file);
    const renamed = text.replace(named, `v${version}`);
    if (renamed !== text) write(file, renamed);
  }
}

const [version = '', ...more] = process.argv.slice(2);
if (!/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.test(version) || more.length) stop('usage: npm run release -- X.Y.Z');
const { version: current } = JSON.parse(read('package.json'));
if (!isNewer(version, current)) stop(`${version} is not newer than ${current}`);
if (git('status', '--porcelain')) stop('the working tree has changes: commit them first');
if (git('tag', '--list', `v${version}`)) stop(`the tag v${version} exists`);
const changelog = read('CHANGELOG.md');
const unreleased = /^## Unreleased\n([^]*?)(?=^## |$(?![^]))/m.exec(changelog);
if (!unreleased?.[1]?.trim()) stop('CHANGELOG.md has nothing under "## Unreleased"');

const day = new Date().toISOString().slice(0, 10);
write('CHANGELOG.md', changelog.replace('## Unreleased\n', `## Unreleased\n\n## ${version} (${day})\n`));
for (const file of ['package.json', 'package-lock.json'])
  write(
    file,
    read(file)
      .replaceAll(`"name": "slipway",\n  "version": "${current}"`, `"name": "slipway",\n  "version": "${version}"`)
      .replaceAll(
        `"name": "slipway",\n      "version": "${current}"`,
        `"name": "slipway",\n      "version": "${version}"`,
      ),
  );
renameInDocs(current, version);
execFileSync(process.execPath, ['build.mjs'], { cwd: root, stdio: 'inherit' });
git('commit', '--quiet', '--all', '--message', `Release ${version}`);
git('tag', '--annotate', `v${version}`, '--message', `Slipway ${version}`);
console.log(`Committed and tagged v${version}. Publish it: git push --follow-tags`);
