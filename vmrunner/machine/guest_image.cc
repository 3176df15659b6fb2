#include "vmrunner/machine/guest_image.h"

#include <openssl/evp.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fsd/base/bytes.h"
#include "fsd/base/hex.h"

namespace cairn::vm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;
constexpr const char* kVolumeDevice = "vhost-user-fs";  // what its kernel can mount
constexpr std::uint64_t kUnpackedBytesMax = 1ULL << 30;

/// Beside the program: in the tree that it was built in, or installed.
std::string find_directory() {
  std::error_code failed;
  const fs::path bin = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const char* relative : {"../../guest", "../guest", "../share/cairn/vm"}) {
    const fs::path directory = (bin / relative).lexically_normal();
    if (fs::exists(directory / "manifest.json", failed)) return directory;
  }
  return "/usr/share/cairn/vm";
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return system_error(errno, "a file of the guest's image cannot be read", path);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

Result<std::string> sha256_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return system_error(errno, "a file of the guest's image cannot be read", path);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::array<char, 65536> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  std::array<std::uint8_t, 32> digest{};
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return to_hex(digest);
}

Error damaged(const std::string& path, const char* why) {
  return {std::error_code(EIO, std::generic_category()), "the guest's image is damaged",
          path + " (" + why + ")"};
}

}  // namespace

Result<GuestImage> GuestImage::open(const std::string& directory) {
  GuestImage image;
  image.directory_ = directory.empty() ? find_directory() : directory;
  const std::string manifest = image.path("manifest.json");
  if (!fs::exists(manifest)) {
    return Error(std::error_code(ENOENT, std::generic_category()),
                 "there is no guest image; build one with vmrunner/guest/build.sh, or name its "
                 "directory with --image",
                 image.directory_);
  }
  TRY(const std::string text, read_file(manifest));
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object() || object.value("format", 0) != kFormat) {
    return damaged(manifest, "no manifest that this version knows");
  }
  if (object.value("volume_device", "") != kVolumeDevice) {
    return Error(std::error_code(EINVAL, std::generic_category()),
                 "the guest image is of another version; build it anew with "
                 "vmrunner/guest/build.sh",
                 image.directory_);
  }
  try {
    image.memory_mib_ = object.at("memory_mib");
    image.command_line_ = object.at("command_lines").at("qemu");
    for (const auto& [name, file] : object.at("files").items()) {
      image.files_[name] = {.size = file.at("size"),
                            .sha256 = file.at("sha256"),
                            .unpacked_size = file.value("unpacked_size", std::uint64_t())};
    }
    for (const auto& package : object.at("packages")) {
      image.packages_[package.at("name")] = package.at("version");
    }
    for (const auto& [name, server] : object.at("servers").items()) {
      image.servers_[name] = server.at("ports").get<std::vector<std::uint16_t>>();
    }
  } catch (const json::exception&) {
    return damaged(manifest, "something is missing in it");
  }
  for (const char* needed : {"vmlinuz", "initramfs.gz"}) {
    if (!image.files_.contains(needed)) return damaged(manifest, "no kernel or no initramfs");
  }
  return image;
}

Result<void> GuestImage::verify() const {
  for (const auto& [name, file] : files_) {
    TRY(const std::string sha256, sha256_of(path(name)));
    if (fs::file_size(path(name)) != file.size) return damaged(path(name), "another size");
    if (sha256 != file.sha256) return damaged(path(name), "another SHA-256");
  }
  return {};
}

Result<std::string> GuestImage::read(const std::string& name) const {
  if (files_.contains(name)) return read_file(path(name));
  const auto packed = files_.find(name + ".zst");
  if (packed == files_.end()) return errno_error(ENOENT, "no such file in the image");
  TRY(const std::string bytes, read_file(path(packed->first)));
  const std::uint64_t size = packed->second.unpacked_size;
  if (size == 0 || size > kUnpackedBytesMax) return damaged(path(packed->first), "its size");
  std::string out(size, '\0');
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(got) != 0 || got != size) return damaged(path(packed->first), "zstd");
  return out;
}

}  // namespace cairn::vm
