import { webcrypto } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import { readBody } from '../io/response.ts';
import { slowly } from '../io/slow.ts';
import { credentials } from '../store/s3-credentials.ts';
import { asMap, own } from '../read/yaml.ts';

/** A request that AWS refused. Retrying it does not help. */
export class AwsFault extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

const attempts = 8;
const largestAnswer = 32 << 20;
const parser = new XMLParser({ parseTagValue: false, ignoreAttributes: true });

export interface AwsRequest {
  service: 'ec2' | 'ebs' | 'ssm' | 'autoscaling';
  method: 'POST' | 'PUT' | 'GET';
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | string;
}

/** Clients for AWS's APIs in one region. */
export class Aws {
  constructor(
    readonly region: string,
    private readonly endpoint: string | undefined,
  ) {}

  /** Sends a request. Retries while the service is busy or limits the request rate. */
  send(request: AwsRequest): Promise<Buffer> {
    return slowly(`AWS (${request.service} in ${this.region})`, this.sendPatiently(request));
  }

  private async sendPatiently(request: AwsRequest): Promise<Buffer> {
    const base = this.endpoint?.replace(/\/$/, '') ?? `https://${request.service}.${this.region}.amazonaws.com`;
    // Node 18 has Web Crypto, but not as the global that the signer expects.
    if (!('crypto' in globalThis)) Object.assign(globalThis, { crypto: webcrypto });
    for (let attempt = 1; ; attempt++) {
      const keys = await credentials();
      const signed = await new AwsV4Signer({
        method: request.method,
        url: `${base}${request.path}`,
        ...(request.headers ? { headers: request.headers } : {}),
        ...(request.body === undefined ? {} : { body: request.body }),
        ...keys,
        service: request.service,
        region: this.region,
      }).sign();
      let fault: AwsFault | Error;
      try {
        const answer = await fetch(signed.url, {
          method: signed.method,
          headers: signed.headers,
          body: signed.body ?? null,
          redirect: 'error',
          signal: AbortSignal.timeout(120_000),
        });
        const data = await readBody(answer, largestAnswer);
        if (!data) throw new AwsFault('an answer of AWS is larger than 32 MiB', 'TooLarge');
        if (answer.ok) return data;
        fault = faultOf(request, answer.status, data.toString('utf8'));
      } catch (e) {
        fault = e instanceof Error ? e : new Error(String(e));
      }
      if (attempt >= attempts || (fault instanceof AwsFault && !passing.test(fault.code))) throw fault;
      await pause(Math.min(20_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2));
    }
  }

  /** Calls the query API of EC2 or Auto Scaling. */
  async query(
    service: 'ec2' | 'autoscaling',
    action: string,
    parameters: Record<string, string>,
  ): Promise<Record<string, unknown>> {
    const version = service === 'ec2' ? '2016-11-15' : '2011-01-01';
    const data = await this.send({
      service,
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: new URLSearchParams({ Action: action, Version: version, ...parameters }).toString(),
    });
    const parsed: unknown = parser.parse(data.toString('utf8'));
    return asMap(own(asMap(parsed) ?? {}, `${action}Response`)) ?? {};
  }

  /** Calls the JSON API of Systems Manager. */
  async ssm(action: string, parameters: unknown): Promise<Record<string, unknown>> {
    const data = await this.send({
      service: 'ssm',
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AmazonSSM.${action}` },
      body: JSON.stringify(parameters),
    });
    return asMap(JSON.parse(data.toString('utf8'))) ?? {};
  }
}

/** Transient errors: the request is retried. */
const passing =
  /Throttl|RequestLimitExceeded|TooManyRequests|InternalError|InternalServer|ServiceUnavailable|^5\d\d$|^429$|ConcurrentLimit/;

function faultOf(request: AwsRequest, status: number, text: string): AwsFault {
  const code =
    /<Code>([A-Za-z0-9._-]{1,100})<\/Code>/.exec(text)?.[1] ??
    /"(?:__type|code|Code)"\s*:\s*"(?:[^"#]*#)?([A-Za-z0-9._-]{1,100})"/.exec(text)?.[1] ??
    String(status);
  const message = /<Message>([^<]{1,300})<\/Message>|"[Mm]essage"\s*:\s*"([^"]{1,300})"/.exec(text);
  const path = request.path === '/' ? '' : ` ${request.method} ${request.path.replace(/\?.*/, '')}`;
  return new AwsFault(
    `${request.service}${path} refused: ${code}${message ? `: ${message[1] ?? message[2]}` : ''}`,
    status >= 500 || status === 429 ? String(status) : code,
  );
}

/** Follows `nextToken` and returns all pages of an answer. */
export async function allPages(
  aws: Aws,
  service: 'ec2' | 'autoscaling',
  action: string,
  parameters: Record<string, string>,
): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  let token: string | undefined;
  for (let n = 0; n < 1000; n++) {
    const page = await aws.query(service, action, {
      ...parameters,
      ...(token === undefined ? {} : { NextToken: token }),
    });
    all.push(page);
    token = textIn(page, 'nextToken') ?? textIn(page, 'NextToken');
    if (token === undefined || token === '') return all;
  }
  throw new Error(`${action} has more than 1000 pages`);
}

/** Items of a list in EC2's XML answers. A list of one item is parsed as the item itself. */
export function itemsOf(value: unknown, name = 'item'): Record<string, unknown>[] {
  const found = own(asMap(value) ?? {}, name);
  const list: unknown[] = Array.isArray(found) ? found : [found];
  return list.flatMap((item) => {
    const map = asMap(item);
    return map ? [map] : [];
  });
}

export const textIn = (map: Record<string, unknown>, key: string): string | undefined => {
  const value = own(map, key);
  return typeof value === 'string' ? value : undefined;
};

/** Tags as parameters of the query interface: `PREFIX.1.Key`, `PREFIX.1.Value`, … */
export const tagParameters = (prefix: string, tags: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tags).flatMap(([key, value], i) => [
      [`${prefix}.${i + 1}.Key`, key],
      [`${prefix}.${i + 1}.Value`, value],
    ]),
  );

/**
 * Filter of DescribeInstances for instances that still need their image. A terminated instance stays listed for an
 * hour.
 */
export const livingInstances: Readonly<Record<string, string>> = {
  'Filter.1.Name': 'instance-state-name',
  ...Object.fromEntries(
    ['pending', 'running', 'stopping', 'stopped'].map((state, i) => [`Filter.1.Value.${i + 1}`, state]),
  ),
};
