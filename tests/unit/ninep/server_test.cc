#include "fsd/frontends/ninep/ninep_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <future>

#include "fsd/runtime/real_runtime.h"
#include "tests/support/memory_volume.h"
#include "tests/unit/ninep/socket_client.h"

// The server with its sockets and threads, as a client on this machine sees it.

namespace cairn::p9 {
namespace {

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    directory_ =
        std::filesystem::temp_directory_path() / ("cairn-ninep-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    vfs_ = in_core<std::unique_ptr<vfs::Vfs>>([this] { return open_vfs(); });
    NinepServer::Listener listener;
    listener.addresses = {{"127.0.0.1", 0}};
    listener.unix_socket = directory_ / "9p.sock";
    start({listener});
  }
  ~ServerTest() override {
    server_.reset();
    in_core<int>([this] { return close_vfs(); });
    runtime_.stop();
    std::filesystem::remove_all(directory_);
  }
  void start(std::vector<NinepServer::Listener> listeners) {
    server_.reset();
    auto started = NinepServer::start(runtime_.runtime(), runtime_.io(), *vfs_,
                                      {.listeners = std::move(listeners), .connections_max = 3});
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(*started);
  }
  SocketClient tcp() { return SocketClient::tcp(server_->addresses()[0]); }
  SocketClient unix_socket() { return SocketClient::unix_socket(server_->addresses()[1]); }

  template <class T>
  T in_core(std::function<Task<T>()> work) {
    std::promise<T> promise;
    runtime_.runtime().core.dispatch([&] { finish(std::move(work), promise).detach(); });
    return promise.get_future().get();
  }
  template <class T>
  static Task<> finish(std::function<Task<T>()> work, std::promise<T>& promise) {
    T value = co_await work();
    promise.set_value(std::move(value));
  }
  Task<std::unique_ptr<vfs::Vfs>> open_vfs() {
    auto opened = co_await vfs::Vfs::open(runtime_.runtime(), volume_, {});
    co_return std::move(*opened);
  }
  Task<int> close_vfs() {
    co_await vfs_->stop();
    vfs_.reset();
    co_return 0;
  }

  std::filesystem::path directory_;
  RealRuntime runtime_{{.io_threads = 1, .pool_threads = 2}};
  testing::MemoryVolume volume_;
  std::unique_ptr<vfs::Vfs> vfs_;
  std::unique_ptr<NinepServer> server_;
};

TEST_F(ServerTest, AnswersManyRequestsThatComeAtOnce) {
  SocketClient client = tcp();
  client.begin();
  std::string burst;
  constexpr std::uint16_t kCount = 3000;
  for (std::uint16_t tag = 1; tag <= kCount; ++tag) {
    append(burst, tag, Request(Tgetattr{.fid = 0, .request_mask = getattr::kBasic}));
  }
  std::thread sender([&] { client.send(burst); });
  std::vector<bool> seen(kCount + 1);
  for (int i = 0; i < kCount; ++i) {
    const auto header = peek_header(as_bytes(client.receive()));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->type, static_cast<std::uint8_t>(MessageType::kRgetattr));
    EXPECT_FALSE(seen[header->tag]) << "answered twice";
    seen[header->tag] = true;
  }
  sender.join();
}

TEST_F(ServerTest, MovesAMegabyteInOneMessage) {
  SocketClient client = tcp();
  client.begin((1 << 20) + 24);
  Twalk walk{.fid = 0, .newfid = 1};
  client.ask(1, walk);
  client.ask(1, Tlcreate{.fid = 1, .name = "big", .flags = open_flag::kReadWrite, .mode = 0644});
  std::string data(1 << 20, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 + i / 4096);
  client.ask(1, Twrite{.fid = 1, .offset = 0, .data = as_bytes(data)});
  const std::string reply = client.ask(1, Tread{.fid = 1, .offset = 0, .count = 1 << 20});
  EXPECT_EQ(reply.size(), data.size() + kReadReplyHeadBytes);
  EXPECT_TRUE(reply.ends_with(data));
}

TEST_F(ServerTest, HoldsAClientBackThatDoesNotReadItsReplies) {
  SocketClient client = tcp();
  client.begin();
  Twalk walk{.fid = 0, .newfid = 1};
  client.ask(1, walk);
  client.ask(1, Tlcreate{.fid = 1, .name = "big", .flags = open_flag::kReadWrite, .mode = 0644});
  client.ask(1, Twrite{.fid = 1, .offset = 0, .data = as_bytes(std::string(500'000, 'x'))});
  std::string burst;
  constexpr std::uint16_t kCount = 2000;  // a gigabyte of replies
  for (std::uint16_t tag = 1; tag <= kCount; ++tag) {
    append(burst, tag, Request(Tread{.fid = 1, .offset = 0, .count = 500'000}));
  }
  client.send(burst);  // fits into the sockets' buffers
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(client.receive().size(), 500'000 + kReadReplyHeadBytes) << i;
  }
}

/// Fid 1 of the client becomes a new file of half a megabyte.
void make_big_file(SocketClient& client) {
  client.ask(1, Twalk{.fid = 0, .newfid = 1});
  client.ask(1, Tlcreate{.fid = 1, .name = "big", .flags = open_flag::kReadWrite, .mode = 0644});
  client.ask(1, Twrite{.fid = 1, .offset = 0, .data = as_bytes(std::string(500'000, 'x'))});
}

TEST_F(ServerTest, DoesNoMoreOfABurstThanItsRepliesMayTake) {
  SocketClient client = unix_socket();
  client.begin();
  make_big_file(client);
  std::string burst;
  constexpr std::uint16_t kPairs = 900;  // half a gigabyte of replies
  for (std::uint16_t i = 0; i < kPairs; ++i) {
    append(burst, 2 * i + 1, Request(Tread{.fid = 1, .offset = 0, .count = 500'000}));
    append(burst, 2 * i + 2,
           Request(Twrite{.fid = 1, .offset = 500'000U + i, .data = as_bytes("y")}));
  }
  client.send(burst);
  ASSERT_EQ(client.receive().size(), 500'000 + kReadReplyHeadBytes);
  SocketClient other = unix_socket();
  other.begin();
  Twalk walk{.fid = 0, .newfid = 1};
  walk.names.push_back("big");
  other.ask(1, walk);
  const std::string reply = other.ask(1, Tgetattr{.fid = 1, .request_mask = getattr::kBasic});
  const auto found =
      decode_reply(static_cast<std::uint8_t>(reply[4]), as_bytes(reply).subspan(kHeaderBytes));
  ASSERT_TRUE(found);
  EXPECT_LT(std::get<Rgetattr>(*found).size, 500'000U + 100) << "writes done so far";
}

TEST_F(ServerTest, ForgetsAClientThatGoesWithoutHavingReadItsReplies) {
  for (const bool by_tcp : {true, false}) {
    SocketClient client = by_tcp ? tcp() : unix_socket();
    client.begin();
    make_big_file(client);
    client.ask(1, Tlock{.fid = 1, .type = 1, .proc_id = 5, .client_id = "first"});
    std::string burst;
    for (std::uint16_t tag = 1; tag <= 100; ++tag) {
      append(burst, tag, Request(Tread{.fid = 1, .offset = 0, .count = 500'000}));
    }
    client.send(burst);
    client.receive();
    SocketClient other = tcp();
    other.begin();
    Twalk walk{.fid = 0, .newfid = 1};
    walk.names.push_back("big");
    other.ask(1, walk);
    other.ask(1, Tlopen{.fid = 1, .flags = open_flag::kReadWrite});
    other.send(2, Tlock{.fid = 1, .type = 1, .flags = kLockBlock, .client_id = "second"});
    client.close();
    std::string granted;
    append(granted, 2, Reply(Rlock{.status = 0}));
    EXPECT_EQ(other.receive(), granted) << by_tcp;
    other.ask(3, Tunlinkat{.dfid = 0, .name = "big"});
  }
}

TEST_F(ServerTest, LeavesItsSocketsToAnotherAsSoonAsItHasStopped) {
  const std::string address = server_->addresses()[0];
  NinepServer::Listener listener;
  listener.addresses = {
      {"127.0.0.1", static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)))}};
  listener.unix_socket = directory_ / "9p.sock";
  for (int i = 0; i < 50; ++i) {
    {
      SocketClient client = tcp();
      client.begin();
    }
    start({listener});
    ASSERT_TRUE(server_);
    SocketClient next = unix_socket();
    next.begin();
    EXPECT_FALSE(next.ask(1, Tclunk{.fid = 0}).empty());
    EXPECT_TRUE(std::filesystem::exists(listener.unix_socket)) << i;
  }
}

TEST_F(ServerTest, ClosesAConnectionThatIsNo9P) {
  using namespace std::string_literals;
  for (const std::string& greeting :
       {"GET / HTTP/1.1\r\n\r\n"s, "\x06\0\0\0\0\0\0"s, "\xff\xff\xff\xff\x64\xff\xff"s,
        "\x0b\0\0\0\x78\x01\0\0\0\0\0"s /* Tclunk first */}) {
    SocketClient client = tcp();
    client.send(greeting);
    EXPECT_EQ(client.receive(), "") << greeting;
  }
  SocketClient client = tcp();
  client.begin();
  EXPECT_FALSE(client.ask(1, Tgetattr{.fid = 0}).empty()) << "others go on";
}

TEST_F(ServerTest, RefusesMoreConnectionsThanItsLimit) {
  std::vector<SocketClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(tcp());
    clients.back().begin();
  }
  SocketClient fourth = tcp();
  fourth.send(kNoTag, Tversion{.msize = 8192, .version = kVersion});
  EXPECT_EQ(fourth.receive(), "");
}

TEST_F(ServerTest, DropsTheLocksOfAClientThatHangsUp) {
  SocketClient first = tcp();
  first.begin();
  Twalk walk{.fid = 0, .newfid = 1};
  first.ask(1, walk);
  first.ask(1, Tlcreate{.fid = 1, .name = "file", .flags = open_flag::kReadWrite, .mode = 0644});
  first.ask(1, Tlock{.fid = 1, .type = 1, .proc_id = 5, .client_id = "first"});
  SocketClient second = unix_socket();
  second.begin();
  walk.names.push_back("file");
  second.ask(1, walk);
  second.ask(1, Tlopen{.fid = 1, .flags = open_flag::kReadWrite});
  second.send(2,
              Tlock{.fid = 1, .type = 1, .flags = kLockBlock, .proc_id = 5, .client_id = "second"});
  first.close();
  std::string granted;
  append(granted, 2, Reply(Rlock{.status = 0}));
  EXPECT_EQ(second.receive(), granted);
}

TEST_F(ServerTest, StopsWithRequestsUnderWay) {
  SocketClient client = tcp();
  client.begin();
  Twalk walk{.fid = 0, .newfid = 1};
  client.ask(1, walk);
  client.ask(1, Tlcreate{.fid = 1, .name = "file", .flags = open_flag::kReadWrite, .mode = 0644});
  client.ask(1, Tlock{.fid = 1, .type = 1, .proc_id = 1, .client_id = "c"});
  client.ask(2, Tgetattr{.fid = 0});
  client.send(3, Tlock{.fid = 1, .type = 1, .flags = kLockBlock, .proc_id = 2, .client_id = "c"});
  server_->stop();
  EXPECT_EQ(client.receive(), "");
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ServerTest, TheUnixSocketBelongsToWhomTheConfigurationSays) {
  const bool is_root = ::geteuid() == 0;
  NinepServer::Listener listener;
  listener.unix_socket = directory_ / "owned.sock";
  listener.unix_socket_mode = 0640;
  listener.unix_socket_gid = is_root ? 62001U : ::getegid();
  if (is_root) listener.unix_socket_uid = 61001;
  start({listener});
  struct stat found{};
  ASSERT_EQ(::stat(listener.unix_socket.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0640U);
  EXPECT_EQ(found.st_uid, is_root ? 61001U : ::geteuid());
  EXPECT_EQ(found.st_gid, *listener.unix_socket_gid);
}

TEST_F(ServerTest, TakesThePlaceOfASocketThatNobodyListensOnAndOfNothingElse) {
  NinepServer::Listener listener;
  listener.unix_socket = directory_ / "other.sock";
  {
    std::filesystem::create_directory(listener.unix_socket);
  }
  auto refused =
      NinepServer::start(runtime_.runtime(), runtime_.io(), *vfs_, {.listeners = {listener}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_errno(refused.error()), EEXIST);
  listener.unix_socket = directory_ / "9p.sock";
  refused = NinepServer::start(runtime_.runtime(), runtime_.io(), *vfs_, {.listeners = {listener}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_errno(refused.error()), EADDRINUSE);
}

TEST(Network, ContainsTheAddressesOfItsRange) {
  const auto address = [](const char* text) {
    sockaddr_storage storage{};
    auto& four = reinterpret_cast<sockaddr_in&>(storage);
    auto& six = reinterpret_cast<sockaddr_in6&>(storage);
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
      storage.ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1) {
      storage.ss_family = AF_INET6;
    }
    return storage;
  };
  struct Case {
    const char* network;
    const char* inside;
    const char* outside;
  };
  for (const Case& c :
       {Case{"10.0.0.0/8", "10.255.0.1", "11.0.0.1"},
        Case{"192.168.1.7", "192.168.1.7", "192.168.1.6"},
        Case{"10.1.2.0/23", "10.1.3.255", "10.1.4.0"}, Case{"fd00::/8", "fd12::1", "fe80::1"},
        Case{"10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"},
        Case{"0.0.0.0/0", "8.8.8.8", "::1"}}) {
    const auto network = Network::parse(c.network);
    ASSERT_TRUE(network) << c.network;
    EXPECT_TRUE(network->contains(address(c.inside))) << c.network;
    EXPECT_FALSE(network->contains(address(c.outside))) << c.network;
  }
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0/8", "host", "10.0.0.0/", "10.0.0.0/8x"}) {
    EXPECT_FALSE(Network::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::p9
