// What is typed goes to the machine; some keys are the page's.
import { notify } from "./notices";
import { tellWorker } from "./machine";
import { currentScreen, screens, type Screen } from "./screens";

const RESIZE_MS = 80;
const text = new TextEncoder();

function send(index: number, bytes: Uint8Array): void {
  tellWorker("type", index, bytes);
}

/** As if it had been typed, in terminal `index`. */
export function typeInto(index: number, line: string): void {
  send(index, text.encode(line));
}

export async function copySelection(): Promise<void> {
  const selection = currentScreen().terminal.getSelection();
  if (!selection) return notify("info", "Nothing is selected in the terminal.");
  try {
    await navigator.clipboard.writeText(selection);
  } catch {
    notify("error", "The browser does not let this page copy: use Ctrl+Insert.");
  }
}

/**
 * What is pasted comes from anywhere. An escape in it could end the brackets by which a shell knows
 * that it was pasted, and so run it.
 */
const harmless = (pasted: string): string => pasted.replace(/(?![\t\n\r])\p{Cc}/gu, "");

/** Before xterm sees it. */
function onPaste(event: ClipboardEvent): void {
  const { target } = event;
  const screen = screens.find(({ terminal }) => terminal.element?.contains(target as Node | null));
  if (!screen) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  screen.terminal.paste(harmless(event.clipboardData?.getData("text/plain") ?? ""));
}

export async function pasteClipboard(): Promise<void> {
  const screen = currentScreen();
  screen.terminal.focus();
  try {
    screen.terminal.paste(harmless(await navigator.clipboard.readText()));
  } catch {
    notify("error", "The browser does not let this page paste: use Ctrl+Shift+V or Shift+Insert.");
  }
}

/** False: the key is the page's. */
function onKey(event: KeyboardEvent): boolean {
  if (event.type !== "keydown") return true;
  if (event.key === "F6") {
    document.querySelector<HTMLElement>(event.shiftKey ? "#status a, nav a" : "#tools button")?.focus();
    event.preventDefault();
    return false;
  }
  if (event.ctrlKey && event.shiftKey && event.code === "KeyC") {
    event.preventDefault();
    void copySelection();
    return false;
  }
  // The browser pastes into the terminal by itself.
  return !(event.ctrlKey && event.shiftKey && event.code === "KeyV");
}

function connect(screen: Screen): void {
  const { terminal, index } = screen;
  terminal.onData((data) => {
    send(index, text.encode(data));
  });
  terminal.onBinary((data) => {
    send(index, Uint8Array.from(data, (character) => character.charCodeAt(0)));
  });
  terminal.attachCustomKeyEventHandler(onKey);
  let timer: ReturnType<typeof setTimeout> | undefined;
  terminal.onResize(({ cols, rows }) => {
    if (screen !== currentScreen()) return;
    for (const other of screens) {
      if (other !== screen) other.terminal.resize(cols, rows);
    }
    clearTimeout(timer);
    timer = setTimeout(() => {
      tellWorker("resize", { cols, rows });
    }, RESIZE_MS);
  });
}

export function connectScreens(): void {
  screens.forEach(connect);
  document.addEventListener("paste", onPaste, { capture: true });
}
