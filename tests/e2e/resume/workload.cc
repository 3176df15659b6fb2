#include "tests/e2e/resume/workload.h"

#include "protocol/p9/constants.h"

namespace cairn::e2e {
namespace {

/// Past these, a worker's steps that do not wait for each other wait.
constexpr std::size_t kAtOnce = 8;

std::uint64_t ino_in(const p9::Reply& reply) {
  if (const auto* made = std::get_if<p9::Rlcreate>(&reply)) return made->qid.path;
  if (const auto* made = std::get_if<p9::Rmkdir>(&reply)) return made->qid.path;
  if (const auto* made = std::get_if<p9::Rsymlink>(&reply)) return made->qid.path;
  fail("this reply has no qid");
}

void check_data(const Step& step, std::string_view data) {
  if (data == step.data) return;
  const std::size_t common = std::min(data.size(), step.data.size());
  std::size_t at = 0;
  while (at < common && data[at] == step.data[at]) ++at;
  std::size_t end = common;
  while (end > at && data[end - 1] == step.data[end - 1]) --end;
  const auto header = p9::peek_header(as_bytes(step.message));
  const auto request =
      p9::decode_request(header->type, as_bytes(step.message).subspan(p9::kHeaderBytes));
  const auto& read = std::get<p9::Tread>(*request);
  fail("a file was not read as it was written: fid " + std::to_string(read.fid) + ", from " +
       std::to_string(read.offset) + ", " + std::to_string(data.size()) + " bytes and not " +
       std::to_string(step.data.size()) + ", another from " + std::to_string(read.offset + at) +
       " to " + std::to_string(read.offset + end));
}

}  // namespace

Workload::Workload(Caller& caller, std::vector<std::unique_ptr<Script>> scripts)
    : caller_(caller), scripts_(std::move(scripts)) {
  for (const auto& script : scripts_) workers_.push_back({.script = script.get()});
}

void Workload::run() {
  std::size_t steps = 0;
  for (const auto& script : scripts_) steps += script->steps().size();
  for (Worker& worker : workers_) go_on(worker);
  caller_.run_until([this, steps] { return done_ == steps; });
}

void Workload::go_on(Worker& worker) {
  const auto& steps = worker.script->steps();
  while (worker.next < steps.size() && worker.waiting < kAtOnce) {
    const Step& step = steps[worker.next];
    if (worker.waiting > 0 && !step.with_those_before) return;
    ++worker.next;
    ++worker.waiting;
    caller_.send(step.message, [this, &worker, &step](const std::string& message) {
      check(step, message);
      --worker.waiting;
      ++done_;
      go_on(worker);
    });
  }
}

void Workload::check(const Step& step, const std::string& message) const {
  const p9::Header header = *p9::peek_header(as_bytes(message));
  const p9::Reply reply = decode(message);
  const auto* error = std::get_if<p9::Rlerror>(&reply);
  const std::uint32_t ecode = error == nullptr ? 0 : error->ecode;
  if (header.type != step.expected || ecode != step.ecode) {
    const auto request = p9::peek_header(as_bytes(step.message));
    fail("request of type " + std::to_string(request->type) + " is answered by type " +
         std::to_string(header.type) + ", errno " + std::to_string(ecode) + ", and not by type " +
         std::to_string(step.expected) + ", errno " + std::to_string(step.ecode));
  }
  if (step.checks_data) check_data(step, as_string(std::get<p9::Rread>(reply).data));
  if (step.made) step.made->ino = ino_in(reply);
}

}  // namespace cairn::e2e
