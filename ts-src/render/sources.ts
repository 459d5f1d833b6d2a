/** What a machine needs to install from a repository: deb822, as apt reads it from /etc/apt/sources.list.d. */
export function renderSources(values: { uri: string; suite: string; architecture: string; keyFile: string }): string {
  return `Types: deb\nURIs: ${values.uri}\nSuites: ${values.suite}\nComponents: main\nArchitectures: ${values.architecture}\nSigned-By: ${values.keyFile}\n`;
}
