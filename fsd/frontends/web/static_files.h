#pragma once

#include <string>

#include "fsd/base/result.h"
#include "fsd/frontends/web/request.h"

namespace cairn::web {

/// The regular files below one directory, as GET and HEAD see them. Nothing outside of it can be
/// named: no symbolic link is followed below it, and names that begin with a dot are not there.
/// Threads: any; answering blocks on the disk, so not in the core.
class StaticFiles {
 public:
  explicit StaticFiles(std::string directory) : directory_(std::move(directory)) {}

  [[nodiscard]] bool exists() const;
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// `path` is as path_of() gives it, relative to the directory: "/" is "/index.html". 404 if there
  /// is none.
  [[nodiscard]] Response answer(const Request& request, const std::string& path) const;

 private:
  std::string directory_;
};

/// "text/html; charset=utf-8" for "index.html"; unknown ones are bytes.
[[nodiscard]] std::string_view content_type_of(std::string_view name);
/// Whether the name changes with the content, as build tools name assets: "/assets/a-3fGk2_xZ.js",
/// or with 16 hex digits of a hash in it.
[[nodiscard]] bool is_immutable(std::string_view path);

}  // namespace cairn::web
