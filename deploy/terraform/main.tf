module "network" {
  source     = "./modules/network"
  name       = var.organization
  vpc_id     = var.vpc_id
  subnet_ids = var.subnet_ids
}

module "storage" {
  source          = "./modules/storage"
  name            = var.organization
  domain          = var.packages_certificate_arn == "" ? "" : "packages.${var.domain}"
  certificate_arn = var.packages_certificate_arn
}

# The controller reaches agents by SSH, and nothing else does.
resource "aws_security_group" "controller" {
  name_prefix = "${var.organization}-controller-"
  description = "Jenkins"
  vpc_id      = module.network.vpc_id
  lifecycle { create_before_destroy = true }
}

resource "aws_key_pair" "agents" {
  count      = length(var.agents) > 0 ? 1 : 0
  key_name   = "${var.organization}-agents"
  public_key = var.agent_public_key
  lifecycle {
    precondition {
      condition     = var.agent_public_key != ""
      error_message = "Agents need agent_public_key: ssh-keygen -t ed25519 -f agent-key"
    }
  }
}

module "agents" {
  source   = "./modules/agents"
  for_each = var.agents

  name                  = "${var.organization}-${each.key}"
  image_parameter       = "/${var.organization}/agents/${each.value.architecture}/image"
  architecture          = each.value.architecture
  instance_types        = each.value.instance_types
  max                   = each.value.max
  on_demand             = each.value.on_demand
  disk_gb               = each.value.disk_gb
  trusted               = each.value.trusted
  key_name              = aws_key_pair.agents[0].key_name
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.subnet_ids
  controller_group_id   = aws_security_group.controller.id
  store_bucket_arn      = module.storage.store_bucket_arn
  packages_bucket_arn   = module.storage.packages_bucket_arn
  packages_distribution = module.storage.distribution_arn
}

# Which image agents start from: one pointer for each architecture, moved by the image job, back by hand.
resource "aws_ssm_parameter" "image" {
  # checkov:skip=CKV2_AWS_34: the id of an image is no secret, and launch templates read no encrypted parameter
  # checkov:skip=CKV_AWS_337: the same
  for_each  = toset([for pool in var.agents : pool.architecture])
  name      = "/${var.organization}/agents/${each.key}/image"
  type      = "String"
  data_type = "aws:ec2:image"
  value     = data.aws_ssm_parameter.debian[each.key].insecure_value
  lifecycle { ignore_changes = [value] }
}

# Until the image job has run once: plain Debian, on which only `slipway doctor` says what is missing.
data "aws_ssm_parameter" "debian" {
  for_each = toset([for pool in var.agents : pool.architecture])
  name     = "/aws/service/debian/release/13/latest/${each.key}"
}

module "identity" {
  source           = "./modules/identity"
  count            = var.controller == "none" || var.controller == "lightsail" ? 0 : 1
  name             = var.organization
  service          = var.controller == "ecs" ? "ecs-tasks.amazonaws.com" : "ec2.amazonaws.com"
  group_arns       = [for pool in module.agents : pool.group_arn]
  secrets_path     = "/${var.organization}/secrets"
  image_parameters = [for parameter in aws_ssm_parameter.image : parameter.arn]
}

module "ec2" {
  source            = "./modules/controller-ec2"
  count             = var.controller == "ec2" ? 1 : 0
  name              = var.organization
  domain            = "jenkins.${var.domain}"
  image             = var.controller_image
  vpc_id            = module.network.vpc_id
  subnet_id         = module.network.subnet_ids[0]
  security_group_id = aws_security_group.controller.id
  operators         = var.operators
  role_name         = module.identity[0].role_name
  secrets_path      = "/${var.organization}/secrets"
}

module "ecs" {
  source            = "./modules/controller-ecs"
  count             = var.controller == "ecs" ? 1 : 0
  name              = var.organization
  domain            = "jenkins.${var.domain}"
  image             = var.controller_image
  certificate_arn   = var.certificate_arn
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.subnet_ids
  security_group_id = aws_security_group.controller.id
  operators         = var.operators
  role_arn          = module.identity[0].role_arn
  secrets_path      = "/${var.organization}/secrets"
}

module "lightsail" {
  source    = "./modules/controller-lightsail"
  count     = var.controller == "lightsail" ? 1 : 0
  name      = var.organization
  domain    = "jenkins.${var.domain}"
  image     = var.controller_image
  operators = var.operators
}

resource "aws_ecr_repository" "controller" {
  # checkov:skip=CKV_AWS_136: AWS's own key; the image holds no secret
  name                 = "${var.organization}-jenkins"
  image_tag_mutability = "IMMUTABLE"
  image_scanning_configuration { scan_on_push = true }
}
