#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fsd/base/bytes.h"
#include "fsd/base/cancel.h"
#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/base/task.h"

namespace cairn::engine {

enum class EngineErrc {
  kFenced = 1,   // another writer has taken the volume over: nothing can be acknowledged any more
  kReadOnly,     // EROFS
  kDamaged,      // stored bytes do not match their checksum or seal; only what needs them fails
  kStopped,      // stopping, or stopped
  kUnavailable,  // the store did not answer within storage.soft_timeout_s
  kNewerFormat,  // written by a newer version of Cairn
  kNotAVolume,   // the prefix holds other objects, or none
  kWrongPassword,
  kLost,  // an object of the log is missing
};
const std::error_category& engine_category();
std::error_code make_error_code(EngineErrc code);
bool is(const Error& error, EngineErrc code);

/// A place in a segment's data space.
struct DataRef {
  Seq segment;
  std::uint64_t offset = 0;
  bool operator==(const DataRef&) const = default;
};

/// Largest number of bytes that one admit() may ask for.
inline constexpr std::size_t kAdmitBytesMax = 4U << 20;

/// What the POSIX core stands on: an ordered map of metadata keys, and a space of immutable bytes,
/// that commit together. The engine behind it turns them into segments in the bucket.
///
/// A transaction is what a coroutine does between admit() and its next suspension: all of it
/// becomes durable together, and a crash undoes whole transactions only, from the newest back.
///
/// Lifetime: outlives all Tasks.   Threads: core only; Tasks resume in the core.
/// Fails with: EngineErrc (to_errno gives EIO, EROFS for kReadOnly).
class Volume {
 public:
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;

  /// Is told how the log goes on, in the core.
  class Observer {
   public:
    virtual ~Observer() = default;
    /// The open segment is about to be sealed, between two transactions: what is put now goes into
    /// it, too. Keep it small, and never suspend.
    virtual void before_seal() = 0;
    /// durable_end() has moved on.
    virtual void on_durable() = 0;
  };
  /// Who writes to the log now.
  struct Term {
    Epoch epoch;
    Seq log_end;  // of what earlier epochs wrote, only what lies before it is in the log
  };

  virtual ~Volume() = default;

  // Metadata as of now, this transaction's own changes included. These never suspend. Fail with
  // kDamaged only when the local index is.
  virtual Result<std::optional<std::string>> find(std::string_view key) = 0;
  /// Calls `visit` for the keys in [first, end), ascending, until it returns false. `visit` must
  /// not change the volume.
  virtual Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) = 0;
  /// The greatest key in [first, key], with its value.
  virtual Result<std::optional<std::pair<std::string, std::string>>> find_floor(
      std::string_view first, std::string_view key) = 0;

  // Transactions.
  /// Waits until the volume can take a transaction with up to `data_bytes` (<= kAdmitBytesMax) of
  /// new file bytes; ready at once unless the write window is full. After it, until the next
  /// suspension: put, erase, append, overwrite and the reference counts belong together.
  virtual Task<Result<void>> admit(std::size_t data_bytes) = 0;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;
  /// Stores file bytes; they count as referenced once, `bytes.size()` long.
  virtual DataRef append(ByteView bytes) = 0;
  /// Replaces bytes in place if they have not been sealed yet. False: append() instead.
  virtual bool overwrite(DataRef at, ByteView bytes) = 0;
  /// One more extent, or one less, refers to these bytes. A segment without references is deleted.
  virtual void add_reference(DataRef at, std::uint64_t length) = 0;
  virtual void drop_reference(DataRef at, std::uint64_t length) = 0;

  // Durability.
  /// The segment that a transaction begun now goes into.
  [[nodiscard]] virtual Seq open_segment() const = 0;
  /// All segments before it are durable.
  [[nodiscard]] virtual Seq durable_end() const = 0;
  /// Returns when segment `upto` and all before it are durable (at once if they are); seals it if
  /// it is still open and has something in it.
  virtual Task<Result<void>> sync(Seq upto) = 0;

  // File bytes.
  /// Fills `into` from the data space at `from`. `into` must stay valid until the Task ends, which
  /// it does at once if the bytes are in memory. The range lies within one segment. After `cancel`
  /// (or null) is set, `into` is not touched any more, and the Task ends with EINTR in its time.
  virtual Task<Result<void>> read(DataRef from, MutableByteView into,
                                  const CancelFlag* cancel = nullptr) = 0;
  /// Asks for these bytes to be brought into the cache soon. A hint; bounded: how many of them,
  /// from the front, are seen to. The rest may be asked for again when some of them are there.
  virtual std::uint64_t prefetch(DataRef from, std::uint64_t length) = 0;
  /// How far ahead of a reader prefetching makes sense: more is dropped, or pushes itself out.
  [[nodiscard]] virtual std::uint64_t prefetch_bytes_max() const { return UINT64_MAX; }

  [[nodiscard]] virtual bool read_only() const = 0;
  [[nodiscard]] virtual Term term() const = 0;
  /// One, or none (nullptr).
  virtual void set_observer(Observer* observer) = 0;
};

}  // namespace cairn::engine

template <>
struct std::is_error_code_enum<cairn::engine::EngineErrc> : std::true_type {};
