/** What a machine needs to install from a repository: deb822, as apt reads it from /etc/apt/sources.list.d. */
export function renderSources(values: {
  uri: string;
  suite: string;
  architectures: string[];
  /** Where the public key lies; undefined: the key itself stands in the entry. */
  keyFile: string | undefined;
  key: string;
  /** Sources, too. */
  sources?: boolean;
}): string {
  // apt takes a path with a space for two: then the key itself stands there, as sources.list(5) allows.
  const key =
    values.keyFile === undefined || /\s/.test(values.keyFile)
      ? `\n${values.key
          .trim()
          .split('\n')
          .map((l) => ` ${l.trim() || '.'}`)
          .join('\n')}`
      : ` ${values.keyFile}`;
  // Where there are several, each machine takes its own of them.
  const [architecture, ...others] = values.architectures;
  const architectures = architecture === undefined || others.length ? '' : `Architectures: ${architecture}\n`;
  return `Types: deb${values.sources ? ' deb-src' : ''}\nURIs: ${values.uri}\nSuites: ${values.suite}\nComponents: main\n${architectures}Signed-By:${key}\n`;
}
