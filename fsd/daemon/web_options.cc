#include "fsd/daemon/web_options.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "fsd/base/log.h"

namespace cairn::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFirstUser = 1000;  // of nearly every Linux

/// Where the program's files are: installed beside it (/usr/bin and /usr/share), or in the tree
/// that it was built in.
std::string find_directory(const char* installed, const char* built) {
  std::error_code failed;
  const fs::path bin = fs::read_symlink("/proc/self/exe", failed).parent_path();
  const fs::path beside = (bin / "../share/cairn" / installed).lexically_normal();
  if (fs::is_directory(beside, failed)) return beside;
  const fs::path in_tree = (bin / built).lexically_normal();
  if (fs::is_directory(in_tree, failed)) return in_tree;
  return std::string("/usr/share/cairn/") + installed;
}

}  // namespace

bool web_guest_root(const config::WebSettings& settings) {
  return settings.guest_root.value_or(
      std::ranges::all_of(settings.addresses, &config::ListenAddress::is_loopback));
}

std::uint32_t web_uid(const config::WebSettings& settings) {
  return settings.uid.value_or(kFirstUser);
}

web::WebServer::Options web_options(const config::Settings& settings) {
  const config::WebSettings& web = *settings.web;
  web::WebServer::Options options;
  for (const config::ListenAddress& address : web.addresses) {
    options.addresses.push_back(
        {.host = address.host == "localhost" ? "127.0.0.1" : address.host, .port = address.port});
  }
  web::Site::Options& site = options.site;
  site.access.hosts = web.hosts;
  site.access.origins = web.origins;
  site.access.trusted_uids = {0, geteuid()};
  if (web.uid) site.access.trusted_uids.push_back(*web.uid);
  site.access.has_password = web.password.has_value();
  if (web.password) site.password = web.password->reveal();
  site.page_dir = web.page_dir.empty() ? find_directory("web", "../../../web/dist") : web.page_dir;
  site.vm_dir = web.vm_dir.empty() ? find_directory("vm", "../../guest") : web.vm_dir;
  site.facts = {.volume = settings.storage.url->text(),
                .uid = web_uid(web),
                .gid = web.gid,
                .guest_root = web_guest_root(web),
                .version = CAIRN_VERSION};
  return options;
}

void warn_of_missing_files(const web::Site::Options& site) {
  std::error_code failed;
  if (!fs::is_directory(site.page_dir, failed)) {
    log::warn("there is no page in {}: only WebSockets and /api are served", site.page_dir);
  }
  if (!fs::is_directory(site.vm_dir, failed)) {
    log::warn("there is no machine for the browser in {}", site.vm_dir);
  }
}

}  // namespace cairn::daemon
