import { writeMessage, exit, writeOutput, defineCommand } from './command.ts';

const schemas: Record<string, () => Promise<unknown>> = {
  distro: async () => (await import('../model/distro.ts')).distroJsonSchema(),
  plan: async () => (await import('../model/plan-schema.ts')).planJsonSchema(),
};

export const schema = defineCommand({
  summary: 'print a JSON schema: of distro.yaml (for editors) or of the plan',
  usage: 'schema distro|plan',
  examples: ['slipway schema distro > distro.schema.json'],
  plain: true,
  words: Object.keys(schemas),
  options: {},
  async run(_values, [name, ...more]) {
    const make = name !== undefined && !more.length && Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (!make) {
      writeMessage(`slipway schema: name one of ${Object.keys(schemas).join(', ')}\n`);
      return exit.usage;
    }
    writeOutput(`${JSON.stringify(await make(), undefined, 2)}\n`);
    return exit.ok;
  },
});
