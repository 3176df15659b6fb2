// Little-endian encoding, as all of Cairn's formats have it.

const text = new TextEncoder();

/** Collects values; grows as needed. */
export class Encoder {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Where `count` bytes go. To be called first, since it may move the bytes there are. */
  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      bigger.set(this.#bytes.subarray(0, at));
      this.#bytes = bigger;
      this.#view = new DataView(bigger.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }
  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, true);
    return this;
  }
  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }
  u64(value: bigint | number): this {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value), true);
    return this;
  }
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }
  /** A u32 length and the bytes. */
  blob(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }
  /** 9P's string: a u16 length and UTF-8. */
  string(value: string): this {
    const bytes = text.encode(value);
    return this.u16(bytes.length).raw(bytes);
  }
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}

/**
 * Reads values. What lies beyond the end reads as zero and makes it fail, so that a format can be
 * read to its end and be judged once, by `finished`.
 */
export class Decoder {
  #view: DataView;
  #at = 0;
  #failed = false;

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #step(count: number): number {
    if (this.#failed || count > this.left) {
      this.#failed = true;
      return -1;
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }
  get failed(): boolean {
    return this.#failed;
  }
  /** All of it was there, and nothing is left. */
  get finished(): boolean {
    return !this.#failed && this.left === 0;
  }
  fail(): void {
    this.#failed = true;
  }
  u8(): number {
    const at = this.#step(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }
  u16(): number {
    const at = this.#step(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }
  u32(): number {
    const at = this.#step(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }
  u64(): bigint {
    const at = this.#step(8);
    return at < 0 ? 0n : this.#view.getBigUint64(at, true);
  }
  /** A u64 that counts something, and so is exact as a number. */
  count(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail();
    return Number(value);
  }
  /** A view of what was decoded. */
  raw(count: number): Uint8Array {
    const at = this.#step(count);
    return at < 0 ? new Uint8Array(0) : this.bytes.subarray(at, at + count);
  }
  blob(max: number): Uint8Array {
    const length = this.u32();
    if (length > max) this.fail();
    return this.raw(length);
  }
  string(): string {
    return new TextDecoder().decode(this.raw(this.u16()));
  }
}
