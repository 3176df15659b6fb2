#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cairn::stress {

/// The command line of both programs: a directory, then numbers by name.
struct Options {
  std::string directory;
  std::map<std::string, std::uint64_t> numbers;  // given their defaults before parsing
};

/// Fills `options` from the command line. False, with a sentence on stderr, if it is wrong.
bool parse(int argc, char** argv, Options& options);

/// A small generator (splitmix64): the same numbers on every machine for one seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Below `limit`, which is not 0.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace cairn::stress
