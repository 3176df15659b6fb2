#include "fsd/format/batch.h"

#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

}  // namespace

void BatchWriter::add(const BatchEntry& entry) {
  const std::string_view key = entry.key;
  CHECK(!key.empty() && key.size() <= kKeyBytesMax);
  CHECK(entries_ == 0 || last_key_ < key);
  CHECK(!entry.value || entry.value->size() <= kValueBytesMax);
  const std::size_t most = std::min(key.size(), last_key_.size());
  const auto differ = std::mismatch(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(most),
                                    last_key_.begin());
  const auto shared = static_cast<std::size_t>(differ.first - key.begin());
  append_varint(out_, shared);
  append_varint(out_, key.size() - shared);
  out_.append(key.substr(shared));
  append_varint(out_, entry.value ? entry.value->size() + 1 : 0);
  if (entry.value) out_.append(*entry.value);
  last_key_.assign(key);
  ++entries_;
}

std::string BatchWriter::take() {
  last_key_.clear();
  entries_ = 0;
  return std::exchange(out_, {});
}

bool BatchReader::next() {
  if (!ok_ || in_.left() == 0) return false;
  const std::size_t shared = get_varint(in_, key_.size());
  const std::string_view suffix = get_text(in_, kKeyBytesMax - std::min(shared, kKeyBytesMax));
  const std::uint64_t tag = get_varint(in_, kValueBytesMax + 1);
  const auto value = in_.raw(tag == 0 ? 0 : tag - 1);
  // Ascending: what replaces the tail of the last key must be greater than it.
  const std::string_view tail = std::string_view(key_).substr(std::min(shared, key_.size()));
  if (!in_.ok() || suffix <= tail) return ok_ = false;
  key_.resize(shared);
  key_.append(suffix);
  entry_.key = key_;
  entry_.value = tag == 0 ? std::nullopt : std::optional<std::string_view>(as_string(value));
  return true;
}

Result<Batch> Batch::decode(std::string bytes) {
  Batch batch;
  batch.values_ = std::make_unique<const std::string>(std::move(bytes));
  std::size_t entries = 0;
  std::size_t key_bytes = 0;
  BatchReader counted(*batch.values_);
  while (counted.next()) {
    key_bytes += counted.entry().key.size();
    if (++entries > kBatchEntriesMax || key_bytes > kBatchKeyBytesMax) {
      return damaged("a batch of changes is too large");
    }
  }
  if (!counted.ok()) return damaged("a batch of changes is damaged");
  auto keys = std::make_unique<std::string>();
  keys->reserve(key_bytes);  // never grows: the entries point into it
  batch.entries_.reserve(entries);
  BatchReader reader(*batch.values_);
  while (reader.next()) {
    const BatchEntry& entry = reader.entry();
    const std::size_t at = keys->size();
    keys->append(entry.key);
    batch.entries_.push_back({std::string_view(keys->data() + at, entry.key.size()), entry.value});
  }
  batch.keys_ = std::move(keys);
  return batch;
}

}  // namespace cairn::format
