// One script that holds many modules, of which a run compiles only those it needs. V8 skips a comment ten times faster
// than it parses code, so the modules stand in a comment and each is compiled when it is first asked for.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import ts from 'typescript';
import { textLoaders } from './text-files.mjs';

/** Stands for the SHA-256 of the modules, and is as long. */
export const digestMark = '@'.repeat(64);

/** Stands for the end of a comment within the comment of modules. */
const guard = '*%%/';

/** Begins the line with a module's name. V8 finds the rare form feed in a tenth of a millisecond. */
const mark = '\f//// ';

/**
 * What runs first. It finds the modules by their marks, so that a change of one leaves the rest of the file as it is. A
 * function's own text tells the comment in it, so the file needs not be read twice. In stack traces a module's lines
 * count from its mark.
 * @param {string} entry Name of the module to run.
 */
const loader = (entry) => `\
'use strict';
const { compileFunction } = require('node:vm');
const source = modules.toString();
const places = new Map();
for (let at = source.indexOf(${JSON.stringify(mark)}); at >= 0; ) {
  const start = source.indexOf('\\n', at);
  const next = source.indexOf(${JSON.stringify(mark)}, start);
  places.set(source.slice(at + ${mark.length}, start), [start + 1, next < 0 ? source.lastIndexOf('*' + '/') : next]);
  at = next;
}
const loaded = new Map();
function load(name) {
  let module = loaded.get(name);
  if (!module) {
    const code = source.slice(...places.get(name)).replaceAll('${guard}', '*' + '/');
    const options = { filename: \`\${__filename}#\${name}\`, lineOffset: 1 };
    module = compileFunction(code, ['require', 'load'], options)(require, load);
    loaded.set(name, module);
  }
  return module;
}
load(${JSON.stringify(entry)});
`;

/**
 * Names of the outputs of a split build, by output. They stay the same while content changes.
 * @param {import('esbuild').Metafile} metafile
 */
function namesOf(metafile) {
  const names = new Map();
  for (const [path, { entryPoint, inputs }] of Object.entries(metafile.outputs)) {
    const sorted = Object.keys(inputs).sort();
    const first = sorted.find((input) => input.startsWith('ts-src/')) ?? sorted[0] ?? 'esbuild';
    const name = entryPoint ?? `${first} and others`;
    if ([...names.values()].includes(name)) throw new Error(`two modules of the bundle are named ${name}`);
    names.set(path, name);
  }
  return names;
}

/**
 * The constants that an import declaration binds.
 * @param {ts.ImportDeclaration} statement @param {string} from Expression for the imported module.
 */
function constants({ importClause }, from) {
  if (!importClause) return `${from};\n`;
  const bound = importClause.namedBindings;
  const names = [];
  if (importClause.name) names.push(importClause.name.text);
  if (bound && ts.isNamespaceImport(bound)) names.push(bound.name.text);
  else if (bound && ts.isNamedImports(bound)) {
    const parts = bound.elements.map((e) => (e.propertyName ? `${e.propertyName.text}: ${e.name.text}` : e.name.text));
    names.push(`{ ${parts.join(', ')} }`);
  }
  return names.map((name) => `const ${name} = ${from};\n`).join('');
}

/** Text of a string literal. @param {ts.Node} node */
const textOf = (node) => {
  if (!ts.isStringLiteralLike(node)) throw new Error(`${node.getText()} is not a literal`);
  return node.text;
};

/** What an expression assigns to; undefined if it assigns nothing. @param {ts.Node} node */
function assignedBy(node) {
  const { FirstAssignment, LastAssignment, PlusPlusToken, MinusMinusToken } = ts.SyntaxKind;
  if (ts.isBinaryExpression(node)) {
    const { kind } = node.operatorToken;
    return kind >= FirstAssignment && kind <= LastAssignment ? node.left : undefined;
  }
  const isUnary = ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node);
  return isUnary && [PlusPlusToken, MinusMinusToken].includes(node.operator) ? node.operand : undefined;
}

/**
 * The body of a function that returns the exports of an ECMAScript module, as esbuild writes one. Imports become
 * constants, so an exported binding must not be assigned again.
 * @param {string} text @param {(specifier: string) => string | undefined} moduleOf Name of a module in the bundle.
 */
function functionBody(text, moduleOf) {
  const tree = ts.createSourceFile('module.js', text, ts.ScriptTarget.Latest, true);
  /** @type {{ start: number, end: number, by: string }[]} */
  const changes = [];
  let imports = '';
  /** @type {Map<string, string>} by local name */
  const exported = new Map();
  const change = (node, by) => changes.push({ start: node.getStart(tree), end: node.end, by });
  const remove = (node) =>
    changes.push({ start: node.getStart(tree), end: node.end + (text[node.end] === '\n' ? 1 : 0), by: '' });
  const taken = (specifier) => {
    const module = moduleOf(specifier);
    return module === undefined ? `require(${JSON.stringify(specifier)})` : `load(${JSON.stringify(module)})`;
  };
  for (const statement of tree.statements)
    if (ts.isImportDeclaration(statement)) {
      imports += constants(statement, taken(textOf(statement.moduleSpecifier)));
      remove(statement);
    } else if (
      ts.isExportDeclaration(statement) &&
      statement.exportClause &&
      ts.isNamedExports(statement.exportClause)
    ) {
      for (const { propertyName, name } of statement.exportClause.elements)
        exported.set((propertyName ?? name).text, name.text);
      remove(statement);
    } else if (ts.isExportDeclaration(statement) || ts.isExportAssignment(statement))
      throw new Error(`a module of the bundle has ${statement.getText(tree)}`);
  const visit = (node) => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      change(node, `Promise.resolve().then(() => ${taken(textOf(node.arguments[0]))})`);
    const assigned = assignedBy(node)?.getText(tree);
    if (assigned !== undefined && exported.has(assigned))
      throw new Error(`${assigned} is exported, and assigned more than once`);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  let code = text;
  for (const { start, end, by } of changes.sort((a, b) => b.start - a.start))
    code = code.slice(0, start) + by + code.slice(end);
  const result = [...exported].map(([local, name]) => (name === local ? name : `${name}: ${local}`)).join(', ');
  return `"use strict";\n${imports}${code.trim()}\nreturn { ${result} };\n`;
}

/**
 * Bundles a program to one script for Node, in ASCII. `digestMark` in the modules becomes the SHA-256 of them all.
 * @param {{ root: string, entry: string, banner: string, define: Record<string, string>,
 *   plugins?: import('esbuild').Plugin[] }} options `entry`: path of the program below `root`.
 */
export async function bundle({ root, entry, banner, define, plugins = [] }) {
  const result = await build({
    plugins,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    target: 'node18.19',
    format: 'esm',
    splitting: true,
    outdir: posix.join(root, 'modules'),
    metafile: true,
    write: false,
    legalComments: 'none',
    charset: 'ascii',
    mainFields: ['module', 'main'],
    loader: textLoaders,
    define,
    absWorkingDir: root,
  });
  const names = namesOf(result.metafile);
  let body = '';
  for (const [path, name] of [...names].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
    const { text } = result.outputFiles.find((f) => f.path.endsWith(`/${path}`));
    const moduleOf = (specifier) => names.get(posix.join(posix.dirname(path), specifier));
    // esbuild escapes such characters in code. Comments of libraries keep them, and a single one makes Node store the
    // whole script with two bytes for each character.
    const code = functionBody(text, moduleOf).replace(/[^\0-\x7f]/gu, '?');
    for (const own of [guard, mark.slice(0, 1)])
      if (code.includes(own)) throw new Error(`${name} contains ${JSON.stringify(own)}`);
    body += `${mark}${name}\n${code.replaceAll('*/', guard)}`;
  }
  const digest = createHash('sha256').update(body).digest('hex');
  return `${banner}\n${loader(entry)}function modules() {\n/*\n${body.replaceAll(digestMark, digest)}*/\n}\n`;
}
