# One pool of agents: an autoscaling group that starts at zero and that the plugin ec2-fleet sizes.
variable "name" { type = string }
variable "architecture" {
  type = string
  validation {
    condition     = contains(["amd64", "arm64"], var.architecture)
    error_message = "The architecture is amd64 or arm64."
  }
}
variable "image_parameter" { type = string }
variable "instance_types" {
  type = list(string)
  validation {
    condition     = length(var.instance_types) >= 3
    error_message = "Name three instance types or more: with fewer, spot capacity runs out."
  }
}
variable "max" {
  type = number
  validation {
    condition     = var.max >= 1
    error_message = "A pool has one agent or more."
  }
}
variable "on_demand" {
  type = number
  validation {
    condition     = var.on_demand >= 0 && var.on_demand <= 100
    error_message = "The share of on-demand instances is a percentage."
  }
}
variable "disk_gb" { type = number }
variable "trusted" { type = bool }
variable "key_name" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "controller_group_id" { type = string }
variable "store_bucket_arn" { type = string }
variable "packages_bucket_arn" { type = string }
variable "packages_distribution" { type = string }

resource "aws_security_group" "agent" {
  # checkov:skip=CKV2_AWS_5: the launch template uses it
  # checkov:skip=CKV_AWS_382: agents fetch sources and packages from anywhere
  name_prefix = "${var.name}-"
  description = "Agents: SSH from the controller"
  vpc_id      = var.vpc_id
  ingress {
    description     = "SSH from the controller"
    protocol        = "tcp"
    from_port       = 22
    to_port         = 22
    security_groups = [var.controller_group_id]
  }
  egress {
    description = "Sources and packages"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
  lifecycle { create_before_destroy = true }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# A trusted pool writes the whole store and publishes. An untrusted one reads the store and writes below untrusted/ alone.
data "aws_iam_policy_document" "agent" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = var.trusted ? [var.store_bucket_arn, var.packages_bucket_arn] : [var.store_bucket_arn]
  }
  statement {
    sid       = "ReadStore"
    actions   = ["s3:GetObject"]
    resources = ["${var.store_bucket_arn}/*"]
  }
  statement {
    sid       = "WriteStore"
    actions   = ["s3:PutObject", "s3:DeleteObject"]
    resources = [var.trusted ? "${var.store_bucket_arn}/*" : "${var.store_bucket_arn}/*/untrusted/*"]
  }
  dynamic "statement" {
    for_each = var.trusted ? [1] : []
    content {
      sid       = "Publish"
      actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      resources = ["${var.packages_bucket_arn}/*"]
    }
  }
  dynamic "statement" {
    for_each = var.trusted ? [1] : []
    content {
      sid       = "Invalidate"
      actions   = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
      resources = [var.packages_distribution]
    }
  }
}

resource "aws_iam_role" "agent" {
  name_prefix        = "${var.name}-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "agent" {
  role   = aws_iam_role.agent.id
  policy = data.aws_iam_policy_document.agent.json
}

resource "aws_iam_instance_profile" "agent" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.agent.name
}

resource "aws_launch_template" "agent" {
  name_prefix = "${var.name}-"
  # Looked up at each start: moving the parameter changes what the next agents start from, and nothing else.
  image_id               = "resolve:ssm:${var.image_parameter}"
  key_name               = var.key_name
  vpc_security_group_ids = [aws_security_group.agent.id]
  iam_instance_profile { arn = aws_iam_instance_profile.agent.arn }
  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
    # One hop: nothing in a container or a namespace of its own reaches the role's keys.
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = var.disk_gb
      volume_type = "gp3"
      encrypted   = true
    }
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = var.name, slipway-agent = var.architecture }
  }
}

resource "aws_autoscaling_group" "agents" {
  # checkov:skip=CKV_AWS_315: the mixed instances policy names the launch template
  # checkov:skip=CKV_AWS_153: tags come from the launch template and the provider
  name                = var.name
  vpc_zone_identifier = var.subnet_ids
  min_size            = 0
  max_size            = var.max
  # The plugin removes agents that are idle. Nothing else may choose one: it could be in the middle of a build.
  protect_from_scale_in = true
  suspended_processes   = ["AZRebalance"]
  capacity_rebalance    = false
  mixed_instances_policy {
    instances_distribution {
      on_demand_percentage_above_base_capacity = var.on_demand
      spot_allocation_strategy                 = "price-capacity-optimized"
    }
    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.agent.id
        version            = aws_launch_template.agent.latest_version
      }
      dynamic "override" {
        for_each = var.instance_types
        content { instance_type = override.value }
      }
    }
  }
  # The plugin sets it all day.
  lifecycle { ignore_changes = [desired_capacity] }
}

output "group_name" { value = aws_autoscaling_group.agents.name }
output "group_arn" { value = aws_autoscaling_group.agents.arn }
output "role_name" { value = aws_iam_role.agent.name }
