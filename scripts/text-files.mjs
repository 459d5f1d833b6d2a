/** Endings of the files of resources/ that programs bundle as text. */
export const textEndings = ['.mustache', '.sh', '.pl', '.css', '.client', '.xsd', '.xml', '.c', '.py', '.conf', '.txt'];

/** The same for esbuild. @type {Record<string, 'text'>} */
export const textLoaders = Object.fromEntries(textEndings.map((ending) => [ending, 'text']));
