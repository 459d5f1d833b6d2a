import { webcrypto } from 'node:crypto';
import * as z from 'zod';
import { AwsV4Signer } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { credentials } from '../store/s3-credentials.ts';

/** Region, and an endpoint where AWS is not AWS. */
export interface AwsPlace {
  region: string;
  endpoint: string | undefined;
}

/** Answers of these calls are lists of images and instances. */
const largest = 32 << 20;
const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'item' });

async function ask(
  place: AwsPlace,
  service: string,
  body: string,
  headers: Record<string, string>,
): Promise<Result<string>> {
  // Node 18 has it, but not where the signer looks for it.
  if (!('crypto' in globalThis)) Object.assign(globalThis, { crypto: webcrypto });
  const url = `${place.endpoint ?? `https://${service}.${place.region}.amazonaws.com`}/`;
  try {
    const signer = new AwsV4Signer({
      ...(await credentials()),
      method: 'POST',
      url,
      region: place.region,
      service,
      body,
      headers,
    });
    const signed = await signer.sign();
    const reply = await fetch(signed.url, {
      method: 'POST',
      headers: signed.headers,
      body,
      signal: AbortSignal.timeout(60_000),
    });
    const text = await bounded(reply);
    if (reply.ok) return good(text);
    const code = /<Code>([\w.]+)<\/Code>|"__type":\s*"(?:[^"#]*#)?(\w+)"/.exec(text);
    const told = /<Message>([^<]{0,500})|"[mM]essage":\s*"([^"]{0,500})/.exec(text);
    const why = `${code?.[1] ?? code?.[2] ?? reply.status}${told ? `: ${told[1] ?? told[2] ?? ''}` : ''}`;
    return bad(error('deploy-aws', `${service} refused: ${why}`));
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    return bad(error('deploy-aws', `${service} can't be reached: ${why}`));
  }
}

async function bounded(reply: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  const reader = reply.body?.getReader();
  for (let size = 0; reader;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > largest) throw new Error('the answer is larger than 32 MiB');
    parts.push(value);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** A call of EC2's query API: its answer's XML as objects, every `item` a list. */
export async function ec2(
  place: AwsPlace,
  action: string,
  parameters: Record<string, string>,
): Promise<Result<unknown>> {
  const body = new URLSearchParams({ Action: action, Version: '2016-11-15', ...parameters }).toString();
  const type = 'application/x-www-form-urlencoded; charset=utf-8';
  const reply = await ask(place, 'ec2', body, { 'content-type': type });
  if (!reply.ok) return reply;
  const parsed = z.record(z.string(), z.unknown()).safeParse(parser.parse(reply.value));
  return good(parsed.success ? parsed.data[`${action}Response`] : undefined);
}

/** A call of Systems Manager. */
export async function ssm(place: AwsPlace, action: string, input: object): Promise<Result<unknown>> {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AmazonSSM.${action}` };
  const reply = await ask(place, 'ssm', JSON.stringify(input), headers);
  if (!reply.ok) return reply;
  try {
    return good(JSON.parse(reply.value) as unknown);
  } catch {
    return bad(error('deploy-aws', `ssm gave an answer to ${action} that is no JSON`));
  }
}
