from setuptools import setup

setup(
    name='acme_teleop',
    version='1.2.0',
    packages=['acme_teleop'],
    data_files=[('share/acme_teleop', ['package.xml']), ('share/ament_index/resource_index/packages', ['resource/acme_teleop'])],
    entry_points={'console_scripts': ['teleop = acme_teleop.main:main']},
)
