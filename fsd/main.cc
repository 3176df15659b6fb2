// The program `cairn`: the one place that knows which kinds of store there are.

#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>

#include "fsd/daemon/commands.h"
#include "fsd/frontends/fuse/fuse_server.h"
#include "fsd/object_store/file_store.h"
#include "fsd/object_store/memory_store.h"
#include "fsd/object_store/s3/s3_store.h"

namespace {

using namespace cairn;

object_store::s3::S3Options s3_options(const config::Settings& settings) {
  using object_store::s3::ServerSideEncryption;
  const config::AwsSettings& aws = settings.aws;
  object_store::s3::S3Options options;
  options.endpoint = aws.endpoint;
  options.region = aws.region;
  options.bucket = settings.storage.url->bucket;
  options.prefix = settings.storage.url->prefix;
  options.credentials.access_key_id = aws.access_key_id;
  if (aws.secret_access_key) {
    options.credentials.secret_access_key = aws.secret_access_key->reveal();
  }
  if (aws.session_token) options.credentials.session_token = aws.session_token->reveal();
  options.credentials.profile = aws.profile;
  options.allow_http = aws.allow_http;
  options.path_style = aws.path_style;
  options.ca_file = aws.ca_file;
  if (aws.proxy) options.proxy = aws.proxy->reveal();
  options.storage_class = settings.storage.storage_class;
  if (settings.storage.sse == config::ServerSideEncryption::kAes256) {
    options.encryption = ServerSideEncryption::kS3;
  } else if (settings.storage.sse == config::ServerSideEncryption::kKms) {
    options.encryption = ServerSideEncryption::kKms;
    options.kms_key_id = settings.storage.kms_key_id;
  }
  options.connect_timeout = aws.connect_timeout;
  options.stall_timeout = aws.stall_timeout;
  options.connections_max = aws.connections_max;
  return options;
}

Task<Result<bool>> keeps_versions(object_store::s3::S3Store* store) {
  CO_TRY(const auto versioning, co_await store->bucket_versioning());
  co_return versioning == object_store::s3::Versioning::kEnabled;
}

Result<daemon::MadeStore> make_s3_store(RealRuntime& runtime, const config::Settings& settings) {
  TRY(auto store, object_store::s3::S3Store::make(runtime.runtime(), runtime.io_place(),
                                                  runtime.transfer_places(), s3_options(settings)));
  auto* s3 = store.get();
  daemon::MadeStore made;
  made.store = std::move(store);
  made.set_bare_etags = [s3](bool bare) { s3->set_bare_etags(bare); };
  made.keeps_versions = [s3] { return keeps_versions(s3); };
  made.stop = [s3] { return s3->stop(); };
  return made;
}

Result<daemon::MadeStore> make_store(RealRuntime& runtime, const config::Settings& settings) {
  daemon::MadeStore made;
  switch (settings.storage.url->kind) {
    case config::StorageUrl::Kind::kS3:
      return make_s3_store(runtime, settings);
    case config::StorageUrl::Kind::kFile: {
      TRY(made.store, object_store::FileStore::open(runtime.runtime().core, runtime.runtime().pool,
                                                    settings.storage.url->directory));
      return made;
    }
    case config::StorageUrl::Kind::kMemory:
      break;
  }
  made.store = std::make_unique<object_store::MemoryStore>();
  return made;
}

/// Each open file of a mount costs no descriptor, but connections and rings do.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// What lies in no pool (small answers, bodies of requests, segments) comes and goes all the time.
/// By default glibc gives each large block back to the kernel, which must clear its pages anew for
/// the next, and keeps up to eight heaps per core, where free memory gathers.
void set_up_malloc() {
  constexpr int kLargeBlock = 4 << 20;
  constexpr int kKeptAtTop = 32 << 20;
  constexpr int kHeaps = 4;
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  mallopt(M_TRIM_THRESHOLD, kKeptAtTop);
  mallopt(M_ARENA_MAX, kHeaps);
}

}  // namespace

int main(int argc, char** argv) {
  set_up_malloc();
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  cairn::fuse::FuseServer::set_io_flusher();
  return cairn::daemon::run_command(argc, argv, make_store);
}
