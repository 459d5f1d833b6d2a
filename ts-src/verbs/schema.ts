import { distroJsonSchema } from '../model/distro.ts';
import { planJsonSchema } from '../model/plan-schema.ts';
import { complain, exit, print, type Verb } from './common.ts';

const schemas: Record<string, () => unknown> = { distro: distroJsonSchema, plan: planJsonSchema };

export const schema: Verb = {
  summary: 'print a JSON schema: of distro.yaml (for editors) or of the plan',
  usage: 'schema distro|plan',
  options: {},
  async run(_values, [name, ...more]) {
    const make = name !== undefined && !more.length && Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (!make) {
      complain(`slipway schema: name one of ${Object.keys(schemas).join(', ')}\n`);
      return exit.usage;
    }
    print(`${JSON.stringify(make(), undefined, 2)}\n`);
    return exit.ok;
  },
};
