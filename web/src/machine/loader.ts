// Fetches the guest's files, says how far it has got, and keeps them by their hash.
import type { GuestFile, Manifest } from "./manifest";
import { refusalOf } from "./refusal";

export interface Progress {
  loaded: number;
  total: number;
}

const CACHE = "cairn-vm";

/** A file that could not be fetched, in words. */
async function get(url: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error(`The server does not answer (${url}).`);
  }
  if (response.ok) return response;
  throw new Error(`${url}: ${await refusalOf(response)}`);
}

async function readAll(
  response: Response,
  size: number,
  told: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let at = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) break;
    if (at + piece.value.length > size) throw new Error(`${response.url}: it is too long.`);
    bytes.set(piece.value, at);
    at += piece.value.length;
    told(piece.value.length);
  }
  if (at !== size) throw new Error(`${response.url}: it is too short.`);
  return bytes;
}

async function check(bytes: Uint8Array<ArrayBuffer>, file: GuestFile, url: string): Promise<void> {
  // Browsers have no crypto.subtle for pages over plain HTTP from other machines.
  if (!("subtle" in crypto)) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== file.sha256) throw new Error(`${url}: its content is not what the manifest says.`);
}

export class Loader {
  #progress: Progress = { loaded: 0, total: 0 };

  constructor(
    private readonly base: string,
    private readonly told: (progress: Progress) => void = () => {},
  ) {}

  async manifest(): Promise<Manifest> {
    return (await (await get(`${this.base}manifest.json`)).json()) as Manifest;
  }

  /** The bytes of a file of the image. */
  async file(manifest: Manifest, name: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = manifest.files[name];
    if (!file) throw new Error(`The guest's image has no ${name}.`);
    const url = `${this.base}${name}?${file.sha256.slice(0, 16)}`;
    const cache = "caches" in globalThis ? await caches.open(CACHE).catch(() => null) : null;
    // What the browser cannot read any more is fetched again.
    const kept = await cache
      ?.match(url)
      .then((response) => response?.arrayBuffer())
      .catch(() => null);
    this.#tell(0, file.size);
    if (kept?.byteLength === file.size) {
      this.#tell(file.size, 0);
      return new Uint8Array(kept);
    }
    const bytes = await readAll(await get(url), file.size, (count) => {
      this.#tell(count, 0);
    });
    await check(bytes, file, url);
    if (cache) void this.#keep(cache, name, url, bytes);
    return bytes;
  }

  #tell(loaded: number, total: number): void {
    this.#progress = {
      loaded: this.#progress.loaded + loaded,
      total: this.#progress.total + total,
    };
    this.told(this.#progress);
  }

  /** In place of its older versions; that there is no room for it is no misfortune. */
  async #keep(cache: Cache, name: string, url: string, bytes: Uint8Array<ArrayBuffer>) {
    try {
      for (const request of await cache.keys()) {
        const older = new URL(request.url);
        if (older.pathname === `${this.base}${name}`) await cache.delete(request);
      }
      await cache.put(url, new Response(bytes.slice()));
    } catch {
      await cache.delete(url).catch(() => false);
    }
  }
}
