#pragma once

// Ascending runs of metadata changes, as segments' batches and tables' blocks hold them. A key
// shares a prefix with the one before it, which is not repeated.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/result.h"
#include "protocol/wire/decoder.h"

namespace cairn::format {

inline constexpr std::size_t kKeyBytesMax = 511;  // what LMDB takes
inline constexpr std::size_t kValueBytesMax = 16U << 20;
// A decoded batch takes several times the bytes of an encoded one; these bound how many.
inline constexpr std::size_t kBatchEntriesMax = 1U << 22;
inline constexpr std::size_t kBatchKeyBytesMax = 256U << 20;

/// One change of metadata: a key put, or deleted when there is no value.
struct BatchEntry {
  std::string_view key;
  std::optional<std::string_view> value;
  bool operator==(const BatchEntry&) const = default;
};

/// Encodes entries one by one. Keys must ascend and keep to the limits above.
class BatchWriter {
 public:
  void add(const BatchEntry& entry);
  [[nodiscard]] std::size_t bytes() const { return out_.size(); }
  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  /// The bytes so far; the writer is empty again, and the next key starts afresh.
  [[nodiscard]] std::string take();

 private:
  std::string out_;
  std::string last_key_;
  std::uint64_t entries_ = 0;
};

/// Decodes entries one by one; checks limits and order.
class BatchReader {
 public:
  explicit BatchReader(std::string_view bytes) : in_(bytes) {}
  /// False at the end, or when the bytes are damaged: ask ok().
  [[nodiscard]] bool next();
  /// The entry that next() found: the key until the next next(), the value as long as the bytes.
  [[nodiscard]] const BatchEntry& entry() const { return entry_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  wire::Decoder in_;
  std::string key_;
  BatchEntry entry_;
  bool ok_ = true;
};

/// A decoded batch: entries, and what they point into. Moving it leaves the entries valid.
class Batch {
 public:
  Batch() = default;
  Batch(Batch&&) noexcept = default;
  Batch& operator=(Batch&&) noexcept = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  /// Fails with: FormatErrc::kDamaged.
  [[nodiscard]] static Result<Batch> decode(std::string bytes);
  [[nodiscard]] std::span<const BatchEntry> entries() const { return entries_; }

 private:
  std::unique_ptr<const std::string> values_;
  std::unique_ptr<const std::string> keys_;
  std::vector<BatchEntry> entries_;
};

}  // namespace cairn::format
