// Who one is at the server.
import { signal } from "@preact/signals";
import { askForSession, firstSession } from "../early";
import { refusalOf } from "../machine/refusal";

export interface Session {
  authenticated: boolean;
  login_required: boolean;
  login_possible: boolean;
  version: string;
  volume?: string;
  uid?: number;
  gid?: number;
  guest_root?: boolean;
}

/** Null: not known yet. */
export const session = signal<Session | null>(null);
/** Why the server could not be asked; empty: it could. */
export const sessionError = signal("");

async function post(path: string, body: unknown): Promise<void> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The server does not answer.");
  }
  if (!response.ok) throw new Error(await refusalOf(response));
}

let isFirst = true;

/** Null: the server has not answered, and `sessionError` says why. */
export async function askSession(): Promise<Session | null> {
  const asked = isFirst ? firstSession : askForSession();
  isFirst = false;
  const response = await asked.catch(() => null);
  if (!response) {
    sessionError.value = "The server does not answer.";
  } else if (!response.ok) {
    sessionError.value = await refusalOf(response);
  } else {
    const told = (await response.json().catch(() => null)) as Session | null;
    sessionError.value = told ? "" : "What answers at this address is not Cairn.";
    if (told) session.value = told;
    return told;
  }
  return null;
}

export async function logIn(password: string): Promise<void> {
  await post("/api/login", { password });
  await askSession();
}

export async function logOut(): Promise<void> {
  await post("/api/logout", {});
  await askSession();
}
