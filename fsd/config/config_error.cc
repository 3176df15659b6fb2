#include "fsd/config/config_error.h"

#include <algorithm>
#include <cerrno>

namespace cairn::config {

Error config_error(std::string sentence) {
  return Error(std::error_code(EINVAL, std::generic_category()), "the configuration is not usable",
               std::move(sentence));
}

void ConfigErrors::add(std::string sentence, std::size_t line) {
  sentences_.emplace_back(line, std::move(sentence));
}

Result<void> ConfigErrors::result() const {
  constexpr std::size_t kSentencesMax = 20;
  if (sentences_.empty()) return {};
  if (sentences_.size() == 1) return config_error(sentences_.front().second);
  auto sorted = sentences_;
  std::ranges::stable_sort(sorted, {}, [](const auto& one) { return one.first; });
  std::string all = std::to_string(sorted.size()) + " errors";
  for (std::size_t i = 0; i < std::min(sorted.size(), kSentencesMax); ++i) {
    all += "\n  " + sorted[i].second;
  }
  if (sorted.size() > kSentencesMax) {
    all += "\n  and " + std::to_string(sorted.size() - kSentencesMax) + " more";
  }
  return config_error(all);
}

}  // namespace cairn::config
