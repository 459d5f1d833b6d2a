import { describe, expect, it } from 'vitest';
import { withoutComments } from '../../ts-src/inspect/comments.ts';

const same = (file: string, a: string, b: string): void => {
  expect(withoutComments(file, a), a).toBeDefined();
  expect(withoutComments(file, a)).toBe(withoutComments(file, b));
};
const other = (file: string, a: string, b: string): void =>
  expect(withoutComments(file, a) ?? a).not.toBe(withoutComments(file, b) ?? b);

describe('a header without comments', () => {
  it('is the same for another comment that moves no code', () => {
    same('a.hpp', 'int a;  // one\n', 'int a;\n');
    same('a.hpp', '/* x\n * y\n */\nint a;\n', '\n\n/* z */\nint a;\n');
    same('a.h', 'int a; /* x */\nint b;\n// end\n', 'int a; // y\nint b;\n\n\n');
    same(
      'a.hpp',
      'auto a = R"x(// in)" here)x"; // c\nint b = 1\'000; // d\n',
      'auto a = R"x(// in)" here)x";\nint b = 1\'000;\n',
    );
    same('a.hpp', "char c = '\"'; // \"\nchar d = '\\''; // '\n", "char c = '\"';\nchar d = '\\'';\n");
    same('a.hpp', '#define A(x) \\\n  f(x); \\\n  g(x) // last\n', '#define A(x) \\\n  f(x); \\\n  g(x)\n');
  });

  it('differs if code differs, or may differ', () => {
    other('a.hpp', '// x\nint a = __LINE__;\n', '\n// x\nint a = __LINE__;\n');
    other('a.hpp', 'int /* x */ a;\n', 'int /* longer */ a;\n');
    other('a.hpp', 'auto u = "http://a";\n', 'auto u = "http://b";\n');
    other('a.hpp', 'auto u = R"(// a)";\n', 'auto u = R"(// b)";\n');
    other('a.hpp', 'auto u = R"y()" // a)y";\n', 'auto u = R"y()" // b)y";\n');
    other('a.hpp', '#include <a//b.h>\n', '#include <a//c.h>\n');
    other('a.hpp', "#error don't // a\nint a;\n", "#error don't // b\nint a;\n");
    other('a.hpp', '// goes on \\\nint a;\n', '// goes on\nint a;\n');
    other('a.hpp', 'auto u = "a\\\n// b";\n', 'auto u = "a\\\n// c";\n');
    other(
      'a.hpp',
      "int x = 1'0; char c = '/'; int a; char d = '/';\n",
      "int x = 1'0; char c = '/'; int b; char d = '/';\n",
    );
    other('a.msg', 'int32 a # x\n', 'int32 a # y\n');
  });
});

describe('a CMake file without comments', () => {
  it('is the same for another comment', () => {
    same(
      'aConfig.cmake',
      'set(a 1) # x\n#[[ y\nset(b 2)\n]]\nset(c "x # y")\n',
      '# more\nset(a 1)\n\nset(c "x # y")\n',
    );
    same('a.cmake', 'set(a [=[ # in ]] ]=]) # out\n', 'set(a [=[ # in ]] ]=])\n');
  });

  it('differs if code differs, or may differ', () => {
    other('a.cmake', 'set(a "x # y")\n', 'set(a "x # z")\n');
    other('a.cmake', 'set(a "x\n# y")\n', 'set(a "x\n# z")\n');
    other('a.cmake', 'set(a [[\n# y\n]])\n', 'set(a [[\n# z\n]])\n');
    other('a.cmake', 'set(a \\#y)\n', 'set(a \\#z)\n');
    other('a.cmake', 'set(a "\\" # y")\n', 'set(a "\\" # z")\n');
    other('a.cmake', '# x\nmessage("${CMAKE_CURRENT_LIST_LINE}")\n', 'message("${CMAKE_CURRENT_LIST_LINE}")\n');
    other('a.cmake', 'set(a x[[)\nset(b "]] # y")\n', 'set(a x[[)\nset(b "]] # z")\n');
  });
});

describe('a Python file without comments', () => {
  it('is the same for another comment line', () => {
    same(
      'a.py',
      '#!/usr/bin/env python3\n# x\ndef f():\n    # y\n    return "#"\n',
      '#!/usr/bin/env python3\ndef f():\n    return "#"\n',
    );
    same('generate', '#!/usr/bin/python3\n# x\nf(\n  # y\n  1)\n', '#!/usr/bin/python3\nf(\n  1)\n');
  });

  it('differs if code differs, or may differ', () => {
    other('a.py', '#!/usr/bin/python3\nx\n', '#!/usr/bin/python2\nx\n');
    other('a.py', '# coding: latin1\nx\n', '# coding: utf8\nx\n');
    other('a.py', 'a = """\n# x\n"""\n', 'a = """\n# y\n"""\n');
    other('a.py', "a = '''\\'''\n# x\n'''\n", "a = '''\\'''\n# y\n'''\n");
    other('a.py', 'a = "\\\n# x"\n', 'a = "\\\n# y"\n');
    other('a.py', 'f"{d["#"]}"; b = """\n# x\n"""\n', 'f"{d["#"]}"; b = """\n# y\n"""\n');
    other(
      'a.py',
      'f"{d["#"]}"; b = """\n# x\n"""; f"{d["#"]}"; c = """\n"""\n',
      'f"{d["#"]}"; b = """\n# y\n"""; f"{d["#"]}"; c = """\n"""\n',
    );
    other('a.py', 'f"""{d["""#"""]}"""\n# x\n', 'f"""{d["""#"""]}"""\n# y\n');
    other('a.py', '# x\nprint(inspect.currentframe())\n', 'print(inspect.currentframe())\n');
  });
});
