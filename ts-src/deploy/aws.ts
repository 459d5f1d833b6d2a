import { Aws, AwsFault } from '../aws/client.ts';
import { usedImages } from '../aws/used-images.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';

/** Region, and an endpoint if it is not AWS's own. */
export interface AwsPlace {
  region: string;
  endpoint: string | undefined;
}

async function asked<T>(service: string, ask: () => Promise<T>): Promise<Result<T>> {
  try {
    return good(await ask());
  } catch (e) {
    if (e instanceof AwsFault) return bad(error('deploy-aws', e.message));
    const why = e instanceof Error ? e.message : String(e);
    return bad(error('deploy-aws', `${service} can't be reached: ${why}`));
  }
}

/** Calls EC2's query API. */
export const ec2 = (place: AwsPlace, action: string, parameters: Record<string, string>): Promise<Result<unknown>> =>
  asked('ec2', () => new Aws(place.region, place.endpoint).query('ec2', action, parameters));

/** Calls Systems Manager. */
export const ssm = (place: AwsPlace, action: string, input: object): Promise<Result<unknown>> =>
  asked('ssm', () => new Aws(place.region, place.endpoint).ssm(action, input));

/** Users of each image beside a pool's parameter: instances, launch templates, launch configurations. */
export const imageUses = (place: AwsPlace): Promise<Result<Map<string, string>>> =>
  asked('ec2', () => usedImages(new Aws(place.region, place.endpoint)));
