#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace cairn::p9 {

/// What a resumable session has sent, or is to send, and its client has not said to have got; and
/// of that, what the metadata must know to do no request twice: the replies to those that have
/// changed something. Threads: core only.
class ReplyLog {
 public:
  /// Numbers a frame of cairn.resume.v1 and keeps it. `answers`: the client's number of its
  /// request.
  const std::string& add(std::string frame, std::uint64_t answers);
  /// The client has all frames up to `number`. False: it cannot have that.
  bool acknowledge(std::uint64_t number);
  /// Visits the frames after `number`, in order.
  template <class Visit>
  void each_after(std::uint64_t number, Visit visit) {
    for (Entry& entry : entries_) {
      if (entry.number > number) visit(entry.frame);
    }
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// The request `answers` has taken effect, in the current transaction; `frame` will answer it.
  void keep(std::uint64_t answers, std::string frame);
  /// The client has the replies that an earlier daemon kept.
  void drop_kept() {
    kept_.clear();
    kept_bytes_ = 0;
  }
  [[nodiscard]] const std::map<std::uint64_t, std::string>& kept() const { return kept_; }
  [[nodiscard]] std::size_t kept_bytes() const { return kept_bytes_; }

 private:
  struct Entry {
    std::uint64_t number = 0;
    std::uint64_t answers = 0;
    std::string frame;
  };
  std::deque<Entry> entries_;  // ascending
  std::uint64_t last_number_ = 0;
  std::size_t bytes_ = 0;
  std::map<std::uint64_t, std::string> kept_;  // by request
  std::size_t kept_bytes_ = 0;
};

}  // namespace cairn::p9
