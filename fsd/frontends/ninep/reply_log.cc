#include "fsd/frontends/ninep/reply_log.h"

#include "protocol/resume/frames.h"

namespace cairn::p9 {

const std::string& ReplyLog::add(std::string frame, std::uint64_t answers) {
  resume::patch_number(frame, ++last_number_);
  bytes_ += frame.size();
  entries_.push_back({.number = last_number_, .answers = answers, .frame = std::move(frame)});
  return entries_.back().frame;
}

bool ReplyLog::acknowledge(std::uint64_t number) {
  if (number > last_number_) return false;
  while (!entries_.empty() && entries_.front().number <= number) {
    bytes_ -= entries_.front().frame.size();
    if (const auto kept = kept_.find(entries_.front().answers); kept != kept_.end()) {
      kept_bytes_ -= kept->second.size();
      kept_.erase(kept);
    }
    entries_.pop_front();
  }
  return true;
}

void ReplyLog::keep(std::uint64_t answers, std::string frame) {
  std::string& kept = kept_[answers];
  kept_bytes_ += frame.size() - kept.size();
  kept = std::move(frame);
}

}  // namespace cairn::p9
