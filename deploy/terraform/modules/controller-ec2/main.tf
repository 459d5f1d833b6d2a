# Jenkins in a container on one instance, with Caddy for TLS. An autoscaling group of one replaces a broken instance; the
# home is a volume of its own that the next instance attaches.
variable "name" { type = string }
variable "domain" { type = string }
variable "image" {
  type = string
  validation {
    condition     = var.image != ""
    error_message = "Set controller_image: docker build, push, and name it here with its version."
  }
}
variable "vpc_id" { type = string }
variable "subnet_id" { type = string }
variable "security_group_id" { type = string }
variable "operators" {
  type = list(string)
  validation {
    condition     = length(var.operators) > 0
    error_message = "Say from which networks people reach Jenkins: operators = [\"203.0.113.0/24\"]."
  }
}
variable "role_name" { type = string }
variable "secrets_path" { type = string }
variable "instance_type" {
  type    = string
  default = "t3a.medium"
}
variable "home_gb" {
  type    = number
  default = 30
}
variable "snapshots" {
  description = "Daily snapshots of the home, 14 kept."
  type        = bool
  default     = true
}

data "aws_region" "here" {}

data "aws_subnet" "chosen" {
  id = var.subnet_id
}

data "aws_ssm_parameter" "amazon_linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_ebs_volume" "home" {
  # checkov:skip=CKV_AWS_189: AWS's own key
  availability_zone = data.aws_subnet.chosen.availability_zone
  size              = var.home_gb
  type              = "gp3"
  encrypted         = true
  tags              = { Name = "${var.name}-jenkins-home" }
  lifecycle { prevent_destroy = false }
}

resource "aws_eip" "controller" {
  # checkov:skip=CKV2_AWS_19: the instance takes it at its start
  domain = "vpc"
  tags   = { Name = "${var.name}-jenkins" }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each          = toset(var.operators)
  security_group_id = var.security_group_id
  description       = "HTTPS from operators"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = each.key
}

# Let's Encrypt's check of the domain comes from anywhere, to port 80, where Caddy answers nothing else.
resource "aws_vpc_security_group_ingress_rule" "acme" {
  # checkov:skip=CKV_AWS_260: see above
  security_group_id = var.security_group_id
  description       = "ACME challenge"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = var.security_group_id
  description       = "Repositories, agents, AWS"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

# What its start needs: its volume, its address and its image.
data "aws_iam_policy_document" "start" {
  # checkov:skip=CKV_AWS_356: GetAuthorizationToken knows no resources
  statement {
    sid       = "Volume"
    actions   = ["ec2:AttachVolume"]
    resources = [aws_ebs_volume.home.arn, "arn:aws:ec2:${data.aws_region.here.name}:*:instance/*"]
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/farm"
      values   = [var.name]
    }
  }
  statement {
    sid       = "Address"
    actions   = ["ec2:AssociateAddress"]
    resources = ["arn:aws:ec2:${data.aws_region.here.name}:*:*"]
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/farm"
      values   = [var.name]
    }
  }
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = ["arn:aws:ecr:${data.aws_region.here.name}:*:repository/${var.name}-jenkins"]
  }
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = var.role_name
  policy = data.aws_iam_policy_document.start.json
}

resource "aws_iam_instance_profile" "controller" {
  name_prefix = "${var.name}-controller-"
  role        = var.role_name
}

resource "aws_launch_template" "controller" {
  name_prefix            = "${var.name}-controller-"
  image_id               = data.aws_ssm_parameter.amazon_linux.insecure_value
  instance_type          = var.instance_type
  vpc_security_group_ids = [var.security_group_id]
  iam_instance_profile { arn = aws_iam_instance_profile.controller.arn }
  metadata_options {
    # checkov:skip=CKV_AWS_341: the container of Jenkins takes the role's keys, one hop further
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = 20
      volume_type = "gp3"
      encrypted   = true
    }
  }
  user_data = base64encode(templatefile("${path.module}/start.sh", {
    region       = data.aws_region.here.name
    volume       = aws_ebs_volume.home.id
    address      = aws_eip.controller.allocation_id
    image        = var.image
    domain       = var.domain
    secrets_path = var.secrets_path
  }))
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-jenkins", farm = var.name }
  }
}

resource "aws_autoscaling_group" "controller" {
  # checkov:skip=CKV_AWS_153: tags come from the launch template and the provider
  name                = "${var.name}-controller"
  min_size            = 1
  max_size            = 1
  vpc_zone_identifier = [var.subnet_id]
  # A new version replaces the instance when you say so: aws autoscaling start-instance-refresh.
  launch_template {
    id      = aws_launch_template.controller.id
    version = aws_launch_template.controller.latest_version
  }
}

data "aws_iam_policy_document" "dlm" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["dlm.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "snapshots" {
  count              = var.snapshots ? 1 : 0
  name_prefix        = "${var.name}-snapshots-"
  assume_role_policy = data.aws_iam_policy_document.dlm.json
}

resource "aws_iam_role_policy_attachment" "snapshots" {
  count      = var.snapshots ? 1 : 0
  role       = aws_iam_role.snapshots[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole"
}

resource "aws_dlm_lifecycle_policy" "home" {
  # checkov:skip=CKV_AWS_253: one region; copy snapshots elsewhere where your rules ask for it
  # checkov:skip=CKV_AWS_254: the same
  # checkov:skip=CKV_AWS_255: the same
  # checkov:skip=CKV_AWS_256: the same
  count              = var.snapshots ? 1 : 0
  description        = "Daily snapshots of the home of Jenkins"
  execution_role_arn = aws_iam_role.snapshots[0].arn
  policy_details {
    resource_types = ["VOLUME"]
    target_tags    = { Name = "${var.name}-jenkins-home" }
    schedule {
      name = "daily"
      create_rule {
        interval = 24
        times    = ["03:30"]
      }
      retain_rule { count = 14 }
      copy_tags = true
    }
  }
}

output "address" { value = aws_eip.controller.public_ip }
output "volume_id" { value = aws_ebs_volume.home.id }
