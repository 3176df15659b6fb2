// What the extent code costs per operation, on a volume in memory: the engine's share (segments,
// index, cache) is left out. `keys` counts the metadata keys that an operation leaves.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "fsd/vfs/file_data.h"
#include "tests/support/memory_volume.h"
#include "tests/support/sim_runtime.h"

namespace cairn::vfs {
namespace {

constexpr Ino kFile{2};
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kPages = 2048;

struct World {
  World() : data(sim.runtime(), volume, [](Ino, std::uint64_t) { return Result<void>(); }) {}

  void write(std::uint64_t offset, ByteView bytes) {
    if (!data.write(kFile, inode, offset, bytes)) std::abort();
  }
  void fill() {
    for (std::uint64_t i = 0; i < kPages; ++i) write(i * kPage, page);
  }
  void seal() {
    if (!sim.wait(volume.sync(volume.open_segment()))) std::abort();
  }

  testing::SimRuntime sim{1};
  testing::MemoryVolume volume;
  FileData data;
  InodeRecord inode;
  std::vector<std::uint8_t> page = std::vector<std::uint8_t>(kPage, 7);
};

/// Pages in an order without neighbours.
std::uint64_t scattered(std::uint64_t i) { return (i * 1021 % kPages) * kPage; }

void append(benchmark::State& state) {
  auto world = std::make_unique<World>();
  std::uint64_t offset = 0;
  for (auto _ : state) {
    world->write(offset, world->page);
    offset += kPage;
    if (offset == 2 * kPages * kPage) {  // a segment's worth
      state.PauseTiming();
      world = std::make_unique<World>();
      offset = 0;
      state.ResumeTiming();
    }
  }
  state.counters["keys"] = static_cast<double>(world->volume.keys().size());
}
BENCHMARK(append);

void overwrite_in_place(benchmark::State& state) {
  World world;
  world.fill();
  std::uint64_t i = 0;
  for (auto _ : state) world.write(scattered(i++), world.page);
  state.counters["keys"] = static_cast<double>(world.volume.keys().size());
}
BENCHMARK(overwrite_in_place);

void overwrite_sealed(benchmark::State& state) {
  World world;
  world.fill();
  world.seal();
  std::uint64_t i = 0;
  for (auto _ : state) {
    world.write(scattered(i++), world.page);
    if (i % kPages == 0) {
      state.PauseTiming();
      world.seal();
      state.ResumeTiming();
    }
  }
  state.counters["keys"] = static_cast<double>(world.volume.keys().size());
}
BENCHMARK(overwrite_sealed);

void write_zeros_to_a_hole(benchmark::State& state) {
  World world;
  world.page.assign(kPage, 0);
  std::uint64_t i = 0;
  for (auto _ : state) world.write(scattered(i++), world.page);
}
BENCHMARK(write_zeros_to_a_hole);

void read_warm(benchmark::State& state) {
  World world;
  world.fill();
  if (state.range(0) != 0) {  // in extents of one page each
    for (std::uint64_t i = 0; i < kPages; i += 2) {
      world.write(scattered(i), world.page);
      world.seal();
    }
  }
  std::vector<std::uint8_t> into(static_cast<std::size_t>(state.range(1)));
  std::uint64_t i = 0;
  for (auto _ : state) {
    auto task = world.data.read(kFile, world.inode.size, scattered(i++), into);
    benchmark::DoNotOptimize(task.take());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(1));
}
BENCHMARK(read_warm)
    ->ArgNames({"fragmented", "bytes"})
    ->Args({0, 4096})
    ->Args({1, 4096})
    ->Args({0, 131072})
    ->Args({1, 131072});

}  // namespace
}  // namespace cairn::vfs

BENCHMARK_MAIN();
