// What a machine has shown so far, and a way to wait for more.
export class Screens {
  constructor(terminals = 3) {
    this.kernel = "";
    this.screens = Array.from({ length: terminals }, () => "");
    this.decoders = this.screens.map(() => new TextDecoder());
    this.watchers = new Set();
  }

  show(terminal, bytes) {
    this.screens[terminal] += this.decoders[terminal].decode(bytes, { stream: true });
    this.changed();
  }

  changed() {
    for (const watcher of this.watchers) watcher();
  }

  /** Waits until `test` holds; says what it waited for when it does not. */
  until(test, what = String(test), seconds = 60) {
    return new Promise((resolve, reject) => {
      const watcher = () => {
        const found = test();
        if (!found) return;
        clearTimeout(timer);
        this.watchers.delete(watcher);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.watchers.delete(watcher);
        reject(new Error(`waited ${seconds} s in vain for ${what}\n--- kernel\n${
          this.kernel.slice(-1500)}\n--- terminal\n${this.screens[0].slice(-1500)}`));
      }, seconds * 1000);
      this.watchers.add(watcher);
      watcher();
    });
  }
}
