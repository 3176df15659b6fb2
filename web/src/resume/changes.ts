import type { Durable, Mark } from "./frames";

/** A request that changed something, kept until that is durable. */
export interface KeptChange {
  mark: Mark;
  redo: Uint8Array;
  message: Uint8Array;
}

const sign = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a: Mark, b: Mark): number =>
  sign(a.epoch, b.epoch) || sign(a.segment, b.segment) || sign(a.order, b.order);
const sizeOf = (change: KeptChange): number => change.redo.length + change.message.length;

/** The changes that a crash of the server may undo, in the order in which they took effect. */
export class Changes {
  #sorted: KeptChange[] = [];
  #bytes = 0;

  get count(): number {
    return this.#sorted.length;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get all(): readonly KeptChange[] {
    return this.#sorted;
  }

  /** Where the first one is that does not come before the mark. */
  #place(mark: Mark): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = this.#sorted[middle];
      if (found && compare(found.mark, mark) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(change: KeptChange): void {
    const at = this.#place(change.mark);
    const same = this.#sorted[at];
    const replaced = same && compare(same.mark, change.mark) === 0;
    if (replaced) this.#bytes -= sizeOf(same);
    this.#sorted.splice(at, replaced ? 1 : 0, change);
    this.#bytes += sizeOf(change);
  }

  find(mark: Mark): KeptChange | null {
    const found = this.#sorted[this.#place(mark)];
    return found && compare(found.mark, mark) === 0 ? found : null;
  }

  forget(mark: Mark): void {
    if (this.find(mark)) this.#cut(this.#place(mark), 1);
  }

  forgetDurable(durable: Durable): void {
    const from = this.#place({ epoch: durable.epoch, segment: 0n, order: 0n });
    const to = this.#place({ ...durable, order: 0n });
    if (to > from) this.#cut(from, to - from);
  }

  #cut(at: number, count: number): void {
    for (const gone of this.#sorted.splice(at, count)) this.#bytes -= sizeOf(gone);
  }
}
