// Owns what can be done from the keyboard: the commands of the page that is shown, the keys that run them, and the way
// from key to page.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { IconName } from "../ui/icon.tsx";
import { go, type PageName } from "./router.ts";

export interface Command {
  label: string;
  icon: IconName;
  /** A single key that runs it, where nothing is being typed. */
  key?: string;
  run: () => void;
}

export const PAGE_LINKS: readonly { page: PageName; label: string; icon: IconName; key: string }[] = [
  { page: "overview", label: "Overview", icon: "overview", key: "o" },
  { page: "keys", label: "Keys", icon: "keys", key: "k" },
  { page: "find", label: "Find", icon: "find", key: "f" },
  { page: "indexes", label: "Indexes", icon: "indexes", key: "i" },
  { page: "changes", label: "Changes", icon: "changes", key: "c" },
  { page: "upkeep", label: "Upkeep", icon: "upkeep", key: "u" },
  { page: "file", label: "File", icon: "file", key: "l" },
];

export const commands = signal<readonly Command[]>([]);

/** Offers commands as long as the component is there. */
export function useCommands(mine: readonly Command[], changesWith: readonly unknown[]): void {
  useEffect(() => {
    commands.value = [...commands.value, ...mine];
    return () => {
      commands.value = commands.value.filter((command) => !mine.includes(command));
    };
    // biome-ignore lint/correctness/useExhaustiveDependencies: the caller says what its commands depend on
  }, changesWith);
}

/** Listens to the keyboard for the whole page. */
export function listenToKeys(openPalette: () => void, openHelp: () => void): void {
  let waitsForPage = false;
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      isTyping(event) ||
      document.querySelector("dialog[open]")
    )
      return;
    if (waitsForPage) {
      waitsForPage = false;
      const link = PAGE_LINKS.find(({ key }) => key === event.key);
      if (link) {
        event.preventDefault();
        go(link.page);
      }
      return;
    }
    if (event.key === "g") waitsForPage = true;
    else if (event.key === "?") openHelp();
    else if (event.key === "/") {
      const search = document.querySelector<HTMLElement>("main [data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    } else {
      const command = commands.value.find(({ key }) => key === event.key);
      if (command) {
        event.preventDefault();
        command.run();
      }
    }
  });
}

function isTyping(event: KeyboardEvent): boolean {
  // The editor lives in a shadow root, of which the target is only the host.
  const target = event.composedPath()[0];
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
