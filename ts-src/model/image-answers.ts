/** What `slipway image diff` answers. */
export interface ImageDifference {
  from: { name: string; version: string; state: string };
  to: { name: string; version: string; state: string };
  added: { name: string; version: string }[];
  removed: { name: string; version: string }[];
  changed: { name: string; from: string; to: string }[];
  /** Bytes by kind, where both have it. */
  sizes: { kind: string; from: number; to: number }[];
}

/** An image as `slipway image list` shows it. */
export interface ShownImage {
  name: string;
  version: string;
  architecture: string;
  channel: string;
  state: string;
  made: number;
  record: { artifacts: { kind: string; checked?: number | undefined; files: { size: number }[] }[] } | undefined;
}
