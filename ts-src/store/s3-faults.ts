/** A failed answer of an S3 server. */
export interface S3Answer {
  method: string;
  status: number;
  /** `<Code>` of the answer; may be empty. */
  code: string;
  /** Region named by the server. */
  region?: string | undefined;
  /** The server's time. */
  date?: string | undefined;
}

const login =
  'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and ' +
  'AWS_SESSION_TOKEN, the credentials file, or the role of the ' +
  'machine';

/** Advice for a failed answer; undefined if there is none. */
export function s3Advice({ status, code, region, date }: S3Answer, now: number): string | undefined {
  switch (code) {
    case 'NoSuchBucket':
      return 'there is no such bucket: make it, or correct its name in distro.yaml';
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
      return 'the credentials have expired: get new ones (log in again, or set a new AWS_SESSION_TOKEN)';
    case 'InvalidAccessKeyId':
    case 'InvalidToken':
      return `the server does not know these credentials: ${login}`;
    case 'SignatureDoesNotMatch':
      return `the secret key does not fit the access key: ${login}`;
    case 'RequestTimeTooSkewed':
      return `the clock of this machine is wrong${skew(date, now)}: set it (timedatectl set-ntp true)`;
    case 'AccessDenied':
    case 'AllAccessDisabled':
      return `these credentials may not do that: ask for the rights to read, list and write the bucket, or ${login}`;
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return (
        `the bucket is in another region${region === undefined ? '' : ` (${region})`}: ` +
        'say so by region=NAME in its URL, or AWS_REGION'
      );
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
    case 'InsufficientCapacity':
      return 'the server has no room left';
    default:
  }
  if (status === 507) return 'the server has no room left';
  if (status >= 300 && status < 400)
    return 'the server sends requests elsewhere, where credentials are not sent: correct the endpoint or the region';
  if (status === 401 || status === 403) return `the server refuses it: ${login}`;
  return undefined;
}

function skew(date: string | undefined, now: number): string {
  const there = Date.parse(date ?? '');
  if (Number.isNaN(there)) return '';
  const minutes = Math.round((now - there) / 60_000);
  return minutes === 0 ? '' : `, ${Math.abs(minutes)} minutes ${minutes > 0 ? 'before' : 'behind'} the server`;
}

/** The code in an error's XML. */
export const codeOf = (body: Buffer): string =>
  /<Code>([A-Za-z0-9]{1,100})<\/Code>/.exec(body.toString('utf8', 0, 4096))?.[1] ?? '';

/**
 * Answers that callers handle: success, a missing object, or a failed condition. Other writes have failed then. Success
 * of GET is 200 alone: 204 and 206 come without the whole object.
 */
export function isAnswer(method: string, status: number, code: string, headers: Readonly<Record<string, string>>) {
  if (status < 300) return method === 'GET' ? status === 200 : status >= 200;
  const conditional = 'if-match' in headers || 'if-none-match' in headers;
  // A write to an object that is to be there, and was removed, is answered by 404, too.
  if (status === 404) return code !== 'NoSuchBucket' && (method !== 'PUT' || 'if-match' in headers);
  return (status === 412 || status === 409) && conditional;
}

/** Transient errors. */
export const isPassing = (status: number, code: string): boolean =>
  (status >= 500 && status !== 507) ||
  status === 429 ||
  ['RequestTimeout', 'SlowDown', 'OperationAborted'].includes(code);

/** Code of an exception, for people. */
export const errorCode = (e: unknown): string => {
  const code = e instanceof Error && 'code' in e ? e.code : undefined;
  return typeof code === 'string' ? code : 'an error';
};

/** Errors of this machine's disk, and errors that have a message already; retrying does not help. */
export const isOurs = (e: unknown): boolean =>
  ['ESTORE', 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'ENOENT', 'EISDIR', 'ENOTDIR', 'EIO'].includes(errorCode(e));
