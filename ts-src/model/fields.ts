import * as z from 'zod';
import { isDebianName } from './names.ts';

// For a single file, compiling validators takes longer than validating. Must be set before the first schema.
z.config({ jitless: true });

/** Types of values shared by several parts of distro.yaml. */

export const name = z
  .string()
  .max(60, 'at most 60 letters')
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'lower case letters, digits, "-" and "_", a letter or digit first');
export const debianName = z
  .string()
  .refine(
    isDebianName,
    'a Debian package name (policy 5.6.1): lower case letters, digits, "+", "-" and ".", at least two',
  );
/** Validates a pattern of package names by replacing each placeholder with a letter. */
export const isNamePattern = (pattern: string): boolean =>
  isDebianName(pattern.replace(/\{[a-z]+\}/g, 'x').replace(/^x$/, 'xx'));
export const packageName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/, 'a package name (REP 144)');
export const glob = z.string().regex(/^[a-zA-Z0-9_*?-]+$/, 'a package name or a glob with * and ?');
export const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of an environment variable');
export const value = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .refine((v) => !/[\n\r\0]/.test(v), 'one line');
export const relativePath = z
  .string()
  .min(1)
  .refine(
    (p) => !p.startsWith('/') && !p.split('/').includes('..') && !/[\0-\x1f\x7f]/.test(p),
    'a path inside the distro repository',
  );
export const keyPath = relativePath.refine(
  (p) => /^[A-Za-z0-9._+/ -]+$/.test(p) && p === p.trim(),
  'a path of letters, digits, blanks, ".", "_", "+", "-" and "/"',
);
export const absolutePath = z
  .string()
  .regex(/^\/[A-Za-z0-9_+./-]*$/, 'an absolute path')
  .refine((p) => !p.split('/').includes('..'), 'no ".." in a path');
export const archiveUri = z
  .string()
  .regex(/^(https?|file|copy):\/\/?[^\s\]'"$`\\]+$/, 'an http, https, file or copy URI');
export const suite = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'a suite of an apt repository');
export const component = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'a component of an apt repository');
export const architectureNames = ['amd64', 'arm64', 'armhf', 'i386', 'ppc64el', 'riscv64', 's390x'] as const;
export const architecture = z.enum(architectureNames);
