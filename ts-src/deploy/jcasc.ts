import * as z from 'zod';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { Locator, parseYaml } from '../read/yaml.ts';

/**
 * The parts of the configuration as code that deploy/ uses, written from the plugins' documentation and their
 * configurators. Unknown keys are errors, because Jenkins refuses to start on them. A file with the line `# slipway:
 * unchecked` is skipped; Jenkins itself serves the whole schema at /configuration-as-code/schema.
 */
const text = z.string();
const flag = z.boolean();
/** A number, or a variable that contains one. */
const number = z.union([z.number(), z.string().regex(/^\$\{[A-Z_]+(:-\d+)?\}$/)]);
/** A reference to a secret (a variable, or a file that a variable names), never the secret itself. */
const secret = z.string().regex(/^\$\{.+\}$/, 'a ${VARIABLE}, not a secret itself');
const permission = z.string().regex(/^[A-Z][A-Za-z]+\/[A-Z][A-Za-z]+$/, 'a permission such as Job/Read');
const permissions = z.strictObject({ name: text, permissions: z.array(permission).min(1) });

const inbound = z.strictObject({
  webSocket: flag,
  workDirSettings: z.strictObject({ disabled: flag, failIfWorkDirIsMissing: flag, internalDir: text }).optional(),
});
const permanent = z.strictObject({
  name: text,
  nodeDescription: text.optional(),
  labelString: text,
  numExecutors: number,
  mode: z.enum(['NORMAL', 'EXCLUSIVE']),
  remoteFS: text,
  launcher: z.strictObject({ inbound }),
  retentionStrategy: z.literal('always'),
});
const sshConnector = z.strictObject({
  credentialsId: text,
  port: number.optional(),
  launchTimeoutSeconds: number.optional(),
  maxNumRetries: number.optional(),
  retryWaitTime: number.optional(),
  sshHostKeyVerificationStrategy: z.enum([
    'nonVerifyingKeyVerificationStrategy',
    'NonVerifyingKeyVerificationStrategy',
  ]),
});
/** From docs/CONFIGURATION-AS-CODE.md of the plugin ec2-fleet, and its setters. */
const eC2Fleet = z.strictObject({
  name: text,
  awsCredentialsId: text.optional(),
  region: text,
  endpoint: text.optional(),
  fleet: text,
  labelString: text,
  fsRoot: text,
  computerConnector: z.strictObject({ sshConnector }),
  privateIpUsed: flag.optional(),
  alwaysReconnect: flag.optional(),
  idleMinutes: number,
  minSize: number,
  maxSize: number,
  minSpareSize: number.optional(),
  maxTotalUses: number.optional(),
  numExecutors: number,
  addNodeOnlyIfRunning: flag.optional(),
  restrictUsage: flag,
  executorScaler: z.enum(['noScaler', 'weightedScaler']).optional(),
  initOnlineTimeoutSec: number.optional(),
  initOnlineCheckIntervalSec: number.optional(),
  cloudStatusIntervalSec: number.optional(),
  disableTaskResubmit: flag,
  noDelayProvision: flag.optional(),
  environmentVariables: z.array(z.strictObject({ name: text, value: text })).optional(),
});

const credential = { scope: z.enum(['GLOBAL', 'SYSTEM']), id: text, description: text.optional() };
const credentials = z.union([
  z.strictObject({ usernamePassword: z.strictObject({ ...credential, username: text, password: secret }) }),
  z.strictObject({ string: z.strictObject({ ...credential, secret }) }),
  z.strictObject({ file: z.strictObject({ ...credential, fileName: text, secretBytes: secret }) }),
  z.strictObject({
    basicSSHUserPrivateKey: z.strictObject({
      ...credential,
      username: text,
      passphrase: secret.optional(),
      privateKeySource: z.strictObject({ directEntry: z.strictObject({ privateKey: secret }) }),
    }),
  }),
  z.strictObject({
    aws: z.strictObject({ ...credential, accessKey: secret, secretKey: secret }),
  }),
]);

const jenkins = z.strictObject({
  systemMessage: text.optional(),
  numExecutors: z.literal(0, 'zero: the controller builds nothing').optional(),
  mode: z.enum(['NORMAL', 'EXCLUSIVE']).optional(),
  slaveAgentPort: z.number().optional(),
  crumbIssuer: z.strictObject({ standard: z.strictObject({ excludeClientIPFromCrumb: flag }) }).optional(),
  securityRealm: z
    .strictObject({
      local: z.strictObject({
        allowsSignup: z.literal(false, 'false: nobody makes an account of their own'),
        users: z.array(z.strictObject({ id: text, name: text.optional(), password: secret })),
      }),
    })
    .optional(),
  authorizationStrategy: z
    .strictObject({
      globalMatrix: z.strictObject({
        entries: z.array(
          z
            .union([z.strictObject({ user: permissions }), z.strictObject({ group: permissions })])
            .refine(
              (entry) => JSON.stringify(entry).includes('"name":"anonymous"') === false,
              'no entry of anonymous: nothing is shown without a login',
            ),
        ),
      }),
    })
    .optional(),
  nodes: z.array(z.strictObject({ permanent })).optional(),
  clouds: z.array(z.strictObject({ eC2Fleet })).optional(),
});

const schema = z.strictObject({
  jenkins: jenkins.optional(),
  credentials: z
    .strictObject({
      system: z.strictObject({ domainCredentials: z.array(z.strictObject({ credentials: z.array(credentials) })) }),
    })
    .optional(),
  security: z
    .strictObject({
      apiToken: z
        .strictObject({
          creationOfLegacyTokenEnabled: z.literal(false),
          tokenGenerationOnCreationEnabled: z.literal(false),
          usageStatisticsEnabled: flag,
        })
        .optional(),
      queueItemAuthenticator: z
        .strictObject({
          authenticators: z.array(
            z.strictObject({
              project: z.strictObject({ enabledStrategies: z.array(text), disabledStrategies: z.array(text) }),
            }),
          ),
        })
        .optional(),
    })
    .optional(),
  unclassified: z
    .strictObject({
      location: z.strictObject({ url: text, adminAddress: text }).optional(),
      prometheusConfiguration: z.strictObject({ useAuthenticatedEndpoint: z.literal(true) }).optional(),
      globalLibraries: z
        .strictObject({
          libraries: z.array(
            z.strictObject({
              name: text,
              defaultVersion: text,
              implicit: flag,
              allowVersionOverride: flag,
              includeInChangesets: flag,
              retriever: z.strictObject({
                modernSCM: z.strictObject({
                  scm: z.strictObject({ git: z.strictObject({ remote: text, credentialsId: text.optional() }) }),
                }),
              }),
            }),
          ),
        })
        .optional(),
    })
    .optional(),
  jobs: z.array(z.strictObject({ script: text })).optional(),
});

/** Checks one file of jcasc/; reports every fault with its line. */
export function checkCasc(content: string, file: string): Diagnostic[] {
  if (/^# slipway: unchecked$/m.test(content)) return [];
  const parsed = parseYaml(content, file);
  if (!parsed.ok) return parsed.diagnostics;
  const checked = schema.safeParse(parsed.value ?? {});
  if (checked.success) return [];
  const locator = new Locator(content);
  return checked.error.issues.flatMap((issue) => faults(issue, [], file, locator));
}

function faults(issue: z.core.$ZodIssue, prefix: PropertyKey[], file: string, locator: Locator): Diagnostic[] {
  const path = [...prefix, ...issue.path];
  const fault = (message: string, at: PropertyKey[] = path) =>
    error('deploy-jcasc', message, { file, line: locator.line(at) });
  const where = path.map(String).join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => fault(`unknown key '${key}'${where === '' ? '' : ` in ${where}`}`, [...path, key]));
  // Takes the form of the union whose faults lie deepest, then the one with the fewest.
  if (issue.code === 'invalid_union') {
    const [meant] = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length);
    return (meant ?? []).flatMap((inner) => faults(inner, path, file, locator));
  }
  return [fault(`${where === '' ? 'the file' : where}: ${issue.message}`)];
}

const depth = (issues: readonly z.core.$ZodIssue[]): number => Math.max(0, ...issues.map((i) => i.path.length));
