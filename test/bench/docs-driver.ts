// Makes a site of many packages like those of ROS 2's distributions, without building any: FOLDER PACKAGES.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DocPackage } from '../../ts-src/docs/package-info.ts';
import { writeSite } from '../../ts-src/docs/site.ts';
import { packPages } from '../../ts-src/inspect/pages.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { describedPackage, docRecord, noFacts } from '../doc-packages.ts';

const [folder = '', count = '0'] = process.argv.slice(2);
const words =
  'buffer core transform listener lookup time rate duration laser scan point cloud map planner costmap controller goal pose twist odometry joint state robot model camera image filter message node service client action server parameter event clock timer executor context logger'.split(
    ' ',
  );
const pick = (n: number, k: number): string => words[(n * 7919 + k * 104729) % words.length] ?? '';
const upper = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
/** Number of members of each of a package's ten classes: 120 symbols per package. */
const members = 11;

async function packageOf(n: number, store: Awaited<ReturnType<typeof openStore>>): Promise<DocPackage> {
  const name = `${pick(n, 1)}_${pick(n, 2)}_${n}`;
  const page = (title: string, body: string) => ({
    path: `api/class${title}.html`,
    data: Buffer.from(`<!DOCTYPE html><title>${title}</title>${body}`),
  });
  const classes = Array.from({ length: 10 }, (_, c) => `${upper(pick(n, c + 3))}${upper(pick(n, c + 11))}${n}x${c}`);
  const pages = classes.map((title) =>
    page(title, Array.from({ length: members }, (_, m) => `<a id="a${m}"></a>`).join('')),
  );
  pages.push({ path: 'api/overview.html', data: Buffer.from('<!DOCTYPE html><title>x</title>') });
  const tag = classes
    .map((title) => {
      const list = Array.from({ length: members }, (_, m) => {
        const member = `${pick(n + m, m)}${upper(pick(n, m + 5))}${upper(pick(m, n))}`;
        return `<member kind="function"><name>${member}</name><anchorfile>class${title}.html</anchorfile><anchor>a${m}</anchor></member>`;
      });
      return `<compound kind="class"><name>${name}::${title}</name><filename>class${title}.html</filename>${list.join('')}</compound>`;
    })
    .join('');
  const file = join(folder, 'work', `${name}.pages`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, packPages(pages));
  const stored = await store.put(file);
  return describedPackage(name, {
    distribution: 'rolling',
    version: '1.2.3',
    description: `The ${pick(n, 4)} ${pick(n, 5)} of a ${pick(n, 6)}, with what it needs to ${pick(n, 7)} and to ${pick(n, 8)}.`,
    maintainers: [{ name: 'Acme Robots', email: 'robots@example.org' }],
    licenses: [{ name: 'Apache-2.0' }],
    buildType: 'ament_cmake',
    repository: 'r',
    url: '',
    debian: name,
    record: docRecord(name, stored, {
      key: stored.sha256,
      digest: stored.sha256,
      coverage: { documented: 60, total: 120 },
    }),
    facts: {
      ...noFacts,
      api: 'api/overview.html',
      headers: [`${name}/a.hpp`],
      messages: [
        { kind: 'msg', name: `${upper(pick(n, 9))}State`, comment: '', parts: [{ title: '', fields: [] }], text: '' },
      ],
    },
    interface: { schema: 1, tag, messages: [] },
  });
}

const store = await openStore(`file:${join(folder, 'store')}`, folder, join(folder, 'state'), undefined);
const packages: DocPackage[] = [];
for (let n = 0; n < Number(count); n++) packages.push(await packageOf(n, store));
const began = process.cpuUsage();
const site = await writeSite({ organization: 'acme', packages }, store, (path, data) => {
  mkdirSync(dirname(join(folder, 'site', path)), { recursive: true });
  writeFileSync(join(folder, 'site', path), data);
});
const { user, system } = process.cpuUsage(began);
console.log(JSON.stringify({ cpu: (user + system) / 1e6, files: site.files, dead: site.dead.length }));
