import { decoded } from '../model/urls.ts';

/**
 * `s3://bucket/prefix?endpoint=http://host:port&region=name`. Missing parts come from the environment, as in the AWS
 * tools.
 */
export interface S3Place {
  bucket: string;
  prefix: string;
  endpoint: string;
  region: string;
}

export function parseS3(uri: string, env: NodeJS.ProcessEnv): S3Place {
  const url = new URL(uri);
  const region = url.searchParams.get('region') ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1';
  const endpoint =
    url.searchParams.get('endpoint') ??
    env.AWS_ENDPOINT_URL_S3 ??
    env.AWS_ENDPOINT_URL ??
    `https://s3.${region}.amazonaws.com`;
  if (!/^https?:\/\/[^/\s]+/.test(endpoint) || !URL.canParse(endpoint))
    throw Object.assign(new Error(`the endpoint of an S3 store is no http or https URL: '${endpoint}'`), {
      code: 'ESTORE',
    });
  return {
    bucket: url.hostname,
    prefix: decoded(url.pathname).replace(/^\/+|\/+$/g, ''),
    endpoint: endpoint.replace(/\/+$/, ''),
    region,
  };
}
