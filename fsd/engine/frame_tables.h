#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/format/segment.h"

namespace cairn::engine {

/// Decoded frame tables, the ones used last, so that a warm read neither searches the index nor
/// decodes. A segment's table never changes.
/// Threads: core only.   Fails with: what `find` fails with; a failure is not remembered.
class FrameTables {
 public:
  using Table = std::shared_ptr<const format::FrameTable>;
  using Find = std::function<Result<Table>(Seq segment)>;

  FrameTables(Find find, std::uint64_t bytes_max) : find_(std::move(find)), bytes_max_(bytes_max) {}

  Result<Table> get(Seq segment);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  using Uses = std::list<Table>;  // the last used first

  Find find_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  Uses uses_;
  std::unordered_map<Seq, Uses::iterator> tables_;
};

}  // namespace cairn::engine
