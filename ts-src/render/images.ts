import type { ImageDifference, ShownImage } from '../model/image-answers.ts';
import { renderTable } from './table.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const ago = (milliseconds: number): string => {
  const hours = milliseconds / 3_600_000;
  if (hours < 1) return `${Math.round(hours * 60)} min`;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`;
};

export function renderImages(images: readonly ShownImage[], now: number): string {
  if (!images.length) return 'there are no images yet: `slipway image build` makes them\n';
  return renderTable(
    ['image', 'version', 'architecture', 'channel', 'state', 'age', 'kinds'],
    images.map((i) => [
      i.name,
      i.version,
      i.architecture,
      i.channel,
      i.state.slice(0, 16),
      ago(now - i.made),
      (i.record?.artifacts ?? [])
        .map(
          (a) =>
            `${a.kind} ${megabytes(a.files.reduce((n, f) => n + f.size, 0))}${a.checked === undefined ? '' : ' (checked)'}`,
        )
        .join(', ') || 'lost',
    ]),
  );
}

export function renderImageDifference(d: ImageDifference): string {
  const lines = [
    ...d.added.map((p) => ['+', p.name, '', p.version]),
    ...d.removed.map((p) => ['-', p.name, p.version, '']),
    ...d.changed.map((p) => ['~', p.name, p.from, p.to]),
  ];
  const packages = lines.length
    ? renderTable(['', 'package', d.from.version, d.to.version], lines)
    : 'the same packages in the same versions\n';
  const sizes = d.sizes.map((s) => `${s.kind}: ${megabytes(s.from)}, now ${megabytes(s.to)}\n`).join('');
  return `${packages}${sizes}`;
}
