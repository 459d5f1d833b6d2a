import { error, type Diagnostic } from '../model/diagnostics.ts';
import type { ConditionContext } from '../model/conditions.ts';
import type { Manifest, Package } from '../model/manifest.ts';
import { conditionEvaluator } from './conditions.ts';

/** An evaluator of manifests in one context. An invalid condition is reported and counts as false. */
export function manifestEvaluator(
  context: ConditionContext,
): (manifest: Manifest, file: string, diagnostics: Diagnostic[]) => Package {
  const evaluate = conditionEvaluator(context);
  return (manifest, file, diagnostics) => {
    const holds = (c: { condition?: string; line: number }): boolean => {
      const value = evaluate(c.condition);
      if (value === undefined)
        diagnostics.push(
          error('condition-invalid', `the condition '${c.condition}' of '${manifest.name}' is invalid`, {
            file,
            line: c.line,
            hint: 'use == != < <= > >= and the words and, or; for example $ROS_VERSION == 2 (REP 149)',
          }),
        );
      return value === true;
    };
    const types = manifest.buildTypes.filter(holds);
    const [type, second] = types;
    if (second)
      diagnostics.push(
        error('build-type', `'${manifest.name}' has ${types.length} build types`, {
          file,
          line: second.line,
          hint: 'remove all but one, or give them conditions that exclude each other',
        }),
      );
    return {
      name: manifest.name,
      version: manifest.version,
      buildType: type?.name ?? 'catkin',
      buildTypeDeclared: type !== undefined,
      dependencies: manifest.dependencies.every((d) => d.condition === undefined)
        ? manifest.dependencies
        : manifest.dependencies.filter(holds),
      memberOfGroups: manifest.memberOfGroups.filter(holds).map((m) => m.name),
      manifest,
      file,
    };
  };
}

/** Variables of REP 149 for a distribution, and those that the distro file adds. */
export function conditionContext(
  distribution: { name: string; rosVersion: number; pythonVersion: number },
  extra: Record<string, string>,
): ConditionContext {
  return {
    ROS_VERSION: String(distribution.rosVersion),
    ROS_DISTRO: distribution.name,
    ROS_PYTHON_VERSION: String(distribution.pythonVersion),
    ...extra,
  };
}
