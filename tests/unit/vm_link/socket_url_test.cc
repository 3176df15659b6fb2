#include "vmrunner/link/socket_url.h"

#include <gtest/gtest.h>

namespace cairn::vm {
namespace {

TEST(SocketUrl, IsReadAsItIsWritten) {
  struct Row {
    const char* text;
    SocketUrl url;
    const char* authority;
  };
  const Row rows[] = {
      {"ws://127.0.0.1:8080/ws/9p", {false, "127.0.0.1", 8080, "/ws/9p"}, "127.0.0.1:8080"},
      {"ws://localhost", {false, "localhost", 80, "/ws/9p"}, "localhost"},
      {"http://localhost:8080/", {false, "localhost", 8080, "/ws/9p"}, "localhost:8080"},
      {"wss://cairn.example.org", {true, "cairn.example.org", 443, "/ws/9p"}, "cairn.example.org"},
      {"https://c.example:443/x?y=1", {true, "c.example", 443, "/x?y=1"}, "c.example"},
      {"wss://c.example:80/x", {true, "c.example", 80, "/x"}, "c.example:80"},
      {"ws://[::1]:5/ws", {false, "::1", 5, "/ws"}, "[::1]:5"},
      {"ws://[fd00::7]", {false, "fd00::7", 80, "/ws/9p"}, "[fd00::7]"},
  };
  for (const Row& row : rows) {
    const auto url = SocketUrl::parse(row.text);
    ASSERT_TRUE(url) << row.text;
    EXPECT_EQ(*url, row.url) << row.text;
    EXPECT_EQ(url->authority(), row.authority);
    EXPECT_EQ(*SocketUrl::parse(url->text()), *url) << url->text();
  }
}

TEST(SocketUrl, WhatIsNoneIsRefusedWithAReason) {
  const char* const texts[] = {"",
                               "ws://",
                               "127.0.0.1:8080",
                               "ftp://host/",
                               "ws://:80/",
                               "ws://host:",
                               "ws://host:0",
                               "ws://host:65536",
                               "ws://host:80x",
                               "ws://[::1",
                               "ws://[::1]80",
                               "ws://user@host/",
                               "ws://host/a b",
                               "ws://host/a\r\nX: y",
                               "ws://host?x",
                               "ws://host/#x"};
  for (const char* text : texts) {
    const auto url = SocketUrl::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_NE(url.error().message().find('('), std::string::npos) << url.error().message();
  }
}

}  // namespace
}  // namespace cairn::vm
