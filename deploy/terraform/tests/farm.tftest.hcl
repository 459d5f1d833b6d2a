# terraform test: every module with a provider that is mocked, and what each refuses.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b"] }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/acme" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/acme" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/acme/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/acme/1" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
  mock_resource "aws_cloudfront_distribution" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:distribution/E1" }
  }
}

variables {
  organization     = "acme"
  region           = "eu-central-1"
  domain           = "acme.example"
  controller       = "ec2"
  controller_image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme-jenkins:1"
  operators        = ["203.0.113.0/24"]
  agent_public_key = "ssh-ed25519 AAAA farm"
  agents = {
    amd64 = { architecture = "amd64", instance_types = ["c7a.2xlarge", "c7i.2xlarge", "c6a.2xlarge"] }
    arm64 = { architecture = "arm64", instance_types = ["c7g.2xlarge", "c8g.2xlarge", "m7g.2xlarge"] }
    requests = {
      architecture   = "amd64"
      instance_types = ["c7a.2xlarge", "c7i.2xlarge", "c6a.2xlarge"]
      trusted        = false
    }
  }

  # Of the modules that are tested by themselves; a run names what it changes.
  name                  = "acme"
  security_group_id     = "sg-1"
  role_arn              = "arn:aws:iam::123456789012:role/acme"
  role_name             = "acme"
  secrets_path          = "/acme/secrets"
  subnet_id             = "subnet-1"
  image                 = "jenkins:1"
  key_name              = "acme"
  controller_group_id   = "sg-1"
  store_bucket_arn      = "arn:aws:s3:::store"
  packages_bucket_arn   = "arn:aws:s3:::packages"
  packages_distribution = "arn:aws:cloudfront::1:distribution/E"
  architecture          = "amd64"
  image_parameter       = "/acme/agents/amd64/image"
  instance_types        = ["c7a.2xlarge", "c7i.2xlarge", "c6a.2xlarge"]
  max                   = 4
  on_demand             = 0
  disk_gb               = 40
  trusted               = true
  group_arns            = []
  image_parameters      = []
  service               = "ec2.amazonaws.com"
}

run "ec2" {
  command = apply
  assert {
    condition     = length(aws_ssm_parameter.image) == 2
    error_message = "One pointer for each architecture, not for each pool."
  }
  assert {
    condition     = output.groups == { amd64 = "acme-amd64", arm64 = "acme-arm64", requests = "acme-requests" }
    error_message = "Each pool has its group."
  }
  assert {
    condition     = startswith(output.store, "s3://acme-store-123456789012/store")
    error_message = "The output is distro.yaml's store."
  }
}

run "ecs" {
  command = apply
  variables {
    controller      = "ecs"
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  }
  assert {
    condition     = length(module.ec2) == 0 && length(module.ecs) == 1
    error_message = "One controller."
  }
}

run "ecs_needs_a_certificate" {
  command = plan
  variables {
    certificate_arn = ""
    domain          = "jenkins.acme.example"
    vpc_id          = "vpc-1"
    subnet_ids      = ["subnet-1", "subnet-2"]
  }
  module { source = "./modules/controller-ecs" }
  expect_failures = [var.certificate_arn]
}

run "ecs_needs_two_subnets" {
  command = plan
  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    domain          = "jenkins.acme.example"
    image           = ""
    vpc_id          = "vpc-1"
    subnet_ids      = ["subnet-1"]
    launch_type     = "LAMBDA"
  }
  module { source = "./modules/controller-ecs" }
  expect_failures = [var.subnet_ids, var.image, var.launch_type]
}

run "ecs_on_instances" {
  command = plan
  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    domain          = "jenkins.acme.example"
    vpc_id          = "vpc-1"
    subnet_ids      = ["subnet-1", "subnet-2"]
    launch_type     = "EC2"
  }
  module { source = "./modules/controller-ecs" }
  assert {
    condition = (
      aws_ecs_task_definition.jenkins.requires_compatibilities == toset(["EC2"]) &&
      !aws_ecs_service.jenkins.network_configuration[0].assign_public_ip
    )
    error_message = "Instances of a cluster have addresses of their own."
  }
}

run "lightsail" {
  command = apply
  variables {
    controller       = "lightsail"
    controller_image = "registry.acme.example/jenkins:1"
    agents           = {}
  }
  assert {
    condition     = length(module.identity) == 0
    error_message = "Lightsail takes no role."
  }
}

run "lightsail_has_no_role_for_ecr" {
  command = plan
  variables {
    domain = "jenkins.acme.example"
    image  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme-jenkins:1"
  }
  module { source = "./modules/controller-lightsail" }
  expect_failures = [var.image]
}

run "no_controller" {
  command = apply
  variables { controller = "none" }
  assert {
    condition     = output.controller_address == null
    error_message = "Jenkins runs elsewhere."
  }
}

run "ec2_needs_operators_and_an_image" {
  command = plan
  variables {
    domain    = "jenkins.acme.example"
    image     = ""
    vpc_id    = "vpc-1"
    operators = []
  }
  module { source = "./modules/controller-ec2" }
  expect_failures = [var.operators, var.image]
}

run "names_and_networks" {
  command = plan
  variables {
    organization     = "Acme Robots"
    controller       = "heroku"
    controller_image = "jenkins:latest"
    operators        = ["everywhere"]
    agent_public_key = "the PRIVATE KEY"
  }
  expect_failures = [
    var.organization, var.controller, var.controller_image, var.operators, var.agent_public_key,
  ]
}

run "agents_need_a_key" {
  command = plan
  variables { agent_public_key = "" }
  expect_failures = [aws_key_pair.agents]
}

run "own_network" {
  command = plan
  variables {
    vpc_id     = "vpc-1"
    subnet_ids = ["subnet-1", "subnet-2"]
  }
  module { source = "./modules/network" }
  assert {
    condition     = length(aws_vpc.farm) == 0 && output.vpc_id == "vpc-1" && length(output.subnet_ids) == 2
    error_message = "Nothing is made in a network of yours."
  }
}

run "half_a_network" {
  command = plan
  variables {
    vpc_id     = "vpc-1"
    subnet_ids = []
  }
  module { source = "./modules/network" }
  expect_failures = [var.subnet_ids]
}

run "certificate_of_another_region" {
  command = plan
  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  }
  module { source = "./modules/storage" }
  expect_failures = [var.certificate_arn]
}

run "identity_without_agents" {
  command = plan
  variables {
  }
  module { source = "./modules/identity" }
  assert {
    condition     = length(data.aws_iam_policy_document.controller.statement) == 2
    error_message = "No right over groups where there are none."
  }
}

run "odd_pool" {
  command = plan
  variables {
    name            = "acme-odd"
    architecture    = "riscv64"
    image_parameter = "/acme/agents/riscv64/image"
    instance_types  = ["c7a.large"]
    max             = 0
    on_demand       = 120
    disk_gb         = 20
    vpc_id          = "vpc-1"
    subnet_ids      = ["subnet-1"]
  }
  module { source = "./modules/agents" }
  expect_failures = [var.architecture, var.instance_types, var.max, var.on_demand]
}

run "untrusted_pool" {
  command = plan
  variables {
    name       = "acme-requests"
    trusted    = false
    vpc_id     = "vpc-1"
    subnet_ids = ["subnet-1"]
  }
  module { source = "./modules/agents" }
  assert {
    condition = alltrue([
      for s in data.aws_iam_policy_document.agent.statement : !contains(s.resources, "arn:aws:s3:::packages/*")
    ])
    error_message = "An untrusted pool publishes nothing."
  }
  assert {
    condition     = one([for s in data.aws_iam_policy_document.agent.statement : s.resources if s.sid == "WriteStore"]) == toset(["arn:aws:s3:::store/*/untrusted/*"])
    error_message = "It writes below untrusted/ alone."
  }
  assert {
    condition     = aws_autoscaling_group.agents.protect_from_scale_in && aws_autoscaling_group.agents.min_size == 0
    error_message = "From zero, and only the plugin ends an agent."
  }
}
