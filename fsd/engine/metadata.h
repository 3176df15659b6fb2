#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fsd/base/result.h"
#include "fsd/engine/overlay.h"
#include "fsd/index/index.h"

namespace cairn::engine {

/// Every metadata key as of now: the overlay over a snapshot of the index.
/// Lifetime: owned by the engine.   Threads: core only.
/// Fails with: kDamaged when the index cannot be read.
class Metadata {
 public:
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;

  void set_snapshot(std::unique_ptr<index::Snapshot> snapshot) { snapshot_ = std::move(snapshot); }
  [[nodiscard]] index::Snapshot* snapshot() { return snapshot_.get(); }
  [[nodiscard]] Overlay& overlay() { return overlay_; }

  Result<std::optional<std::string>> find(std::string_view key);
  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit);
  Result<std::optional<std::pair<std::string, std::string>>> find_floor(std::string_view first,
                                                                        std::string_view key);

 private:
  Overlay overlay_;
  std::unique_ptr<index::Snapshot> snapshot_;
};

}  // namespace cairn::engine
