import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PriorityQueue } from '../../ts-src/graph/priority-queue.ts';

it('returns items in order, with any sequence of insertions', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer(), { nil: undefined })), (steps) => {
      const queue = new PriorityQueue<number>((a, b) => a < b);
      const held: number[] = [];
      // A number is inserted; each undefined removes one.
      for (const step of [...steps, ...steps.map(() => undefined)]) {
        if (step === undefined) {
          expect(queue.pop()).toBe(held.sort((a, b) => a - b).shift());
          continue;
        }
        queue.push(step);
        held.push(step);
      }
      expect(queue.pop()).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});
