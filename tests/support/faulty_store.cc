#include "tests/support/faulty_store.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "fsd/base/check.h"
#include "fsd/runtime/await.h"

namespace cairn::testing {

using object_store::ByteRange;
using object_store::ListPage;
using object_store::Object;
using object_store::ObjectStore;
using object_store::PutCondition;
using object_store::StoreErrc;

namespace {

enum class Kind { kGet, kList, kPut, kConditionalPut, kRemove };

bool is_mutation(Kind kind) { return kind != Kind::kGet && kind != Kind::kList; }

/// What happens to one request, drawn when it is sent.
struct Fate {
  bool arrives = true;
  std::optional<StoreErrc> failure;  // what the sender hears instead of the answer
  Duration arrival{};
  Duration answer{};  // after the arrival
};

}  // namespace

FaultyStore::Options FaultyStore::Options::bad_day() {
  Options options;
  options.drop_one_in = 20;
  options.lose_answer_one_in = 20;
  options.throttle_one_in = 50;
  options.conflict_one_in = 30;
  options.damage_one_in = 100;
  options.stall_one_in = 100;
  return options;
}

struct FaultyStore::Wire : std::enable_shared_from_this<FaultyStore::Wire> {
  Wire(ObjectStore& inner_store, Runtime& on, std::uint64_t seed, Options given)
      : inner(inner_store), runtime(on), random(seed), options(given) {}

  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<Duration::rep>(
                       random.below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }

  Fate draw_fate(Kind kind) {
    Fate fate;
    fate.arrival = between(options.delay_min, options.delay_max);
    fate.answer = between(options.delay_min, options.delay_max);
    if (random.one_in(options.stall_one_in)) {
      (random.one_in(2) ? fate.arrival : fate.answer) += between({}, options.stall_max);
    }
    // Every chance is drawn each time, so that one more fault does not shift all that follow.
    const bool dropped = random.one_in(options.drop_one_in);
    const bool lost = random.one_in(options.lose_answer_one_in);
    const bool throttled = random.one_in(options.throttle_one_in);
    const bool conflict = random.one_in(options.conflict_one_in);
    const bool conflict_arrives = random.one_in(2);
    const bool damaged = random.one_in(options.damage_one_in);
    if (away || dropped) {
      fate.arrives = false;
      fate.failure = StoreErrc::kUnavailable;
      fate.answer = options.timeout;
    } else if (lost) {
      fate.failure = StoreErrc::kUnavailable;
      fate.answer = options.timeout;
    } else if (throttled) {
      fate.arrives = false;
      fate.failure = StoreErrc::kThrottled;
    } else if (conflict && kind == Kind::kConditionalPut) {
      fate.arrives = conflict_arrives;
      fate.failure = StoreErrc::kConflict;
    } else if (damaged && kind == Kind::kGet) {
      fate.failure = StoreErrc::kDamaged;
    }
    return fate;
  }

  /// Whether, and how often, a request without a proper answer takes effect later.
  void maybe_again(Kind kind, const std::function<void()>& apply) {
    if (!is_mutation(kind) || !random.one_in(options.again_one_in)) return;
    const std::uint64_t times =
        1 + random.below(std::max<std::uint64_t>(1, options.again_times_max));
    for (std::uint64_t i = 0; i < times; ++i) {
      // Mostly soon, when it hurts most; now and then much later.
      const Duration most = random.one_in(4) ? options.late_max : 4 * options.timeout;
      runtime.timers.schedule(between({}, most), [self = shared_from_this(), apply] { apply(); });
    }
  }

  template <class T>
  Task<Result<T>> send(Kind kind, std::function<Task<Result<T>>()> request);

  ObjectStore& inner;
  Runtime& runtime;
  SeededRandom random;
  Options options;
  bool away = false;
  bool paused = false;
  std::vector<std::function<void()>> held;  // what happens when the process goes on
  bool disconnected = false;
  std::uint64_t faults = 0;
  std::uint64_t next_flight = 0;
  std::map<std::uint64_t, std::function<void()>> flights;  // each: what a disconnect does to it
};

namespace {

/// One request under way. Shared by its sender, its timers and the list of flights.
template <class T>
struct Flight {
  OneShot<Result<T>> heard;
  std::optional<Result<T>> answer;
  std::optional<Timers::Token> arrival;

  void hear(Result<T> result) {
    if (!heard.is_set()) heard.set(std::move(result));
  }
};

}  // namespace

template <class T>
Task<Result<T>> FaultyStore::Wire::send(Kind kind, std::function<Task<Result<T>>()> request) {
  CHECK(runtime.core.inside());
  if (disconnected) co_return Error(StoreErrc::kCancelled, "the process has crashed");
  const std::shared_ptr<Wire> self = shared_from_this();
  const auto flight = std::make_shared<Flight<T>>();
  const std::uint64_t number = next_flight++;
  const Fate fate = draw_fate(kind);
  if (fate.failure) ++faults;

  const std::function<void()> apply = [self, request] {
    Task<Result<T>> applied = request();
    CHECK(applied.done());
  };
  // The answer comes back, or what the sender takes for one.
  std::function<void()> answered = [self, flight, fate, kind, apply] {
    if (flight->heard.is_set()) return;
    if (!fate.failure && flight->answer && !self->away) return flight->hear(*flight->answer);
    self->maybe_again(kind, apply);
    flight->hear(Error(fate.failure.value_or(StoreErrc::kUnavailable), "", "simulated"));
  };
  auto hear = [self, answered] {
    if (self->paused) {
      self->held.push_back(answered);
    } else {
      answered();
    }
  };
  auto arrive = [self, flight, fate, request, hear] {
    flight->arrival.reset();
    if (fate.arrives && !self->away) {
      Task<Result<T>> applied = request();
      CHECK(applied.done());
      flight->answer.emplace(applied.take());
    }
    if (!flight->heard.is_set()) self->runtime.timers.schedule(fate.answer, hear);
  };
  auto depart = [self, flight, fate, arrive] {
    if (flight->heard.is_set()) return;  // it crashed before it could send
    flight->arrival = self->runtime.timers.schedule(fate.arrival, arrive);
  };
  if (paused) {
    held.push_back(depart);
  } else {
    depart();
  }
  flights[number] = [self, flight, kind, apply] {
    // The process is gone. What it sent may never arrive, arrive as it would have, or more often.
    if (flight->arrival && self->random.one_in(2)) self->runtime.timers.cancel(*flight->arrival);
    self->maybe_again(kind, apply);
    flight->hear(Error(StoreErrc::kCancelled, "the process has crashed"));
  };
  Result<T> result = co_await flight->heard;
  self->flights.erase(number);
  co_return result;
}

FaultyStore::FaultyStore(ObjectStore& inner, Runtime& runtime, std::uint64_t seed, Options options)
    : wire_(std::make_shared<Wire>(inner, runtime, seed, options)) {}

FaultyStore::~FaultyStore() { CHECK(wire_->flights.empty()); }

Task<Result<Object>> FaultyStore::get(std::string key, ByteRange range) {
  std::function<Task<Result<Object>>()> request = [wire = wire_.get(), key, range] {
    return wire->inner.get(key, range);
  };
  return wire_->send<Object>(Kind::kGet, std::move(request));
}

Task<Result<std::string>> FaultyStore::put(std::string key, SharedBytes body,
                                           PutCondition condition) {
  const bool conditional = condition.only_if_absent || condition.if_etag;
  std::function<Task<Result<std::string>>()> request = [wire = wire_.get(), key, body, condition] {
    return wire->inner.put(key, body, condition);
  };
  return wire_->send<std::string>(conditional ? Kind::kConditionalPut : Kind::kPut,
                                  std::move(request));
}

Task<Result<void>> FaultyStore::remove(std::string key) {
  std::function<Task<Result<void>>()> request = [wire = wire_.get(), key] {
    return wire->inner.remove(key);
  };
  return wire_->send<void>(Kind::kRemove, std::move(request));
}

Task<Result<ListPage>> FaultyStore::list(std::string prefix, std::string start_after,
                                         std::uint32_t limit) {
  std::function<Task<Result<ListPage>>()> request = [wire = wire_.get(), prefix, start_after,
                                                     limit] {
    return wire->inner.list(prefix, start_after, limit);
  };
  return wire_->send<ListPage>(Kind::kList, std::move(request));
}

std::string FaultyStore::description() const {
  return wire_->inner.description() + " on a bad day";
}

void FaultyStore::set_outage(bool away) { wire_->away = away; }
void FaultyStore::set_paused(bool paused) {
  wire_->paused = paused;
  if (paused) return;
  const auto held = std::exchange(wire_->held, {});
  for (const auto& go_on : held) go_on();
}
void FaultyStore::set_options(Options options) { wire_->options = options; }
std::size_t FaultyStore::outstanding() const { return wire_->flights.size(); }
std::uint64_t FaultyStore::faults() const { return wire_->faults; }

void FaultyStore::disconnect() {
  CHECK(wire_->runtime.core.inside());
  wire_->disconnected = true;
  // Each entry erases itself from the map when its sender resumes.
  const auto flights = wire_->flights;
  for (const auto& [number, cancel] : flights) cancel();
}

}  // namespace cairn::testing
