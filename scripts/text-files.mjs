/** Extensions of files in resources/ that are bundled as text. */
export const textEndings = ['.mustache', '.sh', '.pl', '.css', '.client', '.xsd', '.xml', '.c', '.py', '.conf', '.txt'];

/** The same as loaders of esbuild. @type {Record<string, 'text'>} */
export const textLoaders = Object.fromEntries(textEndings.map((ending) => [ending, 'text']));
