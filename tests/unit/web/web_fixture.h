#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "fsd/frontends/web/web_server.h"
#include "fsd/runtime/blocking.h"
#include "fsd/runtime/real_runtime.h"
#include "tests/support/web_client.h"

namespace cairn::web {

using testing::WebClient;

/// What has happened to the users of a server's WebSockets; tests wait for it.
class Events {
 public:
  void add(std::string what) {
    std::lock_guard lock(mutex_);
    events_.push_back(std::move(what));
    changed_.notify_all();
  }
  void wait_for(const std::string& what) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(20), [&] { return count_locked(what) > 0; }))
        << "not seen: " << what;
  }
  [[nodiscard]] std::size_t count(const std::string& what) {
    std::lock_guard lock(mutex_);
    return count_locked(what);
  }

 private:
  std::size_t count_locked(const std::string& what) const {
    return static_cast<std::size_t>(std::ranges::count(events_, what));
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

/// Sends back what it gets. "hold": holds back; "close": closes; "flood N": sends N messages of 64
/// KiB.
class EchoUser final : public MessageSocket::User {
 public:
  EchoUser(std::shared_ptr<MessageSocket> socket, Events& events)
      : socket_(std::move(socket)), events_(events) {}
  void on_message(std::string message) override {
    EXPECT_FALSE(busy_ || closed_) << "called inside of a call, or after the end";
    busy_ = true;
    if (message == "hold") socket_->hold_back(true);
    if (message == "close") socket_->close(kCloseNormal, "as you wish");
    if (message.starts_with("flood ")) flood(std::stoi(message.substr(6)));
    events_.add("message " + message.substr(0, 32));
    socket_->send(std::move(message));
    busy_ = false;
  }
  void on_drained() override {
    EXPECT_FALSE(busy_ || closed_);
    events_.add("drained");
  }
  void on_leaving() override {
    EXPECT_FALSE(busy_ || closed_);
    events_.add("leaving");
  }
  void on_closed() override {
    EXPECT_FALSE(busy_ || closed_);
    closed_ = true;
    events_.add("closed");
  }
  MessageSocket& socket() { return *socket_; }

 private:
  void flood(int messages) {
    for (int i = 0; i < messages; ++i) socket_->send(std::string(64 << 10, 'f'));
    if (socket_->unsent_bytes() > MessageSocket::kUnsentBytesMax) events_.add("full");
  }
  const std::shared_ptr<MessageSocket> socket_;
  Events& events_;
  bool busy_ = false;
  bool closed_ = false;
};

/// A server on loopback with a directory of files and an echo at /ws/echo (subprotocols "b" and
/// "a").
class WebServerTest : public ::testing::Test {
 protected:
  WebServerTest() {
    directory_ =
        std::filesystem::temp_directory_path() / ("cairn-web-test-" + std::to_string(::getpid()));
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_ / "page" / "assets");
    std::filesystem::create_directories(directory_ / "vm");
    put("page/index.html", "<html>");
    options.addresses = {{"127.0.0.1", 0}};
    options.limits.close_timeout = std::chrono::milliseconds(300);
    options.site.page_dir = directory_ / "page";
    options.site.vm_dir = directory_ / "vm";
    options.site.access.trusted_uids = {::geteuid()};
    options.site.facts = {.volume = "memory:", .version = "1"};
    options.site.sockets = {{.path = "/ws/echo",
                             .subprotocols = {"b", "a"},
                             .message_bytes_max = 1 << 20,
                             .accept = [this](std::shared_ptr<MessageSocket> socket, const WebPeer&,
                                              std::string_view subprotocol) {
                               events.add("accepted " + std::string(subprotocol));
                               auto user = std::make_shared<EchoUser>(std::move(socket), events);
                               if (!refuse) last_user = user;
                               return refuse ? nullptr : user;
                             }}};
  }
  ~WebServerTest() override {
    server.reset();
    runtime.stop();
    std::filesystem::remove_all(directory_);
  }
  void put(const std::string& name, const std::string& content) {
    std::ofstream(directory_ / name, std::ios::binary) << content;
  }
  void start() {
    auto started = WebServer::start(runtime.runtime(), runtime.io(), options);
    ASSERT_TRUE(started) << started.error().message();
    server = std::move(*started);
  }
  std::uint16_t port() {
    const std::string address = server->addresses().at(0);
    return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }
  WebClient client() {
    if (!server) start();
    return WebClient(port());
  }
  WebClient socket() {
    WebClient made = client();
    EXPECT_EQ(made.upgrade("/ws/echo").status, 101);
    return made;
  }

  std::filesystem::path directory_;
  Events events;
  std::atomic<bool> refuse = false;
  std::weak_ptr<EchoUser> last_user;  // core
  WebServer::Options options;
  RealRuntime runtime{{.io_threads = 2, .pool_threads = 2}};
  std::unique_ptr<WebServer> server;
};

}  // namespace cairn::web
