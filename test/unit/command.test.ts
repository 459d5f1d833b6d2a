import { expect, expectTypeOf, it } from 'vitest';
import { defineCommand, selectionOf, type ValuesOf } from '../../ts-src/cli/command.ts';

it("a command's values have the types of its options", async () => {
  const options = {
    name: { type: 'string', help: 'a text' },
    'dry-run': { type: 'boolean', help: 'a flag' },
    only: { type: 'string', multiple: true, help: 'a list' },
  } as const;
  expectTypeOf<ValuesOf<typeof options>>().toEqualTypeOf<{
    readonly name?: string | undefined;
    readonly 'dry-run'?: boolean | undefined;
    readonly only?: string[] | undefined;
  }>();
  const command = defineCommand({
    summary: 'says what it was given',
    usage: 'say',
    examples: ['slipway say --name x'],
    options,
    run(values) {
      expectTypeOf(values.name).toEqualTypeOf<string | undefined>();
      expectTypeOf(values['dry-run']).toEqualTypeOf<boolean | undefined>();
      // @ts-expect-error no option has this name
      expect(values.other).toBe(undefined);
      return Promise.resolve((values.only ?? []).length);
    },
  });
  expect(await command.run({ only: ['a', 'b'] }, [])).toBe(2);
});

it('a selection names only what was given', () => {
  expect(selectionOf({}, [])).toEqual({});
  expect(selectionOf({ repository: ['nav*'], only: true }, ['a'])).toEqual({
    packages: ['a'],
    repositories: ['nav*'],
    only: true,
  });
});
