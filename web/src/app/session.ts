// Who one is at the server.
import { signal } from "@preact/signals";
import { firstSession } from "../early";

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
  if (!response.ok) throw new Error((await response.text()).trim() || response.statusText);
}

let isFirst = true;

export async function askSession(): Promise<Session | null> {
  try {
    const response = await (isFirst ? firstSession : fetch("/api/session"));
    isFirst = false;
    if (!response.ok) throw new Error((await response.text()).trim() || response.statusText);
    session.value = (await response.json()) as Session;
    sessionError.value = "";
  } catch (error) {
    isFirst = false;
    const isNetwork = error instanceof TypeError;
    sessionError.value = isNetwork ? "The server does not answer." : (error as Error).message;
    return null;
  }
  return session.value;
}

export async function logIn(password: string): Promise<void> {
  await post("/api/login", { password });
  await askSession();
}

export async function logOut(): Promise<void> {
  await post("/api/logout", {});
  await askSession();
}
