#pragma once

#include <source_location>

namespace cairn {

/// Prints the broken condition with its place and aborts. Never returns.
[[noreturn]] void check_failed(const char* condition,
                               std::source_location where = std::source_location::current());

}  // namespace cairn

/// Stays on in release builds. For errors of the programmer only, never for bytes that came from a
/// disk, the bucket or a client.
#define CHECK(condition)                 \
  do {                                   \
    if (!(condition)) [[unlikely]]       \
      ::cairn::check_failed(#condition); \
  } while (false)
