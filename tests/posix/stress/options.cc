#include "tests/posix/stress/options.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>

namespace cairn::stress {

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) {
      options.directory = word;
      continue;
    }
    const auto number = options.numbers.find(word.substr(2));
    const char* value = i + 1 < argc ? argv[++i] : "";
    const char* end = value + std::strlen(value);
    if (number == options.numbers.end() || *value == '\0' ||
        std::from_chars(value, end, number->second).ptr != end) {
      std::fprintf(stderr, "%s: not an option, or not a number: %s %s\n", argv[0], word.c_str(),
                   value);
      return false;
    }
  }
  if (!options.directory.empty() && ::access(options.directory.c_str(), W_OK) == 0) return true;
  std::fprintf(stderr, "usage: %s DIR (an existing directory that can be written)", argv[0]);
  for (const auto& [name, value] : options.numbers) std::fprintf(stderr, " [--%s N]", name.c_str());
  std::fprintf(stderr, "\n");
  return false;
}

std::uint64_t Dice::next() {
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace cairn::stress
