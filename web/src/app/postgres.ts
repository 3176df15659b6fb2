// PostgreSQL in the guest, by the guest's own command `pg`.
import { endLeft } from "./left_sessions";
import { postgres, remote } from "./machine";
import { typeInto } from "./keyboard";
import { notify, spoken } from "./notices";
import { current } from "./screens";

const TERMINAL = 2;
const KILL_LINE = "\x15";
let isOpen = false; // psql, in its terminal

async function pg(verb: string): Promise<void> {
  const answer = await remote.call("run", `pg ${verb}`, "user");
  if (answer.ok && answer.status === 0) return;
  const lines = (answer.output ?? answer.error ?? "").trim().split("\n");
  throw new Error(lines.at(-1)?.replace(/^pg: /, "") ?? "it gives no reason");
}

export async function startPostgres(): Promise<void> {
  postgres.value = "starting";
  spoken.value = "PostgreSQL is starting.";
  try {
    await endLeft(); // one of them may have had the database
    await pg("start");
  } catch (error) {
    postgres.value = "unknown";
    return notify("error", `PostgreSQL does not start: ${(error as Error).message}.`);
  }
  postgres.value = "running";
  spoken.value = "PostgreSQL is running.";
  openPsql();
}

export function openPsql(): void {
  current.value = TERMINAL;
  if (!isOpen) typeInto(TERMINAL, `${KILL_LINE}pg\r`);
  isOpen = true;
}

export async function stopPostgres(): Promise<void> {
  try {
    if (isOpen) typeInto(TERMINAL, `${KILL_LINE}\\q\r`);
    isOpen = false;
    await pg("stop");
    postgres.value = "stopped";
    notify("info", "PostgreSQL is stopped; its data is on the volume.");
  } catch (error) {
    notify("error", `PostgreSQL does not stop: ${(error as Error).message}.`);
  }
}

/** Another machine, other terminals. */
export function forgetPsql(): void {
  isOpen = false;
}
