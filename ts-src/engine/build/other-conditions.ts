import { join } from 'node:path';
import { writeFile } from '../../io/write.ts';
import variation from '../../../resources/vary.c';

/** Another number of parallel compilers, so that files are written in another order. */
export const otherJobs = (jobs: number): number => (jobs > 1 ? 1 : 3);

/**
 * Writes the code that `otherConditions` compiles beside the source. Package names can't begin with a dot, so it can't
 * collide.
 */
export const writeVariation = (build: string): void => writeFile(join(build, '.vary.c'), variation);

/**
 * Shell code that varies the conditions in a root: user, locale, time zone and umask, and for all programs the order of
 * directory entries, time, host name and kernel version. Its library is compiled in the root, against the root's C
 * library.
 */
export const otherConditions = [
  'umask 002',
  'export USER=another LOGNAME=another HOME=/tmp LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 TZ=Pacific/Kiritimati',
  '[ -f /build/.vary.so ] || cc -shared -fPIC -O1 -w -o /build/.vary.so /build/.vary.c -ldl',
  'export LD_PRELOAD=/build/.vary.so',
  '',
].join('; ');
