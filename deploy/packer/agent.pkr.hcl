# The image of agents on AWS, from Debian's own and the Ansible role: the second way beside `agentImagePipeline()`.
#   packer init . && packer build -var architecture=amd64 .
# Then let agents use it: slipway deploy image use ami-…
variable "organization" {
  type = string
}

variable "region" {
  type = string
}

variable "architecture" {
  type    = string
  default = "amd64"
}

# Debian's account.
variable "owner" {
  type    = string
  default = "136693071363"
}

# Where the image's id is written.
variable "manifest" {
  type    = string
  default = "packer-manifest.json"
}

# Digest of the role and these files, `slipway deploy image toolset`: the image is made anew when it is another.
variable "toolset" {
  type    = string
  default = ""
}

# Tests build on a service of their own.
variable "endpoint" {
  type    = string
  default = ""
}

variable "source_ami" {
  type    = string
  default = ""
}

variable "ssh_host" {
  type    = string
  default = ""
}

variable "ssh_port" {
  type    = number
  default = 22
}

variable "ssh_private_key_file" {
  type    = string
  default = ""
}

locals {
  stamp         = formatdate("YYYYMMDD-hhmmss", timestamp())
  instance_type = var.architecture == "arm64" ? "t4g.medium" : "t3a.medium"
  processor     = var.architecture == "arm64" ? "arm64" : "x86_64"
}

source "amazon-ebs" "agent" {
  ami_name             = "${var.organization}-agent-${var.architecture}-${local.stamp}"
  ami_description      = "Slipway agent, Debian 13"
  region               = var.region
  instance_type        = local.instance_type
  custom_endpoint_ec2  = var.endpoint
  source_ami           = var.source_ami
  ssh_username         = var.ssh_host == "" ? "admin" : "root"
  ssh_host             = var.ssh_host
  ssh_port             = var.ssh_port
  ssh_private_key_file = var.ssh_private_key_file
  # IMDSv2 for what starts from the image, too.
  imds_support           = "v2.0"
  skip_region_validation = var.endpoint != ""
  dynamic "source_ami_filter" {
    for_each = var.source_ami == "" ? [1] : []
    content {
      owners      = [var.owner]
      most_recent = true
      filters = {
        name                = "debian-13-${var.architecture}-*"
        architecture        = local.processor
        virtualization-type = "hvm"
        root-device-type    = "ebs"
      }
    }
  }
  # Retention of the image job goes by these.
  tags = {
    farm            = var.organization
    slipway-agent   = var.architecture
    slipway-toolset = var.toolset
  }
}

build {
  sources = ["source.amazon-ebs.agent"]

  provisioner "ansible" {
    playbook_file    = "${path.root}/image.yaml"
    user             = var.ssh_host == "" ? "admin" : "root"
    use_proxy        = false
    ansible_env_vars = ["ANSIBLE_ROLES_PATH=${path.root}/../ansible/roles", "ANSIBLE_HOST_KEY_CHECKING=False"]
  }
  post-processor "manifest" {
    output = var.manifest
  }
}
