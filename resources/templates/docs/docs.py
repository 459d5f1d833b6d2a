"""Runs the documentation tools in a package's root. Reads /slipway/docs.json, writes /build/docs.

pages/             what becomes a part of the site
results.json       how the tools ended, what they warned of, coverage, and the classes of the API
api.tag            Doxygen's tag file
"""
import ast
import gc
import html
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from xml.etree import ElementTree

# The tools create many objects that live until the end: frequent garbage collection would take a tenth of the time.
gc.set_threshold(200000, 20, 100)
job = json.load(open('/slipway/docs.json'))
source = job['source']
out = '/build/docs'
pages = out + '/pages'
os.makedirs(pages, exist_ok=True)
results = {'tools': [], 'warnings': [], 'documented': 0, 'total': 0, 'undocumented': [], 'compounds': [], 'notes': [],
           'failed_modules': []}
told = 200


def place(path):
    """A path as people know it: of the source, or as it is installed."""
    for folder, name in ((source + '/', ''), (job['prefix'] + '/', ''), (out + '/source/', '')):
        if path.startswith(folder):
            return name + path[len(folder):]
    return path


def warn(text):
    results['warnings'].append(text[:1000])


def run(tool, call, *arguments, **more):
    began = os.times()
    sys.stdout.flush()
    code = call(*arguments, **more)
    ended = os.times()
    cpu = ended.children_user + ended.children_system - began.children_user - began.children_system
    results['tools'].append({'tool': tool, 'code': code, 'cpu': round(cpu, 3)})
    print('== %s ended with %d after %.2f CPU seconds' % (tool, code, cpu), flush=True)
    return code


def count(where, name, text):
    results['total'] += 1
    if text and text.strip():
        results['documented'] += 1
    elif len(results['undocumented']) < told:
        results['undocumented'].append('%s: %s' % (where, name))


# C and C++

def has_words(element):
    return element is not None and any(t.strip() for t in element.itertext())


def plain(element):
    return ' '.join(''.join(element.itertext()).split())[:300] if element is not None else ''


def located(element, fallback):
    at = element.find('location')
    if at is None:
        return fallback
    return '%s:%s' % (place(at.get('file', fallback)), at.get('line', '1'))


def read_xml(folder):
    """Coverage, and a list of what there is."""
    index = ElementTree.parse(folder + '/index.xml').getroot()
    seen = set()
    for entry in index.findall('compound'):
        if entry.get('kind') not in ('class', 'struct', 'union', 'namespace', 'file', 'interface', 'concept', 'group'):
            continue
        path = '%s/%s.xml' % (folder, entry.get('refid'))
        if not os.path.isfile(path):
            continue
        compound = ElementTree.parse(path).getroot().find('compounddef')
        kind, name = compound.get('kind'), compound.findtext('compoundname')
        if compound.get('prot', 'public') == 'private':
            continue
        where = located(compound, name)
        described = has_words(compound.find('briefdescription')) or has_words(compound.find('detaileddescription'))
        # Only headers count, not source files.
        if kind == 'file' and not re.search(r'\.(h|hh|hpp|hxx|h\+\+|cuh|tpp)$', name):
            continue
        if '@' in name or name == 'std':
            continue
        results['compounds'].append({
            'kind': kind, 'name': name, 'page': compound.get('id') + '.html',
            'brief': plain(compound.find('briefdescription')), 'title': compound.findtext('title') or ''})
        if kind in ('class', 'struct', 'union', 'interface', 'concept'):
            count(where, name, 'x' if described else '')
        for member in compound.iter('memberdef'):
            if member.get('id') in seen or member.get('prot', 'public') != 'public' or member.get('kind') == 'friend':
                continue
            seen.add(member.get('id'))
            short = member.findtext('name') or ''
            # Include guards and unnamed entities are not part of the API.
            if not short or short.startswith('@') or re.search(r'_(H|HH|HPP|H_|HPP_)$', short):
                continue
            text = has_words(member.find('briefdescription')) or has_words(member.find('detaileddescription'))
            scope = '' if kind == 'file' else name + '::'
            count(located(member, where), scope + short, 'x' if text else '')


# Warnings about settings that this version of Doxygen lacks or deprecates.
about_settings = re.compile(r'(ignoring unsupported tag|Tag .* (has become obsolete|of configuration file)|has become obsolete'
                            r'|This tag has been removed|To avoid this warning|doxygen -u|configuration options? .* (set|enabled))')


def doxygen():
    job_file = '/slipway/Doxyfile'
    log = out + '/doxygen.output'
    with open(log, 'w') as stream:
        run('doxygen', subprocess.call, ['doxygen', job_file], cwd=source, stdout=stream, stderr=subprocess.STDOUT)
    shown = open(log, errors='replace').read()
    print(shown, end='', flush=True)
    lines = []
    if os.path.isfile(out + '/doxygen.warnings'):
        lines = open(out + '/doxygen.warnings', errors='replace').read().splitlines()
    for line in lines:
        m = re.match(r'(?P<file>[^:]*):(?P<line>-?\d+): (?P<text>.*)$', line)
        if m and not about_settings.search(m['text']) and m['file'] not in ('/slipway/Doxyfile', job_file):
            warn('%s:%s: %s' % (place(m['file']), m['line'], re.sub(r'^warning: ', '', m['text'])))
        elif not m and line.startswith('error:'):
            warn('Doxyfile:1: ' + line)
        print(line)
    if os.path.isfile(out + '/xml/index.xml'):
        read_xml(out + '/xml')
    shutil.rmtree(out + '/xml', ignore_errors=True)


# README and CHANGELOG

pictures = ('.png', '.jpg', '.jpeg', '.gif', '.svg', '.webp')


def relative_links(text, path):
    """Links to files of the source become `source:PATH`; pictures come along."""
    def change(m):
        attribute, target = m[1], html.unescape(m[2])
        if re.match(r'[a-zA-Z][a-zA-Z0-9+.-]*:|//|#', target) or not target:
            return m[0] if re.match(r'(https?|mailto):|#', target, re.I) else ''
        name, _, fragment = target.partition('#')
        full = os.path.realpath(os.path.join(os.path.dirname(path), name))
        inside = full == source or full.startswith(source + '/')
        if not inside or not os.path.exists(full):
            return 'data-missing="%s"' % html.escape(target)
        there = os.path.relpath(full, source)
        if attribute == 'src':
            if not full.lower().endswith(pictures) or os.path.getsize(full) > 4 << 20 or not os.path.isfile(full):
                return 'alt=""'
            safe = re.sub(r'[^A-Za-z0-9._/-]', '_', there)
            to = os.path.join(pages, 'files', safe)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copyfile(full, to)
            return 'src="files/%s"' % safe
        return 'href="source:%s"' % html.escape(there + ('#' + fragment if fragment else ''))
    return re.sub(r'\b(href|src)="([^"]*)"', change, text)


def markdown(text):
    from markdown_it import MarkdownIt
    parser = MarkdownIt('commonmark', {'html': False}).enable(['table', 'strikethrough'])
    seen = {}
    tokens = parser.parse(text)
    for i, token in enumerate(tokens):
        # The page already has a heading.
        if token.type in ('heading_open', 'heading_close'):
            token.tag = 'h%d' % min(6, int(token.tag[1]) + 1)
        if token.type == 'heading_open':
            slug = re.sub(r'[^\w -]', '', tokens[i + 1].content.lower()).strip().replace(' ', '-') or 'section'
            seen[slug] = seen.get(slug, 0) + 1
            token.attrSet('id', slug if seen[slug] == 1 else '%s-%d' % (slug, seen[slug] - 1))
    return parser.renderer.render(tokens, parser.options, {})


def without_messages(page):
    """What docutils could not make sense of is told as warnings; readers see the text as it was written."""
    page = re.sub(r'<(aside|div) class="system-message"[^>]*>.*?</\1>', '', page, flags=re.S)
    page = re.sub(r'<section class="system-messages">\s*(<h\d>.*?</h\d>)?\s*</section>', '', page, flags=re.S)
    return re.sub(r'<a href="#[^"]*">(<span class="problematic"[^>]*>.*?</span>)</a>', r'\1', page, flags=re.S)


def restructured(text, path):
    import io
    import docutils.core
    stream = io.StringIO()
    parts = docutils.core.publish_parts(text, source_path=place(path), writer_name='html5', settings_overrides={
        '_disable_config': True, 'raw_enabled': False, 'file_insertion_enabled': False, 'report_level': 2,
        'halt_level': 5, 'warning_stream': stream, 'initial_header_level': 2, 'syntax_highlight': 'none',
        'doctitle_xform': False, 'input_encoding': 'unicode', 'embed_stylesheet': False, 'datestamp': None,
        'smart_quotes': False, 'math_output': 'MathML', 'id_prefix': ''})
    for line in stream.getvalue().splitlines():
        m = re.match(r'(.*?):(\d+): \((?:WARNING|ERROR|SEVERE)/\d\) (.*)$', line)
        if m:
            warn('%s:%s: %s' % (m[1], m[2], m[3]))
    return without_messages(parts['html_body'])


def fragment(kind, path):
    began = os.times()
    text = open(path, encoding='utf-8', errors='replace').read(2 << 20)
    try:
        shown = markdown(text) if path.lower().endswith('.md') else restructured(text, path)
        if kind == 'readme':
            # Removes a first heading that repeats the package's name.
            shown = re.sub(r'^(<main[^>]*>|<div[^>]*>|<section[^>]*>|\s)*<h\d[^>]*>%s</h\d>' % re.escape(job['name']),
                           lambda m: re.sub(r'<h\d.*', '', m[0]), shown, 1, re.I)
        shown = re.sub(r'<(/?)main\b', r'<\1div', shown)
        with open('%s/%s.html' % (out, kind), 'w') as f:
            f.write(relative_links(shown, path))
        code = 0
    except Exception as e:
        print('%s: %s' % (place(path), e))
        warn('%s:1: it can not be rendered: %s' % (place(path), e))
        code = 1
    ended = os.times()
    results['tools'].append({'tool': kind, 'code': code,
                             'cpu': round(ended.user + ended.system - began.user - began.system, 3)})


# Python and prose

def python_files(path):
    if os.path.isfile(path):
        yield os.path.splitext(os.path.basename(path))[0], path
        return
    top = os.path.dirname(path)
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if re.match(r'[A-Za-z_]\w*$', f) and f not in ('test', 'tests', '__pycache__'))
        if os.path.relpath(folder, path) == '.' and job['generated']:
            folders[:] = [f for f in folders if f not in ('msg', 'srv', 'action')]
        if '__init__.py' not in files:
            folders[:] = []
            continue
        for name in sorted(files):
            if re.match(r'[A-Za-z_]\w*\.py$', name):
                module = os.path.relpath(os.path.join(folder, name), top)[:-3].replace('/', '.')
                yield re.sub(r'\.__init__$', '', module), os.path.join(folder, name)


def python_coverage(path):
    try:
        tree = ast.parse(open(path, encoding='utf-8', errors='replace').read())
    except (SyntaxError, ValueError):
        return

    def visit(node, scope):
        for child in getattr(node, 'body', []):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or child.name.startswith('_'):
                continue
            count('%s:%d' % (place(path), child.lineno), scope + child.name, ast.get_docstring(child))
            if isinstance(child, ast.ClassDef):
                visit(child, scope + child.name + '.')
    visit(tree, '')


def beside(tree, given):
    """Links to what lies beside the prose: pages include ../CHANGELOG.rst, and configurations read ../package.xml."""
    here = ''
    for part in given.split('/'):
        os.makedirs(os.path.join(tree, here), exist_ok=True)
        for name in os.listdir(os.path.join(source, here)):
            if name not in (part, '.git'):
                os.symlink(os.path.join(source, here, name), os.path.join(tree, here, name))
        here = os.path.join(here, part)


def in_child(function, *arguments):
    """The exit code of a process of its own, which has the modules that are loaded here."""
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    code = 1
    try:
        code = function(*arguments)
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 0 if e.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        # Skips exit handlers, which the package's code may have registered.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def sphinx_build(folder, arguments):
    """As `python3 -m sphinx` in this folder."""
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ['sphinx-build'] + arguments
    from sphinx.builders.html import StandaloneHTMLBuilder
    from sphinx.cmd.build import main
    # The site's search replaces Sphinx's.
    StandaloneHTMLBuilder.index_page = StandaloneHTMLBuilder.dump_search_index = lambda *_: None
    return main(arguments)


def sphinx():
    given = job['prose'] or ''
    at = os.path.join(out, 'source', given).rstrip('/')
    if given:
        beside(out + '/source', given)
    os.makedirs(at, exist_ok=True)
    if given:
        shutil.copytree(os.path.join(source, given), at, dirs_exist_ok=True, symlinks=False,
                        ignore_dangling_symlinks=True, ignore=shutil.ignore_patterns('.git', '_build', '*.pyc'))
    entries, modules = [], []
    for module in job['modules']:
        for name, path in python_files(module['path']):
            if name.split('.')[-1] == '__main__' or len(modules) >= 2000:
                continue
            modules.append(name)
            python_coverage(path)
    if modules and not job['conf']:
        os.makedirs(at + '/python', exist_ok=True)
        for name in modules:
            with open('%s/python/%s.rst' % (at, name), 'w') as f:
                f.write('%s\n%s\n\n.. automodule:: %s\n   :members:\n   :undoc-members:\n   :show-inheritance:\n'
                        % (name.replace('_', r'\_'), '=' * (len(name) * 2), name))
            entries.append('python/' + name)
    suffixes = ('.rst', '.md')
    if not any(os.path.isfile(at + '/index' + s) for s in suffixes):
        prose = []
        for folder, folders, files in os.walk(at):
            folders[:] = sorted(f for f in folders if f not in ('python', '_static', '_templates'))
            for name in sorted(files):
                # Markdown pages for Doxygen are left to Doxygen.
                if name.endswith(suffixes):
                    prose.append(os.path.splitext(os.path.relpath(os.path.join(folder, name), at))[0])
        title = 'Guides and Python API' if prose and modules else 'Python API' if modules else 'Guides'
        with open(at + '/index.rst', 'w') as f:
            f.write('%s\n%s\n\n.. toctree::\n   :maxdepth: 2\n\n' % (title, '=' * 40))
            f.writelines('   %s\n' % e for e in prose + entries)
    elif entries:
        with open(at + '/python/index.rst', 'w') as f:
            f.write(':orphan:\n\nPython API\n==========\n\n.. toctree::\n   :maxdepth: 1\n\n')
            f.writelines('   %s\n' % os.path.basename(e) for e in entries)
    json.dump(modules, open(out + '/modules.json', 'w'))
    log = out + '/sphinx.warnings'
    code = run('sphinx', in_child, sphinx_build, at, ['-q', '-N', '-b', 'html', '-c', '/slipway/sphinx', '-d',
                                                      out + '/doctrees', '-w', log, at, pages + '/doc'])
    lines = open(log, errors='replace').read().splitlines() if os.path.isfile(log) else []
    for line in lines:
        print(line)
        m = re.match(r'(?:(?P<where>\S*?)(?::(?P<line>\d+|None))?: )?(?P<kind>WARNING|ERROR|CRITICAL): (?P<text>.*)$', line)
        if m:
            where = place(re.sub(r':docstring of .*$', '', m['where'] or 'conf.py'))
            number = m['line'] if m['line'] not in (None, 'None') else '1'
            warn('%s:%s: %s' % (where, number, m['text']))
            failed = re.match(r"autodoc: failed to import (?:module|class) '([^']*)'", m['text'])
            if failed:
                results['failed_modules'].append(failed[1])
    if os.path.isfile(out + '/conf.error'):
        fault = open(out + '/conf.error', errors='replace').read()
        print(fault)
        results['warnings'].insert(0, fault[:1000])
        results['tools'].append({'tool': 'conf.py', 'code': 1, 'cpu': 0})
    shutil.rmtree(out + '/doctrees', ignore_errors=True)
    if code == 0:
        for name in ('.buildinfo', 'searchindex.js'):
            if os.path.isfile(pages + '/doc/' + name):
                os.remove(pages + '/doc/' + name)


if job['readme']:
    fragment('readme', os.path.join(source, job['readme']))
if job['changelog']:
    fragment('changelog', os.path.join(source, job['changelog']))
if job['doxygen']:
    doxygen()
if job['sphinx']:
    sphinx()
ended = os.times()
print('== all took %.2f CPU seconds' % sum(ended[:4]), flush=True)
# Doxygen reports each warning twice, for HTML and for XML.
results['warnings'] = list(dict.fromkeys(results['warnings']))
results['warning_count'] = len(results['warnings'])
results['warnings'] = results['warnings'][:told]
json.dump(results, open(out + '/results.json', 'w'))
