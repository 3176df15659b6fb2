// The three terminals of the machine: what they show lives as long as the page, whatever view is
// open.
import { effect, signal } from "@preact/signals";
import { FitAddon } from "@xterm/addon-fit";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { Size } from "../machine/host";
import { fontSize, isDark, screenReader } from "./preferences";

const DARK: ITheme = {
  background: "#0f1419",
  foreground: "#d6dbe1",
  cursor: "#f5b83d",
  cursorAccent: "#0f1419",
  selectionBackground: "#3b5168",
  black: "#1c232b",
  red: "#f2777a",
  green: "#8fd18a",
  yellow: "#f0c674",
  blue: "#7fb3f0",
  magenta: "#d29bea",
  cyan: "#6fd0cf",
  white: "#d6dbe1",
  brightBlack: "#8a96a3",
  brightRed: "#ff9a9c",
  brightGreen: "#aee8a9",
  brightYellow: "#ffdf9b",
  brightBlue: "#a5cdff",
  brightMagenta: "#e6baf8",
  brightCyan: "#98e9e8",
  brightWhite: "#ffffff",
};
const LIGHT: ITheme = {
  background: "#ffffff",
  foreground: "#1f2933",
  cursor: "#a65f00",
  cursorAccent: "#ffffff",
  selectionBackground: "#bcd7f5",
  black: "#1f2933",
  red: "#b42318",
  green: "#207227",
  yellow: "#8a5a00",
  blue: "#1f5fae",
  magenta: "#8b3fa8",
  cyan: "#0f6e75",
  white: "#5c6875",
  brightBlack: "#5c6875",
  brightRed: "#c4372b",
  brightGreen: "#2b7a33",
  brightYellow: "#946300",
  brightBlue: "#2a6cbf",
  brightMagenta: "#9a4fb5",
  brightCyan: "#1b777e",
  brightWhite: "#1f2933",
};

const SCROLLBACK_LINES = 5000;
const FONT = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

export class Screen {
  readonly terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly hasNews = signal(false); // something came while it was not shown
  #isShown = false;
  #place: HTMLElement | null = null;

  constructor(readonly index: number) {
    this.terminal = new Terminal({
      allowProposedApi: false,
      cursorBlink: true,
      fontFamily: FONT,
      scrollback: SCROLLBACK_LINES,
      macOptionIsMeta: true,
      rightClickSelectsWord: false,
    });
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(new WebLinksAddon());
    effect(() => {
      this.terminal.options.theme = isDark.value ? DARK : LIGHT;
      this.terminal.options.fontSize = fontSize.value;
      this.terminal.options.screenReaderMode = screenReader.value;
      this.fit();
    });
  }

  get size(): Size {
    return { cols: this.terminal.cols, rows: this.terminal.rows };
  }

  /** `then` is called when it has been shown. */
  write(bytes: Uint8Array, then: () => void): void {
    this.terminal.write(bytes, then);
    // The first prompt of a terminal that nobody has looked at yet is no news.
    if (!this.#isShown && this.#place) this.hasNews.value = true;
  }

  reset(): void {
    this.terminal.reset();
    this.hasNews.value = false;
  }

  /** Puts it where it is to be seen. */
  show(place: HTMLElement): void {
    this.#isShown = true;
    this.hasNews.value = false;
    if (!this.terminal.element) this.terminal.open(place);
    else if (this.#place !== place) place.append(this.terminal.element);
    this.#place = place;
    this.fit();
  }

  hide(): void {
    this.#isShown = false;
  }

  fit(): void {
    if (this.#isShown && this.terminal.element) this.#fit.fit();
  }
}

export const screens = [new Screen(0), new Screen(1), new Screen(2)] as const;
export const current = signal(0);
export const currentScreen = (): Screen => screens[current.value] ?? screens[0];
