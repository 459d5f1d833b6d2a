/** A source package's archive, as its .dsc names it. */
export interface SourceArchive {
  name: string;
  size: number;
  md5: string;
  sha256: string;
}

export interface SourceControl {
  source: string;
  binary: string;
  version: string;
  /** Text of its debian/control: fields of the source are taken from there. */
  control: string;
  archive: SourceArchive;
}

/** Fields of debian/control that a .dsc has, too, with the lines that go on below them. */
const copied = ['Maintainer', 'Homepage', 'Standards-Version', 'Build-Depends'];

/** The .dsc of a source package (deb-src-control(5), dsc(5)). */
export function renderDsc({ source, binary, version, control, archive }: SourceControl): string {
  const [paragraph = ''] = control.split('\n\n');
  const fields = copied.flatMap((name) => {
    const found = new RegExp(`^${name}: .*(?:\n .*)*`, 'm').exec(paragraph);
    return found ? [found[0]] : [];
  });
  return [
    'Format: 3.0 (native)',
    `Source: ${source}`,
    `Binary: ${binary}`,
    'Architecture: any',
    `Version: ${version}`,
    ...fields,
    `Package-List:\n ${binary} deb misc optional arch=any`,
    `Checksums-Sha256:\n ${archive.sha256} ${archive.size} ${archive.name}`,
    `Files:\n ${archive.md5} ${archive.size} ${archive.name}`,
    '',
  ].join('\n');
}

/**
 * debian/rules of a source package: the scripts of the build are beside it, and need the root that Slipway makes of its
 * Build-Depends.
 */
export const sourceRules = `#!/usr/bin/make -f
# Slipway built this package: with debian/ at /slipway and this folder below /build it ran
#   sh -e /slipway/slipway.sh build; sh -e /slipway/slipway.sh stage
# and then, in another root, sh -e /slipway/pack.sh. The patches of debian/patches are applied already.
build build-arch build-indep binary binary-arch binary-indep:
\t@echo 'see the first lines of debian/rules'; exit 1
clean:
.PHONY: build build-arch build-indep binary binary-arch binary-indep clean
`;
