# The controller's role: it sizes the groups of agents, and reads its secrets and the pointers of the agents' image.
variable "name" { type = string }
variable "service" { type = string }
variable "group_arns" { type = list(string) }
variable "secrets_path" { type = string }
variable "image_parameters" { type = list(string) }

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [var.service]
    }
  }
}

data "aws_iam_policy_document" "controller" {
  # checkov:skip=CKV_AWS_356: Describe and List know no resources
  statement {
    sid = "Look"
    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "ec2:DescribeInstances",
      "ec2:DescribeInstanceStatus",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeRegions",
    ]
    resources = ["*"]
  }
  dynamic "statement" {
    for_each = length(var.group_arns) > 0 ? [1] : []
    content {
      sid       = "Size"
      actions   = ["autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"]
      resources = var.group_arns
    }
  }
  statement {
    sid     = "Secrets"
    actions = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"]
    resources = [
      "arn:aws:ssm:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:parameter${var.secrets_path}",
      "arn:aws:ssm:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:parameter${var.secrets_path}/*",
    ]
  }
  dynamic "statement" {
    for_each = length(var.image_parameters) > 0 ? [1] : []
    content {
      sid       = "ReadPointers"
      actions   = ["ssm:GetParameter"]
      resources = var.image_parameters
    }
  }
}

resource "aws_iam_role" "controller" {
  name_prefix        = "${var.name}-controller-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "controller" {
  role   = aws_iam_role.controller.id
  policy = data.aws_iam_policy_document.controller.json
}

output "role_name" { value = aws_iam_role.controller.name }
output "role_arn" { value = aws_iam_role.controller.arn }
