import type { BuildTypeRules } from './build-type.ts';

/** Meson projects. `cmake_args` do not apply. */
export const meson: BuildTypeRules = {
  buildDepends: ['meson', 'ninja-build', 'pkg-config'],
  testDepends: [],
  tests: { file: /^meson\.build$/, words: /\btest\s*\(/ },
  installs: { file: 'meson.build', how: 'add `install: true` to what others need' },
  script: String.raw`
configure_and_compile() {
  meson setup --prefix "$prefix" --libdir lib --buildtype plain --wrap-mode nodownload "$object" "$here"
  ninja -C "$object" -j "$jobs"
}

install_staged() { DESTDIR="$stage" meson install -C "$object" --no-rebuild; }

run_tests() {
  code=0
  meson test -C "$object" --no-rebuild --print-errorlogs || code=$?
  cp "$object/meson-logs/testlog.junit.xml" "$results/meson.xml" || return 1
  return "$code"
}
`,
};
