// `mirror: state` when archives are gone: the platform's, and one that is an underlay. Builds and images take
// everything from the store.
import { createReadStream, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { discard, execute, slipway, states, workspace, type Ran } from '../e2e/helpers.ts';
import { writeTiny, writeTinyPackage } from '../e2e/tiny.ts';
import { portOf } from '../port.mjs';

describe('mirror: state', () => {
  const lower = workspace('lower');
  const upper = workspace('upper');
  let open = true;
  const server = createServer((request, response) => {
    const path = join(lower, 'out/apt', normalize(decodeURIComponent(request.url ?? '')));
    if (!open || !existsSync(path) || !statSync(path).isFile()) return void response.writeHead(404).end();
    createReadStream(path).pipe(response);
  });

  beforeAll(async () => {
    writeTiny(lower, { low: { files: { 'low.txt': 'low\n' }, cmake: 'install(FILES low.txt DESTINATION share/low)' } });
    const ran = await slipway(['build'], lower);
    expect(ran.code, ran.stderr).toBe(0);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    writeFileSync(join(upper, 'rosdep.yaml'), 'hello: {debian: [hello]}\n');
    writeTinyPackage(upper, 'top', {
      manifest: '<depend>low</depend><depend>hello</depend>\n',
      cmake: 'install(FILES /opt/acme/tiny/share/low/low.txt DESTINATION share/top)',
    });
    distro({});
  });
  afterAll(async () => {
    server.close();
    await discard(lower);
    await discard(upper);
  });

  /** With `gone` all URLs lead to a port without a server. */
  const distro = ({ mirror = 'archive', gone = false }): void =>
    writeFileSync(
      join(upper, 'distro.yaml'),
      `organization: top
distributions:
  tiny: { platforms: [bookworm], folders: [src], ros_version: 1, underlay: [low] }
platforms:
  bookworm:
    os: debian
    release: bookworm
    architectures: [amd64]
${gone ? '    proxy: "http://127.0.0.1:1"\n' : ''}    underlays:
      low: { uri: "http://127.0.0.1:${portOf(server)}", suite: bookworm-tiny, key: low.asc, package: "acme-tiny-{name}", prefix: /opt/acme/tiny }
rosdep: [rosdep.yaml]
store: "file:${join(upper, 'store')}"
mirror: ${mirror}
images:
  robot: { channel: nightly, distribution: tiny, packages: [top], kinds: [docker] }
`,
    );

  /** Each machine has only the store. */
  const on = async (machine: string, ...args: string[]): Promise<Ran> => {
    mkdirSync(join(upper, machine), { recursive: true });
    const ran = await slipway(args, upper, { env: { SLIPWAY_STATE: join(upper, machine) } });
    expect(ran.code, ran.stderr).toBe(0);
    return ran;
  };

  /** Digests of the layers of the base and of system packages in the image that a run made. */
  const systemLayers = async (ran: Ran): Promise<string[]> => {
    const tar = ran.stdout.trim();
    const { stdout } = await execute('tar', ['-xOf', tar, 'manifest.json']);
    rmSync(tar);
    const [image] = z.array(z.object({ Layers: z.array(z.string()) })).parse(JSON.parse(stdout));
    return image?.Layers.slice(0, 2) ?? [];
  };

  it('has what builds and images on a new machine need, with no archive left', async () => {
    writeFileSync(join(upper, 'low.asc'), readFileSync(join(lower, 'out/apt/key.asc')));
    distro({ mirror: 'state' });
    await on('first', 'build');
    const layers = await systemLayers(await on('first', 'image', 'build', 'robot', '--local'));
    expect(layers).toHaveLength(2);
    // What images used is kept by the next build.
    await on('first', 'build');
    open = false;
    distro({ mirror: 'state', gone: true });
    await on('second', 'build', '--rebuild', 'top');
    expect(states(upper)).toEqual({ top: 'built' });
    rmSync(join(upper, 'store/images'), { recursive: true, force: true });
    rmSync(join(upper, 'store/image-lists'), { recursive: true, force: true });
    expect(await systemLayers(await on('second', 'image', 'build', 'robot', '--local'))).toEqual(layers);
  });
});
