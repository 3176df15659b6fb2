#pragma once

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "fsd/object_store/object_store.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::object_store {

/// Sends the same request again, with exponential backoff and full jitter, for as long as the store
/// fails in a way that may pass: a store that is away is not an error of the filesystem.
///
/// A conditional put whose first answer was lost may be refused on the second try, by the object
/// that the first one made. That kPreconditionFailed is passed on as it is: whoever sends
/// conditional puts reads the object back and looks whether it is his own.
///
/// Says so when the store stops answering, once a minute while that lasts, and when it is back. Of
/// short ones, within the minute, it tells one.
///
/// Lifetime: outlived by `inner` and `runtime`; outlives every Task.   Threads: core only.
/// Fails with: what does not pass by itself; the last failure after soft_timeout; kCancelled after
/// stop().
class RetryingStore final : public ObjectStore {
 public:
  struct Options {
    Duration delay_first = std::chrono::milliseconds(50);  // the first delay is drawn below this
    Duration delay_max = std::chrono::seconds(10);
    /// A request that failed for so long fails for its caller too; empty: never.
    std::optional<Duration> soft_timeout;
    /// Credentials that are refused are tried again too, slowly: a key that somebody rotates must
    /// not end a mount. Off while starting, where a wrong key is better told at once.
    bool patient = false;
    Duration patient_delay_max = std::chrono::seconds(60);
    Duration report_interval = std::chrono::minutes(1);
    /// Receives the sentences; empty: the log.
    std::function<void(const std::string&)> report;
  };
  RetryingStore(ObjectStore& inner, Runtime& runtime, Options options);

  Task<Result<Object>> get(std::string key, ByteRange range) override;
  Task<Result<std::string>> put(std::string key, SharedBytes body, PutCondition condition) override;
  Task<Result<void>> remove(std::string key) override;
  Task<Result<ListPage>> list(std::string prefix, std::string start_after,
                              std::uint32_t limit) override;
  [[nodiscard]] std::string description() const override { return inner_.description(); }

  void set_patient(bool patient) { options_.patient = patient; }
  /// From now on nothing is tried again: what waits for its next try fails with kCancelled, and so
  /// does what gets no answer from now on, and what the store refuses; but not what says whether an
  /// object is there.
  void stop();

  struct Outage {
    Duration lasts{};         // since the last answer, or since the first that failed was asked
    std::size_t waiting = 0;  // requests that failed and will be sent again
    std::string last_failure;
  };
  /// Empty while the store answers, and until the first request has failed. For status.
  [[nodiscard]] std::optional<Outage> outage() const;

  struct Unanswered {
    std::size_t requests = 0;  // sent, in line, or waiting for their next try
    Duration silence{};        // no request at all was answered for so long, while some waited
    Duration oldest{};         // how long the one that waits longest waits
    std::string oldest_name;   // "PUT log/2a/..."
    int oldest_failures = 0;
  };
  /// Empty if nothing waits for the store. A store that hangs shows here long before a request
  /// fails; so does, for a moment, a slow link. For status.
  [[nodiscard]] std::optional<Unanswered> unanswered() const;

 private:
  using Wake = OneShot<bool>;  // true: try again; false: we are stopping
  /// One that has no answer yet; its key belongs to its coroutine.
  struct Request {
    const char* verb;
    std::string_view key;
    Duration begun{};
    int failures = 0;
  };

  /// Keeps a request in the list for as long as it lives.
  class Listed {
   public:
    Listed(std::list<Request>& list, Request request)
        : list_(list), at_(list.insert(list.end(), request)) {}
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { list_.erase(at_); }
    Request& operator*() { return *at_; }

   private:
    std::list<Request>& list_;
    std::list<Request>::iterator at_;
  };

  template <class T, class Send>
  Task<Result<T>> repeat(Request asked, Send send);
  /// How long to wait before the next try; empty: `error` is the caller's.
  std::optional<Duration> next_delay(const Request& request, const Error& error);
  Task<bool> pause(Duration delay);
  void on_failure(const Request& request, const Error& error);
  void on_answer();
  void say(const std::string& sentence);

  ObjectStore& inner_;
  Runtime& runtime_;
  Options options_;
  bool stopped_ = false;
  std::size_t waiting_ = 0;
  std::map<Timers::Token, Wake*> sleepers_;
  std::list<Request> requests_;  // oldest first
  Duration last_answer_{};
  std::optional<Duration> away_since_;
  Duration failing_since_{};  // with away_since_: the first failure
  std::optional<Duration> last_report_;
  bool told_away_ = false;
  std::string last_failure_;
};

}  // namespace cairn::object_store
