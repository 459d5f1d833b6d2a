/** The archive of a source package, for its .dsc. */
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
  /** Text of debian/control; the source's fields are copied from it. */
  control: string;
  archive: SourceArchive;
}

/** Fields copied from debian/control, with continuation lines. */
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
 * debian/rules of a source package. It runs the build scripts beside it, which need the root that Slipway makes from
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
