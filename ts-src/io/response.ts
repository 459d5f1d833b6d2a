/** The body of a response; undefined if it exceeds `most` bytes. Stops reading at the limit. */
export async function readBody(answer: Response, most: number): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  const reader = answer.body?.getReader();
  for (let size = 0; reader;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) return undefined;
    parts.push(value);
  }
  return Buffer.concat(parts);
}
