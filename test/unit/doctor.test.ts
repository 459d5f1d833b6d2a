import { expect, it } from 'vitest';
import { dockerPackages } from '../../ts-src/sandbox/doctor.ts';
import { countsProcesses } from '../../ts-src/sandbox/limits.ts';
import { idProblem } from '../../ts-src/sandbox/subordinate-ids.ts';

const robot = { name: 'robot', id: 1000 };
const users = 'root:x:0:0::/root:/bin/sh\nrobot:x:1000:1000::/home/robot:/bin/sh\nbig:x:200500:200500::/:/bin/sh\n';
const problem = (text: string) => idProblem('/etc/subuid', text, robot, users);

it('doctor finds subordinate ids that are missing, too few, or of somebody else too', () => {
  expect(problem('robot:100000:65536\nother:165536:65536\n')).toBeUndefined();
  expect(problem('1000:100000:65536\n')).toBeUndefined();
  expect(problem('')?.what).toBe('robot has no 65536 subordinate ids in /etc/subuid');
  expect(problem('robot:100000:1000\n')?.what).toContain('has no 65536');
  expect(problem('robot:100000:65536\nother:165535:65536\n')).toEqual({
    what: 'robot and other have the same subordinate ids in /etc/subuid',
    free: 231_071,
  });
  expect(problem('robot:200000:65536\n')?.what).toBe('the subordinate ids of robot in /etc/subuid hold the user big');
  expect(problem('not a line\nrobot:x:y\n')?.free).toBe(100_000);
});

it('doctor knows that the docker client is a package of its own where there is one', () => {
  expect(dockerPackages((name) => name === 'docker-cli')).toEqual(['docker.io', 'docker-cli']);
  expect(dockerPackages(() => false)).toEqual(['docker.io']);
});

it('processes are counted by namespace since Linux 6.14', () => {
  expect(['6.1.0-18-amd64', '6.13.2', '6.14.0', '7.0.1', '5.15.0'].map((k) => countsProcesses(k))).toEqual([
    false,
    false,
    true,
    true,
    false,
  ]);
});
