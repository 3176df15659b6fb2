#include "fsd/base/block_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include "fsd/base/check.h"

namespace cairn {

class BlockPool::State {
 public:
  State(std::size_t block_bytes, std::size_t idle_bytes_max)
      : block_bytes_(block_bytes),
        stride_(whole_pages(block_bytes)),
        idle_max_(idle_bytes_max / stride_) {
    CHECK(block_bytes > 0);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (std::uint8_t* slab : slabs_) ::munmap(slab, slab_bytes());
  }

  std::uint8_t* take() {
    std::lock_guard lock(mutex_);
    std::vector<std::uint8_t*>& from = idle_.empty() ? returned_ : idle_;
    if (from.empty()) add_slab();
    std::uint8_t* block = from.back();
    from.pop_back();
    ++used_;
    return block;
  }

  void give_back(std::uint8_t* block) {
    {
      std::lock_guard lock(mutex_);
      --used_;
      if (idle_.size() < idle_max_) {
        idle_.push_back(block);
        return;
      }
    }
    ::madvise(block, stride_, MADV_DONTNEED);
    std::lock_guard lock(mutex_);
    returned_.push_back(block);
  }

  [[nodiscard]] std::size_t block_bytes() const { return block_bytes_; }
  [[nodiscard]] Counters counters() const {
    std::lock_guard lock(mutex_);
    return {.used = used_, .idle = idle_.size(), .returned = returned_.size()};
  }

 private:
  static constexpr std::size_t kBlocksPerSlab = 64;
  static std::size_t whole_pages(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::getpagesize());
    return std::max<std::size_t>(1, (bytes + page - 1) / page) * page;
  }
  [[nodiscard]] std::size_t slab_bytes() const { return kBlocksPerSlab * stride_; }

  /// Called with the lock held. Room for all blocks that there are is made here, so that giving one
  /// back cannot fail.
  void add_slab() {
    const std::size_t blocks = (slabs_.size() + 1) * kBlocksPerSlab;
    slabs_.reserve(slabs_.size() + 1);
    idle_.reserve(std::min(blocks, idle_max_));
    returned_.reserve(blocks);
    void* slab =
        ::mmap(nullptr, slab_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slab == MAP_FAILED) throw std::bad_alloc();
    slabs_.push_back(static_cast<std::uint8_t*>(slab));
    for (std::size_t i = kBlocksPerSlab; i > 0; --i) {
      returned_.push_back(slabs_.back() + (i - 1) * stride_);
    }
  }

  const std::size_t block_bytes_;
  const std::size_t stride_;    // from one to the next: no two share a page
  const std::size_t idle_max_;  // blocks
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<std::uint8_t*> slabs_;
  std::vector<std::uint8_t*> idle_;
  std::vector<std::uint8_t*> returned_;
  std::size_t used_ = 0;
};

BlockPool::BlockPool(std::size_t block_bytes, std::size_t idle_bytes_max)
    : state_(std::make_shared<State>(block_bytes, idle_bytes_max)) {}

BlockPool::Block BlockPool::take() {
  return {state_->take(),
          [state = state_](std::uint8_t* block) noexcept { state->give_back(block); }};
}

std::size_t BlockPool::block_bytes() const { return state_->block_bytes(); }

BlockPool::Counters BlockPool::counters() const { return state_->counters(); }

}  // namespace cairn
