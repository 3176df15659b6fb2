#pragma once

#include "tests/e2e/resume/disturbance.h"

namespace cairn::e2e {

/// Each fails by ending the program.
void locks_outlive_a_crash(boost::asio::io_context& io, Disturbance& way);
void an_unlinked_file_outlives_a_crash(boost::asio::io_context& io, Disturbance& way);
/// The grace time has to be short.
void who_does_not_come_back_in_time_is_told(boost::asio::io_context& io, Daemon& daemon,
                                            Disturbance& way);
/// Another client changes what a crash has undone, before its author comes back.
void what_cannot_be_done_again_is_told(boost::asio::io_context& io, Disturbance& way);

}  // namespace cairn::e2e
