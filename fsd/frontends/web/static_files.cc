#include "fsd/frontends/web/static_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "fsd/frontends/web/header_values.h"

namespace cairn::web {
namespace {

struct Type {
  std::string_view extension;
  std::string_view type;
};
constexpr Type kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".wasm", "application/wasm"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
};

/// The neighbour of a file that holds it compressed, the best first.
struct Compressed {
  std::string_view encoding;
  std::string_view extension;
};
constexpr Compressed kCompressed[] = {{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}};

struct OpenFile {
  UniqueFd fd;
  struct stat attributes{};
};

/// A regular file below the directory `top`; nothing if there is none. Each part is opened from the
/// one before it, and none may be a symbolic link, so that no name and no race leads outside.
OpenFile open_below(int top, std::string_view path) {
  OpenFile file;
  UniqueFd held;
  int directory = top;
  while (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const std::size_t end = path.find('/');
    const std::string part(path.substr(0, end));
    if (part.empty() || part.front() == '.') return {};
    if (end == path.npos) {
      file.fd = UniqueFd(::openat(directory, part.c_str(),
                                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
      break;
    }
    held =
        UniqueFd(::openat(directory, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!held) return {};
    directory = held.get();
    path.remove_prefix(end + 1);
  }
  if (!file.fd || ::fstat(file.fd.get(), &file.attributes) != 0 ||
      !S_ISREG(file.attributes.st_mode)) {
    return {};
  }
  return file;
}

std::string etag_of(const struct stat& file, std::string_view encoding) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return fmt::format("\"{:x}-{:x}-{:x}{}{}\"", file.st_size,
                     file.st_mtim.tv_sec * kNanoseconds + file.st_mtim.tv_nsec, file.st_ino,
                     encoding.empty() ? "" : "-", encoding);
}

Response not_found() { return sentence(404, "There is no such file."); }

/// Narrows the response to the range that was asked for.
void apply_range(const Request& request, const std::string& etag, Response& response) {
  const std::string_view condition = request.header("if-range");
  if (!condition.empty() && condition != etag) return;
  const std::uint64_t size = response.file->bytes;
  const WantedRange wanted = wanted_range(request.header("range"), size);
  if (wanted.kind == RangeKind::kWhole) return;
  if (wanted.kind == RangeKind::kOutside) {
    response = sentence(416, "The file is shorter than that.");
    response.headers.push_back({"Content-Range", fmt::format("bytes */{}", size)});
    return;
  }
  response.status = 206;
  response.file->offset = wanted.part.offset;
  response.file->bytes = wanted.part.bytes;
  response.headers.push_back(
      {"Content-Range", fmt::format("bytes {}-{}/{}", wanted.part.offset,
                                    wanted.part.offset + wanted.part.bytes - 1, size)});
}

}  // namespace

std::string_view content_type_of(std::string_view name) {
  for (const Type& type : kTypes) {
    if (name.ends_with(type.extension)) return type.type;
  }
  return "application/octet-stream";
}

bool is_immutable(std::string_view path) {
  constexpr std::ptrdiff_t kHexDigits = 16;
  constexpr std::size_t kHashCharacters = 8;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (std::ranges::search_n(name, kHexDigits, true, {}, is_hex).size() > 0) return true;
  const std::size_t dash = name.rfind('-');
  const std::size_t dot = name.find('.', dash == name.npos ? 0 : dash);
  return path.starts_with("/assets/") && dash != name.npos && dot != name.npos &&
         dot - dash - 1 >= kHashCharacters;
}

bool StaticFiles::exists() const {
  struct stat found{};
  return ::stat(directory_.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

Response StaticFiles::answer(const Request& request, const std::string& wanted) const {
  const UniqueFd top(::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) return not_found();
  const std::string path = wanted.ends_with('/') ? wanted + "index.html" : wanted;
  OpenFile file = open_below(top.get(), path);
  if (!file.fd) return not_found();
  Response response;
  response.headers = {
      {"Content-Type", std::string(content_type_of(path))},
      {"Cache-Control", is_immutable(path) ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Accept-Ranges", "bytes"},
      {"Vary", "Accept-Encoding"}};
  // Ranges are of the file itself: a page that fetches in pieces counts its bytes.
  std::string_view encoding;
  for (const Compressed& kind : kCompressed) {
    if (request.has("range") ||
        !accepts_encoding(request.header("accept-encoding"), kind.encoding)) {
      continue;
    }
    OpenFile packed = open_below(top.get(), path + std::string(kind.extension));
    if (!packed.fd || packed.attributes.st_mtim.tv_sec < file.attributes.st_mtim.tv_sec) continue;
    file = std::move(packed);
    encoding = kind.encoding;
    response.headers.push_back({"Content-Encoding", std::string(encoding)});
    break;
  }
  const std::string etag = etag_of(file.attributes, encoding);
  response.headers.push_back({"ETag", etag});
  if (matches_etag(request.header("if-none-match"), etag)) {
    response.status = 304;
    return response;
  }
  response.file = FileBody{.file = std::make_shared<const UniqueFd>(std::move(file.fd)),
                           .offset = 0,
                           .bytes = static_cast<std::uint64_t>(file.attributes.st_size)};
  if (request.has("range")) apply_range(request, etag, response);
  return response;
}

}  // namespace cairn::web
