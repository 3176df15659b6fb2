#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/resume/tree.h"

namespace cairn::e2e {

/// One request, and the reply that it must get.
struct Step {
  std::string message;
  std::uint8_t expected = 0;  // type of the reply
  std::uint32_t ecode = 0;    // of an Rlerror
  bool checks_data = false;   // of an Rread
  std::string data;
  NodeRef made;                    // whose number its qid tells
  bool with_those_before = false;  // need not wait for the steps before it
};

/// What one worker does, in a directory of its own, and what is to be there afterwards.
class Script {
 public:
  Script(unsigned worker, std::uint64_t seed);
  /// Makes so many operations; each is some steps.
  void add_operations(unsigned count);
  /// Closes what is open; what was written to it must be durable without an error.
  void add_end();

  [[nodiscard]] const NodeRef& root() const { return root_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::deque<Step>& steps() const { return steps_; }

 private:
  struct OpenFile {
    std::uint32_t fid = 0;
    NodeRef node;
    bool locked = false;
  };
  struct Place {
    NodeRef directory;
    std::vector<std::string> path;  // below the worker's directory
    std::string name;
  };
  using Want = bool (*)(const Node&);

  void add_operation();
  void make_file(bool keep, bool unlink);
  void append();
  void overwrite();
  void truncate();
  void change_mode();
  void rename();
  void link();
  void make_symlink();
  void make_directory();
  void unlink();
  void set_xattr();
  void remove_xattr();
  void read_back();
  void use_open_file();
  void close_one();
  void fail_once();

  void step(const p9::Request& request, p9::MessageType expected);
  std::uint32_t walk_to(const std::vector<std::string>& path);
  std::uint32_t walk_to(const Place& place);
  void clunk(std::uint32_t fid);
  void write(std::uint32_t fid, Node& node, std::uint64_t offset, bool appends = false);
  void read(std::uint32_t fid, const Node& node);
  [[nodiscard]] std::vector<Place> places(Want want) const;
  [[nodiscard]] std::vector<Place> directories() const;
  bool pick(Want want, Place& place);
  Place new_name();
  std::string bytes(std::size_t count);

  SeededRandom random_;
  const std::string name_;
  const NodeRef root_;
  const std::uint32_t base_;  // the fid of its directory
  std::uint32_t next_fid_ = 0;
  unsigned next_name_ = 0;
  std::deque<Step> steps_;
  std::vector<OpenFile> open_;
};

/// Does what some scripts say, each in order and all at once. Each reply is checked when it comes.
class Workload {
 public:
  Workload(Caller& caller, std::vector<std::unique_ptr<Script>> scripts);
  void run();
  [[nodiscard]] std::size_t steps_done() const { return done_; }

 private:
  struct Worker {
    const Script* script = nullptr;
    std::size_t next = 0;
    std::size_t waiting = 0;
  };
  void go_on(Worker& worker);
  void check(const Step& step, const std::string& message) const;

  Caller& caller_;
  std::vector<std::unique_ptr<Script>> scripts_;
  std::vector<Worker> workers_;
  std::size_t done_ = 0;
};

}  // namespace cairn::e2e
