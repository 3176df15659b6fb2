#pragma once

// Seen by curl_engine.cc alone, beside its own .cc: this pair and that file know libcurl.

#include <curl/curl.h>

#include <memory>
#include <string>

#include "fsd/object_store/s3/curl_engine.h"

namespace cairn::object_store::s3 {

/// One easy handle and the request that it carries at the moment. Reused for one after another.
/// Its address is known to libcurl while a request is under way: not movable.
/// Threads: the engine's strand.
class CurlTransfer {
 public:
  CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  /// Fills the handle for `request`. The engine sets what concerns sockets and sharing by itself.
  /// `bodies` is a pool of ResponseBody::kBlockBytes, which outlives the transfer.
  void prepare(HttpRequest request, CurlEngine::Done done, const CurlEngine::Options& options,
               BlockPool& bodies);
  /// What came of it, after the handle has left the multi. Frees the request and its body.
  [[nodiscard]] Result<HttpResponse> finish(CURLcode code);
  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  [[nodiscard]] CurlEngine::Done take_done() { return std::move(done_); }

 private:
  struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
  void set_method();
  void set_headers();
  void set_limits(const CurlEngine::Options& options);
  bool accept_body(std::string_view bytes);
  [[nodiscard]] Error failure(CURLcode code) const;

  std::unique_ptr<CURL, FreeEasy> easy_;
  std::unique_ptr<curl_slist, FreeList> header_list_;
  HttpRequest request_;
  HttpResponse response_;
  BlockPool* bodies_ = nullptr;
  CurlEngine::Done done_;
  bool headers_overflowed_ = false;
  bool body_overflowed_ = false;
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace cairn::object_store::s3
