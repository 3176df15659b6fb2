#include "fsd/object_store/self_test.h"

#include <array>
#include <optional>
#include <set>
#include <utility>

#include "fsd/base/hex.h"
#include "fsd/object_store/key_rules.h"

namespace cairn::object_store {
namespace {

constexpr const char* kContent = "cairn asks what this store can do";
constexpr const char* kOther = "cairn asks again, with other bytes";

std::string random_name(Random& random) {
  std::array<std::uint8_t, 8> bytes{};
  random.fill(bytes);
  return to_hex(bytes);
}

SharedBytes bytes_of(const char* text) { return SharedBytes::from(text); }

/// The store could not be asked: no finding about it, but a failure of the test.
bool is_silence(const Error& error) {
  if (may_retry(error)) return true;
  for (const StoreErrc code : {StoreErrc::kBadCredentials, StoreErrc::kClockSkew,
                               StoreErrc::kBucketMissing, StoreErrc::kCancelled}) {
    if (is(error, code)) return true;
  }
  return false;
}

class SelfTest {
 public:
  SelfTest(ObjectStore& store, Random& random, std::function<void(bool)> set_bare_etags)
      : store_(store),
        set_bare_etags_(std::move(set_bare_etags)),
        prefix_("selftest/" + random_name(random) + '/') {}

  Task<Result<SelfTestReport>> run() {
    Result<void> ended = co_await all_checks();
    Result<void> cleaned = co_await clean_up();
    if (!ended) co_return ended.error();
    if (!cleaned) co_return cleaned.error();
    co_return std::move(report_);
  }

 private:
  std::string key(const char* name) const { return prefix_ + name; }
  void problem(std::string sentence) { report_.problems.push_back(std::move(sentence)); }
  void denied(const char* doing, const char* permission, const Error& error) {
    problem(std::string("The store does not let these credentials ") + doing + " (" +
            error.message() + "): grant " + permission + " on the volume's prefix.");
  }

  /// Later checks need what earlier ones proved; each stops the row when it makes no sense to go
  /// on.
  Task<Result<void>> all_checks() {
    CO_TRY(const bool puts, co_await check_put_and_get());
    if (!puts) co_return Result<void>();
    CO_TRY_OK(co_await check_ranges());
    CO_TRY_OK(co_await check_missing());
    CO_TRY_OK(co_await check_create_only());
    CO_TRY_OK(co_await check_swap());
    CO_TRY_OK(co_await check_list());
    CO_TRY_OK(co_await check_remove());
    co_return Result<void>();
  }

  Task<Result<std::string>> put(std::string key, const char* content, PutCondition condition) {
    used_.insert(key);
    co_return co_await store_.put(std::move(key), bytes_of(content), std::move(condition));
  }

  /// The text of a key's object; "" if there is none.
  Task<Result<std::string>> text_at(std::string key) {
    Result<Object> object = co_await store_.get(std::move(key), {});
    if (object) co_return std::string(as_string(object->body.view()));
    if (is_silence(object.error())) co_return object.error();
    co_return std::string();
  }

  Task<Result<bool>> check_put_and_get() {
    Result<std::string> etag = co_await put(key("a"), kContent, {});
    if (!etag) {
      if (is_silence(etag.error())) co_return etag.error();
      denied("put objects", "s3:PutObject", etag.error());
      co_return false;
    }
    Result<Object> object = co_await store_.get(key("a"), {});
    if (!object) {
      if (is_silence(object.error())) co_return object.error();
      denied("get objects", "s3:GetObject", object.error());
      co_return false;
    }
    if (as_string(object->body.view()) != kContent) {
      problem("The store gave back other bytes than were put: it cannot hold a volume.");
      co_return false;
    }
    if (object->etag != *etag) {
      problem(
          "The store names another etag on a get than on the put before it (some gateways do, and "
          "some encryption settings): compare-and-swap cannot work; use another endpoint.");
    }
    Result<std::string> again = co_await put(key("a"), kOther, {});
    if (!again && is_silence(again.error())) co_return again.error();
    CO_TRY(const std::string now, co_await text_at(key("a")));
    if (now != kOther) {
      problem(
          "A get right after a put gave the old object: the store, or a cache before it, is not "
          "strongly consistent; use the provider's own endpoint.");
    }
    co_return true;
  }

  Task<Result<void>> check_ranges() {
    const ByteRange range{.offset = 6, .length = 4};
    Result<Object> part = co_await store_.get(key("a"), range);
    if (!part && is_silence(part.error())) co_return part.error();
    const std::string expected = std::string(kOther).substr(range.offset, range.length);
    if (!part || as_string(part->body.view()) != expected ||
        part->size != std::string(kOther).size()) {
      problem(
          "The store does not answer ranged gets correctly: a volume reads parts of objects all "
          "the time; use a store, or a gateway, that can.");
    }
    co_return Result<void>();
  }

  Task<Result<void>> check_missing() {
    Result<Object> missing = co_await store_.get(key("missing"), {});
    if (!missing && is(missing.error(), StoreErrc::kNotFound)) co_return Result<void>();
    if (!missing && is_silence(missing.error())) co_return missing.error();
    if (!missing && is(missing.error(), StoreErrc::kAccessDenied)) {
      problem(
          "The store answers \"access denied\" for an object that does not exist: the ListBucket "
          "permission is required (s3:ListBucket on the bucket), since without it the end of the "
          "log cannot be found.");
    } else {
      problem("The store does not say \"not found\" for an object that does not exist" +
              (missing ? std::string(".") : ": " + missing.error().message() + "."));
    }
    co_return Result<void>();
  }

  Task<Result<void>> check_create_only() {
    Result<std::string> first = co_await put(key("once"), kContent, PutCondition::absent());
    if (!first && is_silence(first.error())) co_return first.error();
    // A repeated put may have been refused for what its own first try made: look.
    CO_TRY(const std::string made, co_await text_at(key("once")));
    if (!first && made != kContent) {
      problem("The store refuses a conditional put (If-None-Match: *) of a new object (" +
              first.error().message() +
              "): that is what keeps two writers apart; use a provider or a version that has it.");
      co_return Result<void>();
    }
    Result<std::string> second = co_await put(key("once"), kOther, PutCondition::absent());
    if (!second && is_silence(second.error())) co_return second.error();
    CO_TRY(const std::string now, co_await text_at(key("once")));
    if (second || now != kContent) {
      problem(
          "The store ignores If-None-Match and overwrites what exists: two writers could destroy "
          "each other's data, so no volume is served from it; use a provider or a version that has "
          "conditional puts.");
    } else if (!is(second.error(), StoreErrc::kPreconditionFailed)) {
      problem("The store refuses the second of two create-only puts, but not as it should (" +
              second.error().message() + " instead of \"precondition failed\").");
    }
    co_return Result<void>();
  }

  void tell_quoting(bool bare) {
    report_.bare_etags = bare;
    if (set_bare_etags_) set_bare_etags_(bare);
  }

  /// A swap with the right etag, written as the provider may want it.
  Task<Result<std::optional<std::string>>> swap_either_way(std::string etag) {
    using Found = std::optional<std::string>;
    for (const bool bare : {false, true}) {
      if (bare && !set_bare_etags_) break;
      tell_quoting(bare);
      Result<std::string> swapped = co_await put(key("swap"), kOther, PutCondition::etag(etag));
      if (swapped) co_return Found(*swapped);
      if (is_silence(swapped.error())) co_return swapped.error();
      Result<Object> now = co_await store_.get(key("swap"), {});
      if (!now) co_return now.error();
      if (as_string(now->body.view()) == kOther) co_return Found(now->etag);  // our own first try
    }
    tell_quoting(false);
    co_return Found();
  }

  Task<Result<void>> check_swap() {
    Result<std::string> first = co_await put(key("swap"), kContent, {});
    if (!first) co_return first.error();
    CO_TRY(const std::optional<std::string> second, co_await swap_either_way(*first));
    if (!second) {
      problem(
          "The store refuses a put with If-Match and the right etag, quoted or not: the manifest "
          "is changed by that alone; use a provider or a version that has it.");
      co_return Result<void>();
    }
    Result<std::string> stale = co_await put(key("swap"), kContent, PutCondition::etag(*first));
    if (!stale && is_silence(stale.error())) co_return stale.error();
    CO_TRY(const std::string now, co_await text_at(key("swap")));
    if (stale || now != kOther) {
      problem(
          "The store ignores If-Match and overwrites what somebody else has changed: two writers "
          "would not notice each other, so no volume is served from it; use a provider or a "
          "version that has conditional puts.");
      co_return Result<void>();
    }
    Result<std::string> absent = co_await put(key("gone"), kContent, PutCondition::etag(*second));
    if (!absent && is_silence(absent.error())) co_return absent.error();
    if (absent) {
      report_.remarks.push_back(
          "The store lets If-Match succeed on an object that does not exist: if somebody deletes "
          "the manifest while a daemon runs, it is written anew without a warning.");
    }
    co_return Result<void>();
  }

  Task<Result<void>> check_list() {
    Result<ListPage> page = co_await store_.list(prefix_, "", 1);
    if (!page) {
      if (is_silence(page.error())) co_return page.error();
      denied("list objects", "s3:ListBucket", page.error());
      co_return Result<void>();
    }
    bool right = page->objects.size() == 1 && page->objects[0].key == key("a") && page->more;
    page = co_await store_.list(prefix_, key("a"), kListLimitMax);
    if (!page) co_return page.error();
    std::set<std::string> listed;
    for (const ListedObject& object : page->objects) listed.insert(object.key);
    right = right && !listed.contains(key("a")) && listed.contains(key("swap"));
    if (!right) {
      problem(
          "The store's lists are not complete, not in order, or not cut into pages as asked "
          "(ListObjectsV2 with max-keys and start-after).");
    }
    co_return Result<void>();
  }

  Task<Result<void>> check_remove() {
    Result<void> removed = co_await store_.remove(key("a"));
    if (!removed) {
      if (is_silence(removed.error())) co_return removed.error();
      denied("delete objects", "s3:DeleteObject", removed.error());
      co_return Result<void>();
    }
    CO_TRY(const std::string now, co_await text_at(key("a")));
    if (!now.empty()) {
      problem(
          "An object was still there right after it was deleted: the store, or a cache before it, "
          "is not strongly consistent; use the provider's own endpoint.");
    }
    Result<void> again = co_await store_.remove(key("a"));
    if (!again && is_silence(again.error())) co_return again.error();
    if (!again) {
      report_.remarks.push_back("The store fails when an object is deleted that is gone already (" +
                                again.error().message() + ").");
    }
    co_return Result<void>();
  }

  /// What cannot be removed has been told as a problem already.
  Task<Result<void>> clean_up() {
    for (const std::string& used : used_) {
      Result<void> removed = co_await store_.remove(used);
      if (!removed && is_silence(removed.error())) co_return removed.error();
    }
    co_return Result<void>();
  }

  ObjectStore& store_;
  std::function<void(bool)> set_bare_etags_;
  std::string prefix_;
  std::set<std::string> used_;
  SelfTestReport report_;
};

}  // namespace

Task<Result<SelfTestReport>> self_test(ObjectStore& store, Random& random,
                                       std::function<void(bool)> set_bare_etags) {
  SelfTest test(store, random, std::move(set_bare_etags));
  co_return co_await test.run();
}

}  // namespace cairn::object_store
