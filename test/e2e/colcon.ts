// Runs the tests of packages with colcon, in a root with Slipway's packages and the plan's system packages.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, type Ran } from './helpers.ts';

/**
 * Builds and tests each package separately, on top of the installed ones. Prints lines of name and exit codes of build
 * and test.
 */
const script = `set -u
export HOME=/ws/home LC_ALL=C.UTF-8 TZ=UTC PATH=/usr/bin:/bin ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
export XML_CATALOG_FILES="file:///ws/schemas/catalog.xml file:///etc/xml/catalog" MAKEFLAGS=-j2 AMENT_TRACE_SETUP_FILES=
set +u; . /opt/acme/jazzy/setup.sh; set -u
mkdir -p "$HOME" /ws/log /ws/results
cd /ws
while read -r name path; do
  if grep -qs "^$name " done; then continue; fi
  bases="--build-base /ws/build/$name --install-base /ws/install/$name"
  timeout 2400 colcon --log-base "/ws/log/$name" build --base-paths "/ws/src/$path" --packages-select "$name" $bases \\
    --executor sequential --cmake-args -DBUILD_TESTING=ON </dev/null >"/ws/log/$name.build" 2>&1
  built=$?
  tested=-
  if [ "$built" -eq 0 ]; then
    timeout 1800 colcon --log-base "/ws/log/$name" test --base-paths "/ws/src/$path" --packages-select "$name" $bases \\
      --executor sequential --return-code-on-test-failure </dev/null >"/ws/log/$name.test" 2>&1
    tested=$?
  fi
  mkdir -p "/ws/results/$name"
  find "/ws/build/$name" -path '*/test_results/*.xml' -exec cp -t "/ws/results/$name" {} + 2>/dev/null
  find "/ws/build/$name" -name pytest.xml -exec cp -t "/ws/results/$name" {} + 2>/dev/null
  find "/ws/build/$name" -path '*/Testing/*/Test.xml' -exec cp {} "/ws/results/$name/ctest-Test.xml" \\; 2>/dev/null
  rm -rf "/ws/build/$name" "/ws/install/$name"
  echo "$name $built $tested" >> done
done < packages
`;

export interface ColconRoot {
  root: string;
  release: string;
  /** apt's sources: `deb` lines and files. */
  sources: string[];
  /** Debian packages. */
  packages: string[];
}

/** colcon's extensions are recommended packages, which the root does not get by itself. */
const colcon = [
  'colcon',
  ...['cmake', 'library-path', 'metadata', 'output', 'package-selection', 'pkg-config', 'python-setup-py'].map(
    (name) => `python3-colcon-${name}`,
  ),
  ...['recursive-crawl', 'ros', 'test-result'].map((name) => `python3-colcon-${name}`),
];

const must = async (ran: Promise<Ran>): Promise<void> => {
  const { code, stderr } = await ran;
  if (code !== 0) throw new Error(stderr.slice(-5000));
};

/** Makes the root if it does not exist. */
export async function makeColconRoot({ root, release, sources, packages }: ColconRoot): Promise<void> {
  if (existsSync(join(root, 'ws'))) return;
  const include = [...new Set(['build-essential', 'cmake', 'python3', ...colcon, ...packages])].join(',');
  await must(execute('mmdebstrap', ['--variant=apt', '--quiet', `--include=${include}`, release, root, ...sources]));
  mkdirSync(join(root, 'ws/src'), { recursive: true });
}

export interface ColconRun {
  root: string;
  /** Folder of the repositories. */
  source: string;
  schemas: string;
  packages: { name: string; path: string }[];
}

/** colcon's result for a package; `results`: folder of its result files. */
export interface ColconResult {
  built: boolean;
  passed: boolean;
  results: string;
}

/** Mounts and the loopback interface as in a task's root. */
const enter = `ip link set lo up multicast on
ip route add 224.0.0.0/4 dev lo
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
for at in tmp dev/shm; do mount -t tmpfs -o mode=1777 tmpfs "$1/$at"; done
exec chroot --userspec=2000:2000 "$1" env -i bash /ws/run.sh`;

/** Tests packages in the root as an unprivileged user. Continues an interrupted run. */
export async function runColcon({ root, source, schemas, packages }: ColconRun): Promise<Map<string, ColconResult>> {
  const ws = join(root, 'ws');
  for (const folder of readdirSync(source))
    if (!existsSync(join(ws, 'src', folder)))
      cpSync(join(source, folder), join(ws, 'src', folder), { recursive: true });
  cpSync(schemas, join(ws, 'schemas'), { recursive: true });
  writeFileSync(join(ws, 'packages'), packages.map(({ name, path }) => `${name} ${path}\n`).join(''));
  writeFileSync(join(ws, 'run.sh'), script);
  chmodSync(root, 0o755);
  await must(execute('chown', ['-R', '2000:2000', ws]));
  const namespaces = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child'];
  await must(execute('unshare', [...namespaces, 'sh', '-ec', enter, 'sh', root]));
  const lines = readFileSync(join(ws, 'done'), 'utf8').trim().split('\n');
  return new Map(
    lines.map((line): [string, ColconResult] => {
      const [name = '', built, tested] = line.split(' ');
      return [name, { built: built === '0', passed: tested === '0', results: join(ws, 'results', name) }];
    }),
  );
}

/** Removes the result of a package, so that the next run tests it again. */
export function forgetResult(root: string, name: string): void {
  const done = join(root, 'ws/done');
  const lines = readFileSync(done, 'utf8').split('\n');
  writeFileSync(done, lines.filter((line) => !line.startsWith(`${name} `)).join('\n'));
  rmSync(join(root, 'ws/results', name), { recursive: true, force: true });
}
