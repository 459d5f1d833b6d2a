// Small packages that refer to each other, and some whose documentation has faults: files by path.

export function manifest(name: string, depends = ''): string {
  return `<package format="3"><name>${name}</name><version>1.2.3</version><description>The package ${name}.</description>
<maintainer email="robots@example.org">Acme Robots</maintainer><license>Apache-2.0</license>${depends}<export><build_type>cmake</build_type></export></package>
`;
}

export const install = (name: string, lines: string) => `cmake_minimum_required(VERSION 3.10)
project(${name} NONE)
install(FILES package.xml DESTINATION share/${name})
${lines}
`;
export const headers = 'install(DIRECTORY include/ DESTINATION include)';
export const python = (name: string) => `install(DIRECTORY ${name}_py DESTINATION lib/python3/dist-packages)`;

export const distro = (more = '') => `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}
platforms: {bookworm: {os: debian, release: bookworm}}
rosdep: [rosdep.yaml]
${more}`;

export const files: Record<string, string> = {
  'distro.yaml': distro('docs: {to: ["file:published"], keep: 3}\n'),
  'rosdep.yaml': 'python3: {debian: [python3]}\n',
  'src/base/package.xml': manifest('base', '<depend>python3</depend>'),
  'src/base/CMakeLists.txt': install(
    'base',
    `${headers}\n${python('base')}\ninstall(DIRECTORY msg DESTINATION share/base)`,
  ),
  'src/base/README.md': '# base\n\nTimes and **durations**.\n',
  'src/base/CHANGELOG.rst': 'Changelog\n=========\n\n1.2.3\n-----\n* Times can be added\n',
  'src/base/include/base/time.h': `#pragma once
namespace base
{
/** A moment of the robot. */
class Time
{
public:
  /** Seconds since the start. \\param precise to the nanosecond \\return seconds */
  double secondsOf(bool precise) const;
  int plain;
};
}  // namespace base
`,
  'src/base/base_py/__init__.py':
    '"""Times in Python."""\n\n\ndef now():\n    """Gives the time now."""\n    return 0\n',
  'src/base/msg/Moment.msg': '# A moment.\n\nint32 seconds # since the start\nint32 NONE=-1\n',
  'src/user/package.xml': manifest('user', '<depend>base</depend>'),
  'src/user/CMakeLists.txt': install('user', `${headers}\ninstall(DIRECTORY msg DESTINATION share/user)`),
  'src/user/rosdoc2.yaml': 'type: rosdoc2 config\nversion: 1\n---\nbuilders:\n  - sphinx: {user_doc_dir: guides}\n',
  'src/user/guides/index.rst': 'User\n====\n\nHow to use it: call :py:func:`base_py.now`.\n',
  'src/user/include/user/clock.h': `#pragma once
#include <base/time.h>
namespace user
{
/** Tells a base::Time. */
class Clock
{
public:
  /** The time now, see base::Time::secondsOf. */
  base::Time now() const;
};
}  // namespace user
`,
  'src/user/msg/Tick.msg': 'base/Moment[] moments\n',
};

const escapes = `import os, socket
open('/tmp/slipway-docs-escaped', 'w').close()
try:
    socket.create_connection(('192.0.2.1', 80), 2)
except OSError:
    print('no way out')
try:
    open('/slipway/docs.py', 'w')
except OSError:
    print('no way in')
`;

/** A package whose documentation needs a package of the distribution and one of the platform. */
const extended: Record<string, string> = {
  'src/extended/package.xml': manifest(
    'extended',
    '<doc_depend>docs_extension</doc_depend><doc_depend>simplejson</doc_depend>',
  ),
  'src/extended/CMakeLists.txt': install('extended', ''),
  'src/extended/README.md': '![build](https://badges.example.org/build.svg)\n',
  'src/extended/doc/index.rst': 'x\n=\n\nSAID_BY\n\n.. image:: https://badges.example.org/coverage.svg\n',
  'src/extended/doc/conf.py': "import simplejson\nextensions = ['docs_extension_py']\n",
  'src/docs_extension/package.xml': manifest('docs_extension', '<depend>python3</depend>'),
  'src/docs_extension/CMakeLists.txt': install('docs_extension', python('docs_extension')),
  'src/docs_extension/docs_extension_py/__init__.py': `def setup(app):
    """Fills in who says it."""
    def fill(app, name, source):
        source[0] = source[0].replace('SAID_BY', 'Said by an extension.')
    app.connect('source-read', fill)
`,
};

export const faulty: Record<string, string> = {
  'distro.yaml': distro('docs: {warnings: {warns: 0}}\n'),
  'rosdep.yaml': 'python3: {debian: [python3]}\nsimplejson: {debian: [python3-simplejson]}\n',
  ...extended,
  'src/no_page/package.xml': manifest('no_page'),
  'src/no_page/CMakeLists.txt': install('no_page', headers),
  'src/no_page/include/no_page/a.h': '/** A. */\nvoid a();\n',
  'src/no_page/Doxyfile': 'INPUT = nowhere\n',
  'src/no_import/package.xml': manifest('no_import', '<depend>python3</depend>'),
  'src/no_import/CMakeLists.txt': install('no_import', python('no_import')).replaceAll('no_import_py', 'no_import'),
  'src/no_import/no_import/__init__.py': 'import what_nobody_has\n',
  'src/warns/package.xml': manifest('warns'),
  'src/warns/CMakeLists.txt': install('warns', headers),
  'src/warns/include/warns/a.h': '/** \\file */\n/** A. \\param nothing that it has */\nvoid a(int b);\n',
  'src/leaves_link/package.xml': manifest('leaves_link'),
  'src/leaves_link/CMakeLists.txt': install('leaves_link', ''),
  'src/leaves_link/doc/index.rst': 'x\n=\n',
  'src/leaves_link/doc/conf.py':
    "import os\nos.makedirs('/build/docs/pages/doc', exist_ok=True)\nos.symlink('/etc/passwd', '/build/docs/pages/doc/passwd.html')\n",
  'src/ends_badly/package.xml': manifest('ends_badly'),
  'src/ends_badly/CMakeLists.txt': install('ends_badly', ''),
  'src/ends_badly/doc/index.rst': 'x\n=\n',
  'src/ends_badly/doc/conf.py': "raise RuntimeError('not today')\n",
  'src/escapes/package.xml': manifest('escapes'),
  'src/escapes/CMakeLists.txt': install('escapes', ''),
  'src/escapes/README.md': '<script>alert(1)</script>\n\n[x](javascript:alert(1)) [y](../../../etc/passwd)\n',
  'src/escapes/doc/index.rst': 'x\n=\n',
  'src/escapes/doc/conf.py': escapes,
};
