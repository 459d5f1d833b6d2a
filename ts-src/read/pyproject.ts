/**
 * The build backend of a package without setup.py: `build-backend` in pyproject.toml's table `build-system`, default
 * setuptools (PEP 517). Needs no parser, because nothing else of the file is read.
 */
export function backendOf(pyproject: string | undefined): { buildBackend?: string } {
  if (pyproject === undefined) return {};
  const table =
    /^[ \t]*\[[ \t]*build-system[ \t]*\][ \t]*(?:#.*)?$([^]*?)(?=^[ \t]*\[|(?![^]))/m.exec(pyproject)?.[1] ?? '';
  const backend = /^[ \t]*build-backend[ \t]*=[ \t]*(?:"([\w.:]+)"|'([\w.:]+)')/m.exec(table);
  return { buildBackend: backend?.[1] ?? backend?.[2] ?? 'setuptools.build_meta' };
}
