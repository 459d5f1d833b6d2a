# A VPC with two public subnets, or yours. Agents get public addresses: a NAT gateway would cost more than the controller.
# Their security group lets only the controller in.
variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" {
  type = list(string)
  validation {
    condition     = (var.vpc_id == "") == (length(var.subnet_ids) == 0)
    error_message = "Give both vpc_id and subnet_ids, or neither."
  }
}

locals {
  make = var.vpc_id == ""
}

data "aws_availability_zones" "here" {
  # checkov:skip=CKV_AWS_394: the first two are taken when subnets are made, which keep theirs
  state = "available"
}

data "aws_region" "here" {}

resource "aws_vpc" "farm" {
  # checkov:skip=CKV2_AWS_11: flow logs cost money with every package; turn them on where your rules ask for them
  count                = local.make ? 1 : 0
  cidr_block           = "10.64.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# The default group of a VPC lets its members reach each other: this one lets nobody.
resource "aws_default_security_group" "none" {
  count  = local.make ? 1 : 0
  vpc_id = aws_vpc.farm[0].id
}

resource "aws_internet_gateway" "farm" {
  count  = local.make ? 1 : 0
  vpc_id = aws_vpc.farm[0].id
}

resource "aws_subnet" "farm" {
  # checkov:skip=CKV_AWS_130: public on purpose, see above
  count                   = local.make ? 2 : 0
  vpc_id                  = aws_vpc.farm[0].id
  cidr_block              = cidrsubnet(aws_vpc.farm[0].cidr_block, 4, count.index)
  availability_zone       = data.aws_availability_zones.here.names[count.index]
  map_public_ip_on_launch = true
  tags                    = { Name = "${var.name}-${count.index}" }
  # A zone that AWS adds moves no subnet.
  lifecycle { ignore_changes = [availability_zone] }
}

resource "aws_route_table" "farm" {
  count  = local.make ? 1 : 0
  vpc_id = aws_vpc.farm[0].id
}

resource "aws_route" "out" {
  count                  = local.make ? 1 : 0
  route_table_id         = aws_route_table.farm[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.farm[0].id
}

resource "aws_route_table_association" "farm" {
  count          = local.make ? 2 : 0
  subnet_id      = aws_subnet.farm[count.index].id
  route_table_id = aws_route_table.farm[0].id
}

# The store's traffic stays inside AWS and costs nothing.
resource "aws_vpc_endpoint" "s3" {
  count           = local.make ? 1 : 0
  vpc_id          = aws_vpc.farm[0].id
  service_name    = "com.amazonaws.${data.aws_region.here.name}.s3"
  route_table_ids = [aws_route_table.farm[0].id]
}

output "vpc_id" {
  value = local.make ? aws_vpc.farm[0].id : var.vpc_id
}

output "subnet_ids" {
  value = local.make ? aws_subnet.farm[*].id : var.subnet_ids
}
