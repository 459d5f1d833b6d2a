import type { Driver } from './driver.ts';

export function dockerDriver(_state: string): Driver {
  throw new Error('not yet');
}
