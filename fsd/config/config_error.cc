#include "fsd/config/config_error.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace cairn::config {

Error config_error(std::string sentence) {
  return Error(std::error_code(EINVAL, std::generic_category()), "the configuration is not usable",
               std::move(sentence));
}

void ConfigErrors::add(std::string sentence, std::size_t line) {
  sentences_.push_back({line, sentences_.size(), std::move(sentence)});
}

Result<void> ConfigErrors::result() const {
  constexpr std::size_t kSentencesMax = 20;
  if (sentences_.empty()) return {};
  if (sentences_.size() == 1) return config_error(sentences_.front().text);
  auto sorted = sentences_;
  std::ranges::sort(sorted, {},
                    [](const Sentence& one) { return std::pair(one.line, one.number); });
  std::string all = std::to_string(sorted.size()) + " errors";
  for (std::size_t i = 0; i < std::min(sorted.size(), kSentencesMax); ++i) {
    all += "\n  " + sorted[i].text;
  }
  if (sorted.size() > kSentencesMax) {
    all += "\n  and " + std::to_string(sorted.size() - kSentencesMax) + " more";
  }
  return config_error(all);
}

}  // namespace cairn::config
