// The views of the page, in the order of the navigation.
import type { ComponentType } from "preact";
import { TerminalView } from "./terminal_view";

export interface View {
  path: string; // behind the #
  title: string;
  component: ComponentType;
}

export const views: readonly [View, ...View[]] = [
  { path: "terminal", title: "Terminal", component: TerminalView },
];
