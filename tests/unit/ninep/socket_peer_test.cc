#include "fsd/frontends/ninep/socket_peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "fsd/base/unique_fd.h"
#include "tests/unit/vfs/vfs_fixture.h"

// Who the kernel says is at the other end.

namespace cairn::p9 {
namespace {

using vfs::FailsWith;

constexpr std::uint32_t kSomebody = 4711;

/// Both ends of a TCP connection on this machine; the client's is made by the user `uid`.
class SocketPeerTest : public ::testing::Test {
 protected:
  void connect_as(std::uint32_t uid) {
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof where;
    auto* address = reinterpret_cast<sockaddr*>(&where);
    ASSERT_EQ(::bind(listener.get(), address, sizeof where), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    ASSERT_EQ(::getsockname(listener.get(), address, &length), 0);
    const uid_t self = ::geteuid();
    ASSERT_EQ(::seteuid(uid), 0);
    client = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::seteuid(self), 0);
    ASSERT_EQ(::connect(client.get(), address, sizeof where), 0);
    server = UniqueFd(::accept(listener.get(), nullptr, nullptr));
    ASSERT_TRUE(server);
  }
  /// The client has closed, and this end knows.
  void close_client() {
    client = UniqueFd();
    char byte = 0;
    ASSERT_LE(::recv(server.get(), &byte, 1, 0), 0);
  }

  UniqueFd client;
  UniqueFd server;
  const AccessRules everybody{.networks = {*Network::parse("0.0.0.0/0")}, .trusted_uids = {}};
};

TEST_F(SocketPeerTest, ALocalUserIsHimselfEvenWhereHisNetworkIsTrusted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has other users' sockets";
  connect_as(kSomebody);
  const auto peer = identify_peer(server.get(), everybody);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->uid, kSomebody);
  EXPECT_FALSE(peer->trusted);
  const AccessRules rules{.networks = {}, .trusted_uids = {kSomebody}};
  EXPECT_TRUE(identify_peer(server.get(), rules)->trusted);
}

TEST_F(SocketPeerTest, TheServersOwnUserIsTrusted) {
  connect_as(::geteuid());
  const auto peer = identify_peer(server.get(), {});
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_TRUE(peer->trusted);
}

TEST_F(SocketPeerTest, WhoStopsSendingIsStillKnown) {
  connect_as(::geteuid());
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  char byte = 0;
  ASSERT_EQ(::recv(server.get(), &byte, 1, 0), 0);
  EXPECT_TRUE(identify_peer(server.get(), {}));
}

TEST_F(SocketPeerTest, WhoHasGoneIsNobodyAndNotRoot) {
  connect_as(::geteuid());
  close_client();
  EXPECT_THAT(identify_peer(server.get(), everybody), FailsWith(EACCES));
}

TEST_F(SocketPeerTest, WhoHasHungUpHardIsRefused) {
  connect_as(::geteuid());
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  close_client();
  EXPECT_FALSE(identify_peer(server.get(), everybody));
}

}  // namespace
}  // namespace cairn::p9
