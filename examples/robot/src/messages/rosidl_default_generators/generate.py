#!/usr/bin/python3
"""generate.py PACKAGE FOLDER FILE...: a C++ header and a Python class for each .msg file of `type name` lines."""
import os
import sys

package, folder, files = sys.argv[1], sys.argv[2], sys.argv[3:]
cpp = {'float64': 'double', 'int32': 'int', 'string': 'std::string', 'bool': 'bool'}
zero = {'float64': '0.0', 'int32': '0', 'string': "''", 'bool': 'False'}
include = os.path.join(folder, 'include', package)
python = os.path.join(folder, 'python', package)
os.makedirs(include, exist_ok=True)
os.makedirs(os.path.join(python, 'msg'), exist_ok=True)
open(os.path.join(python, '__init__.py'), 'w').close()
with open(os.path.join(python, 'msg', '__init__.py'), 'w') as module:
    for path in sorted(files):
        name = os.path.splitext(os.path.basename(path))[0]
        fields = [line.split('#')[0].split() for line in open(path) if line.split('#')[0].strip()]
        module.write('class %s:\n    def __init__(self%s):\n%s\n\n' % (
            name, ''.join(', %s=%s' % (f, zero[t]) for t, f in fields), ''.join('        self.%s = %s\n' % (f, f) for _, f in fields)))
        with open(os.path.join(include, name + '.hpp'), 'w') as header:
            header.write('#pragma once\n#include <string>\nnamespace %s {\nstruct %s {\n%s};\n}\n' % (
                package, name, ''.join('  %s %s{};\n' % (cpp[t], f) for t, f in fields)))
