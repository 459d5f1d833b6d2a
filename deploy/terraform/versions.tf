terraform {
  required_version = ">= 1.7"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
  # State in S3: make a bucket with versioning, then uncomment and `terraform init`.
  # backend "s3" {
  #   bucket       = "acme-terraform"
  #   key          = "farm.tfstate"
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { farm = var.organization }
  }
}
