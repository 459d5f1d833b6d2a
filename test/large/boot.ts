// Boots a disk in qemu, without KVM, and returns what its console says.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Installs the firmware for `boot`. */
export function installFirmware(): void {
  if (!existsSync('/usr/share/OVMF'))
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'ovmf']);
}

/**
 * Boots the disk until its console shows the expected text, or the machine ends. `serial`: its serial number, which
 * units of the image look at. `network`: it reaches this machine as 10.0.2.2. `seed`: a second disk.
 */
export function boot(disk: string, serial: string, until: RegExp, network = false, seed?: string): Promise<string> {
  const firmware = ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_CODE.fd'].find((f) => existsSync(f));
  return new Promise((resolve) => {
    const machine = '-machine q35 -accel tcg,thread=multi -cpu max -m 1024 -smp 2 -display none -monitor none';
    const child = spawn(
      'qemu-system-x86_64',
      machine.split(' ').concat(
        ['-serial', 'stdio', '-smbios', `type=1,serial=${serial}`],
        ['-nic', network ? 'user,model=virtio-net-pci' : 'none'],
        ['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${firmware}`],
        [disk, ...(seed === undefined ? [] : [seed])].flatMap((f) => ['-drive', `if=virtio,format=raw,file=${f}`]),
      ),
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let seen = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), 3_000_000);
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      const before = until.test(seen);
      seen += text;
      // Gives pending writes a moment to finish.
      if (!before && until.test(seen)) setTimeout(() => child.kill('SIGKILL'), 20_000);
    });
    child.on('close', () => {
      clearTimeout(timer);
      resolve(seen);
    });
  });
}

/** A unit that runs a script of the image in machines with this serial number, and shows its output on the console. */
export const consoleUnit = (serial: string, script: string): string => `[Unit]
After=basic.target systemd-networkd.service

[Service]
Type=oneshot
ExecCondition=/bin/grep -q ^${serial} /sys/class/dmi/id/product_serial
ExecStart=/bin/sh ${script}
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console

[Install]
WantedBy=multi-user.target
`;
