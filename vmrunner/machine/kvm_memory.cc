#include "vmrunner/machine/kvm_memory.h"

#include <sys/utsname.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cairn::vm {

namespace fs = std::filesystem;

KvmMemory::KvmMemory() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr) {
    file_ = std::string(cache) + "/cairn/no-kvm";
  } else if (home != nullptr) {
    file_ = std::string(home) + "/.cache/cairn/no-kvm";
  }
  utsname names{};
  if (uname(&names) == 0) kernel_ = std::string(names.release) + " " + names.version;
}

bool KvmMemory::says_no() const {
  std::string known;
  std::ifstream in(file_);
  std::getline(in, known);
  return !known.empty() && known == kernel_;
}

void KvmMemory::remember_no() const {
  std::error_code ignored;
  fs::create_directories(fs::path(file_).parent_path(), ignored);
  std::ofstream(file_) << kernel_ << '\n';
}

}  // namespace cairn::vm
