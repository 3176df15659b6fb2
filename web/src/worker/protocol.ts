// What the page and the worker with the machine say to each other: calls with answers, and events.
import type { Connection } from "../machine/carrier";
import type { Answer, GuestEvent } from "../machine/control";
import type { Activity, Phase, Settings, Size } from "../machine/host";
import type { FileProgress } from "../machine/host_files";
import type { Progress } from "../machine/loader";
import type { Who } from "../machine/trust";

export interface SavedSummary {
  savedAt: number; // ms since 1970
  bytes: number;
}

/** The worker's side. All resolve when it is done, or reject with a sentence. */
export interface WorkerApi {
  /** Loads what the usual start needs, before it is asked for. */
  prepare(): void;
  boot(settings: Settings): Promise<Answer>;
  type(terminal: number, bytes: Uint8Array): void;
  resize(size: Size): void;
  stop(again: boolean): void;
  kill(again: boolean): Promise<void>;
  run(command: string, user: string): Promise<Answer>;
  wake(): void;
  /** Asks the server to make everything durable. */
  commit(): void;
  /** The page has shown so many bytes of the terminals' output. */
  shown(bytes: number): void;
  /** Ends the session of a page that is gone, named in hex. False: the server did not answer. */
  endSession(id: string): Promise<boolean>;
  save(volume: string): Promise<Uint8Array<ArrayBuffer>>;
  restore(state: Uint8Array<ArrayBuffer>, volume: string): Promise<SavedSummary>;
  saveToVolume(volume: string, who: Who): Promise<SavedSummary>;
  findOnVolume(volume: string, who: Who): Promise<SavedSummary | null>;
  restoreFromVolume(volume: string, who: Who): Promise<SavedSummary>;
}

export interface WorkerEvents {
  phase: { phase: Phase; detail: string };
  progress: Progress;
  connection: Connection;
  refused: null;
  output: { terminal: number; bytes: Uint8Array };
  kernel: Uint8Array;
  guest: GuestEvent;
  file: FileProgress;
  activity: Activity;
}

export interface Call {
  id: number;
  method: keyof WorkerApi;
  values: unknown[];
}
export type Message =
  | { id: number; value: unknown }
  | { id: number; error: string }
  | { [Name in keyof WorkerEvents]: { event: Name; value: WorkerEvents[Name] } }[keyof WorkerEvents];
