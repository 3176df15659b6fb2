// Keeps a ResumeClient connected: over a WebSocket that is opened again whenever it has gone, at
// once, then with growing pauses. Notices a socket that is dead although nobody has said so.
import { ResumeClient } from "./client";
import { SUBPROTOCOL } from "./frames";

/** What of a WebSocket is used. */
export interface Socket {
  binaryType: string;
  readonly protocol: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type LinkState = "connecting" | "connected" | "reconnecting" | "closed";

export interface LinkEvents {
  changed(state: LinkState): void;
  /** A connection could not be made: is a login needed? */
  refused?(): void;
  /** Asks the server for any answer on the connection; false if there is nothing to ask. */
  probe(): boolean;
}

const CLOSE_PROTOCOL_ERROR = 1002;
const FIRST_PAUSE_MS = 100;
const PAUSE_MAX_MS = 5000;
const LOOK_EVERY_MS = 1000;
const CONNECT_MS = 6000;
/** Without a sign of life while something is asked: after so long the server is asked for one. */
const SILENT_MS = 4000;
/** ... and after so long without it the socket is given up. */
const DEAD_MS = 5000;
/** A look that comes this late means that the machine has slept (or that its clock was set). */
const SLEPT_MS = 5000;

export class Link {
  #socket: Socket | null = null;
  #state: LinkState = "connecting";
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #looks: ReturnType<typeof setInterval> | null = null;
  #openedAt = 0;
  #heardAt = 0;
  #probedAt = 0;
  #lookedAt = 0;
  #unsent = 0;
  #isOpen = false;
  #isClosed = false;

  constructor(
    private readonly open: () => Socket,
    private readonly client: ResumeClient,
    private readonly events: LinkEvents,
    // The wall clock: others stand still while a laptop sleeps. That it is set makes one look.
    private readonly now: () => number = () => Date.now(),
  ) {}

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    this.#lookedAt = this.now();
    this.#looks = setInterval(() => {
      this.#look();
    }, LOOK_EVERY_MS);
    this.#connect();
  }

  /** Frames of the client's. Without a connection they are dropped: the client keeps them. */
  send(frame: Uint8Array<ArrayBuffer>): void {
    if (this.#isOpen) this.#socket?.send(frame);
  }

  /** The network may be there again: does not wait for the end of a pause. */
  wake(): void {
    if (this.#isClosed) return;
    if (!this.#socket) {
      this.#failures = 0;
      this.#connect();
    } else if (this.#isOpen && this.events.probe()) {
      this.#probedAt ||= this.now();
    }
  }

  /** Drops the connection, which is then made again. For tests, and for a server that is lost. */
  cut(): void {
    this.#drop(this.#socket);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#looks) clearInterval(this.#looks);
    if (this.#timer) clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#forget();
    socket?.close(1000);
    this.#become("closed");
  }

  #become(state: LinkState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.events.changed(state);
  }

  #connect(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const socket = this.open();
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    this.#openedAt = this.now();
    const ifCurrent =
      <Arguments extends unknown[]>(then: (...values: Arguments) => void) =>
      (...values: Arguments) => {
        if (this.#socket === socket) then(...values);
      };
    socket.onopen = ifCurrent(() => {
      this.#onOpen(socket);
    });
    socket.onmessage = ifCurrent((event: { data: ArrayBuffer }) => {
      this.#onMessage(socket, new Uint8Array(event.data));
    });
    socket.onclose = ifCurrent((event: { code: number }) => {
      const wasOpen = this.#isOpen;
      const wasWelcome = this.client.isConnected;
      if (wasOpen && !wasWelcome && event.code === CLOSE_PROTOCOL_ERROR) this.client.beginAnew();
      this.#drop(null);
      if (!wasOpen) this.events.refused?.();
    });
    socket.onerror = () => {}; // onclose follows
  }

  #onOpen(socket: Socket): void {
    if (socket.protocol !== SUBPROTOCOL) return this.#drop(socket);
    this.#isOpen = true;
    this.#heardAt = this.now();
    this.#probedAt = 0;
    this.client.onConnected();
  }

  #onMessage(socket: Socket, frame: Uint8Array): void {
    this.#heardAt = this.now();
    this.#probedAt = 0;
    if (!this.client.onFrame(frame)) {
      this.client.beginAnew();
      return this.#drop(socket);
    }
    if (this.#state === "connected" || !this.client.isConnected) return;
    this.#failures = 0;
    this.#become("connected");
  }

  #forget(): void {
    this.#socket = null;
    this.#isOpen = false;
    this.client.onDisconnected();
  }

  /** The connection is gone, or is to go. */
  #drop(socket: Socket | null): void {
    this.#forget();
    socket?.close();
    if (this.#isClosed) return;
    this.#become("reconnecting");
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), PAUSE_MAX_MS);
    const pause = this.#failures === 0 ? 0 : longest * (0.5 + Math.random() / 2);
    ++this.#failures;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#connect();
    }, pause);
  }

  #look(): void {
    const now = this.now();
    const slept = Math.abs(now - this.#lookedAt) > SLEPT_MS;
    if (now < this.#lookedAt) this.#openedAt = now;
    this.#lookedAt = now;
    if (!this.#socket) return;
    if (!this.client.isConnected) {
      if (now - this.#openedAt > CONNECT_MS) this.#drop(this.#socket);
      return;
    }
    // What is still leaving this machine is a sign of life as well.
    const unsent = this.#socket.bufferedAmount;
    if (slept || unsent < this.#unsent) {
      this.#heardAt = now;
      this.#probedAt = 0;
    }
    this.#unsent = unsent;
    if (this.#probedAt) {
      if (now - this.#probedAt > DEAD_MS && now - this.#heardAt > DEAD_MS) this.#drop(this.#socket);
      return;
    }
    const isAsked = this.client.unanswered > 0;
    if (slept || (isAsked && now - this.#heardAt > SILENT_MS)) {
      if (this.events.probe()) this.#probedAt = now;
    }
  }
}
