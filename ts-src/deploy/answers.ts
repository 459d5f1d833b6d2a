import * as z from 'zod';
import { bad, compare, error, good, nearest, type Diagnostic, type Result } from '../model/diagnostics.ts';

/**
 * What `slipway deploy init` asks. Values go into files that shells, Terraform and Jenkins read, so their formats
 * exclude quotes, spaces and control characters.
 */
const gitUrl = z
  .string()
  .regex(/^(?:(?:https?|ssh|git):\/\/|git@)[A-Za-z0-9@:._~%/+-]+$/, 'the URL of a git repository')
  .refine((url) => !/^[a-z]+:\/\/[^/@]*:[^/@]*@/.test(url), 'a URL without a password: put it into secrets/GIT_TOKEN');
const ref = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'a branch or tag');
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'lower case letters, digits and hyphens, 31 at most');
const host = z
  .string()
  .regex(/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/, 'a domain name');

export const answersSchema = z.strictObject({
  organization: name.describe('Names the farm and all that belongs to it'),
  distro: gitUrl.describe('URL of the distro repository'),
  branch: ref.default('main').describe('Its branch'),
  library: gitUrl.describe("URL of the repository that holds Slipway's steps"),
  version: ref.default('main').describe('Its tag or branch'),
  mail: z
    .string()
    .regex(/^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$/, 'a mail address')
    .default('nobody@example.org')
    .describe('Who runs the farm'),
  port: z.coerce.number().int().min(1).max(65_535).default(8080).describe('Port of Jenkins on one machine'),
  url: z
    .string()
    .regex(/^https?:\/\/[A-Za-z0-9.:-]+\/([A-Za-z0-9._-]+\/)*$/, 'an http or https URL that ends in /')
    .optional()
    .describe('Address of Jenkins that people use (default: http://localhost:PORT/)'),
  architecture: z.enum(['amd64', 'arm64']).default('amd64').describe('Architecture of the one machine'),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region of AWS')
    .default('eu-central-1')
    .describe('Region of AWS'),
  farm: gitUrl.optional().describe("URL of this folder's own repository: on AWS its job makes the agents' image"),
  domain: host.optional().describe('Domain of the farm on AWS: jenkins.DOMAIN and packages.DOMAIN'),
});

export type Answers = z.output<typeof answersSchema>;
export type AnswerName = keyof Answers;

/** Questions in order: name, help, default. */
export const questions: readonly { name: AnswerName; help: string; fallback: string | undefined; needed: boolean }[] =
  Object.entries(answersSchema.shape).map(([key, type]) => {
    const empty = type.safeParse(undefined);
    return {
      name: answersSchema.keyof().parse(key),
      help: type.description ?? '',
      fallback: empty.success && empty.data !== undefined ? String(empty.data) : undefined,
      needed: !empty.success,
    };
  });

/** Validates answers of a person or a file and reports every fault. `file` is the file's name. */
export function checkAnswers(given: unknown, file: string | undefined): Result<Answers> {
  const checked = answersSchema.safeParse(given ?? {});
  if (checked.success) return good(checked.data);
  return bad(...checked.error.issues.flatMap((issue) => faults(issue, given, file)));
}

function faults(issue: z.core.$ZodIssue, given: unknown, file: string | undefined): Diagnostic[] {
  const at = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const near = nearest(key, Object.keys(answersSchema.shape));
      const known = `known answers: ${Object.keys(answersSchema.shape).sort(compare).join(', ')}`;
      return error('deploy-answers', `unknown answer '${key}'`, {
        file,
        hint: near === undefined ? known : `did you mean '${near}'?`,
      });
    });
  if (at === '') return [error('deploy-answers', 'the answers must be a map', { file })];
  const known = questions.find((q) => q.name === at);
  const missing = typeof given !== 'object' || given === null || !Object.hasOwn(given, at);
  const what = issue.code === 'invalid_format' || issue.code === 'custom' ? issue.message : (known?.help ?? '');
  return [
    missing
      ? error('deploy-answers', `${at} is missing: ${known?.help ?? ''}`, { file })
      : error('deploy-answers', `${at} must be ${what}${issue.code === 'invalid_value' ? ` (${issue.message})` : ''}`, {
          file,
        }),
  ];
}
