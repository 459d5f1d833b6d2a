import { afterAll, expect, it } from 'vitest';
import { discard, slipway, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

const folder = workspace('disk-space');
afterAll(() => discard(folder));

/** FS_IOC_RESVSP64 with a `struct space_resv` for a mebibyte. */
const reserve =
  'open my $f, ">", "reserved" or die; my $room = pack "ssx4qqlLl4", 0, 0, 0, 1 << 20, 0, 0, 0, 0, 0, 0; ' +
  'exit(ioctl($f, 0x4030582a, $room) ? 0 : 1)';

it('a build allocates no disk without writing: it could take all of it between two checks', async () => {
  const cmake = `
execute_process(COMMAND fallocate -l 1M allocated RESULT_VARIABLE allocated)
execute_process(COMMAND perl -e [==[${reserve}]==] RESULT_VARIABLE reserved)
execute_process(COMMAND fallocate --posix -l 1M written RESULT_VARIABLE written)
if(NOT "\${allocated},\${reserved},\${written}" STREQUAL "1,1,0")
  message(FATAL_ERROR "allocates: \${allocated},\${reserved},\${written}")
endif()`;
  writeTiny(folder, { writer: { cmake } });
  const built = await slipway(['build'], folder);
  expect(built.code, built.stdout + built.stderr).toBe(0);
});
