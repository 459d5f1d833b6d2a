# Jenkins on a Lightsail instance: the smallest farm, for a fixed price a month. What can't be there: an instance has no role
# of yours. So it can't size groups of agents, and the store's keys are files in secrets/: use it with agents of your own.
variable "name" { type = string }
variable "domain" { type = string }
variable "image" {
  type = string
  validation {
    condition     = var.image != "" && !strcontains(var.image, ".dkr.ecr.")
    error_message = "Set controller_image to an image of a registry that needs no role: Lightsail can't log in to ECR."
  }
}
variable "operators" {
  type = list(string)
  validation {
    condition     = length(var.operators) > 0
    error_message = "Say from which networks people reach Jenkins: operators = [\"203.0.113.0/24\"]."
  }
}
variable "bundle_id" {
  description = "Size: medium has 4 GB of memory."
  type        = string
  default     = "medium_3_0"
}

data "aws_availability_zones" "here" {
  # checkov:skip=CKV_AWS_394: the first is taken when the instance is made, which keeps it
  state = "available"
}

resource "aws_lightsail_instance" "jenkins" {
  name              = "${var.name}-jenkins"
  availability_zone = data.aws_availability_zones.here.names[0]
  blueprint_id      = "debian_12"
  bundle_id         = var.bundle_id
  user_data = templatefile("${path.module}/start.sh", {
    image  = var.image
    domain = var.domain
  })
  add_on {
    type          = "AutoSnapshot"
    snapshot_time = "03:00"
    status        = "Enabled"
  }
  # A zone that AWS adds replaces no instance.
  lifecycle { ignore_changes = [availability_zone] }
}

resource "aws_lightsail_static_ip" "jenkins" {
  name = "${var.name}-jenkins"
}

resource "aws_lightsail_static_ip_attachment" "jenkins" {
  static_ip_name = aws_lightsail_static_ip.jenkins.name
  instance_name  = aws_lightsail_instance.jenkins.name
}

resource "aws_lightsail_instance_public_ports" "jenkins" {
  instance_name = aws_lightsail_instance.jenkins.name
  port_info {
    protocol  = "tcp"
    from_port = 443
    to_port   = 443
    cidrs     = var.operators
  }
  # For secrets/, and to look for faults.
  port_info {
    protocol  = "tcp"
    from_port = 22
    to_port   = 22
    cidrs     = var.operators
  }
  # Let's Encrypt's check of the domain.
  port_info {
    protocol  = "tcp"
    from_port = 80
    to_port   = 80
    cidrs     = ["0.0.0.0/0"]
  }
}

output "address" { value = aws_lightsail_static_ip.jenkins.ip_address }
