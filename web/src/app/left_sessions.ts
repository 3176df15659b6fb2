// Sessions that earlier pages of this browser have left at the server. Until the server gives them up
// by itself they keep what they had locked, a database for instance; so a new page ends them. That a
// page is still there is known by a lock of the browser's, which goes with it. Browsers have such
// locks only in pages over TLS or of this machine; elsewhere a page that is closed says so itself.
import { remote } from "./machine";

const KEY = "cairn.sessions";
const KEPT_MAX = 20;
const NONE = /^0*$/;
const NAME = /^[0-9a-f]{32}$/;

let mine = "";
let letGo: () => void = () => {}; // of the lock of a session that this page had before
const lockOf = (id: string) => `cairn.session.${id}`;

const hasLocks = (): boolean => "locks" in navigator;

function known(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((id): id is string => NAME.test(String(id))) : [];
  } catch {
    return [];
  }
}

function keep(ids: string[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(ids.slice(-KEPT_MAX)));
  } catch {
    // A browser that keeps nothing.
  }
}

const note = (id: string) => {
  keep([...known().filter((one) => one !== id), id]);
};
const forget = (id: string) => {
  keep(known().filter((one) => one !== id));
};

/** This page has that session, from now on. */
export function remember(id: string): void {
  if (id === mine || NONE.test(id)) return;
  const former = mine;
  mine = id;
  if (!hasLocks()) {
    if (former) note(former);
    return;
  }
  letGo();
  void navigator.locks.request(lockOf(id), () => {
    note(id);
    // For as long as there is the page, or until its machine has another session.
    return new Promise<void>((resolve) => {
      letGo = resolve;
    });
  });
}

async function end(id: string): Promise<void> {
  if (await remote.call("endSession", id).catch(() => false)) forget(id);
}

async function endOne(id: string): Promise<void> {
  if (!hasLocks()) return end(id);
  await navigator.locks.request(lockOf(id), { ifAvailable: true }, async (lock) => {
    if (lock) await end(id);
  });
}

if (!hasLocks()) {
  addEventListener("pagehide", () => {
    if (mine) note(mine);
  });
  addEventListener("pageshow", () => {
    if (mine) forget(mine); // it has come back
  });
}

let ending: Promise<unknown> | null = null;

/** Resolves when what could be ended has been. */
export async function endLeft(): Promise<void> {
  ending ??= Promise.all(known().filter((id) => id !== mine).map(endOne)).finally(() => {
    ending = null;
  });
  await ending;
}
