import { afterAll, describe, expect, it } from 'vitest';
import { grow, stated, writeGrowing } from '../e2e/growth.ts';
import { discard, workspace } from '../e2e/helpers.ts';

describe('fifty builds of one package', () => {
  const folder = workspace('growth');
  afterAll(() => discard(folder));

  it('leave no more than the stated bound', async () => {
    writeGrowing(folder);
    const sizes = await grow(folder, 50);
    console.log(sizes.map((n) => (n / 2 ** 20).toFixed(1)).join(' '));
    expect(Math.max(...sizes)).toBeLessThan(stated);
  });
});
