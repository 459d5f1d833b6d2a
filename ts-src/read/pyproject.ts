/**
 * The build backend that a pyproject.toml names, for a package without setup.py: `build-backend` of its table
 * `build-system`; setuptools where it names none (PEP 517). Nothing else of the file is read, so no parser is needed.
 */
export function backendOf(pyproject: string | undefined): { buildBackend?: string } {
  if (pyproject === undefined) return {};
  const table =
    /^[ \t]*\[[ \t]*build-system[ \t]*\][ \t]*(?:#.*)?$([^]*?)(?=^[ \t]*\[|(?![^]))/m.exec(pyproject)?.[1] ?? '';
  const backend = /^[ \t]*build-backend[ \t]*=[ \t]*(?:"([\w.:]+)"|'([\w.:]+)')/m.exec(table);
  return { buildBackend: backend?.[1] ?? backend?.[2] ?? 'setuptools.build_meta' };
}
