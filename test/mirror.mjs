import { execFileSync } from 'node:child_process';

/** The mirror from which this machine's apt gets Debian. Tests do not name one. */
export function debianMirror() {
  const targets = execFileSync(
    'apt-get',
    ['indextargets', '--format', '$(SITE) $(ORIGIN) $(LABEL)', 'Created-By: Packages'],
    { encoding: 'utf8' },
  );
  const site = targets
    .split('\n')
    .find((line) => line.endsWith(' Debian Debian'))
    ?.split(' ')[0];
  if (!site)
    throw new Error("the tests need Debian's archive: this machine's apt has no Debian mirror (apt-get update first)");
  return site;
}
