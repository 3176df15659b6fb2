#include "vmrunner/machine/guest_image.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"
#include "vmrunner/machine/qemu.h"

namespace cairn::vm {
namespace {

class GuestImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write("vmlinuz", "abc");
    write("initramfs.gz", "abc");
    write("manifest.json", R"({"format":1,"memory_mib":128,
      "volume_device":"vhost-user-fs",
      "command_lines":{"qemu":"console=ttyS0"},
      "files":{"vmlinuz":{"size":3,"sha256":")" +
                               kAbc + R"("},
               "initramfs.gz":{"size":3,"sha256":")" +
                               kAbc + R"("}},
      "servers":{"postgres":{"ports":[5432]},"other":{"ports":[5432,1521]}},
      "packages":[{"name":"p","version":"1"}]})");
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(directory + "/" + name) << content;
  }

  const std::string kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const TemporaryDirectory temporary;
  const std::string directory = temporary.path();
};

TEST_F(GuestImageTest, IsWhatItsManifestSays) {
  const auto image = GuestImage::open(directory);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->memory_mib(), 128U);
  EXPECT_EQ(image->packages().at("p"), "1");
  EXPECT_EQ(image->servers().at("other"), (std::vector<std::uint16_t>{5432, 1521}));
  EXPECT_TRUE(image->verify());
  EXPECT_EQ(*image->read("vmlinuz"), "abc");
}

TEST_F(GuestImageTest, OnlyWhatIsInItIsReadForTheGuest) {
  write("secret", "x");
  const auto image = GuestImage::open(directory);
  for (const char* name : {"secret", "../secret", "/etc/passwd", "manifest.json", ""}) {
    EXPECT_FALSE(image->read(name)) << name;
  }
}

TEST_F(GuestImageTest, DamageIsFound) {
  write("vmlinuz", "abd");
  EXPECT_FALSE(GuestImage::open(directory)->verify());
  write("vmlinuz", "abcd");
  EXPECT_FALSE(GuestImage::open(directory)->verify());
}

TEST_F(GuestImageTest, NoManifestOfOursIsNoImage) {
  for (const char* text : {"", "{", "[]", R"({"format":2})", R"({"format":1})"}) {
    write("manifest.json", text);
    EXPECT_FALSE(GuestImage::open(directory)) << text;
  }
  std::filesystem::remove(directory + "/manifest.json");
  EXPECT_FALSE(GuestImage::open(directory));
}

TEST_F(GuestImageTest, QemuGetsWhatWasAskedFor) {
  RunOptions options;
  options.memory_mib = 256;
  options.forwards = {{8080, 80}, {5433, 5432}};
  const auto arguments =
      qemu_arguments("qemu", *GuestImage::open(directory), options, Accelerator::kTcg, "/d", "/m");
  const auto has = [&arguments](const std::string& argument) {
    return std::ranges::find(arguments, argument) != arguments.end();
  };
  EXPECT_TRUE(has("256"));
  EXPECT_TRUE(
      has("user,id=n0,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:8080-:80,"
          "hostfwd=tcp:127.0.0.1:5433-:5432"));
  EXPECT_TRUE(has("console=ttyS0 cairn.control=hvc1 cairn.terminals=hvc0"));
  EXPECT_TRUE(has("socket,id=in,path=/d/in"));
  EXPECT_TRUE(has("pc,memory-backend=ram,accel=tcg"));
  EXPECT_TRUE(has("memory-backend-file,id=ram,share=on,size=256M,mem-path=/m"));
}

TEST_F(GuestImageTest, TheMachineReachesNobodyUnlessThatWasAskedFor) {
  const auto network = [this](const RunOptions& options) {
    const auto arguments = qemu_arguments("qemu", *GuestImage::open(directory), options,
                                          Accelerator::kTcg, "/d", "/m");
    return *std::next(std::ranges::find(arguments, "-netdev"));
  };
  EXPECT_EQ(network({}), "user,id=n0,ipv6=off,restrict=on");
  EXPECT_EQ(network({.open_network = true}), "user,id=n0,ipv6=off");
}

}  // namespace
}  // namespace cairn::vm
