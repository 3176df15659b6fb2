import type { Durable, Mark } from "./frames";

/** A request that changed something, kept until that is durable. */
export interface KeptChange {
  /** When it was done for the first time: that is its place, however often it is done again. */
  first: Mark;
  /** When it was done last: by that it is durable, or lost. */
  mark: Mark;
  redo: Uint8Array;
  message: Uint8Array;
}

const sign = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a: Mark, b: Mark): number =>
  sign(a.epoch, b.epoch) || sign(a.segment, b.segment) || sign(a.order, b.order);
const sizeOf = (change: KeptChange): number => change.redo.length + change.message.length;

const isDurable = (mark: Mark, durable: Durable): boolean =>
  mark.epoch === durable.epoch && mark.segment < durable.segment;

/** The changes that a crash of the server may undo, in the order in which they first took effect. */
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

  /** Where the one is that does not come before this first mark. */
  #place(mark: Mark): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = this.#sorted[middle];
      if (found && compare(found.first, mark) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(change: KeptChange): void {
    const at = this.#place(change.first);
    const same = this.#sorted[at];
    const replaced = same && compare(same.first, change.first) === 0;
    if (replaced) this.#bytes -= sizeOf(same);
    this.#sorted.splice(at, replaced ? 1 : 0, change);
    this.#bytes += sizeOf(change);
  }

  find(first: Mark): KeptChange | null {
    const found = this.#sorted[this.#place(first)];
    return found && compare(found.first, first) === 0 ? found : null;
  }

  forget(first: Mark): void {
    const found = this.find(first);
    if (!found) return;
    this.#sorted.splice(this.#place(first), 1);
    this.#bytes -= sizeOf(found);
  }

  forgetDurable(durable: Durable): void {
    if (!this.#sorted.some((change) => isDurable(change.mark, durable))) return;
    this.#sorted = this.#sorted.filter((change) => !isDurable(change.mark, durable));
    this.#bytes = this.#sorted.reduce((sum, change) => sum + sizeOf(change), 0);
  }
}
