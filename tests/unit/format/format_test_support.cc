#include "tests/unit/format/format_test_support.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cairn::format {
namespace {

// Properties are tried on the same cases in every run, unless somebody asks for others.
const int kRepeatable = setenv("RC_PARAMS", "seed=1", 0);

std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(CAIRN_GOLDEN_DIR) / "format" / (name + ".hex");
}

std::string to_lines(const std::string& bytes) {
  constexpr std::size_t kBytesPerLine = 32;
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += kBytesPerLine) {
    text += to_hex(as_bytes(bytes.substr(at, kBytesPerLine))) + '\n';
  }
  return text;
}

}  // namespace

void expect_every_truncation_refused(const std::string& bytes, const Accepts& accepts) {
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    // A copy of its own, so that a sanitizer sees a read past its end.
    const std::string cut = bytes.substr(0, length);
    EXPECT_FALSE(accepts(cut)) << "cut to " << length << " of " << bytes.size() << " bytes";
  }
}

void expect_every_bit_flip_refused(const std::string& bytes, const Accepts& accepts) {
  EXPECT_EQ(refused_bit_flips(bytes, accepts), 8 * bytes.size());
}

std::size_t refused_bit_flips(const std::string& bytes, const Accepts& accepts) {
  std::size_t refused = 0;
  std::string flipped = bytes;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto mask = static_cast<char>(1 << (bit % 8));
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ mask);
    if (!accepts(flipped)) ++refused;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ mask);
  }
  return refused;
}

std::string golden(const std::string& name) {
  std::ifstream file(golden_path(name));
  EXPECT_TRUE(file.good()) << "no golden file " << name
                           << ": run once with CAIRN_WRITE_GOLDEN=1, and commit it";
  std::string bytes;
  std::string line;
  while (std::getline(file, line)) {
    for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    }
  }
  return bytes;
}

std::string keep_golden(const std::string& name, const std::string& bytes) {
  const char* write = std::getenv("CAIRN_WRITE_GOLDEN");
  if (write != nullptr && !std::filesystem::exists(golden_path(name))) {
    std::filesystem::create_directories(golden_path(name).parent_path());
    std::ofstream(golden_path(name)) << to_lines(bytes);
  }
  return golden(name);
}

void expect_golden(const std::string& name, const std::string& bytes) {
  EXPECT_EQ(to_lines(bytes), to_lines(keep_golden(name, bytes)));
}

}  // namespace cairn::format
