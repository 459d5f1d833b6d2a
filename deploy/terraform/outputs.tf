output "controller_registry" {
  description = "Where the controller's image goes."
  value       = aws_ecr_repository.controller.repository_url
}

output "controller_address" {
  description = "What the DNS record of jenkins.DOMAIN points to."
  value       = one(concat(module.ec2[*].address, module.ecs[*].address, module.lightsail[*].address))
}

output "packages_address" {
  description = "What the DNS record of packages.DOMAIN points to."
  value       = module.storage.distribution_domain
}

output "store" {
  description = "`store` of distro.yaml."
  value       = "s3://${module.storage.store_bucket}/store?region=${var.region}"
}

output "publish_to" {
  description = "`publish: {to: […]}` of distro.yaml."
  value       = "s3://${module.storage.packages_bucket}?region=${var.region}"
}

output "groups" {
  description = "Autoscaling groups by pool, for jcasc/aws/agents.yaml."
  value       = { for name, pool in module.agents : name => pool.group_name }
}
