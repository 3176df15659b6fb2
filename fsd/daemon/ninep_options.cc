#include "fsd/daemon/ninep_options.h"

#include "fsd/daemon/web_options.h"

namespace cairn::daemon {
namespace {

/// Above what other doors use: the mount is client 1.
constexpr std::uint64_t kFirstClient = 1000;

p9::Squash to_squash(config::Squash setting) {
  switch (setting) {
    case config::Squash::kRoot:
      return p9::Squash::kRoot;
    case config::Squash::kAll:
      return p9::Squash::kAll;
    case config::Squash::kNone:
      break;
  }
  return p9::Squash::kNone;
}

p9::IdMap to_map(const std::vector<config::IdRange>& ranges) {
  std::vector<p9::IdRange> map;
  for (const config::IdRange& range : ranges) {
    map.push_back({.client = range.client, .server = range.server, .count = range.count});
  }
  return p9::IdMap(std::move(map));
}

Result<p9::NinepServer::Listener> to_listener(const config::NinepSettings& settings,
                                              bool read_only) {
  p9::NinepServer::Listener listener;
  for (const config::ListenAddress& address : settings.addresses) {
    listener.addresses.push_back(
        {.host = address.host == "localhost" ? "127.0.0.1" : address.host, .port = address.port});
  }
  listener.unix_socket = settings.unix_socket;
  listener.unix_socket_mode = settings.unix_socket_mode.bits;
  listener.unix_socket_uid = settings.unix_socket_uid;
  listener.unix_socket_gid = settings.unix_socket_gid;
  listener.access.trusted_uids = settings.trusted_uids;
  for (const std::string& text : settings.allow) {
    TRY(auto network, p9::Network::parse(text));
    listener.access.networks.push_back(std::move(network));
  }
  listener.exported = {.read_only = settings.read_only || read_only,
                       .squash = to_squash(settings.squash),
                       .squash_uid = settings.squash_uid,
                       .squash_gid = settings.squash_gid,
                       .uids = to_map(settings.uid_map),
                       .gids = to_map(settings.gid_map),
                       .lookup_groups = settings.lookup_groups};
  return listener;
}

/// What guests see by WebSocket.
p9::Export guest_export(const config::Settings& settings) {
  const config::WebSettings& web = *settings.web;
  return {.read_only = settings.read_only,
          .squash = web_guest_root(web) ? p9::Squash::kNone : p9::Squash::kAll,
          .squash_uid = web_uid(web),
          .squash_gid = web.gid,
          .uids = {},
          .gids = {}};
}

}  // namespace

Result<p9::NinepServer::Options> ninep_options(const config::Settings& settings) {
  p9::NinepServer::Options options;
  options.first_client = kFirstClient;
  for (const config::NinepSettings& one : settings.ninep) {
    TRY(auto listener, to_listener(one, settings.read_only));
    options.listeners.push_back(std::move(listener));
  }
  if (settings.web) {
    options.message_export = guest_export(settings);
    options.resume_grace = settings.web->resume_grace;
  }
  return options;
}

}  // namespace cairn::daemon
