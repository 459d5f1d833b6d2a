import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readLeft, walkLeft } from '../io/untrusted.ts';
import { error, type Diagnostic } from '../model/diagnostics.ts';

/** Larger files are not scanned: an operator's text files are smaller. */
const mostBytes = 16 << 20;

/** Patterns that are secrets in any file. */
const forms: readonly [RegExp, string][] = [
  [/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----/, 'a private key'],
  // The example key of AWS's documentation is not a secret.
  [/\bAKIA(?!IOSFODNN7EXAMPLE\b)[A-Z2-7]{16}\b/, "a key of AWS's"],
  [/\bgh[pousr]_[A-Za-z0-9]{36,}/, 'a token of GitHub'],
  [/\bglpat-[A-Za-z0-9_-]{20,}/, 'a token of GitLab'],
];

/**
 * Searches files that may get into git, an image, a plan or a state for secrets: known patterns, and the contents of
 * secrets/.
 */
export async function checkSecrets(root: string): Promise<Diagnostic[]> {
  const known = await knownSecrets(root);
  const found: Diagnostic[] = [];
  const skip = (path: string) => path === '.git' || path === 'secrets' || path.split('/').includes('.terraform');
  for (const { path, kind } of await walkLeft(root, '', { skip })) {
    if (kind !== 'a file') continue;
    const bytes = await readLeft(root, path, mostBytes).catch(() => undefined);
    const text = bytes?.toString('latin1') ?? '';
    for (const [form, what] of forms)
      if (form.test(text)) found.push(error('deploy-secret', `${what} is in ${path}`, { file: path }));
    for (const [name, value] of known)
      if (text.includes(value))
        found.push(
          error('deploy-secret', `${path} holds the secret of secrets/${name}`, {
            file: path,
            hint: 'remove it and replace the secret: git and Terraform keep former versions of files',
          }),
        );
  }
  for (const [i, line] of (await envLines(root)).entries())
    if (/^[A-Z_]*(TOKEN|PASSWORD|PASSPHRASE|SECRET|PRIVATE)[A-Z_]*=./.test(line))
      found.push(
        error('deploy-secret', `${line.split('=')[0] ?? ''} belongs in secrets/, not in .env`, {
          file: '.env',
          line: i + 1,
        }),
      );
  return found;
}

async function envLines(root: string): Promise<string[]> {
  const bytes = await readLeft(root, '.env', mostBytes).catch(() => undefined);
  return (bytes?.toString('utf8') ?? '').split('\n');
}

/** Contents of the files in secrets/: the text, and for keys a line from the middle. */
async function knownSecrets(root: string): Promise<[string, string][]> {
  const known: [string, string][] = [];
  let names: string[] = [];
  try {
    names = readdirSync(join(root, 'secrets')).sort();
  } catch {
    return known;
  }
  for (const name of names.filter((n) => n !== 'README.md' && !n.endsWith('USERNAME'))) {
    const bytes = await readLeft(root, `secrets/${name}`, mostBytes).catch(() => undefined);
    const lines = (bytes?.toString('latin1') ?? '').trim().split('\n');
    const telling = lines[Math.floor(lines.length / 2)] ?? '';
    if (telling.length >= 8) known.push([name, telling]);
  }
  return known;
}
