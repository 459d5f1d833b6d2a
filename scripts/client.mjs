// Scripts for browsers are bundled separately; the program contains them as text.
import { buildSync } from 'esbuild';

/** Bundles a file with its imports as one script for browsers. */
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
 * An esbuild plugin that imports browser scripts as text.
 *
 * @type {import('esbuild').Plugin}
 */
export const browserScripts = {
  name: 'browser',
  setup(bundle) {
    bundle.onLoad({ filter: /\.browser$/ }, ({ path }) => ({ contents: bundleClient(path), loader: 'text' }));
  },
};
