import { allPages, itemsOf, livingInstances, textIn, type Aws } from './client.ts';

/** Every AMI that an instance, a launch template version or a launch configuration uses, with one of its users. */
export async function usedImages(aws: Aws): Promise<Map<string, string>> {
  const used = new Map<string, string>();
  for (const page of await allPages(aws, 'ec2', 'DescribeInstances', livingInstances))
    for (const reservation of itemsOf(page.reservationSet))
      for (const instance of itemsOf(reservation.instancesSet)) {
        const image = textIn(instance, 'imageId');
        if (image !== undefined) used.set(image, `the instance ${textIn(instance, 'instanceId') ?? ''}`);
      }
  for (const page of await allPages(aws, 'ec2', 'DescribeLaunchTemplates', {}))
    for (const template of itemsOf(page.launchTemplates)) {
      const id = textIn(template, 'launchTemplateId') ?? '';
      for (const versions of await allPages(aws, 'ec2', 'DescribeLaunchTemplateVersions', { LaunchTemplateId: id }))
        for (const version of itemsOf(versions.launchTemplateVersionSet)) {
          const data: unknown = version.launchTemplateData;
          const image = typeof data === 'object' && data !== null ? textIn({ ...data }, 'imageId') : undefined;
          if (image !== undefined)
            used.set(image, `the launch template ${textIn(template, 'launchTemplateName') ?? id}`);
        }
    }
  for (const page of await allPages(aws, 'autoscaling', 'DescribeLaunchConfigurations', {})) {
    const result: unknown = page.DescribeLaunchConfigurationsResult;
    const found = typeof result === 'object' && result !== null ? { ...result } : {};
    for (const config of itemsOf('LaunchConfigurations' in found ? found.LaunchConfigurations : undefined, 'member')) {
      const image = textIn(config, 'ImageId');
      if (image !== undefined)
        used.set(image, `the launch configuration ${textIn(config, 'LaunchConfigurationName') ?? ''}`);
    }
  }
  return used;
}
