# Jenkins as a service of ECS, behind a load balancer, its home on EFS. Fargate runs the controller; agents can't run there:
# it has neither privileges nor namespaces.
variable "name" { type = string }
variable "domain" { type = string }
variable "image" {
  type = string
  validation {
    condition     = var.image != ""
    error_message = "Set controller_image: docker build, push, and name it here with its version."
  }
}
variable "certificate_arn" {
  type = string
  validation {
    condition     = startswith(var.certificate_arn, "arn:aws:acm:")
    error_message = "The load balancer needs certificate_arn, a certificate of ACM for jenkins.DOMAIN."
  }
}
variable "vpc_id" { type = string }
variable "subnet_ids" {
  type = list(string)
  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "A load balancer needs two subnets."
  }
}
variable "security_group_id" { type = string }
variable "operators" {
  type = list(string)
  validation {
    condition     = length(var.operators) > 0
    error_message = "Say from which networks people reach Jenkins: operators = [\"203.0.113.0/24\"]."
  }
}
variable "role_arn" { type = string }
variable "secrets_path" { type = string }
variable "launch_type" {
  type    = string
  default = "FARGATE"
  validation {
    condition     = contains(["FARGATE", "EC2"], var.launch_type)
    error_message = "FARGATE, or EC2 for a cluster with instances of yours."
  }
}
variable "secrets" {
  description = "Names of the parameters below secrets_path that are there."
  type        = list(string)
  default     = ["AGENT_SSH_KEY", "SIGNING_KEY"]
}

variable "backups" {
  description = "Daily backups of the home by AWS Backup, 35 days kept."
  type        = bool
  default     = true
}

data "aws_region" "here" {}
data "aws_caller_identity" "me" {}

resource "aws_efs_file_system" "home" {
  # checkov:skip=CKV_AWS_184: AWS's own key
  encrypted = true
  lifecycle_policy { transition_to_ia = "AFTER_30_DAYS" }
  tags = { Name = "${var.name}-jenkins-home" }
}

resource "aws_efs_backup_policy" "home" {
  count          = var.backups ? 1 : 0
  file_system_id = aws_efs_file_system.home.id
  backup_policy { status = "ENABLED" }
}

# All writes are of the image's user.
resource "aws_efs_access_point" "home" {
  file_system_id = aws_efs_file_system.home.id
  posix_user {
    uid = 1000
    gid = 1000
  }
  root_directory {
    path = "/jenkins"
    creation_info {
      owner_uid   = 1000
      owner_gid   = 1000
      permissions = "700"
    }
  }
}

resource "aws_security_group" "home" {
  name_prefix = "${var.name}-home-"
  description = "NFS from Jenkins"
  vpc_id      = var.vpc_id
  ingress {
    description     = "NFS"
    protocol        = "tcp"
    from_port       = 2049
    to_port         = 2049
    security_groups = [var.security_group_id]
  }
  lifecycle { create_before_destroy = true }
}

resource "aws_efs_mount_target" "home" {
  count           = length(var.subnet_ids)
  file_system_id  = aws_efs_file_system.home.id
  subnet_id       = var.subnet_ids[count.index]
  security_groups = [aws_security_group.home.id]
}

resource "aws_security_group" "balancer" {
  name_prefix = "${var.name}-balancer-"
  description = "HTTPS from operators"
  vpc_id      = var.vpc_id
  ingress {
    description = "HTTPS from operators"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = var.operators
  }
  egress {
    description     = "Jenkins"
    protocol        = "tcp"
    from_port       = 8080
    to_port         = 8080
    security_groups = [var.security_group_id]
  }
  lifecycle { create_before_destroy = true }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id            = var.security_group_id
  description                  = "From the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = aws_security_group.balancer.id
}

resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = var.security_group_id
  description       = "Repositories, agents, AWS"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_lb" "jenkins" {
  # checkov:skip=CKV_AWS_91: access logs cost money; Jenkins keeps its own
  # checkov:skip=CKV_AWS_150: Terraform destroys the farm when it is told to
  # checkov:skip=CKV2_AWS_28: only operators' networks reach it
  name_prefix                = substr(var.name, 0, 6)
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  # Longer than the pings of an agent's WebSocket.
  idle_timeout = 120
}

resource "aws_lb_target_group" "jenkins" {
  # checkov:skip=CKV_AWS_378: TLS ends at the load balancer, inside the VPC
  name_prefix = substr(var.name, 0, 6)
  port        = 8080
  protocol    = "HTTP"
  target_type = "ip"
  vpc_id      = var.vpc_id
  health_check {
    path     = "/login"
    interval = 30
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.jenkins.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.jenkins.arn
  }
}

resource "aws_cloudwatch_log_group" "jenkins" {
  # checkov:skip=CKV_AWS_158: AWS's own key; no secret is in the log but the first password, which you change
  # checkov:skip=CKV_AWS_338: a month is enough to look for a fault
  name              = "/farm/${var.name}/jenkins"
  retention_in_days = 30
}

resource "aws_ecs_cluster" "farm" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

# ECS itself pulls the image and reads the secrets, before the container runs.
data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "secrets" {
  statement {
    actions   = ["ssm:GetParameters"]
    resources = [for name in var.secrets : local.parameter[name]]
  }
}

locals {
  prefix    = "arn:aws:ssm:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:parameter"
  parameter = { for name in var.secrets : name => "${local.prefix}${var.secrets_path}/${name}" }
}

resource "aws_iam_role" "start" {
  name_prefix        = "${var.name}-start-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy_attachment" "start" {
  role       = aws_iam_role.start.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secrets" {
  role   = aws_iam_role.start.id
  policy = data.aws_iam_policy_document.secrets.json
}

resource "aws_ecs_task_definition" "jenkins" {
  # checkov:skip=CKV_AWS_336: Jenkins unpacks its war below its home and /tmp
  family                   = "${var.name}-jenkins"
  requires_compatibilities = [var.launch_type]
  network_mode             = "awsvpc"
  cpu                      = 2048
  memory                   = 4096
  task_role_arn            = var.role_arn
  execution_role_arn       = aws_iam_role.start.arn
  container_definitions = jsonencode([{
    name         = "jenkins"
    image        = var.image
    essential    = true
    portMappings = [{ containerPort = 8080 }]
    environment = [
      { name = "CASC_JENKINS_CONFIG", value = "/usr/share/slipway/jcasc/common,/usr/share/slipway/jcasc/aws" },
      { name = "JENKINS_URL", value = "https://${var.domain}/" },
    ]
    # The definition holds the parameters' names, never their values.
    secrets     = [for name in var.secrets : { name = name, valueFrom = local.parameter[name] }]
    mountPoints = [{ sourceVolume = "home", containerPath = "/var/jenkins_home" }]
    stopTimeout = 60
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.jenkins.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = "jenkins"
      }
    }
  }])
  volume {
    name = "home"
    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.home.id
      transit_encryption = "ENABLED"
      authorization_config {
        access_point_id = aws_efs_access_point.home.id
      }
    }
  }
}

resource "aws_ecs_service" "jenkins" {
  # checkov:skip=CKV_AWS_333: public subnets, as for the agents; its security group lets in the load balancer alone
  name            = "jenkins"
  cluster         = aws_ecs_cluster.farm.id
  task_definition = aws_ecs_task_definition.jenkins.arn
  launch_type     = var.launch_type
  desired_count   = 1
  # Two controllers on one home would destroy it: the old one stops before the new one starts.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  health_check_grace_period_seconds  = 300
  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = var.launch_type == "FARGATE"
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.jenkins.arn
    container_name   = "jenkins"
    container_port   = 8080
  }
  depends_on = [aws_lb_listener.https, aws_efs_mount_target.home]
}

output "address" { value = aws_lb.jenkins.dns_name }
output "file_system_id" { value = aws_efs_file_system.home.id }
