# Two buckets: the store of what was built, and the apt repositories behind CloudFront.
variable "name" { type = string }
variable "domain" {
  type    = string
  default = ""
}
variable "certificate_arn" {
  type    = string
  default = ""
  validation {
    condition     = var.certificate_arn == "" || startswith(var.certificate_arn, "arn:aws:acm:us-east-1:")
    error_message = "CloudFront takes certificates of us-east-1 only."
  }
}

locals {
  buckets = toset(["store", "packages"])
  # AWS's own policies: these ids are the same in every account.
  caching_optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
}

data "aws_caller_identity" "me" {}

resource "aws_s3_bucket" "farm" {
  # checkov:skip=CKV_AWS_144: what is in it can be built again
  # checkov:skip=CKV_AWS_145: AWS's own key; packages are public
  # checkov:skip=CKV_AWS_18: access logs cost a request each; turn them on where your rules ask for them
  # checkov:skip=CKV2_AWS_62: nobody listens
  for_each = local.buckets
  bucket   = "${var.name}-${each.key}-${data.aws_caller_identity.me.account_id}"
}

resource "aws_s3_bucket_public_access_block" "farm" {
  for_each                = local.buckets
  bucket                  = aws_s3_bucket.farm[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "farm" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.farm[each.key].id
  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "farm" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.farm[each.key].id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}

# A mistake in a publication can be taken back for a month.
resource "aws_s3_bucket_versioning" "farm" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.farm[each.key].id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_lifecycle_configuration" "farm" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.farm[each.key].id
  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration { noncurrent_days = 30 }
    abort_incomplete_multipart_upload { days_after_initiation = 2 }
  }
}

resource "aws_cloudfront_origin_access_control" "packages" {
  name                              = "${var.name}-packages"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# How long files are kept by the edge is said by each object's Cache-Control, which Slipway sets when it publishes: indices
# by hash and packages for ever, InRelease for seconds.
resource "aws_cloudfront_distribution" "packages" {
  # checkov:skip=CKV_AWS_68: a WAF guards applications; these are files
  # checkov:skip=CKV2_AWS_47: the same
  # checkov:skip=CKV_AWS_86: access logs cost a request each
  # checkov:skip=CKV_AWS_305: a repository has no root page
  # checkov:skip=CKV_AWS_310: one origin; what is in it can be published again
  # checkov:skip=CKV_AWS_374: robots are everywhere
  # checkov:skip=CKV_AWS_174: with CloudFront's own certificate AWS chooses the version of TLS
  # checkov:skip=CKV2_AWS_32: headers are for browsers
  # checkov:skip=CKV2_AWS_42: the certificate is optional: without one CloudFront's own name is used
  enabled         = true
  is_ipv6_enabled = true
  comment         = "${var.name} packages"
  aliases         = var.domain == "" ? [] : [var.domain]
  price_class     = "PriceClass_100"
  origin {
    domain_name              = aws_s3_bucket.farm["packages"].bucket_regional_domain_name
    origin_id                = "packages"
    origin_access_control_id = aws_cloudfront_origin_access_control.packages.id
  }
  default_cache_behavior {
    target_origin_id       = "packages"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = local.caching_optimized
  }
  restrictions {
    geo_restriction { restriction_type = "none" }
  }
  viewer_certificate {
    cloudfront_default_certificate = var.certificate_arn == ""
    acm_certificate_arn            = var.certificate_arn == "" ? null : var.certificate_arn
    ssl_support_method             = var.certificate_arn == "" ? null : "sni-only"
    minimum_protocol_version       = var.certificate_arn == "" ? "TLSv1" : "TLSv1.2_2021"
  }
}

data "aws_iam_policy_document" "packages" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.farm["packages"].arn}/*"]
    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.packages.arn]
    }
  }
}

resource "aws_s3_bucket_policy" "packages" {
  bucket = aws_s3_bucket.farm["packages"].id
  policy = data.aws_iam_policy_document.packages.json
}

output "store_bucket" { value = aws_s3_bucket.farm["store"].bucket }
output "store_bucket_arn" { value = aws_s3_bucket.farm["store"].arn }
output "packages_bucket" { value = aws_s3_bucket.farm["packages"].bucket }
output "packages_bucket_arn" { value = aws_s3_bucket.farm["packages"].arn }
output "distribution_arn" { value = aws_cloudfront_distribution.packages.arn }
output "distribution_domain" { value = aws_cloudfront_distribution.packages.domain_name }
