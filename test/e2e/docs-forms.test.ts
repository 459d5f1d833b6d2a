import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distro, headers, install, manifest, python } from './docs-files.ts';
import { discard, slipway, workspace, type Ran } from './helpers.ts';

/** Forms of packages with which ROS documentation tools are tested: files below `src/NAME`. */
const packages: Record<string, Record<string, string>> = {
  only_messages: {
    'CMakeLists.txt': install('only_messages', 'install(DIRECTORY msg srv action DESTINATION share/only_messages)'),
    'msg/Num.msg': 'int64 num\n',
    'srv/AddTwoInts.srv': 'int64 a\nint64 b\n---\nint64 sum\n',
    'action/Fibonacci.action': 'int32 order\n---\nint32[] sequence\n---\nint32[] partial_sequence\n',
  },
  links_in_readme: {
    'CMakeLists.txt': install('links_in_readme', ''),
    'README.md':
      '# Links\n\n[licence](LICENSE.md) [web](https://example.org/x) [below](#more) ![plan](pictures/plan.svg)\n\n## More\n',
    'LICENSE.md': 'Free.\n',
    'pictures/plan.svg': '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>\n',
    'CHANGELOG.md': '# Changes\n\n## 1.2.3\n\n- Said in *Markdown*.\n',
  },
  rst_readme: {
    'CMakeLists.txt': install('rst_readme', ''),
    'README.rst':
      'A title\n=======\n\nSome **bold** words, and :ref:`nothing`.\n\n- `a <https://example.org/1>`_\n- `a <https://example.org/2>`_\n\n.. code-block:: c++\n\n   int x = 1;\n',
  },
  alternative_python: {
    'CMakeLists.txt': install(
      'alternative_python',
      'install(DIRECTORY sources/python/alternative_python DESTINATION lib/python3/dist-packages)',
    ),
    'sources/python/alternative_python/__init__.py': '"""At another place."""\n',
    'sources/python/alternative_python/deep/__init__.py': 'def deep():\n    """Far below."""\n',
    'setup.py': "raise SystemExit('nobody runs this')\n",
  },
  no_real_python: {
    'CMakeLists.txt': install('no_real_python', 'install(DIRECTORY scripts DESTINATION share/no_real_python)'),
    'scripts/tool.py': "raise SystemExit('nobody imports this')\n",
  },
  headers_elsewhere: {
    'CMakeLists.txt': install('headers_elsewhere', 'install(DIRECTORY lib/api/ DESTINATION include/headers_elsewhere)'),
    'lib/api/motor.h':
      '/** \\file */\n/** Turns a motor. */\nvoid turn();\n#ifdef WITH_MORE\n/** More of it. */\nvoid turn_more();\n#endif\n',
    'rosdoc2.yaml':
      'type: rosdoc2 config\nversion: 1\n---\nbuilders:\n  - doxygen: {extra_doxyfile_statements: ["PREDEFINED += WITH_MORE"]}\n',
  },
  user_docs: {
    'CMakeLists.txt': install('user_docs', `${headers}\n${python('user_docs')}`),
    'include/user_docs/a.h': '/** \\file */\n/** A. */\nvoid a();\n',
    'user_docs_py/__init__.py': '"""Not listed."""\n',
    'manual/first.md': '# The first\n\nSee [the second](deep/second.rst).\n',
    'manual/deep/second.rst': 'The second\n==========\n\nText.\n',
    'rosdoc2.yaml':
      'type: rosdoc2 config\nversion: 1\n---\nsettings:\n  user_doc_dir: manual\n  never_run_sphinx_apidoc: true\n  generate_package_index: true\n',
  },
  own_conf: {
    'CMakeLists.txt': install('own_conf', ''),
    'doc/source/conf.py':
      "project = 'Another name'\nrst_epilog = '.. |robot| replace:: the robot of conf.py'\nhtml_theme = 'none_such'\n",
    'doc/source/index.rst': 'Own\n===\n\nThis is |robot|.\n',
  },
  reads_its_source: {
    'CMakeLists.txt': install('reads_its_source', 'install(DIRECTORY include/ DESTINATION include)'),
    Doxyfile: 'EXTRACT_ALL = NO\n',
    'include/reads_its_source/a.h': '/** A thing. */\nclass Thing\n{\n};\n',
    'CHANGELOG.rst': 'Changes\n=======\n\n* Wheels are round\n',
    'doc/source/conf.py':
      "import os\nimport xml.dom.minidom\n\nhere = os.path.dirname(os.path.abspath(__file__))\nmanifest = xml.dom.minidom.parse(os.path.join(here, '../../package.xml'))\nrst_epilog = '.. |v| replace:: ' + manifest.getElementsByTagName('version')[0].firstChild.data\n",
    'doc/source/index.rst': 'Own\n===\n\nVersion |v|.\n\n.. include:: ../../CHANGELOG.rst\n',
  },
  classic: {
    'CMakeLists.txt': install('classic', headers),
    'include/classic/a.h': '/** \\file */\n/** A. */\nvoid a();\n',
    'rosdoc.yaml':
      '- builder: doxygen\n  name: C++\n  exclude_patterns: "*/private/*"\n- builder: sphinx\n  sphinx_root_dir: manual\n',
    'manual/index.rst': 'Classic\n=======\n\nA manual of ROS 1.\n',
    'mainpage.dox': '/** \\mainpage The main page\n\nWords of a dox file. */\n',
  },
};

describe('documentation of packages of various forms', () => {
  const folder = workspace('docs-forms');
  const page = (path: string) => readFileSync(join(folder, 'docs/d', path), 'utf8');
  let ran: Ran;
  beforeAll(async () => {
    const files: Record<string, string> = { 'distro.yaml': distro(), 'rosdep.yaml': 'python3: {debian: [python3]}\n' };
    for (const [name, own] of Object.entries(packages)) {
      files[`src/${name}/package.xml`] = manifest(name, '<depend>python3</depend>');
      for (const [path, text] of Object.entries(own)) files[`src/${name}/${path}`] = text;
    }
    // Opts out of documentation.
    files['src/silent/package.xml'] = manifest('silent').replace('<export>', '<export><undocumented/>');
    files['src/silent/CMakeLists.txt'] = install('silent', '');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    ran = await slipway(['docs', '--json'], folder);
  });
  afterAll(() => discard(folder));

  it('documents all packages except one that opts out, without dead links', () => {
    expect(ran.code, ran.stderr).toBe(0);
    const { results, dead } = JSON.parse(ran.stdout) as {
      results: { name: string; kind: string; state: string; reason: string }[];
      dead: unknown[];
    };
    const docs = results.filter((t) => t.kind === 'docs');
    expect(docs.filter((t) => t.state !== 'built').map((t) => `${t.name}: ${t.reason}`)).toEqual([]);
    expect(docs.map((t) => t.name).sort()).toEqual(Object.keys(packages).sort());
    expect(dead).toEqual([]);
    expect(ran.code, ran.stderr).toBe(0);
  });

  it('makes no API pages for packages with only messages, services and actions', () => {
    expect(page('only_messages/action/Fibonacci.html')).toContain('partial_sequence');
    expect(page('only_messages/messages.html')).toContain('AddTwoInts');
    expect(existsSync(join(folder, 'docs/d/only_messages/api'))).toBe(false);
  });

  it('reads README as Markdown or reStructuredText, with links and pictures', () => {
    const readme = page('links_in_readme/index.html');
    expect(readme).toContain('src="files/pictures/plan.svg"');
    expect(readme).toContain('href="https://example.org/x"');
    expect(readme).toContain('href="#more"');
    expect(page('links_in_readme/changelog.html')).toContain('<em>Markdown</em>');
    const rst = page('rst_readme/index.html');
    expect(rst).toContain('<strong>bold</strong>');
    expect(rst).toContain(':ref:`nothing`');
    expect(rst).not.toMatch(/System Message|href="#(target|system-message)/);
  });

  it('documents installed Python modules and headers, regardless of their location in the source', () => {
    expect(page('alternative_python/doc/python/alternative_python.deep.html')).toContain('Far below.');
    expect(existsSync(join(folder, 'docs/d/no_real_python/doc'))).toBe(false);
    const api = page('headers_elsewhere/api/motor_8h.html');
    expect(api).toContain('Turns a motor.');
    expect(api).toContain('More of it.');
  });

  it("understands rosdoc2.yaml, rosdoc.yaml and a package's own conf.py", () => {
    expect(page('user_docs/doc/first.html')).toContain('href="deep/second.html"');
    expect(existsSync(join(folder, 'docs/d/user_docs/doc/python'))).toBe(false);
    expect(page('user_docs/api/overview.html')).toContain('a.h');
    expect(page('own_conf/doc/index.html')).toContain('the robot of conf.py');
    const reads = page('reads_its_source/doc/index.html');
    expect(reads).toContain('Version 1.2.3');
    expect(reads).toContain('Wheels are round');
    expect(page('reads_its_source/api/classThing.html')).toContain('A thing.');
    expect(page('classic/doc/index.html')).toContain('A manual of ROS 1.');
    expect(page('classic/api/index.html')).toContain('Words of a dox file.');
  });
});
