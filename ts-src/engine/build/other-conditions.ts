import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import variation from '../../../resources/vary.c';

/** Another number of compilers at once: files are written in another order. */
export const otherJobs = (jobs: number): number => (jobs > 1 ? 1 : 3);

/** What `otherConditions` compiles goes beside the source. No package's name begins with a dot. */
export const writeVariation = (build: string): void => writeFileSync(join(build, '.vary.c'), variation);

/**
 * Beginning of a shell script in a root: user, locale, time zone and umask are others, and all programs see another
 * order of files in folders, another time, host and kernel. The library is compiled in the root, for its C library.
 */
export const otherConditions = [
  'umask 002',
  'export USER=another LOGNAME=another HOME=/tmp LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 TZ=Pacific/Kiritimati',
  '[ -f /build/.vary.so ] || cc -shared -fPIC -O1 -w -o /build/.vary.so /build/.vary.c -ldl',
  'export LD_PRELOAD=/build/.vary.so',
  '',
].join('; ');
