/** The first bytes of an output. Small chunks are joined: each would take more memory for itself than its bytes. */
export class Gathered {
  private readonly parts: Buffer[] = [];
  private recent: Buffer[] = [];
  private size = 0;

  constructor(private readonly most: number) {}

  /** Adds a chunk, unless the output exceeds the limit with it. */
  add(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > this.most) return;
    this.recent.push(chunk);
    if (this.recent.length < 1000) return;
    this.parts.push(Buffer.concat(this.recent));
    this.recent = [];
  }

  whole(): Buffer {
    return Buffer.concat([...this.parts, ...this.recent]);
  }
}
