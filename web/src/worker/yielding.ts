// v86 gives way to other events after each millisecond of work by asking a worker of its own to call
// it back, since pages have their timers slowed down. Workers have not, and a message to oneself
// takes no other thread. To be imported before v86 is.

interface Turn {
  t: number; // ms to wait
  tick: number;
}

/** What v86 takes for its worker. */
class Yielding {
  onmessage: ((event: { data: number }) => void) | null = null;
  readonly #channel = new MessageChannel();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#channel.port2.onmessage = (event: MessageEvent<number>) => {
      this.onmessage?.({ data: event.data });
    };
  }

  postMessage({ t, tick }: Turn): void {
    clearTimeout(this.#timer);
    if (t < 1) {
      this.#channel.port1.postMessage(tick);
    } else {
      this.#timer = setTimeout(() => {
        this.onmessage?.({ data: tick });
      }, t);
    }
  }

  terminate(): void {
    clearTimeout(this.#timer);
    this.#channel.port2.close();
  }
}

Object.assign(globalThis, { Worker: Yielding });
