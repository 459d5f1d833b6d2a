import { expect, it } from 'vitest';
import { packageReadiness } from '../../ts-src/engine/readiness.ts';
import { documentationNeeds } from '../../ts-src/engine/task-graph.ts';
import { distroSchema } from '../../ts-src/model/distro.ts';
import type { SourcePackage } from '../../ts-src/model/plan.ts';
import { parsePlan } from '../../ts-src/model/plan-schema.ts';
import { closuresOf } from '../../ts-src/plan/closure.ts';
import { makePlan } from '../../ts-src/plan/plan.ts';
import type { Selection } from '../../ts-src/plan/select.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';

function sourcePackage(name: string, depends = ''): SourcePackage {
  const xml = `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description>
<maintainer email="a@b.org">m</maintainer><license>BSD</license>
${depends}<export><build_type>cmake</build_type></export></package>`;
  const read = parseManifest(xml, `${name}/package.xml`);
  if (!read.ok) throw new Error(read.diagnostics[0]?.message);
  const source = { url: 'u', path: '', tree: 'a'.repeat(40), commit: 'b'.repeat(40) };
  return { name, repository: name, manifest: read.value, file: `${name}/package.xml`, source };
}

const packages = [
  sourcePackage(
    'app',
    '<doc_depend>theme</doc_depend>\n<doc_depend>rtd</doc_depend>\n<doc_depend>nobody</doc_depend>\n',
  ),
  sourcePackage('other'),
  sourcePackage('theme', '<depend>base</depend>\n'),
  sourcePackage('base'),
];

function planOf(selection: Selection) {
  const rosdep = layerRosdep([{ file: 'rosdep.yaml', text: 'rtd: {debian: [python3-sphinx-rtd-theme]}\n' }]);
  if (!rosdep.ok) throw new Error('rosdep');
  const made = makePlan({
    distro: distroSchema.parse({
      organization: 'acme',
      distributions: { d: { platforms: ['bookworm'], repos: ['x'], ros_version: 1 } },
      platforms: { bookworm: { os: 'debian', release: 'bookworm' } },
    }),
    distroFile: 'distro.yaml',
    stamp: '20261123140000',
    distributions: [
      {
        name: 'd',
        rosVersion: 1,
        pythonVersion: 3,
        repositories: packages.map((p) => p.name),
        packages: new Map(packages.map((p) => [p.name, p])),
      },
    ],
    rosdep: rosdep.value,
    underlays: {},
    selection,
  });
  const [scope] = made.plan.scopes;
  if (!scope) throw new Error('no scope');
  return { ...made, scope };
}

it('doc_depend is planned where documentation is made: packages, system packages, and what is neither', () => {
  const { plan, scope, diagnostics } = planOf({ packages: ['app'], docs: true });
  expect(scope.packages.map((p) => p.name)).toEqual(['app', 'base', 'theme']);
  const [app] = scope.packages;
  expect(app).toMatchObject({ docs: ['theme'], systemDocs: ['python3-sphinx-rtd-theme'], build: [], run: [] });
  expect(app?.blocked).toBeUndefined();
  expect(diagnostics.map((d) => `${d.file}:${d.line} ${d.severity} ${d.code}`)).toEqual([
    'app/package.xml:5 warning dependency-unresolved',
  ]);
  expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
});

it('comes with a choice of packages, too', () => {
  const { scope } = planOf({ repositories: ['app', 'other'], docs: true });
  expect(scope.packages.map((p) => p.name).sort()).toEqual(['app', 'base', 'other', 'theme']);
});

it('a plan without documentation ignores doc_depend', () => {
  const { scope, diagnostics } = planOf({ packages: ['app'] });
  expect(scope.packages.map((p) => p.name)).toEqual(['app']);
  expect(scope.packages[0]).not.toHaveProperty('docs');
  expect(scope.packages[0]).not.toHaveProperty('systemDocs');
  expect(diagnostics).toEqual([]);
});

it('doc_depend is only in the root of the documentation, which waits for it and refers to it', () => {
  const { scope } = planOf({ packages: ['app'], docs: true });
  const closures = closuresOf(scope);
  const numbers = (...names: string[]) => names.map((name) => closures.index.get(name));
  const [app = -1] = numbers('app');
  expect(closures.docsRoot(app).sort()).toEqual(numbers('app', 'base', 'theme').sort());
  expect(closures.root(app)).toEqual([]);
  expect(documentationNeeds(closures)[app]).toEqual(numbers('theme'));
  const { pending, dependents } = packageReadiness(closures, () => true);
  const docs = 2 * scope.packages.length + app;
  expect(pending.get(app)).toBe(0);
  expect(pending.get(docs)).toBe(3);
  const [theme = -1] = numbers('theme');
  expect([...dependents(2 * scope.packages.length + theme)]).toContain(docs);
});
