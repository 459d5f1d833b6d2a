import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { good, type Result } from '../model/diagnostics.ts';
import { hasBios } from '../model/images.ts';
import { writeWhole } from '../io/files.ts';
import { run } from '../io/process.ts';
import { newScratch } from '../sandbox/scratch.ts';
import { failed, shownLine, type CheckInput } from './check-input.ts';
import type { Artifact } from './record.ts';

interface Firmware {
  program: string;
  machine: string[];
  files: string[];
}

const firmwares: Record<string, Firmware> = {
  amd64: {
    program: 'qemu-system-x86_64',
    machine: ['-machine', 'q35'],
    files: ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/ovmf/OVMF.fd'],
  },
  arm64: {
    program: 'qemu-system-aarch64',
    machine: ['-machine', 'virt'],
    files: ['/usr/share/AAVMF/AAVMF_CODE.fd', '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'],
  },
};

/** Time limit in milliseconds for an emulated machine to boot and to check itself. */
const longest = 20 * 60_000;

/** A disk with the content of `$1` and 1 GiB more: what grows at the first start has to. Nothing is copied. */
const enlarge = `qemu-img create -q -f qcow2 -F qcow2 -b "$1" "$2" && qemu-img resize -q "$2" +1G`;

/**
 * Boots the disk in qemu with each firmware that it supports. Uses software emulation, because KVM may exist and not
 * work. A unit of the image reports its checks on the serial console, with a token that only this boot was given. The
 * disk is not modified.
 */
export async function checkDisk(input: CheckInput, artifact: Artifact): Promise<Result<true>> {
  const known = firmwares[input.record.architecture];
  const firmware = known?.files.find((f) => existsSync(f));
  const file = artifact.files.find((f) => f.name.endsWith('.qcow2'));
  const path = file && (await input.store.path(file));
  if (path === undefined) return failed(input, artifact.kind, 'the store lost its file', 'build it again');
  if (!known || firmware === undefined)
    return failed(input, artifact.kind, 'there is no UEFI firmware for qemu', 'install ovmf and qemu-system-x86');
  const link = join(newScratch(input.state), 'disk.qcow2');
  // A comma in the path would end qemu's option.
  await run('ln', ['-s', path, link]);
  const larger = await run('sh', ['-c', enlarge, 'enlarge', link, `${link}.larger`]);
  if (larger.code === 127) return failed(input, artifact.kind, 'qemu-img is not installed', 'install qemu-utils');
  if (larger.code !== 0) return failed(input, artifact.kind, shownLine(larger.stderr));
  const uefi = ['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${firmware}`];
  // Without a firmware option qemu boots its own BIOS.
  const starts: [string, string[]][] = [
    ['UEFI', uefi],
    ...(hasBios(input.spec) ? [['a BIOS', []] as [string, string[]]] : []),
  ];
  for (const [how, devices] of starts) {
    const label = hasBios(input.spec) ? `${artifact.kind} (started by ${how})` : artifact.kind;
    const started = await startDisk(input, label, known, [...devices, ...driveOf(`${link}.larger`)]);
    if (!started.ok) return started;
  }
  return good(true);
}

const driveOf = (link: string): string[] => ['-drive', `if=virtio,format=qcow2,snapshot=on,file=${link}`];

async function startDisk(
  input: CheckInput,
  label: string,
  { program, machine }: Firmware,
  drives: readonly string[],
): Promise<Result<true>> {
  const word = randomBytes(12).toString('hex');
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), longest);
  let seen = '';
  let verdict: string | undefined;
  const devices = [
    '-accel tcg,thread=multi -cpu max -m 1024 -smp 2'.split(' '),
    '-display none -monitor none -serial stdio -no-reboot -net none'.split(' '),
    drives,
    ['-smbios', `type=1,serial=slipway-check-${word}`],
  ].flat();
  const ran = await run(program, [...machine, ...devices], {
    signal: AbortSignal.any([input.signal, stop.signal]),
    limit: 1 << 20,
    onOutput: (chunk) => {
      seen = (seen + chunk.toString('latin1')).slice(-200_000);
      verdict ??= new RegExp(`slipway-check: (passed|failed) ${word}`).exec(seen)?.[1];
      if (verdict !== undefined) stop.abort();
    },
  });
  clearTimeout(timer);
  if (verdict === 'passed') return good(true);
  writeWhole(input.log, seen, { sync: false });
  if (verdict === 'failed') {
    const lines = seen.split('\n').filter((l) => l.includes('slipway-check: ') && !l.includes(word));
    return failed(input, label, lines.map(shownLine).slice(-5).join('; '));
  }
  return ran.code === 127
    ? failed(input, label, `${program} is not installed`, 'install qemu-system-x86')
    : failed(input, label, 'it did not start, or did not say that it is good', 'its console is in that file');
}
