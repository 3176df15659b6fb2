// Which view is shown: the one that the address names behind its #.
import { computed, effect, signal } from "@preact/signals";
import { views } from "../views/views";

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

export const view = computed(
  () => views.find((one) => hash.value === `#${one.path}`) ?? views[0],
);
effect(() => {
  document.title = `${view.value.title} – Cairn`;
});
