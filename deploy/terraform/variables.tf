variable "organization" {
  description = "Names everything."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,30}$", var.organization))
    error_message = "Lower case letters, digits and hyphens, 31 at most."
  }
}

variable "region" {
  description = "Region of everything but CloudFront."
  type        = string
}

variable "domain" {
  description = "Domain of the farm: jenkins.DOMAIN and packages.DOMAIN. You make the DNS records from the outputs."
  type        = string
  default     = ""
}

variable "controller" {
  description = "Where Jenkins runs: ec2, ecs, lightsail or none."
  type        = string
  default     = "ec2"
  validation {
    condition     = contains(["ec2", "ecs", "lightsail", "none"], var.controller)
    error_message = "The controller runs on ec2, ecs, lightsail or none."
  }
}

variable "controller_image" {
  description = "Image of the controller with its digest or a tag that never moves: what `docker build .` made, in the registry of the outputs."
  type        = string
  default     = ""
  validation {
    condition     = !endswith(var.controller_image, ":latest")
    error_message = "Name a version of the image: with :latest a restart is an upgrade."
  }
}

variable "certificate_arn" {
  description = "ECS only: ACM certificate of jenkins.DOMAIN for the load balancer."
  type        = string
  default     = ""
}

variable "packages_certificate_arn" {
  description = "ACM certificate of packages.DOMAIN in us-east-1; without it CloudFront's own name is used."
  type        = string
  default     = ""
}

variable "vpc_id" {
  description = "Your VPC; empty: one is made."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "Subnets of your VPC, with a way out."
  type        = list(string)
  default     = []
}

variable "operators" {
  description = "Networks (CIDR) from which people reach Jenkins."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for cidr in var.operators : can(cidrhost(cidr, 0))])
    error_message = "Networks in CIDR notation, such as 203.0.113.0/24."
  }
}

variable "agent_public_key" {
  description = "Public SSH key that agents accept from the controller."
  type        = string
  default     = ""
  validation {
    condition     = !strcontains(var.agent_public_key, "PRIVATE KEY")
    error_message = "This is a private key: give the public half. It must not reach the state."
  }
}

variable "agents" {
  description = "Pools of agents, one autoscaling group each."
  type = map(object({
    architecture   = string
    instance_types = list(string)
    max            = optional(number, 10)
    # Share that is not spot, in percent.
    on_demand = optional(number, 0)
    disk_gb   = optional(number, 60)
    # false: for pull requests of people whom you do not know. It writes below untrusted/ of the store alone.
    trusted = optional(bool, true)
  }))
  default = {}
}
