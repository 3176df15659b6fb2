#include "fsd/object_store/s3/credentials.h"

#include "fsd/base/log.h"
#include "fsd/object_store/object_store.h"
#include "fsd/object_store/s3/credential_sources.h"

namespace cairn::object_store::s3 {
namespace {

bool same_keys(const Credentials& a, const Credentials& b) {
  return a.access_key_id == b.access_key_id && a.secret_access_key == b.secret_access_key &&
         a.session_token == b.session_token;
}

}  // namespace

CredentialChain::CredentialChain(Runtime& runtime, CurlEngine& engine, CredentialsConfig config)
    : runtime_(runtime), engine_(engine), config_(std::move(config)) {}

bool CredentialChain::usable() const {
  if (!current_) return false;
  return !current_->expires || *current_->expires > runtime_.clock.wall();
}

bool CredentialChain::asked_lately() const {
  return last_refresh_ && runtime_.clock.monotonic() - *last_refresh_ < kRetryAfter;
}

bool CredentialChain::due() const {
  if (!current_->expires) return false;
  // A source that fails, or hands out what soon ends, is not asked with each request.
  return *current_->expires - kRefreshBefore <= runtime_.clock.wall() && !asked_lately();
}

CredentialsPtr CredentialChain::current() {
  if (!usable()) return nullptr;
  if (due()) begin_refresh();
  return current_;
}

Task<Result<CredentialsPtr>> CredentialChain::get() {
  if (CredentialsPtr at_hand = current()) co_return at_hand;
  begin_refresh();
  while (refreshing_) co_await refreshed_.wait();
  if (usable()) co_return current_;
  if (trouble_) co_return *trouble_;
  co_return Error(StoreErrc::kBadCredentials, "the credentials have expired",
                  current_ ? current_->source : "none found");
}

Task<CredentialsPtr> CredentialChain::replacement(CredentialsPtr used) {
  if (current_ && same_keys(*current_, *used) && !asked_lately()) begin_refresh();
  while (refreshing_) co_await refreshed_.wait();
  const bool other = usable() && !same_keys(*current_, *used);
  if (other) co_return current_;
  co_return nullptr;
}

void CredentialChain::begin_refresh() {
  if (refreshing_) return;
  if (!gate_.enter()) {
    trouble_ = Error(StoreErrc::kCancelled, "stopped");
    return;
  }
  refreshing_ = true;
  refresh().detach();
}

Task<> CredentialChain::refresh() {
  CredentialSources sources(runtime_, engine_, config_);
  Result<Credentials> found = co_await sources.load();
  last_refresh_ = runtime_.clock.monotonic();
  if (found) {
    if (!current_) log::info("credentials from {}", found->source);
    current_ = std::make_shared<const Credentials>(*std::move(found));
    trouble_.reset();
  } else if (!current_ || is(found.error(), StoreErrc::kCancelled)) {
    trouble_ = found.error();
  } else {
    // There were some once, so there is a source: it is worth asking again.
    trouble_ = Error(StoreErrc::kUnavailable, "no new credentials", found.error().message());
    log::warn("no new credentials: {}", found.error().message());
  }
  refreshing_ = false;
  refreshed_.notify_all();
  gate_.leave();
}

Task<> CredentialChain::stop() { co_await gate_.close(); }

}  // namespace cairn::object_store::s3
