/** A deb822 entry for /etc/apt/sources.list.d, to install from a repository. */
export function renderSources(values: {
  uri: string;
  suite: string;
  architectures: string[];
  /** File with the public key; undefined: the key is part of the entry. */
  keyFile: string | undefined;
  key: string;
  /** Also include source packages. */
  sources?: boolean;
}): string {
  // apt splits a path at spaces; the key itself is included then, as sources.list(5) allows.
  const key =
    values.keyFile === undefined || /\s/.test(values.keyFile)
      ? `\n${values.key
          .trim()
          .split('\n')
          .map((l) => ` ${l.trim() || '.'}`)
          .join('\n')}`
      : ` ${values.keyFile}`;
  // With several architectures, each machine uses its own.
  const [architecture, ...others] = values.architectures;
  const architectures = architecture === undefined || others.length ? '' : `Architectures: ${architecture}\n`;
  return (
    `Types: deb${values.sources ? ' deb-src' : ''}\nURIs: ${values.uri}\nSuites: ` +
    `${values.suite}\nComponents: main\n${architectures}Signed-By:${key}\n`
  );
}
