#include "fsd/frontends/web/static_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fsd/frontends/web/header_values.h"

namespace cairn::web {
namespace {

namespace fs = std::filesystem;

class StaticFilesTest : public ::testing::Test {
 protected:
  StaticFilesTest() {
    top_ = fs::temp_directory_path() / ("cairn-static-test-" + std::to_string(::getpid()));
    fs::remove_all(top_);
    fs::create_directories(top_ / "files" / "assets");
    put("secret", "secret");
    put("files/index.html", "<html>");
    put("files/assets/app-3fGk2_xZ.js", "0123456789");
  }
  ~StaticFilesTest() override { fs::remove_all(top_); }
  void put(const std::string& name, const std::string& content) const {
    std::ofstream(top_ / name, std::ios::binary) << content;
  }
  Response get(const std::string& path, std::vector<Header> headers = {}) const {
    return StaticFiles(top_ / "files")
        .answer({.method = "GET", .target = path, .headers = std::move(headers), .body = ""}, path);
  }
  static std::string content(const Response& response) {
    if (!response.file) return "(none)";
    std::string bytes(response.file->bytes, '\0');
    const ssize_t got = ::pread(response.file->file->get(), bytes.data(), bytes.size(),
                                static_cast<off_t>(response.file->offset));
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

  fs::path top_;
};

TEST_F(StaticFilesTest, AFileHasItsTypeAndADirectoryItsIndex) {
  const Response page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(content(page), "<html>");
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("Cache-Control"), "no-cache");
  const Response script = get("/assets/app-3fGk2_xZ.js");
  EXPECT_EQ(content(script), "0123456789");
  EXPECT_EQ(script.header("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(script.header("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(content_type_of("v86.wasm"), "application/wasm");
  EXPECT_EQ(content_type_of("vmlinuz"), "application/octet-stream");
}

TEST_F(StaticFilesTest, OnlyNamesWithAHashAreImmutable) {
  EXPECT_TRUE(is_immutable("/assets/index-DiwrgTda.css"));
  EXPECT_TRUE(is_immutable("/state-0123456789abcdef.zst"));
  EXPECT_FALSE(is_immutable("/index-DiwrgTda.css"));
  EXPECT_FALSE(is_immutable("/assets/index.css"));
  EXPECT_FALSE(is_immutable("/assets/my-app.js"));
  EXPECT_FALSE(is_immutable("/assets/"));
}

TEST_F(StaticFilesTest, NothingOutsideOfTheDirectoryIsServed) {
  fs::create_symlink(top_ / "secret", top_ / "files" / "link");
  fs::create_symlink(top_, top_ / "files" / "up");
  fs::create_symlink("index.html", top_ / "files" / "inside");
  fs::create_directories(top_ / "files" / ".git");
  put("files/.git/config", "x");
  put("files/.hidden", "x");
  ASSERT_EQ(::mkfifo((top_ / "files" / "pipe").c_str(), 0600), 0);
  for (const char* path :
       {"/link", "/up/secret", "/up/", "/inside", "/../secret", "/assets/../../secret", "/..", "/.",
        "/.hidden", "/.git/config", "/pipe", "/assets", "/assets/", "/nothing", "/index.html/x",
        "/assets//app-3fGk2_xZ.js", "", "/index.html/"}) {
    EXPECT_EQ(get(path).status, 404) << path;
    EXPECT_FALSE(get(path).file) << path;
  }
}

TEST_F(StaticFilesTest, ADirectoryThatIsNotThereHasNoFiles) {
  const StaticFiles none(top_ / "none");
  EXPECT_FALSE(none.exists());
  EXPECT_EQ(none.answer({.method = "GET"}, "/").status, 404);
  EXPECT_TRUE(StaticFiles(top_ / "files").exists());
  EXPECT_FALSE(StaticFiles(top_ / "secret").exists());
}

TEST_F(StaticFilesTest, AnEtagChangesWithTheFileAndSparesSendingIt) {
  const std::string etag(get("/index.html").header("ETag"));
  EXPECT_EQ(etag.front(), '"');
  const Response same = get("/index.html", {{"if-none-match", "\"x\", " + etag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_FALSE(same.file);
  EXPECT_EQ(same.header("ETag"), etag);
  put("files/new.html", "<HTML>");
  fs::rename(top_ / "files/new.html", top_ / "files/index.html");
  EXPECT_EQ(get("/index.html", {{"if-none-match", etag}}).status, 200);
}

TEST_F(StaticFilesTest, ARangeIsServedIfTheFileIsStillTheSame) {
  const std::string path = "/assets/app-3fGk2_xZ.js";
  const Response part = get(path, {{"range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(content(part), "234");
  EXPECT_EQ(part.header("Content-Range"), "bytes 2-4/10");
  const Response outside = get(path, {{"range", "bytes=10-"}});
  EXPECT_EQ(outside.status, 416);
  EXPECT_EQ(outside.header("Content-Range"), "bytes */10");
  EXPECT_FALSE(outside.file);
  const std::string etag(part.header("ETag"));
  EXPECT_EQ(get(path, {{"range", "bytes=2-4"}, {"if-range", etag}}).status, 206);
  EXPECT_EQ(get(path, {{"range", "bytes=2-4"}, {"if-range", "\"other\""}}).status, 200);
}

TEST_F(StaticFilesTest, WhoTakesItCompressedGetsTheCompressedNeighbour) {
  const std::string path = "/assets/app-3fGk2_xZ.js";
  const std::string plain_etag(get(path).header("ETag"));
  put("files" + path + ".br", "brotli");
  put("files" + path + ".gz", "gzip");
  const Response best = get(path, {{"accept-encoding", "gzip, zstd, br"}});
  EXPECT_EQ(content(best), "brotli");
  EXPECT_EQ(best.header("Content-Encoding"), "br");
  EXPECT_EQ(best.header("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(best.header("Vary"), "Accept-Encoding");
  EXPECT_NE(best.header("ETag"), plain_etag);
  EXPECT_EQ(content(get(path, {{"accept-encoding", "gzip, br;q=0"}})), "gzip");
  EXPECT_EQ(content(get(path)), "0123456789");
  const Response range = get(path, {{"accept-encoding", "br"}, {"range", "bytes=0-1"}});
  EXPECT_EQ(content(range), "01");
  EXPECT_EQ(range.header("Content-Encoding"), "");
  // One that was made from an older file is not of this one.
  const auto before = fs::last_write_time(top_ / ("files" + path)) - std::chrono::hours(1);
  fs::last_write_time(top_ / ("files" + path + ".br"), before);
  EXPECT_EQ(content(get(path, {{"accept-encoding", "br"}})), "0123456789");
}

}  // namespace
}  // namespace cairn::web
