import type { BuildTypeRules } from './build-type.ts';

/**
 * Python packages: built by setup.py if it exists, else by the build backend in pyproject.toml. The backend is called
 * directly (PEP 517), because pip's build isolation needs the network.
 */
export const amentPython: BuildTypeRules = {
  buildDepends: ['dh-python', 'python3-all', 'python3-setuptools'],
  testDepends: ['python3-pytest'],
  tests: { file: /^(test_.*|.*_test)\.py$/ },
  backends: {
    setuptools: ['python3-wheel'],
    hatchling: ['python3-hatchling'],
    flit_core: ['flit'],
    poetry: ['python3-poetry-core'],
  },
  installs: { file: 'setup.py', how: 'name the modules in `packages` of setup()' },
  script: String.raw`
configure_and_compile() { :; }

install_staged() {
  if [ -f setup.py ]; then install_by_setup; else install_by_backend; fi
  rm -f "$stage$prefix/lib/$python/site-packages/easy-install.pth"
}

# Debian's Python would put data and scripts below "local"; where setup.cfg says a place for scripts, that one is taken.
install_by_setup() {
  DEB_PYTHON_INSTALL_LAYOUT=deb python3 setup.py --quiet build --build-base "$object" \
    install --root "$stage" --prefix "$prefix" --install-data "$prefix" \
    --install-lib "$prefix/lib/$python/site-packages" --single-version-externally-managed --record "$object/installed"
}

install_by_backend() {
  python3 - "$object" "$stage$prefix" "lib/$python/site-packages" <<'PYTHON'
import configparser, importlib, os, shutil, stat, sys, zipfile
target, root, library = sys.argv[1:4]
try:
    import tomllib
except ImportError:
    sys.exit("slipway: error: a package without setup.py needs Python 3.11 or later")
if not os.path.exists("pyproject.toml"):
    sys.exit("slipway: error: it has neither setup.py nor pyproject.toml: add one, or correct <build_type> in package.xml")
with open("pyproject.toml", "rb") as f:
    system = tomllib.load(f).get("build-system", {})
name, _, attribute = system.get("build-backend", "setuptools.build_meta:__legacy__").partition(":")
sys.path[:0] = [os.path.abspath(p) for p in system.get("backend-path", [])]
try:
    backend = importlib.import_module(name)
except ImportError as e:
    sys.exit("slipway: error: pyproject.toml asks for the build backend '%s' (%s): name the Debian package that has it"
             " in package_settings (build_depends)" % (name, e))
for part in filter(None, attribute.split(".")):
    backend = getattr(backend, part)
os.makedirs(target, exist_ok=True)
wheel = zipfile.ZipFile(os.path.join(target, backend.build_wheel(target)))
information = next(n.split("/")[0] for n in wheel.namelist() if n.split("/")[0].endswith(".dist-info"))
data = information[: -len(".dist-info")] + ".data/"
scripts = os.path.join(root, "bin")
setup = configparser.ConfigParser(interpolation=None)
setup.read("setup.cfg")
if setup.has_option("install", "install_scripts"):
    scripts = setup.get("install", "install_scripts").replace("$base", root)


def place(path):
    """Where a member of the wheel goes (the binary distribution format)."""
    if not path.startswith(data):
        return os.path.join(root, library, path)
    scheme, _, rest = path[len(data):].partition("/")
    if scheme == "scripts":
        return os.path.join(scripts, rest)
    folders = {"purelib": library, "platlib": library, "data": "", "headers": "include"}
    return os.path.join(root, folders[scheme], rest)


for member in wheel.infolist():
    if member.is_dir():
        continue
    path = place(member.filename)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wheel.open(member) as source:
        text = source.read()
    program = member.filename.startswith(data + "scripts/")
    if program and text.startswith(b"#!python"):
        text = b"#!/usr/bin/python3" + text[text.index(b"\n"):]
    with open(path, "wb") as f:
        f.write(text)
    if program or member.external_attr >> 16 & stat.S_IXUSR:
        os.chmod(path, 0o755)
names = configparser.ConfigParser(delimiters=("=",))
names.optionxform = str
if information + "/entry_points.txt" in wheel.namelist():
    names.read_string(wheel.read(information + "/entry_points.txt").decode())
for name, value in names.items("console_scripts") if names.has_section("console_scripts") else []:
    module, _, function = value.split("[")[0].strip().partition(":")
    os.makedirs(scripts, exist_ok=True)
    with open(os.path.join(scripts, name), "w") as f:
        f.write("#!/usr/bin/python3\nimport sys\nfrom %s import %s\nsys.exit(%s())\n"
                % (module, function.split(".")[0], function))
    os.chmod(os.path.join(scripts, name), 0o755)
PYTHON
}

# Nothing in the test's folder may hide what is installed: pytest's cache and its byte code stay out of it. The options
# are not on the command line, as with colcon: a test may call what parses sys.argv.
run_tests() {
  code=0
  PYTEST_ADDOPTS="--tb=short --junit-xml=$results/pytest.xml -o cache_dir=$object/.pytest_cache $PYTEST_ADDOPTS" \
    python3 -B -m pytest || code=$?
  if [ "$code" -eq 5 ]; then
    rm -f "$results/pytest.xml"
    return 0
  fi
  return "$code"
}
`,
};
