/** The answer of `slipway image diff`. */
export interface ImageDifference {
  from: { name: string; version: string; state: string };
  to: { name: string; version: string; state: string };
  added: { name: string; version: string }[];
  removed: { name: string; version: string }[];
  changed: { name: string; from: string; to: string }[];
  /** Sizes in bytes of kinds that both images have. */
  sizes: { kind: string; from: number; to: number }[];
}

/** An image as listed by `slipway image list`. */
export interface ShownImage {
  name: string;
  version: string;
  architecture: string;
  channel: string;
  state: string;
  made: number;
  record: { artifacts: { kind: string; checked?: number | undefined; files: { size: number }[] }[] } | undefined;
}
