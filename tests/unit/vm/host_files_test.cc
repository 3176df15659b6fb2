#include "vmrunner/machine/host_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/temporary_directory.h"

namespace cairn::vm {
namespace {

class HostFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write("vmlinuz", std::string(100'000, 'k'));
    write("initramfs.gz", "abc");
    write("manifest.json", R"({"format":1,"memory_mib":128,"volume_device":"vhost-user-fs",
      "command_lines":{"qemu":""},"servers":{},"packages":[],
      "files":{"vmlinuz":{"size":100000,"sha256":""},"initramfs.gz":{"size":3,"sha256":""}}})");
    auto opened = GuestImage::open(directory);
    ASSERT_TRUE(opened);
    image.emplace(std::move(*opened));
    files.emplace(*image, HostFiles::Host{
                              .send = [this](std::string bytes) { sent += bytes.size(); },
                              .command =
                                  [this](std::string_view verb, const auto& values) {
                                    ASSERT_EQ(verb, "end");
                                    ended.emplace_back(values.back().first);
                                  },
                              .write_memory = [](std::uint64_t, std::string_view) { return true; },
                          });
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(directory + "/" + name) << content;
  }
  void tell(const char* event, unsigned stream, const char* file = "", std::uint64_t bytes = 0) {
    GuestMessage message;
    message.event = event;
    message.stream = stream;
    message.file = file;
    message.bytes = bytes;
    files->on_event(message);
  }

  const TemporaryDirectory temporary;
  const std::string directory = temporary.path();
  std::optional<GuestImage> image;
  std::optional<HostFiles> files;
  std::size_t sent = 0;
  std::vector<std::string> ended;  // "stream", or "error"
};

TEST_F(HostFilesTest, AFileGoesOverAsFarAsTheGuestTakesIt) {
  tell("want", 1, "vmlinuz");
  EXPECT_LT(sent, 60'000U);
  EXPECT_TRUE(ended.empty());
  tell("took", 1, "", 40'000);
  tell("took", 1, "", 80'000);
  EXPECT_GT(sent, 100'000U);
  EXPECT_EQ(ended, std::vector<std::string>{"stream"});
}

TEST_F(HostFilesTest, AGuestThatWantsWithoutEndIsRefused) {
  for (unsigned i = 1; i <= 1000; ++i) tell("want", i, "vmlinuz");
  EXPECT_LT(sent, 300'000U);
  EXPECT_EQ(ended, std::vector<std::string>(996, "error"));
  ended.clear();
  tell("gone", 1);
  tell("want", 1001, "initramfs.gz");
  EXPECT_EQ(ended, std::vector<std::string>{"stream"});
}

TEST_F(HostFilesTest, WhatIsNotThereIsAnError) {
  tell("want", 1, "../secret");
  EXPECT_EQ(ended, std::vector<std::string>{"error"});
}

}  // namespace
}  // namespace cairn::vm
