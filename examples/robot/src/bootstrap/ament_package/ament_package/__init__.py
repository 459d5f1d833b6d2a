"""Text that the build tool puts into each package's share folder."""


def environment_hook(prefix, name):
    """The line that says where a package was installed."""
    return '# %s in %s\n' % (name, prefix)


def main():
    print(environment_hook('/opt', 'example'), end='')
