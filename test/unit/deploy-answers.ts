import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { checkAnswers } from '../../ts-src/deploy/answers.ts';

/** Answers for `slipway deploy`, and the result of checking them. */

export const scratch = mkdtempSync(join(tmpdir(), 'slipway-deploy-test-'));

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

export const given = {
  organization: 'acme',
  distro: 'https://git.acme.example/distro.git',
  library: 'git@git.acme.example:tools/slipway.git',
};

export const answersOf = (more: object = {}) => {
  const checked = checkAnswers({ ...given, ...more }, undefined);
  if (!checked.ok) throw new Error(JSON.stringify(checked.diagnostics));
  return checked.value;
};

export const messages = (found: readonly { message: string }[]) => found.map((d) => d.message);
