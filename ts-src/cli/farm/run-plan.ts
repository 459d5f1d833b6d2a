import { resolve } from 'node:path';
import { bad, error, type Diagnostic, type Result } from '../../model/diagnostics.ts';
import { usersOf } from '../../plan/closure.ts';
import { closeNames } from '../../read/git/credentials.ts';
import { readEntries } from '../../read/entries.ts';
import type { Workspace } from '../../read/workspace.ts';
import { renderComparison } from '../../render/compare.ts';
import { writeMessage } from '../command.ts';
import {
  changedIn,
  compareWith,
  type Inputs,
  openWorkspace,
  planInputs,
  type Planned,
  readValues,
} from '../planning.ts';
import { documentationOf, type PrepareValues } from './prepare-options.ts';
import { targetCommit } from './target-commit.ts';
import type { RunManifest } from '../../farm/run-manifest.ts';
import { requestWorkspace } from '../../farm/request.ts';
import { downstreamOf, repositoryOf } from '../../farm/changed-repository.ts';

/** A plan, and the packages that the change is about. */
export interface RunPlan {
  planned: Planned;
  subject: RunManifest['subject'];
  difference: string | undefined;
  users: RunManifest['users'];
}

/**
 * Plans everything, or what a pull request on the distro repository changes, or one repository's packages with those
 * downstream.
 */
export async function planOf(
  values: PrepareValues,
  packages: string[],
  workspace: Workspace,
): Promise<RunPlan | { diagnostics: Diagnostic[] }> {
  if (values.change !== undefined) return planChange(values, values.change);
  const read = await readValues(values, packages, {
    workspace,
    underlays: {
      store: values.store,
      keeps: values.request === undefined,
      renews: values['renew-base'] === true,
    },
    tests: values['no-test'] !== true,
    docs: documentationOf(values, workspace.distro) !== 'none',
  });
  if (!read.ok) return read;
  if (isRequest(values)) {
    const { inputs, selection } = read.value;
    const target = await targetCommit(workspace.root, String(values.target));
    if (typeof target !== 'string') return { diagnostics: [target] };
    const compared = await compareWith(inputs, target, selection);
    if (!compared.ok) return compared;
    const { whole, changes } = compared.value;
    const planned = planInputs(inputs, { ...selection, changed: changedIn(changes) });
    if (!planned.ok) return planned;
    const named = new Set(
      planned.value.plan.scopes.flatMap((s) => s.packages.filter((p) => 'named' in p.why).map((p) => p.name)),
    );
    return {
      planned: planned.value,
      subject: undefined,
      difference: renderComparison(changes),
      users: usersOf(whole.plan.scopes, named),
    };
  }
  const planned = planInputs(read.value.inputs, read.value.selection);
  return planned.ok ? { planned: planned.value, subject: undefined, difference: undefined, users: {} } : planned;
}

/** Whether the run is for a pull request on the distro repository itself. */
const isRequest = (values: PrepareValues): boolean =>
  values.request !== undefined && values.request !== '' && values.change === undefined;

/**
 * Opens the workspace. For a pull request on the distro repository, settings that its author is not trusted with come
 * from the target branch.
 */
export async function trustedWorkspace(values: PrepareValues): Promise<Result<Workspace>> {
  const workspace = await openWorkspace(values);
  if (!workspace.ok || !isRequest(values)) return workspace;
  if (values.target === undefined || values.target === '')
    return bad(
      error('request-target', 'a pull request on the distro repository needs --target', {
        hint: 'the branch that it would be merged into: platforms, keys and the store are taken from there',
      }),
    );
  const target = await targetCommit(workspace.value.root, values.target);
  if (typeof target !== 'string') return bad(target);
  const read = await requestWorkspace(workspace.value, target);
  // Logins of this machine are used only for repositories that the target branch names: a pull request could name any
  // private repository.
  if (read.ok) {
    const { trusted } = read.value;
    for (const name of Object.keys(trusted.distro.distributions)) await readEntries(trusted, name);
    closeNames();
  }
  return read;
}

async function planChange(values: PrepareValues, change: string): Promise<RunPlan | { diagnostics: Diagnostic[] }> {
  const workspace = await openWorkspace(values);
  if (!workspace.ok) return workspace;
  const folder = resolve(change);
  const chosen = values.distribution ?? Object.keys(workspace.value.distro.distributions);
  const repository = await repositoryOf(
    workspace.value,
    folder,
    values['change-name'] || undefined,
    chosen.filter((d) => Object.hasOwn(workspace.value.distro.distributions, d)),
  );
  if (!repository.ok) return repository;
  const others = values.override ?? [];
  const read = await readValues({ ...values, override: [...others, `${repository.value}=${folder}`] }, [], {
    underlays: { store: values.store },
    tests: values['no-test'] !== true,
  });
  if (!read.ok) return read;
  const { inputs, selection } = read.value;
  const whole = planInputs(inputs, selection);
  if (!whole.ok) return whole;
  const own = new Set(ownPackages(inputs, repository.value));
  if (!own.size)
    return {
      diagnostics: [
        ...inputs.diagnostics,
        error('selection', `${folder} has no packages`, { hint: 'a package has a package.xml' }),
      ],
    };
  const budget = values.budget !== undefined && /^\d+$/.test(values.budget) ? Number(values.budget) : 50;
  const downstream = downstreamOf(
    whole.value.plan,
    own,
    (['none', 'direct', 'all'] as const).find((how) => how === values.downstream) ?? 'none',
    budget,
  );
  if (downstream.left)
    writeMessage(`${downstream.left} more packages downstream are over the budget of ${budget}, and are not built\n`);
  const users = usersOf(whole.value.plan.scopes, own);
  const planned = planInputs(inputs, { ...selection, packages: [...own, ...downstream.names] });
  return planned.ok
    ? {
        planned: planned.value,
        subject: { repository: repository.value, own: [...own].sort(), downstream: downstream.names },
        difference: undefined,
        users,
      }
    : planned;
}

const ownPackages = (inputs: Inputs, repository: string): string[] =>
  inputs.distributions.flatMap((d) =>
    [...d.packages.values()].filter((p) => p.repository === repository).map((p) => p.name),
  );
