// A page that is not seen gets its timers once a second, later once a minute. xterm takes in what it
// was given in turns of setTimeout without a delay; and since the machine stands still while too much
// of its output is not taken in, a program that prints a lot would stand still with it. So such turns
// come by messages while the page is hidden. To be imported before xterm is.

const turns = new Map<number, () => void>();
const channel = new MessageChannel();
const later = window.setTimeout.bind(window);
const forget = window.clearTimeout.bind(window);
let lastId = 0;

channel.port2.onmessage = (event: MessageEvent<number>) => {
  const turn = turns.get(event.data);
  turns.delete(event.data);
  turn?.();
};

function setTurn(handler: TimerHandler, ms = 0, ...values: unknown[]): number {
  if (document.visibilityState === "visible" || ms > 0 || typeof handler !== "function") {
    return later(handler, ms, ...values);
  }
  const id = --lastId; // the browser's own are positive
  turns.set(id, () => {
    (handler as (...values: unknown[]) => void)(...values);
  });
  channel.port1.postMessage(id);
  return id;
}

function clearTurn(id?: number): void {
  if (id === undefined || !turns.delete(id)) forget(id);
}

Object.assign(window, { setTimeout: setTurn, clearTimeout: clearTurn });
