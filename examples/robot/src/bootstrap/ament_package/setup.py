from setuptools import setup

setup(
    name='ament_package',
    version='1.0.0',
    packages=['ament_package'],
    entry_points={'console_scripts': ['ament-hook = ament_package:main']},
    data_files=[('share/ament_package', ['package.xml']), ('share/ament_index/resource_index/packages', ['resource/ament_package'])],
)
