// Limits of the sources: 120 columns per line, 80 lines per function, 300 lines per file, and numbers of lint warnings.
// limits.json lists existing exceptions with their measures, which may only decrease. `--update` lowers them.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const limitsFile = join(root, 'scripts/limits.json');
const limits = JSON.parse(readFileSync(limitsFile, 'utf8'));

const sources = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => /\.(ts|mjs|cjs|groovy)$/.test(file) && !file.startsWith('resources/'));

/** Name and length of each function above the limit; a test's function is named by its title. */
function longFunctions(file, text) {
  const found = {};
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const nameOf = (node) => {
    const { parent } = node;
    if (node.name) return node.name.getText();
    if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name.getText();
    if (ts.isCallExpression(parent)) return parent.arguments[0]?.getText().slice(0, 60) ?? 'function';
    return 'default';
  };
  const visit = (node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const lines =
        source.getLineAndCharacterOfPosition(node.end).line -
        source.getLineAndCharacterOfPosition(node.getStart(source)).line +
        1;
      // A describe block is a list of tests, not a function in this sense.
      const group = ts.isCallExpression(node.parent) && node.parent.expression.getText().startsWith('describe');
      if (lines > limits.functionLines && !group) found[`${file}: ${nameOf(node)}`] = lines;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Lines above the limit, not counting strings, templates and regular expressions, which Prettier does not wrap. */
function longLines(file, text) {
  const code = text.split('\n').map((line) => line.length);
  if (/\.(ts|mjs|cjs)$/.test(file)) {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
    const visit = (node) => {
      if (
        ts.isStringLiteralLike(node) ||
        ts.isTemplateHead(node) ||
        ts.isTemplateMiddleOrTemplateTail(node) ||
        ts.isRegularExpressionLiteral(node)
      ) {
        const first = source.getLineAndCharacterOfPosition(node.getStart(source));
        node
          .getText(source)
          .split('\n')
          .forEach((part, i) => (code[first.line + i] -= part.length));
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return code.filter((length) => length > limits.lineLength).length;
}

const measured = { longLines: {}, longFiles: {}, longFunctions: {}, warnings: {} };
for (const file of sources) {
  let text;
  try {
    text = readFileSync(join(root, file), 'utf8');
  } catch {
    continue;
  }
  const lines = text.split('\n');
  if (lines.length - 1 > limits.fileLines) measured.longFiles[file] = lines.length - 1;
  const long = longLines(file, text);
  if (long) measured.longLines[file] = long;
  if (/\.(ts|mjs|cjs)$/.test(file)) Object.assign(measured.longFunctions, longFunctions(file, text));
}

// Counts the linter's warnings in its JSON output on standard input. The linter itself reports errors.
for (const { code, severity } of JSON.parse(readFileSync(0, 'utf8')).diagnostics)
  if (severity === 'warning') measured.warnings[code] = (measured.warnings[code] ?? 0) + 1;

const faults = [];
const next = { ...limits };
for (const kind of Object.keys(measured)) {
  next[kind] = {};
  for (const [name, value] of Object.entries(measured[kind])) {
    const allowed = limits[kind]?.[name];
    const most = typeof allowed === 'object' ? allowed.most : allowed;
    if (most === undefined || value > most) faults.push(`${kind}: ${name}: ${value}, at most ${most ?? 'the limit'}`);
    next[kind][name] = typeof allowed === 'object' ? { ...allowed, most: value } : value;
  }
}
if (process.argv.includes('--update')) writeFileSync(limitsFile, `${JSON.stringify(next, null, 2)}\n`);
else if (faults.length) {
  console.error(`${faults.join('\n')}\nWhat is too long is split; scripts/limits.json holds what is not yet.`);
  process.exit(1);
}
