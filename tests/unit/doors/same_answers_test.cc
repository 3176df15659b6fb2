#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "fsd/frontends/ninep/ninep_server.h"
#include "fsd/frontends/web/web_server.h"
#include "fsd/runtime/blocking.h"
#include "fsd/runtime/real_runtime.h"
#include "protocol/resume/client.h"
#include "tests/support/memory_volume.h"
#include "tests/support/web_client.h"
#include "tests/unit/ninep/socket_client.h"

// One session, by whatever carries it, is answered byte for byte the same.

namespace cairn::p9 {
namespace {

using testing::WebClient;

/// What a client asks in one session, one after the other.
std::vector<Request> script() {
  Twalk walk{.fid = 0, .newfid = 1};
  Twalk back{.fid = 0, .newfid = 2};
  back.names.push_back("file");
  Twalkgetattr look{.fid = 0, .newfid = 4};
  look.names.push_back("file");
  return {Tversion{.msize = 8192, .version = kVersion},
          Tattach{.fid = 0, .afid = kNoFid, .n_uname = 0},
          walk,
          Tlcreate{.fid = 1, .name = "file", .flags = open_flag::kReadWrite, .mode = 0644},
          Twrite{.fid = 1, .offset = 3, .data = as_bytes("hello")},
          Tread{.fid = 1, .offset = 0, .count = 100},
          back,
          Tgetattr{.fid = 2, .request_mask = 0},
          look,
          Txattrwalk{.fid = 2, .newfid = 3, .name = "user.none"},
          Tclunk{.fid = 99},
          Tlock{.fid = 1, .type = 1, .proc_id = 5, .client_id = "c"},
          Tfsync{.fid = 1},
          Tunlinkat{.dfid = 0, .name = "file"},
          Tread{.fid = 1, .offset = 3, .count = 100},
          Tclunk{.fid = 1},
          Tclunk{.fid = 2},
          Tclunk{.fid = 4},
          look};
}

/// Without what tells one file, or one moment, from another: qids, and all attributes.
std::vector<std::string> without_inodes(std::vector<std::string> replies) {
  for (std::string& reply : replies) {
    const auto type = static_cast<MessageType>(reply[4]);
    if (type == MessageType::kRattach || type == MessageType::kRlcreate ||
        type == MessageType::kRwalk || type == MessageType::kRgetattr ||
        type == MessageType::kRwalkgetattr) {
      reply.resize(kHeaderBytes);
    }
  }
  return replies;
}

/// Carries one request and brings its reply.
using Carry = std::function<std::string(const std::string& request)>;

std::vector<std::string> play(const Carry& carry) {
  std::vector<std::string> replies;
  for (const Request& request : script()) {
    std::string message;
    append(message, 7, request);
    replies.push_back(carry(message));
  }
  return without_inodes(std::move(replies));
}

class CarriersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() /
                 ("cairn-carriers-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    auto opened = run_blocking(runtime_.runtime().core, [this] {
      return vfs::Vfs::open(runtime_.runtime(), volume_, {.grace = true});
    });
    ASSERT_TRUE(opened);
    vfs_ = std::move(*opened);
    start_ninep();
    start_web();
  }
  void TearDown() override {
    if (web_) web_->stop();
    if (ninep_) ninep_->stop();
    run_blocking(runtime_.runtime().core, [this] { return vfs_->stop(); });
    call_blocking(runtime_.runtime().core, [this] { vfs_.reset(); });
    web_.reset();
    ninep_.reset();
    runtime_.stop();
    std::filesystem::remove_all(directory_);
  }

  void start_ninep() {
    NinepServer::Listener listener;
    listener.addresses = {{"127.0.0.1", 0}};
    listener.unix_socket = directory_ / "9p.sock";
    auto started =
        NinepServer::start(runtime_.runtime(), runtime_.io(), *vfs_,
                           {.listeners = {listener}, .resume_grace = std::chrono::seconds(60)});
    ASSERT_TRUE(started) << started.error().message();
    ninep_ = std::move(*started);
  }
  void start_web() {
    web::WebServer::Options options{.addresses = {{"127.0.0.1", 0}}};
    options.site.access.trusted_uids = {::geteuid()};
    options.site.sockets.push_back(
        {.path = "/ws/9p",
         .subprotocols = {std::string(resume::kSubprotocol)},
         .message_bytes_max = 2U << 20,
         .accept = [this](std::shared_ptr<MessageSocket> socket, const web::WebPeer&,
                          std::string_view subprotocol) {
           const Peer peer{.trusted = true, .uid = kNobody, .name = "test"};
           return subprotocol.empty() ? ninep_->accept(std::move(socket), peer)
                                      : ninep_->accept_resumable(std::move(socket), peer);
         }});
    auto started = web::WebServer::start(runtime_.runtime(), runtime_.io(), std::move(options));
    ASSERT_TRUE(started) << started.error().message();
    web_ = std::move(*started);
  }

  [[nodiscard]] WebClient web_socket(const std::string& headers) const {
    const std::string address = web_->addresses()[0];
    const std::string port = address.substr(address.rfind(':') + 1);
    WebClient client(static_cast<std::uint16_t>(std::stoi(port)));
    EXPECT_EQ(client.upgrade("/ws/9p", headers).status, 101);
    return client;
  }
  static std::string next(WebClient& client) {
    const auto frame = client.receive_message();
    EXPECT_TRUE(frame && frame->opcode == WebClient::kBinary);
    return frame ? frame->payload : "";
  }

  static Carry over(SocketClient& client) {
    return [&client](const std::string& request) {
      client.send(request);
      return client.receive();
    };
  }

  std::filesystem::path directory_;
  RealRuntime runtime_{{.io_threads = 1, .pool_threads = 2}};
  testing::MemoryVolume volume_;
  std::unique_ptr<vfs::Vfs> vfs_;
  std::unique_ptr<NinepServer> ninep_;
  std::unique_ptr<web::WebServer> web_;
};

TEST_F(CarriersTest, AnswerOneSessionByteForByteTheSame) {
  SocketClient tcp = SocketClient::tcp(ninep_->addresses()[0]);
  const auto by_tcp = play(over(tcp));
  ASSERT_EQ(by_tcp.size(), script().size());
  for (const std::string& reply : by_tcp) EXPECT_FALSE(reply.empty());

  SocketClient local = SocketClient::unix_socket(ninep_->addresses()[1]);
  EXPECT_EQ(play(over(local)), by_tcp) << "Unix socket";

  WebClient plain = web_socket("");
  EXPECT_EQ(play([&plain](const std::string& request) {
              plain.send_frame(WebClient::kBinary, request);
              return next(plain);
            }),
            by_tcp)
      << "WebSocket";

  WebClient resumable =
      web_socket("Sec-WebSocket-Protocol: " + std::string(resume::kSubprotocol) + "\r\n");
  std::string reply;
  resume::Client client(
      {},
      {.send = [&resumable](
                   const std::string& frame) { resumable.send_frame(WebClient::kBinary, frame); },
       .reply = [&reply](std::string message) { reply = std::move(message); }});
  client.on_connected();
  EXPECT_EQ(play([&](const std::string& request) {
              reply.clear();
              client.request(request);
              while (reply.empty() && client.on_frame(next(resumable))) {
              }
              return reply;
            }),
            by_tcp)
      << "cairn.resume.v1";
}

}  // namespace
}  // namespace cairn::p9
