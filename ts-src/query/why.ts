import { shortened } from '../text/cut.ts';
import type { KeyExplained } from '../model/answers.ts';
import type { BuildRecord } from '../model/result.ts';

const meanings: Record<string, string> = {
  recipe: "slipway's recipe",
  templates: 'packaging templates',
  source: 'source tree',
  manifest: 'package.xml',
  package: 'evaluated metadata',
  settings: 'settings and environment',
  patches: 'patches',
  platform: 'platform',
  base: 'base system',
  system: 'system packages',
  dependencies: 'what it builds on',
};

export function explainKey(scope: string, now: BuildRecord, before: BuildRecord | undefined): KeyExplained {
  const parts = Object.entries(now.inputs).map(([part, value]): [string, string] => [
    meanings[part] ?? part,
    shown(part, value, now),
  ]);
  return {
    scope,
    key: now.key,
    version: now.version,
    parts,
    ...(before ? { before: { key: before.key, version: before.version, changes: changesOf(before, now) } } : {}),
  };
}

function shown(part: string, value: string, r: BuildRecord): string {
  if (part === 'system') return `${r.system.length} packages beside the base's`;
  if (part === 'dependencies') return `${Object.keys(r.roots).length} packages of the distribution`;
  return value === '' ? 'none' : shortened(value, 100);
}

/** Why the later build was necessary despite the earlier one. */
function changesOf(before: BuildRecord, now: BuildRecord): string[] {
  const changes: string[] = [];
  for (const [part, value] of Object.entries(now.inputs)) {
    if (before.inputs[part] === value) continue;
    const what = meanings[part] ?? part;
    if (part === 'system') changes.push(`${what}: ${difference(byName(before.system), byName(now.system))}`);
    else if (part === 'dependencies')
      changes.push(`${what}: ${difference(before.roots, now.roots) || 'what stands for a tool or a program in it'}`);
    else if (part === 'source' || part === 'base')
      changes.push(`${what}: ${(before.inputs[part] ?? 'none').slice(0, 12)} → ${value.slice(0, 12)}`);
    else changes.push(`${what}: ${clip(before.inputs[part] ?? 'none')} → ${clip(value)}`);
  }
  return changes;
}

const clip = (text: string): string => (/^[0-9a-f]{40,}$/.test(text) ? text.slice(0, 12) : shortened(text, 200));
const byName = (system: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    system.map((s) => {
      const [name = '', version = ''] = s.split('=');
      return [name, version];
    }),
  );

function differenceOf(before: string | undefined, now: string | undefined): string {
  if (before === undefined) return 'is new';
  if (now === undefined) return 'is gone';
  const isVersion = /^[\d.:]/.test(now) && !/^[0-9a-f]{12}( |$)/.test(now);
  return isVersion ? `${before} → ${now}` : 'shows something else';
}

function difference(before: Record<string, string>, now: Record<string, string>): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort().filter((n) => before[n] !== now[n]);
  const texts = names.map((n) => `${n} ${differenceOf(before[n], now[n])}`);
  return texts.length > 8 ? `${texts.slice(0, 8).join(', ')} and ${texts.length - 8} more` : texts.join(', ');
}
