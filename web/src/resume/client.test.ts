// As tests/unit/ninep/resume_test.cc has it for the client in C++, with a server of a few lines: what
// the client sends is looked at, and what it is told is put together here.
import { beforeEach, describe, expect, it } from "vitest";
import { Decoder, Encoder } from "./bytes";
import { ResumeClient } from "./client";

const EIO = 5;
const hello = 1;
const request = 2;
const replay = 3;
const restore = 4;
const received = 5;
const commit = 6;
const bye = 7;

/** A 9P message with nothing in it but a tag, and something to tell it by. */
const message = (tag: number, content = 0, type = 118) =>
  new Encoder().u32(8).u8(type).u16(tag).u8(content).take().slice();

interface Mark {
  epoch: number;
  segment: number;
  order: number;
}
const durableOf = (out: Encoder, [epoch, segment]: readonly [number, number]) =>
  out.u64(epoch).u64(segment);

class Server {
  number = 0;
  durable: readonly [number, number] = [1, 1];

  welcome(outcome: number, more: { received?: number; knows?: number; terms?: [number, number][];
    kept?: [number, Uint8Array][] } = {}) {
    const out = new Encoder().u8(0x81).u8(1).u8(outcome).raw(new Uint8Array(16).fill(7));
    out.u64(more.received ?? 0).u32(120).u8(more.knows ?? 1);
    durableOf(durableOf(out, [1, 1]), this.durable);
    const terms = more.terms ?? [];
    out.u32(terms.length);
    for (const term of terms) durableOf(out, term);
    const kept = more.kept ?? [];
    out.u32(kept.length);
    for (const [answers, reply] of kept) out.u64(answers).blob(reply);
    if (outcome !== 1) this.number = 0;
    return out.take().slice();
  }

  reply(answers: number, content: Uint8Array, mark?: Mark, items: [string, string][] = []) {
    const out = new Encoder().u8(0x82).u64(++this.number).u64(0).u64(answers);
    durableOf(out, this.durable).u8(mark ? 1 : 0);
    if (mark) out.u64(mark.epoch).u64(mark.segment).u64(mark.order).blob(Uint8Array.of(0x72));
    out.u32(items.length);
    const text = new TextEncoder();
    for (const [key, blob] of items) out.u8(key.length).raw(text.encode(key)).blob(text.encode(blob));
    return out.raw(content).take().slice();
  }

  restored(answers: number, failures: [string, number][] = []) {
    const out = new Encoder().u8(0x83).u64(++this.number).u64(0).u64(answers).u32(failures.length);
    for (const [key, error] of failures) {
      out.u8(key.length).raw(new TextEncoder().encode(key)).u32(error);
    }
    return out.take().slice();
  }

  isDurable(epoch: number, segment: number) {
    this.durable = [epoch, segment];
    return durableOf(new Encoder().u8(0x84), this.durable).take().slice();
  }
}

let sent: Uint8Array[];
let replies: Uint8Array[];
let client: ResumeClient;
let server: Server;

beforeEach(() => {
  sent = [];
  replies = [];
  server = new Server();
  client = new ResumeClient({
    send: (frame) => sent.push(frame),
    reply: (reply) => replies.push(reply.slice()),
  });
});

const types = () => sent.map((frame) => frame[0]);
/** The numbers of the numbered frames that were sent. */
const numbersSent = () =>
  sent
    .filter((frame) => [request, replay, restore].includes(frame[0] ?? 0))
    .map((frame) => new Decoder(frame.subarray(1)).count());
const tell = (frame: Uint8Array) => expect(client.onFrame(frame)).toBe(true);

function begin() {
  client.onConnected();
  tell(server.welcome(0));
  sent = [];
}
function comeBack() {
  client.onDisconnected();
  sent = [];
  client.onConnected();
  expect(types()).toEqual([hello]);
  sent = [];
}
/** Rversion of a session: from then on there is something to be restored. */
function agree() {
  client.request(message(0xffff, 0, 100));
  const version = new Encoder().u32(11).u8(101).u16(0xffff).u32(8192).take().slice();
  tell(server.reply(1, version));
}
const at = (segment: number, order = 0, epoch = 1): Mark => ({ epoch, segment, order });

describe("a session without any mishap", () => {
  it("waits for the Welcome, then numbers requests from 1", () => {
    client.request(message(1));
    client.onConnected();
    expect(types()).toEqual([hello]);
    tell(server.welcome(0));
    client.request(message(2));
    expect(numbersSent()).toEqual([1, 2]);
    tell(server.reply(2, message(2)));
    tell(server.reply(1, message(1)));
    expect(replies.map((reply) => reply[5])).toEqual([2, 1]);
    expect(client.unanswered).toBe(0);
  });

  it("keeps what changed until it is durable", () => {
    begin();
    client.request(message(1));
    client.request(message(2));
    tell(server.reply(1, message(1), at(1, 0)));
    tell(server.reply(2, message(2), at(2, 0)));
    expect(client.undurable).toBe(2);
    tell(server.isDurable(1, 2));
    expect(client.undurable).toBe(1);
    tell(server.isDurable(2, 9));
    expect(client.undurable).toBe(1);
    tell(server.isDurable(1, 3));
    expect(client.undurable).toBe(0);
  });

  it("says after 32 frames what it has got", () => {
    begin();
    for (let i = 0; i < 32; ++i) client.request(message(i));
    sent = [];
    for (let i = 1; i <= 32; ++i) tell(server.reply(i, message(i - 1)));
    expect(types()).toEqual([received]);
    expect(new Decoder((sent[0] ?? message(0)).subarray(1)).count()).toBe(32);
  });

  it("asks for a commit when it has kept half of what it may, and waits when it is full", () => {
    client = new ResumeClient({ send: (frame) => sent.push(frame), reply: () => {} }, 30);
    begin();
    for (let i = 1; i <= 5; ++i) client.request(message(i));
    sent = [];
    for (let i = 1; i <= 4; ++i) tell(server.reply(i, message(i), at(1, i)));
    expect(types()).toEqual([commit]);
    client.request(message(6));
    expect(types()).toEqual([commit]);
    tell(server.isDurable(1, 2));
    expect(types()).toEqual([commit, request]);
  });

  it("says goodbye", () => {
    begin();
    client.sayGoodbye();
    expect(types()).toEqual([bye]);
  });
});

describe("a dropped connection", () => {
  it("sends again what has not arrived, and nothing else", () => {
    begin();
    client.request(message(1));
    client.request(message(2));
    comeBack();
    tell(server.welcome(1, { received: 1 }));
    expect(numbersSent()).toEqual([2]);
    expect(client.counts.resumed).toBe(1);
  });

  it("is not resumed into a session that is not ours, or that has got what we never sent", () => {
    begin();
    client.request(message(1));
    comeBack();
    expect(client.onFrame(server.welcome(1, { received: 2 }))).toBe(false);
    const other = server.welcome(1, { received: 1 });
    other[3] = 0;
    expect(client.onFrame(other)).toBe(false);
  });
});

describe("a server that has forgotten the session", () => {
  it("gets what was lost in its order, the state, and what was not answered", () => {
    begin();
    agree();
    for (let i = 2; i <= 5; ++i) client.request(message(i, i));
    tell(server.reply(3, message(3), at(2, 1)));
    tell(server.reply(2, message(2), at(2, 0), [["F1", "sealed"]]));
    tell(server.reply(4, message(4), at(1, 0)));
    comeBack();
    server.durable = [2, 9];
    tell(server.welcome(2, { terms: [[2, 2]] }));
    expect(types()).toEqual([replay, replay, restore, restore, request]);
    expect(numbersSent()).toEqual([6, 7, 8, 9, 10]);
    expect(sent.map((frame) => frame.at(-1))).toEqual([2, 3, 0, 0, 5]);
    expect(client.counts).toMatchObject({ rebuilt: 1, sentAgain: 2, lost: 0 });
    tell(server.reply(6, message(2), { epoch: 2, segment: 9, order: 0 }));
    tell(server.reply(7, new Encoder().u32(11).u8(7).u16(3).u32(EIO).take().slice()));
    tell(server.restored(8, [["F1", 116]]));
    tell(server.restored(9));
    tell(server.reply(10, message(5)));
    expect(client.counts).toMatchObject({ lost: 1, stale: 1 });
    // Replies to what is sent again are not the guest's.
    expect(replies.length).toBe(5);
    expect(client.undurable).toBe(1);
  });

  it("tells what it could not take of a state in several frames when it has all of it", () => {
    const told: string[][] = [];
    client = new ResumeClient({
      send: (frame) => sent.push(frame),
      reply: () => {},
      restored: (failures) => told.push(failures.map(({ key }) => key)),
    });
    begin();
    agree();
    const large = "x".repeat(90 << 10);
    for (let i = 2; i <= 9; ++i) {
      client.request(message(i));
      tell(server.reply(i, message(i), undefined, [[`F${String(i)}`, large]]));
    }
    comeBack();
    server.durable = [2, 9];
    tell(server.welcome(2, { terms: [[2, 2]] }));
    expect(types()).toEqual([restore, restore, restore]);
    tell(server.restored(10, [["F2", 116]]));
    tell(server.restored(11, [["F9", 116]]));
    expect(told).toEqual([]);
    tell(server.restored(12));
    expect(told).toEqual([["F2", "F9"]]);
  });

  it("gets it in the order of the first time, also after the next crash", () => {
    begin();
    agree();
    for (let i = 2; i <= 4; ++i) client.request(message(i, i));
    for (let i = 2; i <= 4; ++i) tell(server.reply(i, message(i), at(1, i)));
    comeBack();
    server.durable = [2, 9];
    tell(server.welcome(2, { terms: [[2, 0]] }));
    // Two of the three are done again when it is gone once more.
    tell(server.reply(5, message(2), { epoch: 2, segment: 9, order: 1 }));
    tell(server.reply(6, message(3), { epoch: 2, segment: 9, order: 2 }));
    comeBack();
    server.durable = [3, 20];
    tell(server.welcome(2, { terms: [[2, 0], [3, 5]] }));
    const replays = sent.filter((frame) => frame[0] === replay);
    expect(replays.map((frame) => frame.at(-1))).toEqual([2, 3, 4]);
  });

  it("does not repeat what it had done durably", () => {
    begin();
    client.request(message(1));
    client.request(message(2));
    comeBack();
    const kept = new Server().reply(1, message(1, 42), at(1));
    tell(server.welcome(2, { kept: [[1, kept]] }));
    expect(replies.map((reply) => [reply[5], reply[7]])).toEqual([[1, 42]]);
    expect(types()).toEqual([request]);
    expect(client.undurable).toBe(0);
  });

  it("that does not know either leaves requests unanswered to fail", () => {
    begin();
    client.request(message(1));
    comeBack();
    tell(server.welcome(2, { knows: 0 }));
    expect(types()).toEqual([]);
    expect(replies.map((reply) => [reply[4], reply[5], reply[7]])).toEqual([[7, 1, EIO]]);
  });

  it("takes changes of its own term as they are", () => {
    begin();
    client.request(message(1));
    tell(server.reply(1, message(1), at(5)));
    comeBack();
    server.durable = [1, 1];
    tell(server.welcome(2, { terms: [[1, 1]] }));
    expect(types()).toEqual([]);
    expect(client.undurable).toBe(1);
  });

  it("does not see a request that its answers make the guest send before the state is there", () => {
    client = new ResumeClient({
      send: (frame) => sent.push(frame),
      reply: (reply) => {
        replies.push(reply);
        if (reply[7] === EIO) client.request(message(9));
      },
    });
    begin();
    agree();
    client.request(message(1));
    comeBack();
    tell(server.welcome(2, { knows: 0 }));
    expect(types()).toEqual([restore, request]);
    expect(client.unanswered).toBe(2);
  });
});

describe("a session that is refused", () => {
  it("begins anew, with its state, and numbers from 1", () => {
    begin();
    agree();
    client.request(message(2));
    client.beginAnew();
    client.onDisconnected();
    sent = [];
    client.onConnected();
    expect(sent[0]?.subarray(2, 18).every((byte) => byte === 0)).toBe(true);
    sent = [];
    tell(server.welcome(0));
    expect(types()).toEqual([restore]);
    expect(numbersSent()).toEqual([1]);
    expect(replies.at(-1)?.[4]).toBe(7);
  });
});

describe("a client that goes on with another's state", () => {
  it("brings it to a new session", () => {
    begin();
    agree();
    client.request(message(2));
    tell(server.reply(2, message(2), at(3), [["F1", "sealed"]]));
    const state = client.state();
    client = new ResumeClient({ send: (frame) => sent.push(frame), reply: () => {} });
    client.adopt(state);
    sent = [];
    client.onConnected();
    expect(sent[0]?.subarray(2, 18).every((byte) => byte === 0)).toBe(true);
    sent = [];
    server.durable = [2, 3];
    tell(server.welcome(0, { terms: [[2, 3]] }));
    expect(types()).toEqual([replay, restore, restore]);
    expect(numbersSent()).toEqual([1, 2, 3]);
    expect(client.itemKeys).toEqual(["F1"]);
    expect(client.counts.rebuilt).toBe(0);
    // Locks are taken anew when it comes, and never after a crash: others may have had them.
    const isAnew = () => sent.some((frame) => frame[0] === restore && frame[25] === 1 && frame[26] === 78);
    expect(isAnew()).toBe(true);
    comeBack();
    server.durable = [3, 4];
    tell(server.welcome(2, { terms: [[2, 3], [3, 4]] }));
    expect(types()).toEqual([replay, restore, restore]);
    expect(isAnew()).toBe(false);
  });
});

describe("a server that makes no sense", () => {
  it.each([
    ["a number that is not the next", () => { server.number = 4; return server.reply(1, message(1)); }],
    ["an answer to nothing", () => server.reply(9, message(1))],
    ["a second Welcome", () => server.welcome(0)],
    ["bytes", () => Uint8Array.of(0x82, 1, 2)],
  ])("is left for %s", (_, frame) => {
    begin();
    client.request(message(1));
    expect(client.onFrame(frame())).toBe(false);
  });

  it("is not listened to before its Welcome", () => {
    client.onConnected();
    expect(client.onFrame(server.isDurable(1, 1))).toBe(false);
  });
});

it("a Tversion makes it forget the state", () => {
  begin();
  client.request(message(1));
  tell(server.reply(1, message(1), undefined, [["F1", "a"], ["F2", "b"], ["F1", ""]]));
  expect(client.itemKeys).toEqual(["F2"]);
  client.request(message(2));
  tell(server.reply(2, message(2), undefined, [["*", ""], ["F3", "c"]]));
  expect(client.itemKeys).toEqual(["F3"]);
});
