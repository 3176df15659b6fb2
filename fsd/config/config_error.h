#pragma once

#include <string>
#include <vector>

#include "fsd/base/result.h"

namespace cairn::config {

/// Nobody reacts to one configuration error otherwise than to another: all are EINVAL and a
/// sentence. The sentence must not hold a value from the file, which might be a secret.
[[nodiscard]] Error config_error(std::string sentence);

/// All that is wrong with a configuration, so that nobody has to mend one thing per run.
class ConfigErrors {
 public:
  /// `line` of the file, for the order; 0 if there is none.
  void add(std::string sentence, std::size_t line = 0);
  /// One error with the sentences in the order of their lines, one to a line if there are several;
  /// of very many the first.
  [[nodiscard]] Result<void> result() const;

 private:
  struct Sentence {
    std::size_t line = 0;
    std::size_t number = 0;
    std::string text;
  };
  std::vector<Sentence> sentences_;
};

}  // namespace cairn::config
