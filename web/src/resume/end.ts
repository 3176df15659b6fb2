// Ends a session whose client is gone, as a page that was closed: what it had locked is free then.
import { encodeEnd, type SessionId } from "./frames";
import type { Socket } from "./link";

const CLOSE_NORMAL = 1000;
const CLOSE_PROTOCOL_ERROR = 1002; // it is not ours to end
const ANSWER_MS = 5000;

/** False: the server could not be asked. */
export function endSession(open: () => Socket, id: SessionId): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = open();
    socket.binaryType = "arraybuffer";
    const timer = setTimeout(() => {
      socket.close();
      resolve(false);
    }, ANSWER_MS);
    socket.onopen = () => {
      socket.send(encodeEnd(id));
    };
    socket.onclose = ({ code }: { code: number }) => {
      clearTimeout(timer);
      resolve(code === CLOSE_NORMAL || code === CLOSE_PROTOCOL_ERROR);
    };
  });
}
