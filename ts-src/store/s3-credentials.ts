import { join } from 'node:path';
import { readIf } from '../io/files.ts';
import { homeFolder } from '../io/home.ts';
import { readBody } from '../io/response.ts';
import { isObject } from '../model/stored.ts';

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

let known: { keys: Keys; until: number } | undefined;

/**
 * Finds credentials in the order of the AWS tools: environment, credentials file, container role, instance role
 * (IMDSv2). A role's credentials are renewed some minutes before they expire.
 */
export async function credentials(env: NodeJS.ProcessEnv = process.env): Promise<Keys> {
  if (env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY)
    return keysOf(env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN);
  if (known && Date.now() < known.until) return known.keys;
  const file = fromFile(env);
  known = file
    ? { keys: file, until: Date.now() + 60_000 }
    : ((await fromContainer(env)) ?? (env.AWS_EC2_METADATA_DISABLED === 'true' ? undefined : await fromInstance(env)));
  if (!known)
    throw Object.assign(
      new Error(
        'no credentials for the s3 store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role',
      ),
      { code: 'ESTORE' },
    );
  return known.keys;
}

/** Forgets credentials of a role or file, so that they are read again; false if they come from the environment. */
export function forgetCredentials(): boolean {
  const had = known !== undefined;
  known = undefined;
  return had;
}

const keysOf = (accessKeyId: string, secretAccessKey: string, sessionToken: string | undefined): Keys => ({
  accessKeyId,
  secretAccessKey,
  ...(sessionToken ? { sessionToken } : {}),
});

function fromFile(env: NodeJS.ProcessEnv): Keys | undefined {
  const text = readIf(env.AWS_SHARED_CREDENTIALS_FILE ?? join(homeFolder(env), '.aws/credentials'));
  const profile = env.AWS_PROFILE ?? 'default';
  const section = text?.split(/^\[/m).find((s) => s.startsWith(`${profile}]`));
  const value = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)`, 'm').exec(section ?? '')?.[1];
  const [id, secret] = [value('aws_access_key_id'), value('aws_secret_access_key')];
  return id && secret ? keysOf(id, secret, value('aws_session_token')) : undefined;
}

/** Credentials of a role, with the time until which they are used; undefined if the answer has none. */
async function roleKeys(answer: Response): Promise<{ keys: Keys; until: number } | undefined> {
  const data = answer.ok ? await readBody(answer, largestAnswer) : undefined;
  const said: unknown = data && JSON.parse(data.toString('utf8'));
  const text = (key: string): string | undefined => {
    const value = isObject(said) && Object.hasOwn(said, key) ? said[key] : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [id, secret] = [text('AccessKeyId'), text('SecretAccessKey')];
  if (id === undefined || secret === undefined) return undefined;
  const until = Date.parse(text('Expiration') ?? '') - 300_000;
  return { keys: keysOf(id, secret, text('Token')), until: Number.isNaN(until) ? 0 : until };
}

const largestAnswer = 1 << 20;

async function fromContainer(env: NodeJS.ProcessEnv): Promise<{ keys: Keys; until: number } | undefined> {
  const url =
    env.AWS_CONTAINER_CREDENTIALS_FULL_URI ??
    (env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
      ? `http://169.254.170.2${env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI}`
      : undefined);
  if (!url) return undefined;
  const token =
    env.AWS_CONTAINER_AUTHORIZATION_TOKEN ??
    (env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
      ? readIf(env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)?.trim()
      : undefined);
  try {
    const answer = await fetch(url, {
      headers: token ? { authorization: token } : {},
      signal: AbortSignal.timeout(5000),
    });
    return await roleKeys(answer);
  } catch {
    return undefined;
  }
}

async function fromInstance(env: NodeJS.ProcessEnv): Promise<{ keys: Keys; until: number } | undefined> {
  const at = env.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? 'http://169.254.169.254';
  const roles = `${at}/latest/meta-data/iam/security-credentials/`;
  try {
    const token = await (
      await fetch(`${at}/latest/api/token`, {
        method: 'PUT',
        headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' },
        signal: AbortSignal.timeout(2000),
      })
    ).text();
    const headers = { 'x-aws-ec2-metadata-token': token };
    const role = (await (await fetch(roles, { headers, signal: AbortSignal.timeout(2000) })).text())
      .trim()
      .split('\n')[0];
    const answer = await fetch(`${roles}${role}`, { headers, signal: AbortSignal.timeout(2000) });
    return await roleKeys(answer);
  } catch {
    return undefined;
  }
}
