#include "fsd/engine/log_writer.h"

#include "fsd/engine/fenced.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/log_put.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/engine/volume.h"

namespace cairn::engine {
namespace {

void seal_flight(Flight& flight, const format::Compression& compression,
                 const format::Sealer& sealer) {
  std::vector<ByteView> frames;
  for (std::size_t i = 0; i < flight.arena->frames(); ++i) frames.push_back(flight.arena->frame(i));
  auto sealed =
      format::seal_segment(flight.header, flight.changes.entries(), frames, compression, sealer);
  flight.object = SharedBytes::from(std::move(sealed.object));
  flight.frames = std::move(sealed.frames);
}

}  // namespace

LogWriter::LogWriter(Runtime& runtime, object_store::ObjectStore& store, LogReader& reader,
                     format::Sealer sealer, Options options, Events events)
    : runtime_(runtime),
      store_(store),
      reader_(reader),
      sealer_(std::move(sealer)),
      options_(options),
      events_(std::move(events)),
      link_(options.window_bytes) {}

void LogWriter::start(format::Position tip) { tip_ = tip; }

void LogWriter::submit(std::shared_ptr<Flight> flight) {
  CHECK(flight->header.seq == tip_.next_seq && flight->header.previous == tip_.last);
  tip_ = position_after(flight->header);
  in_flight_bytes_ += flight->bytes();
  if (flight->awaited) ++awaited_;
  flights_.push_back(flight);
  send(std::move(flight)).detach();
}

const Flight* LogWriter::find(Seq seq) const {
  if (flights_.empty() || seq < flights_.front()->header.seq) return nullptr;
  const std::uint64_t index = seq.value() - flights_.front()->header.seq.value();
  return index < flights_.size() ? flights_[index].get() : nullptr;
}

bool LogWriter::within_window(Seq seq) const {
  std::uint64_t before = seq.value() - durable_end().value();
  if (!rule(Rule::kSpan)) {
    before = 0;
    for (const auto& flight : flights_) {
      before += flight->header.seq < seq && !flight->acknowledged ? 1 : 0;
    }
  }
  return before < options_.window;
}

Task<> LogWriter::seal(std::shared_ptr<Flight> flight) {
  if (flight->bytes() <= kSealInlineBytesMax) {
    seal_flight(*flight, options_.compression, sealer_);
    co_return;
  }
  auto work = [flight, this] {
    seal_flight(*flight, options_.compression, sealer_);
    return true;
  };
  co_await RunOn(runtime_.pool, runtime_.core, std::move(work));
}

Task<> LogWriter::send(std::shared_ptr<Flight> flight) {
  ++sending_;
  co_await seal(flight);
  while (!failed_ && !within_window(flight->header.seq)) co_await progress_.wait();
  if (!failed_) {
    const std::uint64_t bytes = flight->object.size();
    const LinkRate::Sent sent = link_.on_sent(runtime_.clock.monotonic(), bytes);
    auto put = co_await put_segment(runtime_, store_, reader_, flight->header, flight->object,
                                    events_.on_trouble);
    link_.on_acknowledged(runtime_.clock.monotonic(), bytes, sent);
    if (!failed_ && put && *put) {
      on_acknowledged(*flight);
    } else if (!failed_ && put) {
      events_.on_failed(fenced());
      fail();
    } else if (!failed_) {
      events_.on_failed(
          Error(EngineErrc::kStopped, "the volume was closed before all was written"));
      fail();
    }
  }
  --sending_;
  progress_.notify_all();
}

void LogWriter::on_acknowledged(Flight& flight) {
  flight.acknowledged = true;
  flight.object = {};
  while (!flights_.empty() && flights_.front()->acknowledged) {
    std::shared_ptr<Flight> durable = std::move(flights_.front());
    flights_.pop_front();
    in_flight_bytes_ -= durable->bytes();
    if (durable->awaited) --awaited_;
    events_.on_durable(*durable);
  }
}

void LogWriter::fail() {
  failed_ = true;
  progress_.notify_all();
}

Task<> LogWriter::drain() {
  while (sending_ > 0) co_await progress_.wait();
}

}  // namespace cairn::engine
