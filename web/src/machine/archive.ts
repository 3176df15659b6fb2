// Files of the image that are packed with zstd, unpacked while they go to the guest.

const PIECE_BYTES = 256 << 10;
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

async function* unpack(bytes: Uint8Array): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { Decompress } = await import("fzstd");
  let ready: Uint8Array<ArrayBuffer>[] = [];
  const stream = new Decompress((piece) => ready.push(piece as Uint8Array<ArrayBuffer>));
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    stream.push(piece, at + PIECE_BYTES >= bytes.length);
    const pieces = ready;
    ready = [];
    yield* pieces;
  }
}

export function decompress(bytes: Uint8Array): {
  bytes: number | null;
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>;
} {
  return { bytes: contentSize(bytes), pieces: unpack(bytes) };
}
