#include "vmrunner/machine/control_line.h"

#include <gtest/gtest.h>

namespace cairn::vm {
namespace {

TEST(ControlLine, ACommandIsOneLineWhateverIsInItsValues) {
  EXPECT_EQ(encode_command(7, "ping", {}), "7 ping\n");
  EXPECT_EQ(encode_command(8, "run", {{"command", "echo 'a b'\n%\xC3\xA9"}, {"user", "root"}}),
            "8 run command=echo%20%27a%20b%27%0A%25%C3%A9 user=root\n");
  EXPECT_EQ(encode_command(9, "mount", {{"options", "trans=tcp,port=1"}, {"target", "/mnt"}}),
            "9 mount options=trans%3Dtcp,port%3D1 target=/mnt\n");
}

TEST(ControlLine, AnswersAndEventsAreRead) {
  const auto done = decode_guest_message(R"({"id":3,"ok":true,"status":7,"output":"a\nb"})");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->id, 3U);
  EXPECT_TRUE(done->ok);
  EXPECT_EQ(done->status, 7U);
  EXPECT_EQ(done->output, "a\nb");
  const auto failed =
      decode_guest_message(R"({"id":4,"ok":false,"step":"mount","error":"I/O error","errno":5})");
  ASSERT_TRUE(failed);
  EXPECT_FALSE(failed->ok);
  EXPECT_EQ(failed->step, "mount");
  EXPECT_EQ(failed->error, "I/O error");
  const auto took = decode_guest_message(R"({"event":"took","stream":2,"bytes":4000})");
  ASSERT_TRUE(took);
  EXPECT_EQ(took->event, "took");
  EXPECT_EQ(took->stream, 2U);
  EXPECT_EQ(took->bytes, 4000U);
}

TEST(ControlLine, WhatIsNoMessageIsNone) {
  for (const char* line : {"", "x", "{", "[]", "{}", "3", R"({"id":0})", R"({"event":""})"}) {
    EXPECT_FALSE(decode_guest_message(line)) << line;
  }
}

TEST(ControlLine, FieldsOfAnotherKindAreEmpty) {
  const auto message = decode_guest_message(R"({"id":1,"ok":1,"status":"x","output":5})");
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->ok);
  EXPECT_EQ(message->status, 0U);
  EXPECT_EQ(message->output, "");
}

TEST(ControlLine, AWordOfTheShellStaysOne) {
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace cairn::vm
