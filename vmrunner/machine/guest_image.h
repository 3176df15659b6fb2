#pragma once

#include <map>
#include <string>
#include <vector>

#include "fsd/base/result.h"

namespace cairn::vm {

/// The guest's image: a directory with a manifest (../guest/README.md).
class GuestImage {
 public:
  struct File {
    std::uint64_t size = 0;
    std::string sha256;
    std::uint64_t unpacked_size = 0;  // of a .zst
  };

  /// `directory` empty: that of the tree that the program was built in, or the installed one.
  /// Fails with: ENOENT, EIO (no manifest of ours), EINVAL (of another version than the program).
  static Result<GuestImage> open(const std::string& directory);

  /// Compares sizes and hashes. Fails with: EIO, naming the first file that differs.
  [[nodiscard]] Result<void> verify() const;
  /// A file of the image, or of what `name`.zst unpacks to; for programs in the guest.
  /// Fails with: ENOENT, EIO.
  [[nodiscard]] Result<std::string> read(const std::string& name) const;

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// For QEMU.
  [[nodiscard]] const std::string& command_line() const { return command_line_; }
  [[nodiscard]] unsigned memory_mib() const { return memory_mib_; }
  [[nodiscard]] const std::map<std::string, File>& files() const { return files_; }
  /// For people: name and version of the packages that it is made of.
  [[nodiscard]] const std::map<std::string, std::string>& packages() const { return packages_; }
  /// Databases that `pg` runs in the guest, and the ports that each listens on.
  [[nodiscard]] const std::map<std::string, std::vector<std::uint16_t>>& servers() const {
    return servers_;
  }

 private:
  std::string directory_;
  std::string command_line_;
  unsigned memory_mib_ = 0;
  std::map<std::string, File> files_;
  std::map<std::string, std::string> packages_;
  std::map<std::string, std::vector<std::uint16_t>> servers_;
};

}  // namespace cairn::vm
