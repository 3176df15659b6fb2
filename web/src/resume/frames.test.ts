import { describe, expect, it } from "vitest";
import {
  bytesOfKey,
  decodeServerFrame,
  encodeBye,
  encodeCommit,
  encodeHello,
  encodeReceived,
  encodeReplay,
  encodeRequest,
  encodeRestore,
  keyOf,
} from "./frames";

const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const bytes = (text: string) =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const numbers = { number: 5, received: 3 };

// What the encoder in C++ (protocol/resume/frames.cc) makes of the same frames.
const GOLDEN = {
  hello:
    "0101000102030405060708090a0b0c0d0e0f020000000000000001000000000000000700000000000000" +
    "0900000000000000",
  request:
    "0205000000000000000300000000000000070000007801000b",
  replay:
    "03050000000000000003000000000000000200000061620700000078010000",
  restore:
    "040500000000000000030000000000000000000400010000000546010000000300000078797a01000000" +
    "2a00000000000000",
  received:
    "050300000000000000",
  welcome:
    "810102000102030405060708090a0b0c0d0e0f0400000000000000780000000107000000000000000900" +
    "000000000000080000000000000002000000000000000100000008000000000000000200000000000000" +
    "010000000400000000000000020000007879",
  reply:
    "820500000000000000030000000000000009000000000000000700000000000000090000000000000001" +
    "07000000000000000a000000000000000200000000000000020000007264010000000546010000000100" +
    "00007a07000000770100",
  restored:
    "830500000000000000030000000000000009000000000000000100000005460100000074000000",
  durable:
    "8407000000000000000900000000000000",
};

describe("frames of the client", () => {
  const id = Uint8Array.from({ length: 16 }, (_, index) => index);
  it("are what the encoder in C++ makes", () => {
    const began = { epoch: 7n, segment: 9n };
    expect(hex(encodeHello({ id, sent: 2, received: 1, began }))).toBe(GOLDEN.hello);
    expect(hex(encodeRequest(numbers, bytes("070000007801000b")))).toBe(GOLDEN.request);
    expect(hex(encodeReplay(numbers, bytes("6162"), bytes("0700000078010000")))).toBe(
      GOLDEN.replay,
    );
    const items = [{ key: "F\x01\0\0\0", blob: bytes("78797a") }];
    expect(
      hex(encodeRestore({ numbers, messageBytesMax: 262144, items, lost: [42n] })),
    ).toBe(GOLDEN.restore);
    expect(hex(encodeReceived(3))).toBe(GOLDEN.received);
    expect(hex(encodeCommit())).toBe("06");
    expect(hex(encodeBye())).toBe("07");
  });
});

describe("frames of the server", () => {
  it("are read as the encoder in C++ makes them", () => {
    const welcome = decodeServerFrame(bytes(GOLDEN.welcome));
    expect(welcome).toMatchObject({
      type: "welcome",
      outcome: 2,
      received: 4,
      graceSeconds: 120,
      knowsUnanswered: true,
      began: { epoch: 7n, segment: 9n },
      durable: { epoch: 8n, segment: 2n },
      terms: [{ epoch: 8n, segment: 2n }],
    });
    expect(welcome?.type === "welcome" && hex(welcome.kept[0]?.reply ?? bytes(""))).toBe("7879");
    const reply = decodeServerFrame(bytes(GOLDEN.reply));
    expect(reply).toMatchObject({
      type: "reply",
      numbers,
      answers: 9,
      change: { mark: { epoch: 7n, segment: 10n, order: 2n } },
    });
    if (reply?.type !== "reply") throw new Error("not a reply");
    expect(reply.items[0]?.key).toBe("F\x01\0\0\0");
    expect(hex(reply.message)).toBe("07000000770100");
    expect(decodeServerFrame(bytes(GOLDEN.restored))).toMatchObject({
      type: "restored",
      answers: 9,
      failures: [{ key: "F\x01\0\0\0", error: 116 }],
    });
    expect(decodeServerFrame(bytes(GOLDEN.durable))).toMatchObject({
      durable: { epoch: 7n, segment: 9n },
    });
  });

  it.each(["welcome", "restored", "durable"] as const)("a truncated %s is refused", (name) => {
    const whole = bytes(GOLDEN[name]);
    for (let length = 0; length < whole.length; ++length) {
      expect(decodeServerFrame(whole.subarray(0, length))).toBeNull();
    }
  });

  it("a truncated reply is refused, but for what it carries", () => {
    const whole = bytes(GOLDEN.reply);
    for (let length = 0; length < whole.length - 7; ++length) {
      expect(decodeServerFrame(whole.subarray(0, length))).toBeNull();
    }
  });

  it("with a byte too many, of no known type, or with a huge count are refused", () => {
    expect(decodeServerFrame(bytes(GOLDEN.durable + "00"))).toBeNull();
    expect(decodeServerFrame(bytes("99"))).toBeNull();
    expect(decodeServerFrame(bytes(GOLDEN.restored.slice(0, 50) + "ffffffff"))).toBeNull();
  });
});

it("a key is bytes, of whatever value", () => {
  const key = bytes("46ff0080c3");
  expect(hex(bytesOfKey(keyOf(key)))).toBe("46ff0080c3");
});
