#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <vector>

namespace cairn::posix {

/// A body for a child process; negative means failed, with errno.
using Body = std::function<long()>;

struct User {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups = {};
};

// Two users who are nobody to each other, a group that both may be in, and their groups.
inline const User kAlice{61001, 62001};
inline const User kBob{61002, 62002};
inline constexpr gid_t kStaff = 62100;
inline const User kAliceInStaff{61001, 62001, {kStaff}};
inline const User kBobInStaff{61002, 62002, {kStaff}};

/// Runs `body` in a child; returns what it returned and sets errno as it was there. A child that
/// dies is a failure of the test, and -1 with ECHILD.
long in_child(const Body& body);
/// The same as that user (root only), without capabilities.
long as_user(const User& user, const Body& body);
/// Runs `body` in a child; the status of wait(2), for bodies that are meant to die.
int wait_status_of(const Body& body);

/// A child that runs beside the test. The destructor waits for it.
class Process {
 public:
  explicit Process(const Body& body);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();
  /// Waits for the end; as in_child().
  long join();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int answer_ = -1;
  bool joined_ = false;
};

/// A gate between processes: passes as many as were opened for. Made before the fork.
class Signal {
 public:
  Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal();
  void open() const;
  void wait() const;

 private:
  int ends_[2] = {-1, -1};
};

/// A page that parent and children share, zeroed.
struct SharedPage {
  SharedPage();
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  ~SharedPage();
  std::atomic<int>* words;
};

}  // namespace cairn::posix
