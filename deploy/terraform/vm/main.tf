# Cloud-init user data for a plain machine with Tidegate under systemd: give `user_data` to the instance resource of any provider.

terraform {
  required_version = ">= 1.5"
}

variable "config" {
  description = "The config, TOML. Run `tidegate check` on it first."
  type        = string
}

variable "package_url" {
  description = "Where the machine gets the binary from, for its architecture."
  type        = string
}

variable "package_sha256" {
  description = "The checksum of the binary; the machine refuses another one."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "A SHA-256 checksum has 64 hexadecimal digits."
  }
}

locals {
  unit = file("${path.module}/../../systemd/tidegate.service")
}

output "user_data" {
  description = "For the instance."
  value = join("\n", ["#cloud-config", yamlencode({
    users = ["default", { name = "tidegate", system = true, shell = "/usr/sbin/nologin" }]
    write_files = [
      # Readable for the group that it runs as, once there is one: secrets may stand in it.
      { path = "/etc/tidegate/tidegate.toml", permissions = "0640", content = var.config },
      { path = "/etc/systemd/system/tidegate.service", permissions = "0644", content = local.unit },
    ]
    runcmd = [
      ["sh", "-c", "curl -fsSL -o /usr/bin/tidegate.new '${var.package_url}' && echo '${var.package_sha256}  /usr/bin/tidegate.new' | sha256sum -c && chmod 755 /usr/bin/tidegate.new && mv /usr/bin/tidegate.new /usr/bin/tidegate"],
      ["chown", "-R", "root:tidegate", "/etc/tidegate"],
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "tidegate"],
    ]
  })])
}
