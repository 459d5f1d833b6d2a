// The interface of a controller that the test needs: the health URL for compose, agent.jar, the secret that the script
// in init.groovy.d gives to the agent, and one command at a time for the agent. The test posts commands to /task.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const home = process.env.JENKINS_HOME;
const secret = randomBytes(32).toString('hex');
rmSync('/var/lib/slipway-agent/secret', { force: true });
writeFileSync('/var/lib/slipway-agent/secret', secret, { mode: 0o600 });
writeFileSync(`${home}/started`, `${process.getuid()}\n`, { flag: 'a' });

/** Files with values for configuration as code must be readable by this user. */
const readable = ['ADMIN_PASSWORD_FILE', 'PROMETHEUS_PASSWORD_FILE', 'SEED_PASSWORD_FILE'].filter((name) =>
  existsSync(process.env[name] ?? ''),
);
const pending = [];
let waiting;
let answer;
let agent;
const body = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
};

async function respond(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const authorized = request.headers.authorization === `Bearer ${secret}`;
  if (url.pathname === '/login') response.end('ok');
  else if (url.pathname === '/jnlpJars/agent.jar') response.end(readFileSync('/usr/share/jenkins/agent.jar'));
  else if (url.pathname === '/state')
    response.end(
      JSON.stringify({
        uid: process.getuid(),
        environment: process.env,
        readable,
        agent,
        starts: readFileSync(`${home}/started`, 'utf8').trim().split('\n').length,
        plugins: Number(readFileSync('/usr/share/jenkins/ref/plugins.count', 'utf8')),
      }),
    );
  else if (url.pathname === '/task') {
    const done = new Promise((resolve) => (answer = resolve));
    const command = await body(request);
    if (waiting) waiting(command);
    else pending.push(command);
    response.end(await done);
  } else if (!authorized) response.writeHead(403).end();
  else if (url.pathname === '/connect') {
    agent = await body(request);
    response.end();
  } else if (url.pathname === '/next') {
    const command = pending.shift() ?? (await new Promise((resolve) => (waiting = resolve)));
    waiting = undefined;
    response.end(command);
  } else if (url.pathname === '/done') {
    answer?.(await body(request));
    response.end();
  } else response.writeHead(404).end();
}

createServer((request, response) => {
  respond(request, response).catch((error) => response.writeHead(500).end(String(error)));
}).listen(8080);
