import { posix } from 'node:path';

/** Owners of files and symlinks by path, and of the folders that contain them. */
export class ShippedPaths {
  private readonly files = new Map<string, string>();
  private readonly folders = new Map<string, Set<string>>();

  /** Why a package may not ship these files beside other packages; undefined if it may. */
  clash(name: string, files: readonly string[]): string | undefined {
    const looked = new Set<string>();
    for (const file of files) {
      const owner = this.files.get(file);
      if (owner !== undefined && owner !== name) return `it ships ${file}, which '${owner}' ships too`;
      const inside = [...(this.folders.get(file) ?? [])].find((other) => other !== name);
      if (inside !== undefined) return `it ships ${file} as a file or link, and '${inside}' ships files in ${file}/`;
      for (let folder = posix.dirname(file); folder !== '/' && !looked.has(folder); folder = posix.dirname(folder)) {
        looked.add(folder);
        const above = this.files.get(folder);
        if (above !== undefined && above !== name)
          return `it ships files in ${folder}/, and '${above}' ships ${folder} as a file or link`;
      }
    }
    return undefined;
  }

  take(name: string, files: readonly string[]): void {
    for (const file of files) {
      this.files.set(file, name);
      for (let folder = posix.dirname(file); folder !== '/'; folder = posix.dirname(folder)) {
        const owners = this.folders.get(folder);
        if (owners?.has(name)) break;
        if (owners) owners.add(name);
        else this.folders.set(folder, new Set([name]));
      }
    }
  }
}
