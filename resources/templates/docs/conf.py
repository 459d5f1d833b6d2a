"""Configuration of Sphinx: the package's own if it has one, then the settings that the site requires."""
import importlib.util as _importlib
import json as _json
import os as _os
import sys as _sys
import traceback as _traceback

_job = _json.load(open('/slipway/docs.json'))
_modules = _json.load(open('/build/docs/modules.json'))
_at = '/build/docs/source'
extensions = ['sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.intersphinx']
# Loaded only if needed: it takes as long to load as all others.
if any(n.endswith('.md') for _, _, names in _os.walk(_at) for n in names):
    extensions.append('myst_parser')
project = _job['name']
if _job['conf']:
    _here = _os.path.dirname(_os.path.join(_at, _job['conf']))
    _file = _os.path.join(_job['source'], _job['conf'])
    __file__ = _os.path.join(_here, 'conf.py')
    _os.chdir(_here)
    _sys.path.insert(0, _here)
    _own = dict(globals())
    try:
        exec(compile(open(_file, encoding='utf-8').read(), _job['conf'], 'exec'), _own)
    except Exception as _e:
        # The pages are made without it; the error counts as a fault.
        _lines = [f.lineno for f in _traceback.extract_tb(_e.__traceback__) if f.filename == _job['conf']]
        with open('/build/docs/conf.error', 'w') as _f:
            _f.write('%s:%d: %s: %s' % (_job['conf'], _lines[-1] if _lines else 1, type(_e).__name__, _e))
    else:
        globals().update(_own)

    def _absolute(names):
        return [n if _os.path.isabs(n) else _os.path.join(_here, n) for n in names]
    for _name in ('templates_path', 'html_static_path', 'html_extra_path'):
        if isinstance(globals().get(_name), (list, tuple)):
            globals()[_name] = [n for n in _absolute(globals()[_name]) if _os.path.exists(n)]

# Modules of autodoc come from the installation: what is installed is what is documented.
extensions = list(extensions)
for _name in ['sphinx.ext.autodoc', 'sphinx.ext.intersphinx'] + _job['extensions']:
    if _name not in extensions:
        extensions.append(_name)


def _there(name):
    try:
        return name in _sys.builtin_module_names or _importlib.find_spec(name) is not None
    except (ImportError, AttributeError, ValueError):
        return False


_lacking = [n for n in extensions if not _there(n)]
extensions = [n for n in extensions if n not in _lacking]
version = release = _job['version']
language = globals().get('language') or 'en'
today = ''
html_last_updated_fmt = None
html_theme = 'slipway'
html_theme_path = ['/slipway']
html_theme_options = {}
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_opensearch = ''
html_use_index = True
html_split_index = False
html_domain_indices = True
html_logo = html_favicon = None
html_baseurl = ''
html_file_suffix = html_link_suffix = None
html_sidebars = {}
html_additional_pages = {}
html_permalinks_icon = '#'
html_title = _job['name']
templates_path = globals().get('templates_path', [])
pygments_style = 'default'
add_module_names = False
myst_heading_anchors = globals().get('myst_heading_anchors', 3)
suppress_warnings = list(globals().get('suppress_warnings', [])) + ['config.cache']
# Inventories of declared dependencies, and no network.
intersphinx_mapping = {n: ('../../%s/doc' % n, '/slipway/inventories/%s.inv' % n) for n in _job['inventories']}
intersphinx_cache_limit = 0


def setup(app):
    from sphinx.util import logging
    for name in _lacking:
        logging.getLogger(__name__).warning('the extension %s is not installed: it is left out', name)
