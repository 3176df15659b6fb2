#pragma once

#include <string>

namespace cairn::vm {

/// Remembers, in the user's cache, that KVM does not boot the guest with this machine's kernel: so
/// that only the first run waits for it.
class KvmMemory {
 public:
  KvmMemory();
  [[nodiscard]] bool says_no() const;
  void remember_no() const;

 private:
  std::string file_;  // empty: nowhere
  std::string kernel_;
};

}  // namespace cairn::vm
