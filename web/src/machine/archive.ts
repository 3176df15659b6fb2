// Files of the image that are packed with zstd, unpacked while they go to the guest.

const PIECE_BYTES = 256 << 10;
const PACKED_BYTES = 128 << 10; // unpacked in one go
const MAGIC = 0xfd2fb528;

/** The content's size, if the frame's head tells it. */
function contentSize(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 14 || view.getUint32(0, true) !== MAGIC) return null;
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  const kind = descriptor >> 6;
  if (kind === 0) return isSingle ? view.getUint8(at) : null;
  if (kind === 1) return view.getUint16(at, true) + 256;
  return kind === 2 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

/** In pieces that are worth a message. */
async function* unpack(bytes: Uint8Array): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { Decompress } = await import("fzstd");
  let ready = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  const full: Uint8Array<ArrayBuffer>[] = [];
  const stream = new Decompress((piece) => {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + PIECE_BYTES - filled);
      ready.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < PIECE_BYTES) continue;
      full.push(ready);
      ready = new Uint8Array(PIECE_BYTES);
      filled = 0;
    }
  });
  for (let at = 0; at < bytes.length; at += PACKED_BYTES) {
    stream.push(bytes.subarray(at, at + PACKED_BYTES), at + PACKED_BYTES >= bytes.length);
    yield* full.splice(0);
  }
  if (filled > 0) yield ready.subarray(0, filled);
}

export function decompress(bytes: Uint8Array): {
  bytes: number | null;
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>;
} {
  return { bytes: contentSize(bytes), pieces: unpack(bytes) };
}
