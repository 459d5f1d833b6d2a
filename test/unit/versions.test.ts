import { describe, expect, it } from 'vitest';
import { compareDebianVersions, versionAbove } from '../../ts-src/plan/versions.ts';
import { at } from '../../ts-src/model/lists.ts';

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
      expect(Math.sign(compareDebianVersions(at(order, i), at(order, j))), `${order[i]} ${order[j]}`).toBe(
        Math.sign(i - j),
      );
});

describe('a version above', () => {
  it('is above, regardless of clock and upstream version', () => {
    for (const [version, stamp, highest] of [
      ['1.0-0bookworm.20260101.000000', '20260102000000', '1.0-0bookworm.20260101.000000'],
      ['1.0-0bookworm.20260101.000000', '20250102000000', '1.0-0bookworm.20260101.000000'],
      ['1.0-0bookworm.20260101.000000', '20260102000000', '2.0-0bookworm.20270101.000000'],
      ['1.0-0bookworm.20260101.000000', '20260102000000', '3:1.0-0bookworm.20260101.235959'],
      ['1.0', '20260102000000', '1.0'],
      ['1.0-0noble.20260101.000000', '20260101000000', '1.0-0bookworm.20260101.000000'],
    ] as const)
      expect(compareDebianVersions(versionAbove(version, stamp, highest), highest)).toBeGreaterThan(0);
    expect(versionAbove('1.0-0bookworm.20260101.000000', '20260102030405', '1.0-0bookworm.20260101.000000')).toBe(
      '1.0-0bookworm.20260102.030405',
    );
  });
});
