# The chart of deploy/helm, with the config as a variable.

terraform {
  required_version = ">= 1.5"
  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = ">= 2.12"
    }
  }
}

variable "name" {
  description = "The name of the release."
  type        = string
  default     = "tidegate"
}

variable "namespace" {
  type    = string
  default = "default"
}

variable "config" {
  description = "The config, TOML. Run `tidegate check` and `tidegate diff` on it first."
  type        = string
}

variable "image" {
  type    = object({ repository = string, tag = string })
  default = { repository = "tidegate", tag = "" }
}

variable "replicas" {
  type    = object({ min = number, max = number })
  default = { min = 2, max = 10 }
}

resource "helm_release" "tidegate" {
  name             = var.name
  namespace        = var.namespace
  create_namespace = true
  chart            = "${path.module}/../../helm/tidegate"
  atomic           = true

  values = [yamlencode({
    config      = var.config
    image       = var.image
    autoscaling = { enabled = true, minReplicas = var.replicas.min, maxReplicas = var.replicas.max, cpuPercent = 60 }
  })]
}

output "name" {
  value = helm_release.tidegate.name
}
