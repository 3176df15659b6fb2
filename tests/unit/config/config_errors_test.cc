// A configuration with several errors is told them all in one run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fsd/config/config_error.h"
#include "fsd/config/load_settings.h"

namespace cairn::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::optional<std::string> no_variable(const std::string&) { return std::nullopt; }

std::string failure_of(const std::string& text) {
  const auto settings = parse_settings(text, "cairn.toml", no_variable);
  return settings ? "no error" : settings.error().message();
}

TEST(ConfigErrors, OfAFileAreAllToldInTheOrderOfItsLines) {
  EXPECT_EQ(failure_of(R"([storage]
url = "ftp://bucket"
encryption_password = "${UNSET}"
[aws]
allow_htp = true
connections_max = 0
[servers.fuse]
mountpoint = "mnt"
[[servers.ninep]]
addresses = ["127.0.0.1:5564"]
squash = "some"
[[servers.ninep]]
read_only = 1
[storrage]
)"),
            "the configuration is not usable: 8 errors\n"
            "  cairn.toml:2: storage.url: expected a storage URL: s3://bucket/prefix, file:///dir "
            "or memory:\n"
            "  cairn.toml:3: storage.encryption_password: the environment variable UNSET is not "
            "set\n"
            "  cairn.toml:5: unknown key \"aws.allow_htp\": did you mean \"allow_http\"?\n"
            "  cairn.toml:6: aws.connections_max: expected a whole number from 1 to 1024\n"
            "  cairn.toml:8: servers.fuse.mountpoint: expected an absolute path\n"
            "  cairn.toml:11: servers.ninep.squash: expected one of \"none\", \"root\", \"all\"\n"
            "  cairn.toml:13: servers.ninep.read_only: expected true or false\n"
            "  cairn.toml:14: unknown key or table \"storrage\": did you mean [storage]?");
}

TEST(ConfigErrors, OneIsASentenceAsBefore) {
  EXPECT_EQ(failure_of("[cache]\ndir = \"x\"\n"),
            "the configuration is not usable: cairn.toml:2: cache.dir: expected an absolute path");
}

TEST(ConfigErrors, WhatDoesNotFitTogetherIsAllToldToo) {
  Settings settings;
  settings.aws.endpoint = "http://name@host";
  settings.aws.access_key_id = "id";
  settings.name = "a/b";
  settings.fuse.emplace();
  const auto valid = validate_settings(settings);
  ASSERT_FALSE(valid);
  const std::string message = valid.error().message();
  EXPECT_THAT(message, HasSubstr("6 errors\n  no storage is given"));
  for (const char* sentence : {"given together or not", "holds no credentials", "allow_http = true",
                               "[servers.fuse] needs a mountpoint", "the name is not"}) {
    EXPECT_THAT(message, HasSubstr(sentence));
  }
}

// Each error of a place is its own, and not the cause of others.
TEST(ConfigErrors, OneMistakeIsNotToldTwice) {
  Settings settings;
  settings.storage.url = StorageUrl{.kind = StorageUrl::Kind::kFile, .directory = "/store"};
  settings.cache.dir = "/cache";
  settings.fuse.emplace();
  for (const char* mountpoint : {"", "/"}) {
    settings.fuse->mountpoint = mountpoint;
    EXPECT_THAT(validate_settings(settings).error().message(), Not(HasSubstr("errors")));
  }
}

TEST(ConfigErrors, OfVeryManyTheFirstAreTold) {
  std::string text = "[cache]\n";
  for (int i = 0; i < 1000; ++i) text += "key" + std::to_string(i) + " = 1\n";
  const std::string message = failure_of(text);
  EXPECT_THAT(message, HasSubstr("1000 errors\n  cairn.toml:2: unknown key \"cache.key0\""));
  EXPECT_THAT(message, HasSubstr("\n  and 980 more"));
  EXPECT_LT(message.size(), 4000U);
}

}  // namespace
}  // namespace cairn::config
