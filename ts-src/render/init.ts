import distroTemplate from '../../resources/templates/init/distro.mustache';
import distributionTemplate from '../../resources/templates/init/distribution.mustache';
import indexTemplate from '../../resources/templates/init/index.mustache';
import jenkinsfileTemplate from '../../resources/templates/init/jenkinsfile.mustache';
import manifestTemplate from '../../resources/templates/init/manifest.mustache';
import cmakeTemplate from '../../resources/templates/init/cmake.mustache';
import programTemplate from '../../resources/templates/init/program.mustache';
import rosdepTemplate from '../../resources/templates/init/rosdep.mustache';
import { renderTemplate } from './template.ts';

/** The files of a new distro repository: path → text. */
export function renderInit(values: { organization: string; os: string; release: string }): Record<string, string> {
  return Object.fromEntries(
    Object.entries({
      'distro.yaml': distroTemplate,
      'rosdistro/index-v4.yaml': indexTemplate,
      'rosdistro/default/distribution.yaml': distributionTemplate,
      'rosdep.yaml': rosdepTemplate,
      Jenkinsfile: jenkinsfileTemplate,
      '.gitignore': '.slipway/\nout/\n',
      'packages/hello_robot/package.xml': manifestTemplate,
      'packages/hello_robot/CMakeLists.txt': cmakeTemplate,
      'packages/hello_robot/hello.c': programTemplate,
    }).map(([path, template]) => [path, renderTemplate(template, values)]),
  );
}
