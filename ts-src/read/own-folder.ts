import { existsSync, lstatSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { isOurs } from '../io/own-folders.ts';
import { storeFolder } from '../io/store-folder.ts';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { reasonOf } from '../io/process.ts';
import { git } from './git/process.ts';

/*
 * Files in a state folder or a store are trusted, written and removed. So the folder must belong to this user and this
 * machine: nothing committed beside the distro file, nothing of another user.
 */

const code = 'state-foreign';
const elsewhere = 'name a folder of your own with --state';

/** Why a state folder may not be used; undefined if it may, or does not exist yet. */
export async function checkStateFolder(root: string, state: string): Promise<Diagnostic | undefined> {
  return (await checkOwnFolder(root, state)) ?? (await outputFault(resolve(root)));
}

/** The same for a command that has no distro repository; `root`: the folder where it runs. */
export async function checkOwnFolder(root: string, state: string): Promise<Diagnostic | undefined> {
  const path = resolve(state);
  const owned = ownerFault(path);
  if (owned) return owned;
  const found = await Promise.all([committedFault(resolve(root), path), placeFault(path)]);
  return found.find((fault) => fault);
}

/**
 * Why a store in the distro repository may not be used. Not checked: a store inside `checked`, a valid state folder,
 * and stores elsewhere, which may belong to others.
 */
export async function checkStore(uri: string, root: string, checked?: string): Promise<Diagnostic | undefined> {
  const folder = storeFolder(uri, root);
  if (folder === undefined || (checked !== undefined && isPart(resolve(checked), resolve(folder)))) return undefined;
  return committedFault(resolve(root), resolve(folder));
}

function ownerFault(path: string): Diagnostic | undefined {
  const named = lstatSync(path, { throwIfNoEntry: false });
  const found = named && statSync(path, { throwIfNoEntry: false });
  const other = [named, found].find((one) => one && !isOurs(one));
  if (other) return error(code, `the folder belongs to another user (${other.uid})`, { file: path, hint: elsewhere });
  if (found && (found.mode & 0o002) !== 0)
    return error(code, 'everybody may write to the folder', {
      file: path,
      hint: 'remove it; or, if you know that nobody else put files there, run `chmod o-w` on it',
    });
  if (lstatSync(join(path, 'work'), { throwIfNoEntry: false })?.isSymbolicLink())
    return error(code, 'it is a link: what a former run left would be removed where it leads', {
      file: join(path, 'work'),
      hint: 'remove the link',
    });
  return undefined;
}

/** git must examine this folder, regardless of the caller's GIT_DIR. */
const env = { GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined, GIT_PREFIX: undefined };

/** Whether a folder in a work tree is committed, or a symlink or submodule in its path is. */
async function committedFault(root: string, path: string): Promise<Diagnostic | undefined> {
  const inside = relative(root, path);
  const parts = inside.split('/');
  const from = parts[0] === '..' ? dirname(path) : root;
  const names = parts[0] === '..' ? [relative(from, path)] : parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  const there = names.filter((name) => lstatSync(join(from, name), { throwIfNoEntry: false }));
  if (!there.length) return undefined;
  const whole = names[names.length - 1] ?? '';
  const listed = await committed(from, there);
  const found = listed.find(({ name, link }) => isPart(whole, name) || (link && names.includes(name)));
  return (
    found &&
    error(code, `the repository has ${found.name}: whoever commits there would decide what is built`, {
      file: path,
      hint: 'remove it with `git rm -r --cached`, remove the folder, and add it to .gitignore',
    })
  );
}

const isPart = (folder: string, name: string): boolean => name === folder || name.startsWith(`${folder}/`);

/** Whether git finds a repository for a folder. Starting git takes as long as reading 200 manifests. */
function inRepository(folder: string): boolean {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (existsSync(join(path, '.git'))) return true;
    // A bare repository.
    if (existsSync(join(path, 'HEAD'))) return true;
    if (path === dirname(path)) return false;
  }
}

/** Committed entries of some paths; `link`: a symlink or a submodule. */
async function committed(from: string, paths: readonly string[]): Promise<{ name: string; link: boolean }[]> {
  if (!inRepository(from)) return [];
  const args = ['ls-files', '--stage', '-z', '--', ...paths.map((path) => `:(literal)${path}`)];
  const listed = await git(args, { cwd: from, env });
  return listed.stdout
    .split('\0')
    .slice(0, -1)
    .map((line) => ({ name: line.slice(line.indexOf('\t') + 1), link: /^1[26]0000 /.test(line) }));
}

/** The default output folder may contain committed files, but no symlinks. */
async function outputFault(root: string): Promise<Diagnostic | undefined> {
  if (!lstatSync(join(root, 'out'), { throwIfNoEntry: false })) return undefined;
  const found = (await committed(root, ['out'])).find(({ name, link }) => link && isPart('out', name));
  return (
    found &&
    error(code, 'the repository has a link where output is written: that would be written to where the link leads', {
      file: join(root, found.name),
      hint: 'remove it with `git rm`',
    })
  );
}

/** The owner of the parent folder could replace a folder. */
async function placeFault(path: string): Promise<Diagnostic | undefined> {
  const parent = statSync(dirname(path), { throwIfNoEntry: false });
  if (!parent?.isDirectory() || isOurs(parent)) return undefined;
  const asked = await git(['rev-parse', '--git-dir'], { cwd: dirname(path), env });
  if (asked.code === 0) return undefined;
  return error(code, `the folder that it lies in belongs to another user (${parent.uid})`, {
    file: path,
    hint: /dubious/.test(asked.stderr) ? `${elsewhere}; git says: ${reasonOf(asked)}` : elsewhere,
  });
}
