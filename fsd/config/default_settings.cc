#include "fsd/config/load_settings.h"

namespace cairn::config {

std::string_view default_settings_toml() {
  return R"toml(# Configuration of cairn.
#
# A line "# key = value" that is commented out shows the default, or an example where there is none.
# In texts, "${NAME}" is replaced by the environment's variable NAME (it must be set), and "$$" by
# "$".
# A gigabyte (gb) is 10^9 bytes.

[storage]
# Where the volume lies: "s3://bucket/prefix", "file:///directory" or "memory:" (lost at the end).
url = "file:///var/lib/cairn"
# Encrypts everything before it leaves this machine. Whoever loses it loses the volume.
# encryption_password = "${CAIRN_PASSWORD}"
# Give up on a request after so many seconds; without it a store that is away is waited for.
# soft_timeout_s = 600
# S3 only: storage class, and encryption by the provider ("AES256" or "aws:kms").
# storage_class = "STANDARD"
# sse = "aws:kms"
# kms_key_id = "alias/cairn"

# Needed for S3 only. What is left out comes from the standard AWS chain: environment,
# ~/.aws/config and ~/.aws/credentials, the container's or the machine's role.
[aws]
# endpoint = "https://s3.example.org"
# region = "us-east-1"
# access_key_id = "${CAIRN_ACCESS_KEY_ID}"
# secret_access_key = "${CAIRN_SECRET_ACCESS_KEY}"
# session_token = "${CAIRN_SESSION_TOKEN}"
# profile = "default"
# Permit an endpoint without TLS.
# allow_http = false
# Bucket in the path instead of the host name; by default with an endpoint of one's own.
# path_style = true
# ca_file = "/etc/ssl/certs/ca-certificates.crt"
# proxy = "http://proxy.example.org:3128"
# connections_max = 128
# connect_timeout_s = 5
# Seconds without a byte after which a request is given up and sent again.
# stall_timeout_s = 20

[cache]
# By default below /var/cache/cairn, or ~/.cache/cairn for others than root.
# dir = "/var/cache/cairn/cairn"
# disk_size_gb = 10.0
# Decoded data in memory; the data that is on its way to the store comes on top.
# memory_size_gb = 0.5

[filesystem]
# "zstd-1" to "zstd-19", "lz4" or "none".
# compression = "zstd-3"
# What df shows, and the limit of all files together.
# max_size_gb = 100.0
# What nobody has synced goes to the store after so long.
# commit_interval_ms = 5000
# "bucket": fsync returns when the store has the data. "local": when the local disk has it.
# durability = "bucket"
# How long to try, when told to stop, to bring the last data into a store that is away.
# shutdown_timeout_s = 60

# The volume as a directory of this machine; --mount does the same.
[servers.fuse]
mountpoint = "/mnt/cairn"
# May other users see it? By default when the daemon is root.
# allow_other = true
# How requests come from the kernel: "auto", "on" or "off".
# io_uring = "auto"
# Threads that read requests where io_uring is not used.
# readers = 8

# The volume over 9P2000.L, for mount -t 9p and emulators; several [[servers.ninep]] may stand here.
# [[servers.ninep]]
# addresses = ["127.0.0.1:5564"]
# unix_socket = "/run/cairn/9p.sock"
# unix_socket_mode = "0666"
# Its owner and group; by default the daemon's.
# unix_socket_uid = 1000
# unix_socket_gid = 1000
# Networks that may connect; required if an address is not loopback, since 9P has no passwords.
# The machines in them are believed about who their users are.
# allow = ["10.0.0.0/8"]
# A local user may attach as himself. Root, the daemon's user and these may be anybody.
# trusted_uids = [1000]
# read_only = false
# Make root ("root"), or everybody ("all"), somebody without rights.
# squash = "none"
# squash_uid = 65534
# squash_gid = 65534
# The client's numbers and ours: "CLIENT:SERVER:COUNT"; what is in no range is nobody.
# uid_map = "0:100000:65536"
# gid_map = "0:100000:65536"
# Give users the groups that they have on this machine.
# lookup_groups = true

# The web page, a Linux machine in the browser, and 9P2000.L over WebSockets (/ws/9p); --web does
# the same.
# [servers.webui]
# addresses = ["127.0.0.1:8080"]
# Who the file manager acts as, and the machine's ordinary user. Set, this user needs no password on
# this machine, as root and the daemon's user never do.
# uid = 1000
# gid = 1000
# The machine's root is root on the volume, and its users are who they say; else all are uid and
# gid. By default only if every address is loopback.
# guest_root = true
# Required unless every address is loopback.
# password = "${CAIRN_WEB_PASSWORD}"
# The names that browsers reach it by, if not by the addresses; needed behind a proxy.
# hosts = ["cairn.example.org"]
# Origins of other pages that may use it.
# origins = ["https://other.example.org"]
# Where the page and the machine's image are, if not where they are installed.
# page_dir = "/usr/share/cairn/web"
# vm_dir = "/usr/share/cairn/vm"
# How long a machine in a browser may be away before its session, with its locks, is given up.
# resume_grace_s = 120
)toml";
}

}  // namespace cairn::config
