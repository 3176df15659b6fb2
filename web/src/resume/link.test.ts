import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Encoder } from "./bytes";
import { ResumeClient } from "./client";
import { SUBPROTOCOL } from "./frames";
import { Link, type LinkState, type Socket } from "./link";

class FakeSocket implements Socket {
  binaryType = "";
  protocol = SUBPROTOCOL;
  bufferedAmount = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  sent: Uint8Array[] = [];
  isClosed = false;

  send(bytes: Uint8Array<ArrayBuffer>) {
    this.sent.push(bytes);
  }
  close() {
    this.isClosed = true;
  }
  opens() {
    this.onopen?.({} as never);
  }
  says(bytes: Uint8Array) {
    this.onmessage?.({ data: bytes.slice().buffer } as never);
  }
  ends(code = 1006) {
    this.onclose?.({ code } as never);
  }
}

function welcome(outcome: number) {
  const out = new Encoder().u8(0x81).u8(1).u8(outcome).raw(new Uint8Array(16).fill(7));
  out.u64(0).u32(120).u8(1).u64(1).u64(1).u64(1).u64(1).u32(0).u32(0);
  return out.take();
}

let sockets: FakeSocket[];
let states: LinkState[];
let probes: number;
let client: ResumeClient;
let link: Link;
const last = () => sockets.at(-1) as FakeSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
  sockets = [];
  states = [];
  probes = 0;
  client = new ResumeClient({
    send: (frame) => {
      link.send(frame);
    },
    reply: () => {},
  });
  const open = () => {
    sockets.push(new FakeSocket());
    return last();
  };
  link = new Link(open, client, {
    changed: (state) => states.push(state),
    probe: () => {
      ++probes;
      return true;
    },
  });
  link.start();
  last().opens();
  last().says(welcome(0));
});
afterEach(() => {
  link.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A server that is there again. */
function accepts(outcome = 1) {
  last().opens();
  last().says(welcome(outcome));
}
const request = () => {
  client.request(Uint8Array.of(7, 0, 0, 0, 120, 1, 0));
};

describe("a connection that ends", () => {
  it("is made again at once", () => {
    last().ends();
    vi.advanceTimersByTime(0);
    expect(sockets.length).toBe(2);
    accepts();
    expect(states).toEqual(["connected", "reconnecting", "connected"]);
  });

  it("is tried for with growing pauses, up to some seconds", () => {
    last().ends();
    vi.advanceTimersByTime(0);
    const pauses: number[] = [];
    for (let i = 0; i < 9; ++i) {
      const before = Date.now();
      const count = sockets.length;
      last().ends();
      while (sockets.length === count) vi.advanceTimersByTime(50);
      pauses.push(Date.now() - before);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    accepts();
    last().ends();
    vi.advanceTimersByTime(0);
    expect(sockets.length).toBe(12);
  });

  it("is tried for at once when the network is there again", () => {
    last().ends();
    vi.advanceTimersByTime(0);
    for (let i = 0; i < 6; ++i) {
      last().ends();
      vi.advanceTimersByTime(6000);
    }
    last().ends();
    const count = sockets.length;
    link.wake();
    expect(sockets.length).toBe(count + 1);
  });

  it("with a protocol error instead of a Welcome asks for a new session", () => {
    last().ends();
    vi.advanceTimersByTime(0);
    last().opens();
    const hello = last().sent[0];
    expect(hello?.subarray(2, 18).some((byte) => byte !== 0)).toBe(true);
    last().ends(1002);
    vi.advanceTimersByTime(200);
    last().opens();
    expect(last().sent[0]?.subarray(2, 18).every((byte) => byte === 0)).toBe(true);
  });

  it("to a server that does not speak the subprotocol is not used", () => {
    last().ends();
    vi.advanceTimersByTime(0);
    last().protocol = "";
    last().opens();
    expect(last().isClosed).toBe(true);
    expect(last().sent).toEqual([]);
  });
});

describe("a connection that says nothing", () => {
  it("is left alone while nothing is asked", () => {
    vi.advanceTimersByTime(60_000);
    expect([probes, sockets.length]).toEqual([0, 1]);
  });

  it("is asked for a sign of life, and given up within ten seconds or so", () => {
    request();
    vi.advanceTimersByTime(6000);
    expect(probes).toBe(1);
    expect(sockets.length).toBe(1);
    vi.advanceTimersByTime(6000);
    expect(sockets.length).toBe(2);
    expect(sockets[0]?.isClosed).toBe(true);
  });

  it("is kept while it answers", () => {
    request();
    for (let i = 0; i < 20; ++i) {
      vi.advanceTimersByTime(3000);
      last().says(new Encoder().u8(0x84).u64(1).u64(1).take());
    }
    expect(sockets.length).toBe(1);
  });

  it("is kept while what we send leaves", () => {
    request();
    for (let i = 40; i > 0; --i) {
      last().bufferedAmount = i * 1000;
      vi.advanceTimersByTime(1000);
    }
    expect(sockets.length).toBe(1);
  });

  it("and never opens is tried for anew", () => {
    last().ends();
    vi.advanceTimersByTime(0);
    vi.advanceTimersByTime(8000);
    expect(sockets.length).toBeGreaterThan(2);
  });
});

it("a link that is closed stays closed", () => {
  link.close();
  link.wake();
  vi.advanceTimersByTime(60_000);
  expect(sockets.length).toBe(1);
  expect(states.at(-1)).toBe("closed");
});

describe("a clock that jumps", () => {
  it("means that the laptop has slept: the server is asked whether it is there, and soon left", () => {
    vi.advanceTimersByTime(3000);
    expect(probes).toBe(0); // nothing is asked of it
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(1000);
    expect(probes).toBe(1);
    vi.advanceTimersByTime(7000);
    expect(sockets.length).toBe(2);
  });

  it("does no harm when it is set back", () => {
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(1000);
    expect(probes).toBe(1);
    last().says(new Encoder().u8(0x84).u64(1).u64(1).take());
    vi.advanceTimersByTime(20_000);
    expect(sockets.length).toBe(1);
    // Nor to one that does not open.
    last().ends();
    vi.advanceTimersByTime(10);
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(9000);
    expect(sockets.length).toBeGreaterThan(2);
  });
});
