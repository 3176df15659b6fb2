// What of v86 is used; its own declarations lack half of it.
declare module "v86" {
  interface Virtqueue {
    has_request(): boolean;
  }
  interface Processor {
    devices: { virtio_console?: { virtio: { queues: Virtqueue[] } } };
  }
  export interface V86Options {
    wasm_fn?: (imports: WebAssembly.Imports) => Promise<WebAssembly.Exports>;
    wasm_path?: string;
    bios?: { buffer: ArrayBuffer };
    vga_bios?: { buffer: ArrayBuffer };
    bzimage?: { buffer: ArrayBuffer };
    initrd?: { buffer: ArrayBuffer };
    initial_state?: { buffer: ArrayBuffer };
    cmdline?: string;
    memory_size: number;
    vga_memory_size: number;
    virtio_console: boolean;
    disable_speaker: boolean;
    autostart: boolean;
    filesystem: {
      handle9p(request: Uint8Array, reply: (message: Uint8Array) => void): void;
    };
  }
  export class V86 {
    constructor(options: V86Options);
    readonly bus: { send(name: string, value: unknown): void };
    readonly v86?: { cpu: Processor };
    add_listener(event: string, listener: (value: never) => void): void;
    run(): Promise<void>;
    stop(): Promise<void>;
    destroy(): Promise<void>;
    restart(): void;
    is_running(): boolean;
    save_state(): Promise<ArrayBuffer>;
    restore_state(state: ArrayBuffer): Promise<void>;
    get_instruction_counter(): number;
    write_memory(bytes: Uint8Array, address: number): void;
  }
}
