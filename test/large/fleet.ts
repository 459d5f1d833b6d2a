// A stand-in of Jenkins' plugin ec2-fleet on real autoscaling groups (of moto). It sizes the group by waiting builds,
// adds a node for each instance, and removes idle nodes, as the settings in jcasc/aws/agents.yaml say. This tests that
// a group, these settings and the pipelines work together, not the plugin itself.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import * as z from 'zod';
import { Aws, itemsOf, textIn } from '../../ts-src/aws/client.ts';

export const cloudSchema = z.object({
  fleet: z.string(),
  labelString: z.string(),
  idleMinutes: z.number().min(1),
  minSize: z.number(),
  maxSize: z.number(),
  numExecutors: z.literal(1),
  disableTaskResubmit: z.literal(true),
});
export type Cloud = z.output<typeof cloudSchema>;

const queueSchema = z.object({ waiting: z.array(z.string()), busy: z.record(z.string(), z.boolean()) });

interface Machine {
  server: Server;
  watcher: ChildProcess;
  drain: string;
  notice: boolean;
  idleSince: number;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Fleet {
  readonly machines = new Map<string, Machine>();
  /** Number of instances at each check. */
  readonly sizes: number[] = [];
  private ended = false;
  private looking: Promise<void> = Promise.resolve();

  /** `minute`: milliseconds for a minute in the settings. */
  constructor(
    private readonly aws: Aws,
    private readonly cloud: Cloud,
    private readonly folder: string,
    private readonly watcherScript: string,
    private readonly environment: (name: string) => Record<string, string>,
    private readonly minute: number,
  ) {
    mkdirSync(folder, { recursive: true });
  }

  start(): void {
    this.looking = (async () => {
      while (!this.ended) {
        await this.look();
        await pause(300);
      }
    })();
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.looking;
    for (const id of this.machines.keys()) this.gone(id);
  }

  async group(): Promise<{ desired: number; instances: string[] }> {
    const answer = await this.aws.query('autoscaling', 'DescribeAutoScalingGroups', {
      'AutoScalingGroupNames.member.1': this.cloud.fleet,
    });
    const result = z.object({ AutoScalingGroups: z.unknown() }).parse(answer.DescribeAutoScalingGroupsResult);
    const [group] = itemsOf(result.AutoScalingGroups, 'member');
    if (!group) throw new Error(`there is no group ${this.cloud.fleet}`);
    const instances = itemsOf(group.Instances, 'member').map((i) => textIn(i, 'InstanceId') ?? '');
    return { desired: Number(textIn(group, 'DesiredCapacity')), instances };
  }

  /**
   * AWS takes an instance back: first the notice, then termination a simulated two minutes after the watcher saw it.
   * The group starts a replacement.
   */
  async interrupt(id: string): Promise<void> {
    const machine = this.machines.get(id);
    if (!machine) throw new Error(`there is no instance ${id}`);
    machine.notice = true;
    for (let i = 0; i < 600 && !this.hasDrained(id); i++) await pause(100);
    if (!this.hasDrained(id)) throw new Error(`${id} has not seen its notice`);
    await pause(1000);
    await this.aws.query('ec2', 'TerminateInstances', { 'InstanceId.1': id });
  }

  hasDrained = (id: string): boolean => existsSync(this.machines.get(id)?.drain ?? '/nowhere');

  private async look(): Promise<void> {
    const { desired, instances } = await this.group();
    this.sizes.push(instances.length);
    for (const id of this.machines.keys()) if (!instances.includes(id)) this.gone(id);
    for (const id of instances) if (!this.machines.has(id)) await this.came(id);
    this.tellJenkins();
    const queue = this.queue();
    const labels = new Set(this.cloud.labelString.split(' '));
    // Words of a label expression, without exclusions.
    const wanted = queue.waiting.filter((w) =>
      (w.match(/(?<![!"\w-])[\w-]+/g) ?? []).every((word) => labels.has(word)),
    );
    const busy = Object.values(queue.busy).filter(Boolean).length;
    const leaving = instances.filter(this.hasDrained).length;
    const need = Math.min(this.cloud.maxSize, busy + wanted.length + leaving);
    if (need > desired) {
      await this.aws.query('autoscaling', 'SetDesiredCapacity', {
        AutoScalingGroupName: this.cloud.fleet,
        DesiredCapacity: String(need),
      });
      return;
    }
    for (const [id, machine] of this.machines) {
      if (queue.busy[id] !== false) machine.idleSince = Date.now();
      const idle = Date.now() - machine.idleSince;
      if (idle < this.cloud.idleMinutes * this.minute || wanted.length > 0) continue;
      if (this.machines.size <= this.cloud.minSize) continue;
      await this.aws.query('autoscaling', 'TerminateInstanceInAutoScalingGroup', {
        InstanceId: id,
        ShouldDecrementDesiredCapacity: 'true',
      });
    }
  }

  private queue(): z.output<typeof queueSchema> {
    const file = join(this.folder, 'queue.json');
    if (!existsSync(file)) return { waiting: [], busy: {} };
    return queueSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  }

  private tellJenkins(): void {
    const nodes = [...this.machines.keys()].map((name) => ({
      name,
      labels: this.cloud.labelString,
      env: { ...this.environment(name), SLIPWAY_DRAIN_FILE: this.machines.get(name)?.drain },
    }));
    writeFileSync(join(this.folder, 'nodes.json.new'), JSON.stringify(nodes));
    renameSync(join(this.folder, 'nodes.json.new'), join(this.folder, 'nodes.json'));
  }

  /** A new instance has metadata, and the watcher of spot notices from its image. */
  private async came(id: string): Promise<void> {
    const machine = { notice: false, idleSince: Date.now(), drain: join(this.folder, id, 'drain') };
    const server = createServer((request, reply) => {
      const notice = { action: 'terminate', time: '2026-11-26T17:00:00Z' };
      if (request.url === '/latest/api/token') return reply.end('token');
      if (request.headers['x-aws-ec2-metadata-token'] !== 'token') reply.statusCode = 401;
      else if (!(this.machines.get(id)?.notice ?? false)) reply.statusCode = 404;
      else return reply.end(JSON.stringify(notice));
      return reply.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const watcher = spawn('sh', [this.watcherScript], {
      env: {
        PATH: process.env.PATH,
        SLIPWAY_METADATA: `http://127.0.0.1:${port}`,
        SLIPWAY_DRAIN_FILE: machine.drain,
        SLIPWAY_SPOT_PAUSE: '0.5',
      },
      stdio: 'ignore',
    });
    this.machines.set(id, { ...machine, server, watcher });
  }

  private gone(id: string): void {
    const machine = this.machines.get(id);
    this.machines.delete(id);
    machine?.watcher.kill();
    machine?.server.close();
    machine?.server.closeAllConnections();
  }
}
