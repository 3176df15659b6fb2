#pragma once

namespace cairn {

/// Says to an operation that whoever asked for it waits no longer. It may go on, and ends as soon
/// as it can; memory that it was passed may not be touched after a suspension any more.
/// Lifetime: as long as the operation.   Threads: core only.
class CancelFlag {
 public:
  void set() { set_ = true; }
  [[nodiscard]] bool is_set() const { return set_; }

 private:
  bool set_ = false;
};

/// `flag` may be null: nobody can withdraw.
[[nodiscard]] inline bool is_cancelled(const CancelFlag* flag) {
  return flag != nullptr && flag->is_set();
}

}  // namespace cairn
