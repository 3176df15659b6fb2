// The page's end of the worker.
import type { Call, Message, WorkerApi, WorkerEvents } from "./protocol";

type Listener<Name extends keyof WorkerEvents> = (value: WorkerEvents[Name]) => void;
type Promised<Value> = Value extends Promise<unknown> ? Value : Promise<Value>;
type Remote = {
  [Method in keyof WorkerApi]: (
    ...values: Parameters<WorkerApi[Method]>
  ) => Promised<ReturnType<WorkerApi[Method]>>;
};

export class RemoteMachine {
  #nextId = 1;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(e: Error): void }>();
  readonly #listeners = new Map<string, (value: never) => void>();

  #hasSpoken = false;
  #dead: Error | null = null;

  /** `failed` is told of each failure; a worker that could not even start is dead. */
  constructor(
    private readonly worker: Worker,
    firstError: Promise<ErrorEvent>,
    private readonly failed: (error: Error, isDead: boolean) => void,
  ) {
    worker.onmessage = (event: MessageEvent<Message>) => {
      this.#hasSpoken = true;
      this.#onMessage(event.data);
    };
    void firstError.then((event) => {
      this.#onError(event);
      worker.onerror = (later) => {
        this.#onError(later);
      };
    });
  }

  #onError(event: ErrorEvent): void {
    const why = event.message || "it could not be loaded";
    const error = new Error(`The machine's worker has failed: ${why}`);
    if (!this.#hasSpoken) this.#dead = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    this.failed(error, this.#dead !== null);
  }

  on<Name extends keyof WorkerEvents>(event: Name, listener: Listener<Name>): void {
    this.#listeners.set(event, listener);
  }

  call<Method extends keyof WorkerApi>(
    method: Method,
    ...values: Parameters<WorkerApi[Method]>
  ): ReturnType<Remote[Method]> {
    if (this.#dead) return Promise.reject(this.#dead) as ReturnType<Remote[Method]>;
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.worker.postMessage({ id, method, values } satisfies Call);
    return answer as ReturnType<Remote[Method]>;
  }

  #onMessage(message: Message): void {
    if ("event" in message) {
      const listener = this.#listeners.get(message.event);
      listener?.(message.value as never);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ("error" in message) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.value);
  }
}
