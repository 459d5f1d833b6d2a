import { expect, it } from 'vitest';
import { compareDebianVersions } from '../../ts-src/plan/versions.ts';

it('compares versions as dpkg does', () => {
  const order = [
    '1.0~rc1-1',
    '1.0-1',
    '1.0-1+b1',
    '1.0-2',
    '1.0.1-1',
    '1.2.0-0bookworm.20261123.141500',
    '1.2.0-0bookworm.20261124.090000',
    '1.10-1',
    '1:0.1-1',
  ];
  for (let i = 0; i < order.length; i++)
    for (let j = 0; j < order.length; j++)
      expect(Math.sign(compareDebianVersions(order[i]!, order[j]!)), `${order[i]} ${order[j]}`).toBe(Math.sign(i - j));
});
