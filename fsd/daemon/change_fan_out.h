#pragma once

#include <vector>

#include "fsd/vfs/types.h"

namespace cairn::daemon {

/// Tells several doors of each change.
/// Lifetime: they outlive it.   Threads: core only, but for add(), before the core knows of it.
class ChangeFanOut final : public vfs::ChangeListener {
 public:
  void add(vfs::ChangeListener& listener) { listeners_.push_back(&listener); }
  void on_entry_changed(Ino parent, std::string_view name, std::uint64_t origin) override {
    for (auto* listener : listeners_) listener->on_entry_changed(parent, name, origin);
  }
  void on_attributes_changed(Ino ino, std::uint64_t origin) override {
    for (auto* listener : listeners_) listener->on_attributes_changed(ino, origin);
  }
  void on_data_changed(Ino ino, std::uint64_t offset, std::uint64_t length,
                       std::uint64_t origin) override {
    for (auto* listener : listeners_) listener->on_data_changed(ino, offset, length, origin);
  }

 private:
  std::vector<vfs::ChangeListener*> listeners_;
};

}  // namespace cairn::daemon
