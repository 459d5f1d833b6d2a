// Scripts that browsers run are bundled by themselves; the program holds them as text.
import { buildSync } from 'esbuild';

/** The file as one script for browsers, with what it imports. */
export function bundleClient(file) {
  const result = buildSync({
    entryPoints: [file],
    loader: { '.browser': 'js' },
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    charset: 'ascii',
    legalComments: 'none',
    write: false,
  });
  return result.outputFiles[0].text;
}

/**
 * The same for a program that esbuild bundles.
 *
 * @type {import('esbuild').Plugin}
 */
export const browserScripts = {
  name: 'browser',
  setup(bundle) {
    bundle.onLoad({ filter: /\.browser$/ }, ({ path }) => ({ contents: bundleClient(path), loader: 'text' }));
  },
};
