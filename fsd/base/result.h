#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace cairn {

/// Why something failed: a code of some layer's enum (or an errno of std::generic_category), a
/// fixed phrase, and, where a person will read it, a detail that names the thing concerned.
struct Error {
  std::error_code code;
  const char* what = "";                      // static storage
  std::shared_ptr<const std::string> detail;  // null on hot paths

  Error(std::error_code c, const char* w) : code(c), what(w) {}
  Error(std::error_code c, const char* w, std::string d)
      : code(c), what(w), detail(std::make_shared<const std::string>(std::move(d))) {}

  /// One sentence for people.
  [[nodiscard]] std::string message() const;
};

/// An Error that carries an errno, for the POSIX core.
[[nodiscard]] Error errno_error(int number, const char* what = "");

/// What the system refused, with the thing concerned and the system's reason:
/// "WHAT: SUBJECT (No such file or directory)".
[[nodiscard]] Error system_error(int number, const char* what, const std::string& subject);

/// The errno that a layer's error stands for. Layers' categories answer through
/// default_error_condition(); what is no errno at all is EIO.
[[nodiscard]] int to_errno(const Error& error);

/// A value, or an Error. Never ignored silently.
template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  using Base = tl::expected<T, Error>;

 public:
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}
};

}  // namespace cairn

#define CAIRN_CONCAT_INNER(a, b) a##b
#define CAIRN_CONCAT(a, b) CAIRN_CONCAT_INNER(a, b)
#define CAIRN_TRY_IMPL(leave, tmp, declaration, ...) \
  auto tmp = (__VA_ARGS__);                          \
  if (!tmp) [[unlikely]]                             \
    leave ::cairn::Error(std::move(tmp).error());    \
  declaration = *std::move(tmp)
#define CAIRN_OK_IMPL(leave, tmp, ...)             \
  if (auto tmp = (__VA_ARGS__); !tmp) [[unlikely]] \
  leave ::cairn::Error(std::move(tmp).error())

/// TRY(auto x, f()): x is the value, or this function returns the error.
#define TRY(declaration, ...) \
  CAIRN_TRY_IMPL(return, CAIRN_CONCAT(try_, __COUNTER__), declaration, __VA_ARGS__)
/// TRY_OK(f()): the same for what has no value.
#define TRY_OK(...) CAIRN_OK_IMPL(return, CAIRN_CONCAT(try_, __COUNTER__), __VA_ARGS__)
/// The same two in coroutines: CO_TRY(auto x, co_await f()).
#define CO_TRY(declaration, ...) \
  CAIRN_TRY_IMPL(co_return, CAIRN_CONCAT(try_, __COUNTER__), declaration, __VA_ARGS__)
#define CO_TRY_OK(...) CAIRN_OK_IMPL(co_return, CAIRN_CONCAT(try_, __COUNTER__), __VA_ARGS__)
