"""Writes DIR/rosdistro (fetched where it is not there) and DIR/oracle: what the ROS tools make of it. See make.sh."""
import gzip
import json
import os
import sys
import urllib.parse
import urllib.request

import yaml

directory = os.path.abspath(sys.argv[1])
data = os.path.join(directory, 'rosdistro')
oracle = os.path.join(directory, 'oracle')
snapshot = os.path.join(directory, 'snapshot')
distributions = {'jazzy': '2', 'noetic': '1'}
targets = {'jazzy': [('ubuntu', 'noble'), ('ubuntu', 'focal'), ('debian', 'bookworm')], 'noetic': [('ubuntu', 'focal'), ('ubuntu', 'noble'), ('debian', 'bookworm')]}


def fetch(url):
    with urllib.request.urlopen(url) as response:
        return response.read()


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(content if isinstance(content, bytes) else content.encode())


def save(name, value):
    write(os.path.join(oracle, name), json.dumps(value, indent=1, sort_keys=True) + '\n')
    print(name)


def index_text(cached):
    entries = {}
    for name, version in distributions.items():
        entries[name] = {'distribution': [f'{name}/distribution.yaml'], 'distribution_cache': cached(name), 'distribution_status': 'active', 'distribution_type': f'ros{version}', 'python_version': 3}
    return '%YAML 1.1\n---\n' + yaml.safe_dump({'type': 'index', 'version': 4, 'distributions': entries})


def fetch_data():
    """The public data, from where the tools look for it by default."""
    from rosdep2.sources_list import DEFAULT_SOURCES_LIST_URL
    from rosdistro import get_index, get_index_url
    index = get_index(get_index_url())
    for name in distributions:
        entry = index.distributions[name]
        write(os.path.join(data, name, f'{name}-cache.yaml.gz'), fetch(entry['distribution_cache']))
        write(os.path.join(data, name, 'distribution.yaml'), fetch(entry['distribution'][-1]))
    for line in fetch(DEFAULT_SOURCES_LIST_URL).decode().splitlines():
        kind, _, rest = line.partition(' ')
        url = rest.split(' ')[0] if kind == 'yaml' else ''
        if os.path.basename(urllib.parse.urlparse(url).path) in ('base.yaml', 'python.yaml'):
            write(os.path.join(data, 'rosdep', os.path.basename(url)), fetch(url))
    write(os.path.join(data, 'index-v4.yaml'), index_text(lambda name: f'{name}/{name}-cache.yaml.gz'))


def make_snapshot():
    """An index over the distribution files that the caches were made from: one consistent state."""
    for name in distributions:
        path = os.path.join(data, name, f'{name}-cache.yaml.gz')
        cache = yaml.load(gzip.open(path), Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
        files = cache['distribution_file']
        write(os.path.join(snapshot, name, 'distribution.yaml'), '%YAML 1.1\n---\n' + yaml.safe_dump(files[0] if isinstance(files, list) else files))
        write(os.path.join(snapshot, name, f'{name}-cache.yaml.gz'), open(path, 'rb').read())
    write(os.path.join(snapshot, 'index-v4.yaml'), index_text(lambda name: f'file://{snapshot}/{name}/{name}-cache.yaml.gz'))
    write(os.path.join(snapshot, 'sources.list.d', '20-default.list'), ''.join(f'yaml file://{data}/rosdep/{f}.yaml\n' for f in ('base', 'python')))
    os.environ.update(ROSDISTRO_INDEX_URL=f'file://{snapshot}/index-v4.yaml', ROSDEP_SOURCE_PATH=f'{snapshot}/sources.list.d', ROS_HOME=f'{snapshot}/home')


def catkin(name):
    from catkin_pkg.package import parse_package_string
    from rosdistro import get_distribution_cache, get_index, get_index_url, get_package_condition_context
    index = get_index(get_index_url())
    cache = get_distribution_cache(index, name)
    distribution = cache.distribution_file
    context = get_package_condition_context(index, name)
    packages = {}
    for package, xml in cache.release_package_xmls.items():
        if package in distribution.release_packages and distribution.repositories[distribution.release_packages[package].repository_name].release_repository.version:
            packages[package] = parse_package_string(xml)
    for p in packages.values():
        p.evaluate_conditions(context)
    for p in packages.values():
        for g in p.group_depends:
            if g.evaluated_condition:
                g.extract_group_members(list(packages.values()))
    members, described, extra = {}, {}, {}
    kinds = ['build', 'buildtool', 'build_export', 'buildtool_export', 'exec', 'test', 'doc']
    for n, p in packages.items():
        depends = {}
        for kind in kinds + ['conflicts', 'replaces']:
            held = [d.name for d in getattr(p, kind if kind in ('conflicts', 'replaces') else f'{kind}_depends') if d.evaluated_condition]
            if held:
                depends[kind] = held
        groups = [m.name for m in p.member_of_groups if m.evaluated_condition]
        for g in groups:
            members.setdefault(g, []).append(n)
        described[n] = {'format': p.package_format, 'version': p.version, 'build_type': p.get_build_type(), 'depends': depends, 'member_of_groups': groups}
        extra[n] = {'maintainers': [[m.name, m.email] for m in p.maintainers]}
    save(f'catkin-{name}.json', {'context': context, 'packages': described, 'group_members': members})
    save(f'catkin-{name}-extra.json', {'packages': extra})
    return packages


def graph(name, packages):
    """Edges of every kind but documentation, groups by their members; what lies below and above each package through others."""
    kinds = ['build', 'buildtool', 'build_export', 'buildtool_export', 'exec', 'test']
    edges = {}
    for n, p in packages.items():
        needed = {d.name for k in kinds for d in getattr(p, f'{k}_depends') if d.evaluated_condition}
        for g in p.group_depends:
            if g.evaluated_condition:
                needed.update(g.members)
        edges[n] = {d for d in needed if d in packages and d != n}
    below = {}

    def closure(start):
        if start not in below:
            found, stack = set(), list(edges[start])
            while stack:
                d = stack.pop()
                if d in found:
                    continue
                found.add(d)
                if d in below:
                    found |= below[d]
                else:
                    stack.extend(edges[d])
            below[start] = found
        return below[start]

    dependents = dict.fromkeys(packages, 0)
    for n in packages:
        for d in closure(n):
            dependents[d] += 1
    save(f'graph-{name}.json', {'build_exec_test': {'edges': sum(map(len, edges.values())), 'transitive_dependencies': {n: len(below[n]) for n in packages}, 'transitive_dependents': dependents}})


def rosdep(name, os_name, codename, packages):
    """What rosdep resolves every key to; without a distribution where `name` is None."""
    import rospkg
    from rosdep2 import create_default_installer_context
    from rosdep2.lookup import RosdepLookup
    from rosdep2.rospkg_loader import DEFAULT_VIEW_KEY
    from rosdep2.sources_list import DataSourceMatcher, SourcesListLoader
    sources = SourcesListLoader.create_default(matcher=DataSourceMatcher(([name] if name else []) + [os_name, codename]))
    lookup = RosdepLookup.create_from_rospkg(rospack=rospkg.RosPack(ros_paths=[]), rosstack=rospkg.RosStack(ros_paths=[]), sources_loader=sources)
    view = lookup.get_rosdep_view(DEFAULT_VIEW_KEY)
    context = create_default_installer_context()
    context.set_os_override(os_name, codename)
    installers, default = context.get_os_installer_keys(os_name), context.get_default_os_installer_key(os_name)
    defined = {}
    for s in sources.sources:
        short = os.path.basename(s.url)
        for key in s.rosdep_data:
            defined.setdefault(key, []).append(f'distro:{name}' if short == 'distribution.yaml' else short)
    used = {d.name for p in packages.values() for k in ('build', 'buildtool', 'build_export', 'buildtool_export', 'exec', 'test', 'doc') for d in getattr(p, f'{k}_depends')}
    keys = {}
    for key in sorted(set(view.keys()) | used):
        entry = {}
        try:
            definition = view.lookup(key)
        except KeyError:
            entry['error'] = 'KeyError'
        else:
            try:
                installer, rule = definition.get_rule_for_platform(os_name, codename, installers, default)
                entry.update(installer=installer, packages=[str(p) for p in context.get_installer(installer).resolve(rule)])
            except Exception as e:
                entry['error'] = type(e).__name__
        if key in defined:
            entry['defined_in'] = defined[key]
        keys[key] = entry
    middle = 'yamlonly' if name is None else f'{name}-cachedist' if name == 'jazzy' else name
    save(f'rosdep-{middle}-{os_name}-{codename}.json', {'keys': keys})


def buildfarm(name, os_name, codename):
    from ros_buildfarm.common import get_direct_dependencies, get_os_package_name
    from ros_buildfarm.release_job import _get_and_parse_distribution_cache
    from rosdistro import get_cached_distribution, get_index, get_index_url
    index = get_index(get_index_url())
    file = get_cached_distribution(index, name)
    names = file.release_packages.keys()
    packages = _get_and_parse_distribution_cache(index, name, names, include_test_deps=True, include_group_deps=True, disable_groups_workaround=True)
    with_tests = {p: sorted(get_direct_dependencies(p, packages, names, include_test_deps=True, include_group_deps=True)) for p in packages}
    without = {p: sorted(get_direct_dependencies(p, packages, names, include_test_deps=False, include_group_deps=True)) for p in packages}
    jobs = {}
    for p in packages:
        repository = file.release_packages[p].repository_name
        jobs[p] = [repository, file.repositories[repository].release_repository.version, get_os_package_name(name, p)]
    middle = f'{name}-cachedist' if name == 'jazzy' else name
    save(f'buildfarm-{middle}-{os_name}-{codename}-amd64.json', {
        'jobs': jobs, 'released_without_xml_in_cache': sorted(set(names) - set(packages)),
        'with_groups': {'direct_dependencies': with_tests, 'direct_dependencies_without_test_where_different': {p: d for p, d in without.items() if d != with_tests[p]}},
    })


if not os.path.exists(data):
    fetch_data()
make_snapshot()
from rosdep2.main import rosdep_main  # noqa: E402  (it reads the environment when it is loaded)
try:
    rosdep_main(['update', '--include-eol-distros'])
except SystemExit as e:
    if e.code:
        raise
for distribution in distributions:
    found = catkin(distribution)
    graph(distribution, found)
    for platform in targets[distribution]:
        rosdep(distribution, *platform, found)
    buildfarm(distribution, *targets[distribution][0])
for platform in targets['jazzy']:
    rosdep(None, *platform, {})
