#pragma once

#include "fsd/frontends/ninep/call.h"

namespace cairn::p9 {

/// Answers a request that Call::request() holds, all but Tversion and Tflush. An error becomes an
/// Rlerror. The call outlives the Task.
Task<Result<void>> handle(Call& call);

/// Will this request, if it succeeds, have changed what others see? To be asked beforehand.
[[nodiscard]] bool changes_something(Call& call);

/// Whose lock it is, among those of one session.
[[nodiscard]] std::uint64_t lock_owner(std::string_view client_id, std::uint32_t proc_id);

// One for each message, by the file it is in. What each does: PROTOCOL.md.

// attach_handlers.cc
Task<Result<void>> handle(Call& call, const Tauth& request);
Task<Result<void>> handle(Call& call, const Tattach& request);
Task<Result<void>> handle(Call& call, const Twalk& request);
Task<Result<void>> handle(Call& call, const Twalkgetattr& request);
Task<Result<void>> handle(Call& call, const Tclunk& request);
Task<Result<void>> handle(Call& call, const Tstatfs& request);

// file_handlers.cc
Task<Result<void>> handle(Call& call, const Tlopen& request);
Task<Result<void>> handle(Call& call, const Tlcreate& request);
Task<Result<void>> handle(Call& call, const Tread& request);
Task<Result<void>> handle(Call& call, const Twrite& request);
Task<Result<void>> handle(Call& call, const Tfsync& request);
Task<Result<void>> handle(Call& call, const Treaddir& request);

// attribute_handlers.cc
Task<Result<void>> handle(Call& call, const Tgetattr& request);
Task<Result<void>> handle(Call& call, const Tsetattr& request);
Task<Result<void>> handle(Call& call, const Txattrwalk& request);
Task<Result<void>> handle(Call& call, const Txattrcreate& request);
/// What is answered to who asks for these.
[[nodiscard]] Rgetattr to_reply(Call& call, const vfs::Attributes& found,
                                std::uint64_t request_mask);
/// What clunking the fid of a Txattrcreate does.
Task<Result<void>> store_xattr(Call& call, FidRef fid);

// name_handlers.cc
Task<Result<void>> handle(Call& call, const Tsymlink& request);
Task<Result<void>> handle(Call& call, const Tmknod& request);
Task<Result<void>> handle(Call& call, const Tmkdir& request);
Task<Result<void>> handle(Call& call, const Treadlink& request);
Task<Result<void>> handle(Call& call, const Tlink& request);
Task<Result<void>> handle(Call& call, const Trename& request);
Task<Result<void>> handle(Call& call, const Trenameat& request);
Task<Result<void>> handle(Call& call, const Tunlinkat& request);
Task<Result<void>> handle(Call& call, const Tremove& request);

// lock_handlers.cc
Task<Result<void>> handle(Call& call, const Tlock& request);
Task<Result<void>> handle(Call& call, const Tgetlock& request);

}  // namespace cairn::p9
