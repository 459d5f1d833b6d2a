import { error, Faults, warning, type Diagnostic } from '../model/diagnostics.ts';
import { first } from '../model/lists.ts';
import type { Package } from '../model/manifest.ts';
import { entry, ownIn } from '../model/maps.ts';
import { fault, type Node } from './cycles.ts';
import { forBuild, forRun, type Evaluated, type Need, packageAt } from './needs.ts';
import type { Resolution, Resolver } from './resolve.ts';
import { debianBounds } from './relations.ts';
import { compareDebianVersions, compareReleases } from './versions.ts';

const relations = { lt: '<<', lte: '<=', eq: '=', gte: '>=', gt: '>>' } as const;
type Operator = keyof typeof relations;
const isOperator = (name: string): name is Operator => Object.hasOwn(relations, name);
const holds = (operator: Operator, c: number): boolean =>
  ({ lt: c < 0, lte: c <= 0, eq: c === 0, gte: c >= 0, gt: c > 0 })[operator];

/** A shared empty value for packages without version bounds; it is replaced, never modified. */
export const unbounded: Record<string, string[]> = Object.freeze({});

/** Reports unmet dependencies of a scope's packages. */
export class UnmetNeeds {
  /** Unresolved names that were reported already. */
  private readonly reported = new Set<string>();
  private readonly ofRepositories = new Map<string, Faults>();

  constructor(
    private readonly resolver: Resolver,
    private readonly evaluated: Evaluated,
    /** Names near an unresolved one. */
    private readonly near: (name: string) => string[],
  ) {}

  /** Adds a fault to a package, as far as they are told: a repository's packages may have millions of dependencies. */
  private tell(node: Node, d: Diagnostic): void {
    const { repository } = entry(this.evaluated.input.packages, node.planned.name);
    let faults = this.ofRepositories.get(repository);
    if (!faults) this.ofRepositories.set(repository, (faults = new Faults(`the repository '${repository}'`)));
    if (faults.add([d])) fault(node, d);
  }

  /** How many faults were not told. */
  untold(): Diagnostic[] {
    return [...this.ofRepositories.values()].flatMap((faults) => faults.untold());
  }

  /** Reports an unresolved dependency. It blocks the package unless only tests have it. */
  unresolved(node: Node, p: Package, need: Need, r: Extract<Resolution, { from: 'nowhere' }>): void {
    const { os, release } = this.resolver.platform;
    const where = `${os} ${release}`;
    const needed = (need.roles & (forBuild | forRun)) !== 0;
    const d = need.dependency;
    const rule = r.rosdep;
    const say = needed ? error : warning;
    const text = `'${p.name}' needs '${d.name}' (<${d.tag}>)`;
    const at = { file: p.file, line: d.line };
    if (rule.kind === 'no-key' && this.evaluated.input.broken?.has(d.name)) {
      // The dependency's own errors are reported already.
      if (needed) node.planned.blocked ??= `the package.xml of '${d.name}' has errors`;
      return;
    }
    if (rule.kind === 'packages') {
      const what =
        `${text}, which rosdep gives by ${rule.installer} on ` +
        `${where}${rule.packages.length ? `: ${rule.packages.join(', ')}` : ''}`;
      const blocks = (need.roles & forBuild) !== 0;
      this.tell(
        node,
        (blocks ? error : warning)('rosdep-installer', what, {
          ...at,
          hint:
            'only apt packages can be installed into a hermetic root: add an apt rule to ' +
            'your rosdep files, or name system packages for it in package_settings',
        }),
      );
      if (!blocks) return;
    } else if (rule.kind === 'not-here') {
      this.tell(
        node,
        say('rosdep-platform', `${text}, which rosdep does not have for ${where}: ${rule.reason}`, {
          ...at,
          hint: `${rule.file}: add a rule for ${where}`,
        }),
      );
    } else {
      const { name, unread = [] } = this.evaluated.input;
      // A consequence of another error is reported for one dependent only.
      if (!unread.length || !this.reported.has(d.name))
        this.tell(
          node,
          say('dependency-unresolved', `${text}, but neither ${name}, an underlay nor a rosdep file has it`, {
            ...at,
            hint: this.remedy(d.name, unread),
          }),
        );
      this.reported.add(d.name);
    }
    if (needed) node.planned.blocked ??= `'${d.name}' is not to be had on ${where}`;
  }

  /** Advice for an unresolved name. */
  private remedy(name: string, unread: readonly string[]): string {
    if (unread.length === 1) return `it may be in the repository ${unread[0]}, which could not be read`;
    if (unread.length)
      return (
        `it may be in one of ${unread.length} repositories that could not be read: ` +
        `${unread.slice(0, 3).join(', ')}${unread.length > 3 ? ', …' : ''}`
      );
    const near = this.near(name);
    if (near.includes(name)) return 'a rosdep file has this key, but its rule has errors';
    return near.length
      ? `did you mean ${near.map((n) => `'${n}'`).join(' or ')}?`
      : 'if it is a ROS package, add its repository to the distribution file or .repos file; if it is a ' +
          `package of ${this.resolver.platform.os}, add a rule for '${name}' to a rosdep file`;
  }

  /** Reports a dependency whose resolved version violates its bounds. */
  checkVersion(node: Node, p: Package, need: Need, r: Exclude<Resolution, { from: 'nowhere' }>): void {
    const { planned } = node;
    const d = need.dependency;
    // The versions of system packages are known only at build time.
    const [debian, ...others] = r.from === 'built' ? [] : r.packages;
    const bounds = debianBounds(d.versions);
    if (debian !== undefined && !others.length && bounds.length)
      (planned.systemBounds ??= []).push({ package: debian, bounds, run: (need.roles & forRun) !== 0 });
    for (const [operator, bound] of Object.entries(d.versions ?? {})) {
      if (!isOperator(operator)) continue;
      if (r.from === 'built') {
        const { name, version } = packageAt(this.evaluated, r.number);
        const c = compareReleases(version, bound);
        if (c === undefined || !holds(operator, c)) {
          this.tell(
            node,
            error(
              'version-unmet',
              `'${p.name}' needs '${name}' ${relations[operator]} ${bound}, but it is ${version}`,
              { file: p.file, line: d.line, hint: `change one of them; version_${operator} is in <${d.tag}>` },
            ),
          );
          planned.blocked ??= `'${name}' ${version} is not ${relations[operator]} ${bound}`;
        } else if (need.roles & forRun) {
          if (planned.bounds === unbounded) planned.bounds = {};
          planned.bounds[name] = [...(ownIn(planned.bounds, name) ?? []), ...debianBounds({ [operator]: bound })];
        }
      } else if (r.from === 'underlay' && r.version !== undefined) {
        if (holds(operator, compareDebianVersions(r.version.replace(/^\d+:/, '').replace(/-.*/, ''), bound))) continue;
        this.tell(
          node,
          error(
            'underlay-version',
            `'${p.name}' needs '${d.name}' version_${operator} ${bound}, ` +
              `but the underlay '${r.underlay}' has ${first(r.packages)} ${r.version}`,
            { file: p.file, line: d.line, hint: `name '${d.name}' in packages to build it, or take another underlay` },
          ),
        );
        planned.blocked ??= `the underlay's ${first(r.packages)} ${r.version} does not fit`;
      }
    }
  }
}
